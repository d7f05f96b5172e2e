import { createPrivateKey, type KeyObject } from "node:crypto";
import { decodeCertificates, decodePem } from "../../domain/certificate/pem.ts";
import { parseSpiffeId } from "../../domain/identity/spiffe-id.ts";
import type { Secret__Output } from "../../generated/envoy/extensions/transport_sockets/tls/v3/Secret.ts";
import { SpiffeValidatorConfig, TlsSecret } from "../../wire/sds-api.ts";
import { AuthorityShelf } from "./authority-shelf.ts";
import type { HeldList } from "./held-list.ts";
import { PeerCertificate } from "./peer-certificate.ts";

/** A certificate with its key, taken and checked. */
export type HeldLeaf = {
  readonly kind: "leaf";
  /** Leaf first. */
  readonly chain: readonly [PeerCertificate, ...PeerCertificate[]];
  readonly key: KeyObject;
};

/** What verifies peers of one trust domain. With one list, whatever has an issuer without one is refused. */
export type Verifier = { readonly anchors: readonly PeerCertificate[]; readonly lists: readonly HeldList[] };

export type HeldBundle = {
  readonly kind: "bundle";
  /** By trust domain; "" for a plain trusted_ca, which verifies whatever trust domain. */
  readonly verifiers: ReadonlyMap<string, Verifier>;
  /** The SHA-256 of each anchor and list, sorted: the same for a content in whatever encoding and under either name. */
  readonly parts: string;
};

type Held = HeldLeaf | HeldBundle;

/** What a proxy makes handshakes with. */
export type Party = { readonly leaf: HeldLeaf; readonly bundle: HeldBundle };

const curves = new Set(["prime256v1", "secp384r1", "secp521r1"]);

/** Reads what an agent gives as Envoy 1.40 would read it. */
export class SecretReader {
  readonly #shelf = new AuthorityShelf();

  /** Throws, with what is wrong, for a secret that a proxy would refuse. */
  read(secret: Buffer, name: string): Held {
    const message = TlsSecret.deserialize(secret);
    if (message.name !== name) throw new Error(`the secret is named ${JSON.stringify(message.name)}`);
    if (message.tlsCertificate) return this.#leaf(message.tlsCertificate, name);
    if (message.validationContext) return this.#bundle(message.validationContext);
    throw new Error("neither a certificate nor a validation context");
  }

  #leaf(message: NonNullable<Secret__Output["tlsCertificate"]>, name: string): HeldLeaf {
    const [first, ...rest] = certificates(message.certificateChain?.inlineBytes);
    if (first === undefined) throw new Error("the chain is empty");
    const leaf = new PeerCertificate(first);
    const key = createPrivateKey(Buffer.from(message.privateKey?.inlineBytes ?? ""));
    if (!leaf.x509.checkPrivateKey(key)) throw new Error("KEY_VALUES_MISMATCH");
    if (!curves.has(key.asymmetricKeyDetails?.namedCurve ?? "")) throw new Error("a key of another kind");
    const id = spiffeIdOf(leaf);
    if (parseSpiffeId(name).ok && id !== name) throw new Error(`the certificate is of ${id}`);
    return { kind: "leaf", chain: [leaf, ...rest.map((der) => this.#shelf.certificate(der))], key };
  }

  #bundle(message: NonNullable<Secret__Output["validationContext"]>): HeldBundle {
    const verifiers = new Map<string, Verifier>();
    for (const [domain, pem] of rootsOf(message)) {
      if (verifiers.has(domain)) throw new Error(`trust domain ${domain} is there twice`);
      verifiers.set(domain, this.#verifier(pem));
    }
    if (verifiers.size === 0) throw new Error("no trust domain");
    const parts = [...verifiers.values()].flatMap(({ anchors, lists }) => [...anchors, ...lists]);
    const names = parts.map(({ fingerprint }) => fingerprint);
    return { kind: "bundle", verifiers, parts: names.toSorted().join(" ") };
  }

  #verifier(pem: Bytes): Verifier {
    const read = decodePem(textOf(pem));
    if (!read.ok) throw new Error(read.error);
    const of = (label: string) => read.value.filter((block) => block.label === label);
    const [roots, lists] = [of("CERTIFICATE"), of("X509 CRL")];
    if (roots.length === 0) throw new Error("a bundle without an anchor");
    if (roots.length + lists.length < read.value.length)
      throw new Error("a bundle with something else in it");
    return {
      anchors: roots.map(({ der }) => this.#shelf.certificate(der)),
      lists: lists.map(({ der }) => this.#shelf.list(der)),
    };
  }
}

/** The URI name of a leaf with exactly one, else "". X509-SVID §2. */
export function spiffeIdOf(leaf: PeerCertificate): string {
  const { uris = [] } = leaf.fields.extensions.subjectAltName ?? {};
  return uris.length === 1 ? (uris[0] ?? "") : "";
}

type Bytes = Buffer | Uint8Array | string | undefined;

function* rootsOf(message: NonNullable<Secret__Output["validationContext"]>): Generator<[string, Bytes]> {
  if (message.trustedCa) yield ["", message.trustedCa.inlineBytes];
  const config = message.customValidatorConfig?.typedConfig as { value?: Buffer } | null | undefined;
  if (!config?.value) return;
  for (const { name, trustBundle } of SpiffeValidatorConfig.deserialize(config.value).trustDomains) {
    yield [name, trustBundle?.inlineBytes];
  }
}

function certificates(pem: Bytes): readonly Uint8Array[] {
  const read = decodeCertificates(textOf(pem));
  if (!read.ok) throw new Error(read.error);
  return read.value;
}

const textOf = (pem: Bytes): string => Buffer.from(pem ?? "").toString("latin1");
