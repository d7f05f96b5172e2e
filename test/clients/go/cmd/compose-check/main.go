// compose-check loads a compose file the way `docker compose` does (compose-go is its loader) and prints what it
// found as JSON: per service its image or build, ports and mounts. Exit code 1 with the reason when it does not load.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
)

type service struct {
	Image     string   `json:"image"`
	Build     bool     `json:"build"`
	User      string   `json:"user"`
	Command   []string `json:"command"`
	Restart   string   `json:"restart"`
	DependsOn []string `json:"dependsOn"`
	Mounts    []mount  `json:"mounts"`
}

type mount struct {
	Type   string `json:"type"`
	Source string `json:"source"`
	Target string `json:"target"`
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: compose-check FILE")
		os.Exit(2)
	}
	services, err := load(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	_ = json.NewEncoder(os.Stdout).Encode(services)
}

func load(file string) (map[string]service, error) {
	options, err := cli.NewProjectOptions([]string{file}, cli.WithName("meshmint"))
	if err != nil {
		return nil, err
	}
	project, err := options.LoadProject(context.Background())
	if err != nil {
		return nil, err
	}
	found := map[string]service{}
	for name, one := range project.Services {
		found[name] = describe(one)
	}
	return found, nil
}

func describe(one types.ServiceConfig) service {
	described := service{
		Image: one.Image, Build: one.Build != nil, User: one.User, Command: one.Command, Restart: one.Restart,
		DependsOn: one.GetDependencies(),
	}
	for _, volume := range one.Volumes {
		described.Mounts = append(described.Mounts, mount{Type: volume.Type, Source: volume.Source, Target: volume.Target})
	}
	for _, config := range one.Configs {
		described.Mounts = append(described.Mounts, mount{Type: "config", Source: config.Source, Target: config.Target})
	}
	return described
}
