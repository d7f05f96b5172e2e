package main

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"sort"
	"time"

	"github.com/spiffe/go-spiffe/v2/workloadapi"
)

type svid struct {
	ID       string    `json:"spiffeId"`
	Hint     string    `json:"hint"`
	Serial   string    `json:"serial"`
	NotAfter time.Time `json:"notAfter"`
	DNSNames []string  `json:"dnsNames"`
	// The chain as it came, so that a test can hand it to another checker.
	ChainPEM string `json:"chainPem"`
	// PKCS#8, on request only: for the test that looks for it where it must not be.
	KeyPEM string `json:"keyPem,omitempty"`
}

type described struct {
	SVIDs []svid `json:"svids"`
	// SHA-256 of each anchor's DER by trust domain.
	Bundles map[string][]string `json:"bundles"`
}

func describe(seen *workloadapi.X509Context, withKeys bool) described {
	out := described{Bundles: map[string][]string{}}
	for _, one := range seen.SVIDs {
		leaf := one.Certificates[0]
		item := svid{
			ID: one.ID.String(), Hint: one.Hint, Serial: hex.EncodeToString(leaf.SerialNumber.Bytes()),
			NotAfter: leaf.NotAfter, DNSNames: leaf.DNSNames,
		}
		for _, certificate := range one.Certificates {
			item.ChainPEM += string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Raw}))
		}
		if der, err := x509.MarshalPKCS8PrivateKey(one.PrivateKey); withKeys && err == nil {
			item.KeyPEM = string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
		}
		out.SVIDs = append(out.SVIDs, item)
	}
	for _, bundle := range seen.Bundles.Bundles() {
		anchors := []string{}
		for _, anchor := range bundle.X509Authorities() {
			digest := sha256.Sum256(anchor.Raw)
			anchors = append(anchors, hex.EncodeToString(digest[:]))
		}
		sort.Strings(anchors)
		out.Bundles[bundle.TrustDomain().Name()] = anchors
	}
	return out
}
