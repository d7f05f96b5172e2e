"""The client must refuse what a mesh refuses, or its success in the integration tests proves nothing."""

import datetime
import socket
import ssl
import threading
import types
import unittest

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

import spiffe_client


def certify(uri, issuer=None, issuer_key=None):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, uri)])
    now = datetime.datetime.now(datetime.timezone.utc)
    made = (
        x509.CertificateBuilder(issuer_name=issuer.subject if issuer else name, subject_name=name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.UniformResourceIdentifier(uri)]), critical=False)
        .sign(issuer_key or key, hashes.SHA256())
    )
    return made, key


def context(uri, roots, root, root_key):
    leaf, key = certify(uri, root, root_key)
    domain = types.SimpleNamespace(name="td.example")
    svid = types.SimpleNamespace(
        spiffe_id=types.SimpleNamespace(trust_domain=domain, __str__=lambda _: uri),
        private_key=key,
        cert_chain=[leaf],
    )
    bundle = types.SimpleNamespace(trust_domain=domain, x509_authorities=roots)
    return types.SimpleNamespace(default_svid=svid, x509_bundle_set=types.SimpleNamespace(bundles=[bundle]))


class Handshake(unittest.TestCase):
    def setUp(self):
        self.root, self.key = certify("spiffe://td.example")
        self.stranger, _ = certify("spiffe://other.example")

    def shake(self, server, client):
        here, there = socket.socketpair()
        here.settimeout(10)
        there.settimeout(10)
        seen = []

        def serve():
            with spiffe_client.tls(server, ssl.PROTOCOL_TLS_SERVER) as (made, _):
                try:
                    with made.wrap_socket(here, server_side=True) as connection:
                        seen.append(spiffe_client.peer(connection))
                        connection.sendall(b"x")
                except OSError as refused:
                    seen.append(refused)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            with spiffe_client.tls(client, ssl.PROTOCOL_TLS_CLIENT) as (made, _):
                with made.wrap_socket(there) as connection:
                    seen.append(spiffe_client.peer(connection))
                    connection.recv(1)
        except OSError as refused:
            seen.append(refused)
        thread.join()
        here.close()
        there.close()
        return seen

    def test_two_of_one_root_accept_each_other(self):
        one = context("spiffe://td.example/one", {self.root}, self.root, self.key)
        two = context("spiffe://td.example/two", {self.root}, self.root, self.key)
        self.assertEqual(set(self.shake(one, two)), {"spiffe://td.example/one", "spiffe://td.example/two"})

    def test_a_peer_under_an_unknown_root_is_refused(self):
        one = context("spiffe://td.example/one", {self.stranger}, self.root, self.key)
        two = context("spiffe://td.example/two", {self.root}, self.root, self.key)
        self.assertTrue(any(isinstance(one, OSError) for one in self.shake(one, two)))


if __name__ == "__main__":
    unittest.main()
