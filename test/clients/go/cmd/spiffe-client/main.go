// spiffe-client is a workload written with go-spiffe: what it is given by the Workload API of SPIFFE_ENDPOINT_SOCKET
// it prints and uses. Every line on standard output is one JSON object.
//
//	spiffe-client fetch                                one X.509 SVID and bundle
//	spiffe-client watch                                each X.509 context as it comes, until ended
//	spiffe-client serve --listen HOST:PORT             mTLS; answers each connection with its own SPIFFE ID
//	spiffe-client dial --address HOST:PORT             mTLS; prints the peer and what it answered
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spiffe/go-spiffe/v2/workloadapi"
)

type options struct {
	listen, address, expect string
	limit                   time.Duration
	withKeys                bool
}

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: spiffe-client fetch|watch|serve|dial [flags]")
		os.Exit(2)
	}
	var chosen options
	flags := flag.NewFlagSet(os.Args[1], flag.ExitOnError)
	flags.StringVar(&chosen.listen, "listen", "127.0.0.1:0", "serve: address to listen on")
	flags.StringVar(&chosen.address, "address", "", "dial: address to call")
	flags.StringVar(&chosen.expect, "expect", "", "serve, dial: the peer's SPIFFE ID; any of our trust domain when empty")
	flags.DurationVar(&chosen.limit, "limit", 15*time.Second, "fetch, dial: give up after this long")
	flags.BoolVar(&chosen.withKeys, "with-keys", false, "fetch: print the private keys too")
	_ = flags.Parse(os.Args[2:])
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1], chosen); err != nil && ctx.Err() == nil {
		line(map[string]any{"error": err.Error()})
		os.Exit(1)
	}
}

func run(ctx context.Context, command string, chosen options) error {
	switch command {
	case "fetch":
		limited, cancel := context.WithTimeout(ctx, chosen.limit)
		defer cancel()
		seen, err := workloadapi.FetchX509Context(limited)
		if err != nil {
			return err
		}
		return line(describe(seen, chosen.withKeys))
	case "watch":
		return workloadapi.WatchX509Context(ctx, printer{})
	case "serve":
		return serve(ctx, chosen)
	case "dial":
		return dial(ctx, chosen)
	}
	return fmt.Errorf("no such command: %s", command)
}

type printer struct{}

func (printer) OnX509ContextUpdate(seen *workloadapi.X509Context) { _ = line(describe(seen, false)) }
func (printer) OnX509ContextWatchError(err error)                 { _ = line(map[string]any{"error": err.Error()}) }

func line(content any) error { return writeLine(os.Stdout, content) }

func writeLine(to io.Writer, content any) error { return json.NewEncoder(to).Encode(content) }
