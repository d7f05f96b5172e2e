//go:build tools

// Package clients keeps the programs of others that the tests build in go.mod.
package clients

import _ "github.com/zmap/zlint/v3/cmd/zlint"
