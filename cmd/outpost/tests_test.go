package main

import (
	"os"
	"testing"

	"clever-ssh/internal/test"
)

func TestMain(m *testing.M) { os.Exit(test.InShortFolder(m.Run)) }
