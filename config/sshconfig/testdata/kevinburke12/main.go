// A program that reads ssh_config files with github.com/kevinburke/ssh_config, as others do: it gets files, hosts and keywords
// as JSON, and prints for each file what the library finds in it, or what it says against it. It is a module of its own
// because programs are built with old versions of the library, too.
package main

import (
	"encoding/json"
	"log"
	"os"

	"github.com/kevinburke/ssh_config"
)

type answer struct {
	Values map[string][]string // by host and keyword
	Said   string
}

func main() {
	var given struct{ Files, Hosts, Keywords []string }
	if err := json.NewDecoder(os.Stdin).Decode(&given); err != nil {
		log.Fatal(err)
	}
	answers := []answer{}
	for _, file := range given.Files {
		values, err := read(file, given.Hosts, given.Keywords)
		if err != nil {
			answers = append(answers, answer{Said: err.Error()})
			continue
		}
		answers = append(answers, answer{Values: values})
	}
	if err := json.NewEncoder(os.Stdout).Encode(answers); err != nil {
		log.Fatal(err)
	}
}

func read(file string, hosts, keywords []string) (map[string][]string, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	config, err := ssh_config.Decode(f)
	if err != nil {
		return nil, err
	}
	values := map[string][]string{}
	for _, host := range hosts {
		for _, keyword := range keywords {
			if values[host+" "+keyword], err = config.GetAll(host, keyword); err != nil {
				return nil, err
			}
		}
	}
	return values, nil
}
