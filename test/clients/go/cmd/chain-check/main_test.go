package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net/url"
	"strings"
	"testing"
	"time"
)

// The checker must be able to say no, or its yes is worth nothing.
func TestVerdicts(t *testing.T) {
	root, rootKey := certify(t, authority("root"), nil, nil)
	constrained := authority("intermediate")
	constrained.PermittedDNSDomainsCritical = true
	constrained.PermittedURIDomains = []string{"td.example"}
	constrained.ExcludedDNSDomains = []string{""}
	intermediate, key := certify(t, constrained, root, rootKey)
	stranger, _ := certify(t, authority("stranger"), nil, nil)

	for _, test := range []struct {
		name   string
		leaf   *x509.Certificate
		root   *x509.Certificate
		reason string
	}{
		{"inside the trust domain", leaf("spiffe://td.example/web"), root, ""},
		{"outside the trust domain", leaf("spiffe://other.example/web"), root, "not permitted"},
		{"with a DNS name", leaf("spiffe://td.example/web", "web.example"), root, "excluded"},
		{"under another root", leaf("spiffe://td.example/web"), stranger, "unknown authority"},
	} {
		t.Run(test.name, func(t *testing.T) {
			signed, _ := certify(t, test.leaf, intermediate, key)
			code, seen := verify([]*x509.Certificate{test.root}, []*x509.Certificate{signed, intermediate}, time.Now(), "")
			if test.reason == "" && code != 0 || test.reason != "" && !strings.Contains(seen.Reason, test.reason) {
				t.Fatalf("exit code %d, %+v", code, seen)
			}
		})
	}
}

func authority(name string) *x509.Certificate {
	return &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
}

func leaf(id string, names ...string) *x509.Certificate {
	uri, _ := url.Parse(id)
	return &x509.Certificate{
		URIs: []*url.URL{uri}, DNSNames: names, KeyUsage: x509.KeyUsageDigitalSignature, BasicConstraintsValid: true,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
}

func certify(t *testing.T, template, parent *x509.Certificate, parentKey *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if parent == nil {
		parent, parentKey = template, key
	}
	template.SerialNumber = big.NewInt(1)
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Minute), time.Now().Add(time.Hour)
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), parentKey)
	if err != nil {
		t.Fatal(err)
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return made, key
}
