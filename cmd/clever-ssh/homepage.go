package main

import (
	_ "embed"
	"strings"
)

// homepage is where the source and the releases are: a URL, or words that say that there is none yet. Change it
// only in homepage.txt: scripts/release.sh puts it into the packages, and TestHomepage checks the pages.
var homepage = strings.TrimSpace(homepageText)

//go:embed homepage.txt
var homepageText string
