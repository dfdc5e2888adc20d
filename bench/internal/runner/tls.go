package runner

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"math/big"
	"time"
)

// tlsName is the name in the responder's certificate, which an initiator asks for whatever address it dials.
const tlsName = "bench"

// tlsSecrets are what one end needs: its key, its certificate, and that of the other end.
type tlsSecrets struct{ Key, Own, Other []byte }

// newTLS makes self-signed certificates for both ends, each of which trusts the other's alone.
func newTLS() (responder *tls.Config, initiator tlsSecrets, err error) {
	var own tlsSecrets
	if own.Key, own.Own, err = newCertificate(); err != nil {
		return nil, initiator, err
	}
	if initiator.Key, initiator.Own, err = newCertificate(); err != nil {
		return nil, initiator, err
	}
	own.Other, initiator.Other = initiator.Own, own.Own
	responder, err = own.config()
	return responder, initiator, err
}

// initiatorTLS returns the initiator's end of what newTLS made.
func initiatorTLS(at Endpoint) (*tls.Config, error) {
	var secrets tlsSecrets
	if err := json.Unmarshal(at.Secrets, &secrets); err != nil {
		return nil, err
	}
	return secrets.config()
}

// config returns what accepts and dials for the end that s belongs to. TLS is 1.3 and mutual, the rest as the library has it.
func (s tlsSecrets) config() (*tls.Config, error) {
	key, err := x509.ParsePKCS8PrivateKey(s.Key)
	if err != nil {
		return nil, err
	}
	other, err := x509.ParseCertificate(s.Other)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AddCert(other)
	return &tls.Config{
		MinVersion:   tls.VersionTLS13,
		Certificates: []tls.Certificate{{Certificate: [][]byte{s.Own}, PrivateKey: key}},
		RootCAs:      pool,
		ServerName:   tlsName,
		ClientCAs:    pool,
		ClientAuth:   tls.RequireAndVerifyClientCert,
	}, nil
}

// newCertificate makes a key, in PKCS #8, and a certificate that signs itself, in DER.
func newCertificate() (pkcs8, der []byte, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: tlsName},
		DNSNames:              []string{tlsName},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(24 * time.Hour),
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
	if der, err = x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key); err != nil {
		return nil, nil, err
	}
	pkcs8, err = x509.MarshalPKCS8PrivateKey(key)
	return pkcs8, der, err
}
