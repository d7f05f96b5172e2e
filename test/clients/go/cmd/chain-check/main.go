// chain-check verifies a certificate chain with crypto/x509: a third opinion beside OpenSSL's and Envoy's.
//
//	chain-check --roots roots.pem --chain chain.pem [--at RFC3339] [--dns NAME]
//
// The chain's first certificate is the leaf. Prints one JSON line; exit code 0 when it verifies, 1 when it does not,
// 2 when the input cannot be read.
package main

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"os"
	"time"
)

type verdict struct {
	OK     bool   `json:"ok"`
	Chains int    `json:"chains"`
	Reason string `json:"reason,omitempty"`
}

func main() {
	roots := flag.String("roots", "", "PEM file of trust anchors")
	chain := flag.String("chain", "", "PEM file: leaf first, then intermediates")
	at := flag.String("at", "", "moment to verify at (RFC 3339); now when empty")
	dns := flag.String("dns", "", "DNS name that the leaf must bear")
	flag.Parse()
	code, seen := run(*roots, *chain, *at, *dns)
	_ = json.NewEncoder(os.Stdout).Encode(seen)
	os.Exit(code)
}

func run(rootsFile, chainFile, at, dns string) (int, verdict) {
	roots, err := readCertificates(rootsFile)
	if err != nil {
		return 2, verdict{Reason: err.Error()}
	}
	chain, err := readCertificates(chainFile)
	if err != nil {
		return 2, verdict{Reason: err.Error()}
	}
	moment := time.Now()
	if at != "" {
		if moment, err = time.Parse(time.RFC3339, at); err != nil {
			return 2, verdict{Reason: err.Error()}
		}
	}
	return verify(roots, chain, moment, dns)
}

func verify(roots, chain []*x509.Certificate, at time.Time, dns string) (int, verdict) {
	paths, err := chain[0].Verify(x509.VerifyOptions{
		Roots:         pool(roots),
		Intermediates: pool(chain[1:]),
		CurrentTime:   at,
		DNSName:       dns,
		// Both, one after the other: an SVID serves as client and as server (X509-SVID §4.4).
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	if err == nil {
		_, err = chain[0].Verify(x509.VerifyOptions{
			Roots: pool(roots), Intermediates: pool(chain[1:]), CurrentTime: at,
			KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		})
	}
	if err != nil {
		return 1, verdict{Reason: err.Error()}
	}
	return 0, verdict{OK: true, Chains: len(paths)}
}

func pool(certificates []*x509.Certificate) *x509.CertPool {
	made := x509.NewCertPool()
	for _, certificate := range certificates {
		made.AddCert(certificate)
	}
	return made
}

func readCertificates(file string) ([]*x509.Certificate, error) {
	rest, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var found []*x509.Certificate
	for block, rest := pem.Decode(rest); block != nil; block, rest = pem.Decode(rest) {
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		found = append(found, certificate)
	}
	if len(found) == 0 {
		return nil, errors.New(file + ": no certificate in it")
	}
	return found, nil
}
