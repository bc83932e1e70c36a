package ui

import (
	"errors"
	"fmt"

	"clever-ssh/config/clevertools"
	"clever-ssh/internal/atomicfile"
	"clever-ssh/internal/quote"
)

// HintAPI adds hints to an error of clever-tools' login, or of the API. The login is nil if there is none.
func HintAPI(err error, login *clevertools.Login) error {
	access := new(atomicfile.AccessError)
	switch {
	case errors.Is(err, clevertools.ErrRefused) && login != nil && login.File == "":
		return Hint(err, "it comes from "+login.Source+": set another, or unset it and run: clever login")
	case errors.Is(err, clevertools.ErrNoLogin), errors.Is(err, clevertools.ErrRefused):
		return Hint(err, "run: clever login")
	case errors.As(err, &access):
		return Hint(fmt.Errorf("your clever-tools login was not used: %w", access), Cure(access))
	}
	return err
}

// HintExposed returns the error for a login of clever-tools that others can read; nil if they cannot, or no
// file holds it.
func HintExposed(file string) error {
	if file == "" || !atomicfile.OthersRead(file) {
		return nil
	}
	return Hint(fmt.Errorf("others can read your clever-tools login: %s", file), "type: chmod 600 "+quote.Arg(file))
}
