import {
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  verify,
  type webcrypto,
} from "node:crypto";
import process from "node:process";

/** CPU microseconds of one operation, by its name. */
export type Costs = Readonly<Record<string, number>>;

/** What one leaf's cryptography works on: a request's key, what it signed, and a signature of ours over the same bytes. */
type Sample = {
  readonly spki: Buffer;
  readonly jwk: webcrypto.JsonWebKey;
  readonly point: Buffer;
  readonly signed: Buffer;
  readonly signature: Buffer;
  readonly ours: Buffer;
  readonly oursDer: Buffer;
};

const samples = 200;
const rounds = 5;
/** Of a quick look: fewer keys a round, so that all of it takes some 50 ms. */
const quickSamples = 40;

/** Bytes of a CertificationRequestInfo for a P-256 key; of a leaf's TBS there are some 400, which costs half a microsecond. */
const signedBytes = 109;

/**
 * The ways in which Node can import a P-256 key and verify with it, each alone on one thread: CPU of one operation, best of
 * five rounds over 200 keys. Which of them is the floor, the smallest sum says.
 */
export class BareCrypto {
  readonly #authority = generateKeyPairSync("ec", { namedCurve: "P-256" });
  readonly #samples = Array.from({ length: samples }, () => makeSample(this.#authority.privateKey));

  /** Import and verification of a request's signature: the cheapest way, which is the floor's. */
  csr(): Costs {
    const asked = { format: "der", type: "spki" } as const;
    const raw = { format: "raw-public", asymmetricKeyType: "ec", namedCurve: "P-256" } as const;
    return {
      "CSR: SPKI, KeyObject": this.#cost(({ spki, signed, signature }) =>
        verify("sha256", signed, createPublicKey({ key: spki, ...asked }), signature),
      ),
      "CSR: SPKI, one shot": this.#cost(({ spki, signed, signature }) =>
        verify("sha256", signed, { key: spki, ...asked }, signature),
      ),
      "CSR: point, KeyObject": this.#cost(({ point, signed, signature }) =>
        verify("sha256", signed, createPublicKey({ key: point, ...raw }), signature),
      ),
      "CSR: JWK, KeyObject": this.#cost(({ jwk, signed, signature }) =>
        verify("sha256", signed, createPublicKey({ key: jwk, format: "jwk" }), signature),
      ),
    };
  }

  /** Verification of a signature of ours with the authority's key, imported once. */
  own(): Costs {
    const key = this.#authority.publicKey;
    const raw = { key, dsaEncoding: "ieee-p1363" } as const;
    return {
      "ours: r‖s, cached key": this.#cost(({ signed, ours }) => verify("sha256", signed, raw, ours)),
      "ours: DER, cached key": this.#cost(({ signed, oursDer }) => verify("sha256", signed, key, oursDer)),
    };
  }

  /** A request's import and verification and our own verification, each in the way that is cheapest; a quick look. */
  verifications(): number {
    const asked = { format: "der", type: "spki" } as const;
    const ours = this.#authority.publicKey;
    return this.#cost(
      ({ spki, signed, signature, oursDer }) =>
        verify("sha256", signed, { key: spki, ...asked }, signature) &&
        verify("sha256", signed, ours, oursDer),
      quickSamples,
    );
  }

  #cost(operation: (sample: Sample) => boolean, count = samples): number {
    const chosen = this.#samples.slice(0, count);
    let best = Number.POSITIVE_INFINITY;
    for (let round = 0; round < rounds; round += 1) {
      const from = process.cpuUsage();
      for (const sample of chosen) if (!operation(sample)) throw new Error("a signature does not verify");
      const { user, system } = process.cpuUsage(from);
      best = Math.min(best, (user + system) / count);
    }
    return best;
  }
}

function makeSample(authority: KeyObject): Sample {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const spki = publicKey.export({ format: "der", type: "spki" });
  const signed = Buffer.from(crypto.getRandomValues(new Uint8Array(signedBytes)));
  return {
    spki,
    jwk: publicKey.export({ format: "jwk" }),
    point: spki.subarray(-65),
    signed,
    signature: sign("sha256", signed, privateKey),
    ours: sign("sha256", signed, { key: authority, dsaEncoding: "ieee-p1363" }),
    oursDer: sign("sha256", signed, authority),
  };
}
