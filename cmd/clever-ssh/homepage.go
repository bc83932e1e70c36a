package main

import (
	_ "embed"
	"strings"
)

// homepage is where the source and the releases are: a URL, or words that say that there is none yet. homepage.txt is the one
// place to change; scripts/release.sh puts it into the packages, and TestHomepage keeps the pages in step.
var homepage = strings.TrimSpace(homepageText)

//go:embed homepage.txt
var homepageText string
