package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/spiffe/go-spiffe/v2/spiffeid"
	"github.com/spiffe/go-spiffe/v2/spiffetls/tlsconfig"
	"github.com/spiffe/go-spiffe/v2/svid/x509svid"
	"github.com/spiffe/go-spiffe/v2/workloadapi"
)

func serve(ctx context.Context, chosen options) error {
	source, own, authorizer, err := identity(ctx, chosen)
	if err != nil {
		return err
	}
	defer source.Close()
	listener, err := tls.Listen("tcp", chosen.listen, tlsconfig.MTLSServerConfig(source, source, authorizer))
	if err != nil {
		return err
	}
	context.AfterFunc(ctx, func() { listener.Close() })
	if err := line(map[string]any{"listening": listener.Addr().String(), "spiffeId": own}); err != nil {
		return err
	}
	for {
		connection, err := listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err == nil {
			go answer(connection.(*tls.Conn), own)
		}
	}
}

func answer(connection *tls.Conn, own string) {
	defer connection.Close()
	_ = connection.SetDeadline(time.Now().Add(10 * time.Second))
	if err := connection.Handshake(); err != nil {
		_ = line(map[string]any{"refused": err.Error()})
		return
	}
	_ = line(map[string]any{"peer": peer(connection)})
	_, _ = io.WriteString(connection, own+"\n")
}

func dial(ctx context.Context, chosen options) error {
	limited, cancel := context.WithTimeout(ctx, chosen.limit)
	defer cancel()
	source, own, authorizer, err := identity(limited, chosen)
	if err != nil {
		return err
	}
	defer source.Close()
	dialer := tls.Dialer{Config: tlsconfig.MTLSClientConfig(source, source, authorizer)}
	plain, err := dialer.DialContext(limited, "tcp", chosen.address)
	if err != nil {
		return err
	}
	defer plain.Close()
	deadline, _ := limited.Deadline()
	_ = plain.SetDeadline(deadline)
	answered, err := io.ReadAll(plain)
	if err != nil {
		return err
	}
	return line(map[string]any{"spiffeId": own, "peer": peer(plain.(*tls.Conn)), "answer": string(answered)})
}

func identity(ctx context.Context, chosen options) (*workloadapi.X509Source, string, tlsconfig.Authorizer, error) {
	source, err := workloadapi.NewX509Source(ctx)
	if err != nil {
		return nil, "", nil, err
	}
	own, err := source.GetX509SVID()
	if err != nil {
		return nil, "", nil, err
	}
	if chosen.expect == "" {
		return source, own.ID.String(), tlsconfig.AuthorizeMemberOf(own.ID.TrustDomain()), nil
	}
	expected, err := spiffeid.FromString(chosen.expect)
	if err != nil {
		return nil, "", nil, fmt.Errorf("--expect: %w", err)
	}
	return source, own.ID.String(), tlsconfig.AuthorizeID(expected), nil
}

func peer(connection *tls.Conn) string {
	id, err := x509svid.IDFromCert(connection.ConnectionState().PeerCertificates[0])
	if err != nil {
		return err.Error()
	}
	return id.String()
}
