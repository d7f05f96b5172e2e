"""A workload written with py-spiffe: what the Workload API of SPIFFE_ENDPOINT_SOCKET gives it, it prints and uses.

Every line on standard output is one JSON object, of the same form as the Go client's.

    spiffe_client.py fetch
    spiffe_client.py serve [--listen HOST:PORT]
    spiffe_client.py dial --address HOST:PORT
"""

import argparse
import contextlib
import hashlib
import json
import os
import socket
import ssl
import sys
import tempfile

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from spiffe import WorkloadApiClient


def line(**content):
    print(json.dumps(content), flush=True)


def describe(context):
    svids = [
        {
            "spiffeId": str(svid.spiffe_id),
            "serial": format(svid.leaf.serial_number, "x"),
            "notAfter": svid.leaf.not_valid_after_utc.isoformat(),
            "chainPem": pem(svid.cert_chain),
        }
        for svid in context.x509_svids
    ]
    return {"svids": svids, "bundles": {name: anchors(found) for name, found in bundles(context).items()}}


def bundles(context):
    return {bundle.trust_domain.name: bundle for bundle in context.x509_bundle_set.bundles}


def anchors(bundle):
    return sorted(hashlib.sha256(der(anchor)).hexdigest() for anchor in bundle.x509_authorities)


def der(certificate):
    return certificate.public_bytes(Encoding.DER)


def pem(certificates):
    return "".join(one.public_bytes(Encoding.PEM).decode() for one in certificates)


@contextlib.contextmanager
def tls(context, purpose):
    """A TLS context of the default SVID. `ssl` reads files only, so the key lies in a private folder for a moment."""
    svid = context.default_svid
    bundle = bundles(context)[svid.spiffe_id.trust_domain.name]
    made = ssl.SSLContext(purpose)
    made.minimum_version = ssl.TLSVersion.TLSv1_3
    made.check_hostname = False
    made.verify_mode = ssl.CERT_REQUIRED
    made.load_verify_locations(cadata=pem(bundle.x509_authorities))
    key = svid.private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "svid.pem")
        with open(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600), "w", encoding="ascii") as file:
            file.write(key + pem(svid.cert_chain))
        made.load_cert_chain(path)
    yield made, str(svid.spiffe_id)


def peer(connection):
    leaf = x509.load_der_x509_certificate(connection.getpeercert(binary_form=True))
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return names.get_values_for_type(x509.UniformResourceIdentifier)[0]


def address(text):
    host, _, port = text.rpartition(":")
    return host, int(port)


def serve(context, listen):
    with tls(context, ssl.PROTOCOL_TLS_SERVER) as (made, own), socket.create_server(address(listen)) as listener:
        host, port = listener.getsockname()[:2]
        line(listening=f"{host}:{port}", spiffeId=own)
        while True:
            plain, _ = listener.accept()
            plain.settimeout(10)
            try:
                with made.wrap_socket(plain, server_side=True) as connection:
                    line(peer=peer(connection))
                    connection.sendall(own.encode() + b"\n")
                    connection.unwrap()
            except OSError as refused:
                line(refused=str(refused))


def dial(context, target):
    with tls(context, ssl.PROTOCOL_TLS_CLIENT) as (made, own):
        with socket.create_connection(address(target), timeout=10) as plain, made.wrap_socket(plain) as connection:
            answer = b""
            while chunk := connection.recv(4096):
                answer += chunk
            line(spiffeId=own, peer=peer(connection), answer=answer.decode())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=["fetch", "serve", "dial"])
    parser.add_argument("--listen", default="127.0.0.1:0")
    parser.add_argument("--address")
    chosen = parser.parse_args()
    try:
        with WorkloadApiClient() as client:
            context = client.fetch_x509_context()
        if chosen.command == "fetch":
            line(**describe(context))
        elif chosen.command == "serve":
            serve(context, chosen.listen)
        else:
            dial(context, chosen.address)
    except KeyboardInterrupt:
        pass
    except Exception as failed:  # one line that a test can read, whatever went wrong
        line(error=f"{type(failed).__name__}: {failed}")
        sys.exit(1)


if __name__ == "__main__":
    main()
