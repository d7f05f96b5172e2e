import type { LeafFlaw, LeafRequest, SignedTbs } from "../../control/issuance/leaf-crypto.ts";
import type { Der } from "../../domain/certificate/der.ts";
import { Linted } from "../../domain/certificate/lint/linted.ts";
import type { LeafProfile } from "../../domain/certificate/profile.ts";
import type { SpiffeId } from "../../domain/identity/spiffe-id.ts";
import { ok, type Result, refused } from "../../foundation/result.ts";
import { PackReader, PackWriter } from "./byte-pack.ts";
import type { LeafMaker } from "./leaf-maker.ts";

/** A batch on its way to a leaf worker: all of its items in one buffer, which is transferred. */
export type LeafWork = {
  readonly kind: "prepare" | "seal";
  /** The issuing certificate. */
  readonly authority: Uint8Array;
  readonly count: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The profiles of "prepare", which the items name by their place. */
  readonly profiles: readonly LeafProfile[];
};

/** What comes back, likewise: an outcome for each item, in order. */
export type LeafWorkDone = Pick<LeafWork, "kind" | "count" | "bytes">;

const flawCodes = ["bad-request", "lint"] as const;
const succeeded = 0;

// What is expected of each item in bytes, so that a pack's buffer need not grow; a pack with more than that grows all the same.
/** A request beside its CSR: the SPIFFE ID above all. */
const besideCsr = 384;
/** A certificate beyond its TBS and the bare signature: two headers, an AlgorithmIdentifier, the DER of two integers. */
const beyondTbs = 32;
/** The digest and TBS beyond the request that they were made for: the extensions, above all. */
const beyondRequest = 256;

export function packRequests(authority: Der, requests: readonly LeafRequest[]): LeafWork {
  const profiles = [...new Set(requests.map(({ profile }) => profile))];
  const pack = new PackWriter(requests.reduce((sum, { csr }) => sum + csr.length + besideCsr, 0));
  for (const { profile, spiffeId, dnsNames, serial, validity, csr } of requests) {
    pack.byte(profiles.indexOf(profile));
    pack.text(spiffeId);
    pack.number(dnsNames.length);
    for (const name of dnsNames) pack.text(name);
    pack.part(serial);
    pack.number(validity.notBefore.getTime());
    pack.number(validity.notAfter.getTime());
    pack.part(csr);
  }
  return workOf("prepare", authority, { count: requests.length, bytes: pack.finish(), profiles });
}

function unpackRequest(pack: PackReader, profiles: readonly LeafProfile[]): LeafRequest {
  const profile = profiles[pack.byte()];
  if (profile === undefined) throw new TypeError("an item names no profile of its batch");
  return {
    profile,
    spiffeId: pack.text() as SpiffeId,
    dnsNames: Array.from({ length: pack.number() }, () => pack.text()),
    serial: pack.part(),
    validity: { notBefore: new Date(pack.number()), notAfter: new Date(pack.number()) },
    csr: pack.part(),
  };
}

export function packSigned(authority: Der, items: readonly SignedTbs[]): LeafWork {
  const packed = items.reduce((sum, { tbs, signature }) => sum + tbs.length + signature.length + 4, 0);
  const pack = new PackWriter(packed);
  for (const { tbs, signature } of items) {
    pack.part(tbs);
    pack.part(signature);
  }
  return workOf("seal", authority, { count: items.length, bytes: pack.finish(), profiles: [] });
}

const workOf = (
  kind: LeafWork["kind"],
  authority: Der,
  rest: Pick<LeafWork, "count" | "bytes" | "profiles">,
): LeafWork => ({ kind, authority: authority.slice(), ...rest });

/** The worker's side: runs one message of work. */
export function doLeafWork(
  maker: LeafMaker,
  { kind, authority, count, bytes, profiles }: LeafWork,
): LeafWorkDone {
  const asked = new PackReader(bytes);
  const done = new PackWriter(bytes.length + count * (kind === "seal" ? beyondTbs : beyondRequest));
  if (kind === "seal") {
    const items = Array.from({ length: count }, () => ({
      tbs: asked.part() as Der,
      signature: asked.part(),
    }));
    for (const sealed of maker.seal(authority as Der, items)) {
      done.byte(sealed.ok ? succeeded : 1);
      if (sealed.ok) done.part(sealed.value);
      else done.text(sealed.error);
    }
  } else {
    const requests = Array.from({ length: count }, () => unpackRequest(asked, profiles));
    for (const linted of maker.prepare(authority as Der, requests)) packPrepared(done, linted);
  }
  return { kind, count, bytes: done.finish() };
}

function packPrepared(done: PackWriter, prepared: Result<Linted, LeafFlaw>): void {
  if (prepared.ok) {
    done.byte(succeeded);
    done.text(prepared.value.tbsSha256);
    done.part(prepared.value.redeem());
  } else {
    done.byte(1 + flawCodes.indexOf(prepared.error.code));
    done.text(prepared.error.reason);
  }
}

export function unpackPrepared({ kind, count, bytes }: LeafWorkDone): Result<Linted, LeafFlaw>[] {
  if (kind !== "prepare") throw new TypeError("a leaf worker answered something else");
  const pack = new PackReader(bytes);
  return Array.from({ length: count }, () => {
    const outcome = pack.byte();
    const text = pack.text();
    if (outcome === succeeded) return ok(new Linted(pack.part() as Der, text));
    return refused({ code: flawCodes[outcome - 1] ?? "lint", reason: text });
  });
}

export function unpackSealed({ kind, count, bytes }: LeafWorkDone): Result<Der, string>[] {
  if (kind !== "seal") throw new TypeError("a leaf worker answered something else");
  const pack = new PackReader(bytes);
  return Array.from({ length: count }, () =>
    pack.byte() === succeeded ? ok(pack.part() as Der) : refused(pack.text()),
  );
}
