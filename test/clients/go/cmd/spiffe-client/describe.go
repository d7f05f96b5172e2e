package main

import (
	"crypto/sha256"
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
}

type described struct {
	SVIDs []svid `json:"svids"`
	// SHA-256 of each anchor's DER by trust domain.
	Bundles map[string][]string `json:"bundles"`
}

func describe(seen *workloadapi.X509Context) described {
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
