//go:build !unix

package gateway

import (
	"errors"
	"runtime"
)

var errNoTerminals = errors.New("there are none on " + runtime.GOOS)

func openTerminal(windowSize) (*terminal, error) { return nil, errNoTerminals }

func (t *terminal) resize(windowSize) error { return errNoTerminals }
