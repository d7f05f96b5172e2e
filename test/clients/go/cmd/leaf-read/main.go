// leaf-read prints what crypto/x509 reads in certificates, one JSON line each: a third opinion beside OpenSSL's and pkijs's.
//
//	leaf-read --certificates many.pem --issuer issuer.pem
//	leaf-read --crl list.pem --issuer issuer.pem
//
// `signed` says whether the issuer's key made the signature. Exit code 2 when the input cannot be read.
package main

import (
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"math/big"
	"os"
	"time"
)

type leaf struct {
	Serial         string   `json:"serial"`
	NotBefore      string   `json:"notBefore"`
	NotAfter       string   `json:"notAfter"`
	URIs           []string `json:"uris"`
	DNSNames       []string `json:"dnsNames"`
	SubjectKeyID   string   `json:"subjectKeyId"`
	AuthorityKeyID string   `json:"authorityKeyId"`
	Issuer         string   `json:"issuer"`
	SPKI           string   `json:"spki"`
	Signed         bool     `json:"signed"`
}

func main() {
	certificates := flag.String("certificates", "", "PEM file of certificates")
	crl := flag.String("crl", "", "PEM file of one revocation list")
	issuer := flag.String("issuer", "", "PEM file of the certificate whose key signed them")
	flag.Parse()
	lines, err := run(*certificates, *crl, *issuer)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	out := json.NewEncoder(os.Stdout)
	for _, line := range lines {
		_ = out.Encode(line)
	}
}

func run(certificates, crl, issuerFile string) ([]any, error) {
	found, err := blocks(issuerFile)
	if err != nil {
		return nil, err
	}
	issuer, err := x509.ParseCertificate(found[0])
	if err != nil {
		return nil, err
	}
	if crl != "" {
		return readList(crl, issuer)
	}
	ders, err := blocks(certificates)
	if err != nil {
		return nil, err
	}
	lines := make([]any, 0, len(ders))
	for _, der := range ders {
		certificate, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, err
		}
		lines = append(lines, describe(certificate, issuer))
	}
	return lines, nil
}

func describe(certificate, issuer *x509.Certificate) leaf {
	uris := []string{}
	for _, uri := range certificate.URIs {
		uris = append(uris, uri.String())
	}
	signed := issuer.CheckSignature(certificate.SignatureAlgorithm, certificate.RawTBSCertificate, certificate.Signature)
	return leaf{
		Serial:         integer(certificate.SerialNumber),
		NotBefore:      moment(certificate.NotBefore),
		NotAfter:       moment(certificate.NotAfter),
		URIs:           uris,
		DNSNames:       append([]string{}, certificate.DNSNames...),
		SubjectKeyID:   hex.EncodeToString(certificate.SubjectKeyId),
		AuthorityKeyID: hex.EncodeToString(certificate.AuthorityKeyId),
		Issuer:         hex.EncodeToString(certificate.RawIssuer),
		SPKI:           hex.EncodeToString(certificate.RawSubjectPublicKeyInfo),
		Signed:         signed == nil,
	}
}

func readList(file string, issuer *x509.Certificate) ([]any, error) {
	ders, err := blocks(file)
	if err != nil {
		return nil, err
	}
	list, err := x509.ParseRevocationList(ders[0])
	if err != nil {
		return nil, err
	}
	serials := []string{}
	for _, entry := range list.RevokedCertificateEntries {
		serials = append(serials, integer(entry.SerialNumber))
	}
	signed := list.CheckSignatureFrom(issuer) == nil
	return []any{map[string]any{"serials": serials, "signed": signed}}, nil
}

// integer gives the contents of the DER INTEGER, with a sign byte where the first bit is set.
func integer(number *big.Int) string {
	bytes := number.Bytes()
	if number.Sign() < 0 {
		return "-" + hex.EncodeToString(bytes)
	}
	if len(bytes) == 0 || bytes[0] >= 0x80 {
		bytes = append([]byte{0}, bytes...)
	}
	return hex.EncodeToString(bytes)
}

func moment(at time.Time) string { return at.UTC().Format("2006-01-02T15:04:05.000Z") }

func blocks(file string) ([][]byte, error) {
	rest, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var found [][]byte
	for block, rest := pem.Decode(rest); block != nil; block, rest = pem.Decode(rest) {
		found = append(found, block.Bytes)
	}
	if len(found) == 0 {
		return nil, errors.New(file + ": nothing in PEM")
	}
	return found, nil
}
