"""pkilint's RFC 5280 linter over every certificate of a PEM file, in one process: its own command takes one file a run.

    pkix_lint.py CERTIFICATES.pem

Prints one JSON line a certificate: its findings, each with code, severity and place.
"""

import json
import re
import sys

from pkilint import loader
from pkilint.pkix import certificate, extension, name

BLOCK = re.compile("-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


def linter():
    return certificate.create_pkix_certificate_validator_container(
        certificate.create_decoding_validators(name.ATTRIBUTE_TYPE_MAPPINGS, extension.EXTENSION_MAPPINGS),
        [
            certificate.create_issuer_validator_container([]),
            certificate.create_validity_validator_container(),
            certificate.create_subject_validator_container([]),
            certificate.create_extensions_validator_container([]),
            certificate.create_spki_validator_container([]),
        ],
    )


def lint(validator, pem):
    document = loader.RFC5280CertificateDocumentLoader().load_pem_document(pem, "certificate")
    return [
        {
            "code": described.finding.code,
            "severity": described.finding.severity.name,
            "place": str(result.node.path),
        }
        for result in validator.validate(document.root)
        for described in result.finding_descriptions
    ]


def main():
    validator = linter()
    with open(sys.argv[1], encoding="ascii") as file:
        for pem in BLOCK.findall(file.read()):
            print(json.dumps({"findings": lint(validator, pem)}), flush=True)


if __name__ == "__main__":
    main()
