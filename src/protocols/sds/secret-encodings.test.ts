import { expect, test } from "vitest";
import type { Der } from "../../domain/certificate/der.ts";
import type { SpiffeId } from "../../domain/identity/spiffe-id.ts";
import type { TrustDomain } from "../../domain/identity/trust-domain.ts";
import type { Secret } from "../../domain/subscription/secret.ts";
import type { Bundle } from "../../domain/trust/bundle.ts";
import type { X509Svid } from "../../domain/trust/svid.ts";
import { sha256Hex } from "../../foundation/digest.ts";
import { SpiffeValidatorConfig, TlsSecret } from "../../wire/sds-api.ts";
import { SecretEncodings } from "./secret-encodings.ts";

const der = (...bytes: number[]): Der => new Uint8Array(bytes) as Der;

const svid: X509Svid = {
  spiffeId: "spiffe://td.example/web" as SpiffeId,
  chain: [der(1), der(2)],
  privateKey: new Uint8Array([3]),
  serial: "0a",
  authorityKeyId: "0b",
  notBefore: new Date(0),
  notAfter: new Date(3_600_000),
  entryId: "e1",
  hint: "",
};
const leaf = (name: string, of: X509Svid = svid): Secret => ({ kind: "leaf", name, svid: of });
const bundle = (trustDomain: string, ...anchors: Der[]): Bundle => ({
  trustDomain: trustDomain as TrustDomain,
  sequence: 1,
  anchors,
  lists: [],
});
const trust = (form: "spiffe-validator" | "trusted-ca", ...bundles: Bundle[]): Secret => ({
  kind: "bundle",
  name: "ALL",
  form,
  bundles,
});

const withheld: string[] = [];
const encodings = (inspect: (secret: Secret) => string | undefined = () => undefined) =>
  new SecretEncodings({ inspect, withheld: (name, flaw) => withheld.push(`${name}: ${flaw}`) });

test("one content is encoded once, whoever asks", () => {
  const subject = encodings();
  expect(subject.encode(leaf("default"), 0)).toBe(subject.encode(leaf("default"), 0));
  const anchor = der(7);
  const first = subject.encode(trust("trusted-ca", bundle("td.example", anchor)), 0);
  expect(subject.encode(trust("trusted-ca", bundle("td.example", anchor)), 0)).toBe(first);
  expect(subject.encode(trust("spiffe-validator", bundle("td.example", anchor)), 0)).not.toBe(first);
});

test.each(["trusted-ca", "spiffe-validator"] as const)(
  "revocation lists stand behind the anchors of a %s, and are part of what is acknowledged",
  (form) => {
    const subject = encodings();
    const plain = bundle("td.example", der(7));
    const [without, encoded] = [plain, { ...plain, lists: [der(8), der(9)] }].map((one) =>
      subject.encode(trust(form, one), 0),
    );
    expect(encoded?.content.version).not.toBe(without?.content.version);
    expect(encoded?.delivery).toMatchObject({
      anchors: [der(7), der(8), der(9)].map((one) => sha256Hex(one)),
    });
    const text = encoded?.bytes.toString("latin1") ?? "";
    expect([...text.matchAll(/-----BEGIN ([A-Z0-9 ]+)-----/g)].map(([, label]) => label)).toEqual([
      "CERTIFICATE",
      "X509 CRL",
      "X509 CRL",
    ]);
  },
);

test("name, content and retry number each make other bytes; the content's id stays through retries", () => {
  const subject = encodings();
  const plain = subject.encode(leaf("default"), 0)?.content;
  const retried = subject.encode(leaf("default"), 3)?.content;
  const versions = [
    plain?.version,
    retried?.version,
    subject.encode(leaf("default"), 4)?.content.version,
    subject.encode(leaf("other"), 0)?.content.version,
    subject.encode(leaf("default", { ...svid, privateKey: new Uint8Array([4]) }), 0)?.content.version,
  ];
  expect(new Set(versions).size).toBe(5);
  expect(retried?.id).toBe(plain?.id);
});

test("a leaf is Envoy's tls_certificate in PEM, and a retry number only a comment before it", () => {
  const subject = encodings();
  const read = (retry: number) => {
    const { name, tlsCertificate } = TlsSecret.deserialize(
      subject.encode(leaf("default"), retry)?.bytes ?? Buffer.alloc(0),
    );
    const text = (source: { inlineBytes?: Buffer } | null | undefined) => source?.inlineBytes?.toString();
    return { name, chain: text(tlsCertificate?.certificateChain), key: text(tlsCertificate?.privateKey) };
  };
  const { name, chain, key } = read(0);
  expect(name).toBe("default");
  expect(chain?.match(/-----BEGIN CERTIFICATE-----/g)).toHaveLength(2);
  expect(key).toMatch(/^-----BEGIN PRIVATE KEY-----\nAw==\n/);
  expect(read(2)).toEqual({ name, chain: `# retry 2\n${chain}`, key });
});

test("bundles go to the SPIFFE validator per trust domain, in one order, or pooled as trusted_ca", () => {
  const subject = encodings();
  const two = [bundle("b.example", der(1)), bundle("a.example", der(2), der(3))] as const;
  const bytesOf = (secret: Secret) => subject.encode(secret, 0)?.bytes ?? Buffer.alloc(0);
  const config = TlsSecret.deserialize(bytesOf(trust("spiffe-validator", ...two))).validationContext
    ?.customValidatorConfig;
  const any = config?.typedConfig as unknown as { value: Buffer };
  const { trustDomains } = SpiffeValidatorConfig.deserialize(any.value);
  expect(trustDomains.map(({ name }) => name)).toEqual(["a.example", "b.example"]);
  const reversed = subject.encode(trust("spiffe-validator", two[1], two[0]), 0);
  expect(reversed?.bytes.equals(bytesOf(trust("spiffe-validator", ...two)))).toBe(true);
  const pooled = TlsSecret.deserialize(bytesOf(trust("trusted-ca", ...two))).validationContext?.trustedCa;
  expect(pooled?.inlineBytes?.toString().match(/BEGIN CERTIFICATE/g)).toHaveLength(3);
});

test("a secret with a flaw is withheld, and that is said once", () => {
  const subject = encodings(() => "the key does not fit");
  expect(subject.encode(leaf("default"), 0)).toBeUndefined();
  expect(subject.encode(leaf("default"), 1)).toBeUndefined();
  expect(withheld).toEqual(["default: the key does not fit"]);
});
