import type { AuthorityKey, HeldKey, KeyPage, KeyPlace } from "../../custody/ca-token.ts";
import type { HsmLog } from "../../custody/hsm-log.ts";
import { readCertificate as parseCertificate } from "../../domain/certificate/certificate.ts";
import { sameBytes } from "../../domain/certificate/hex.ts";
import { asFault, Fault } from "../../foundation/fault.ts";
import { readCertificate } from "./certificate-objects.ts";
import { isBehind, type KeyOnToken, keysOnToken } from "./held-keys.ts";
import { findKey, listKeys, type TokenInventory, type TokenKey } from "./key-objects.ts";
import type { OpenToken } from "./token.ts";

export type HeldAuthority = AuthorityKey & Pick<TokenKey, "handle">;

/** For how long a "no" is believed: a C_FindObjects reads every object of a SoftHSM, and a caller may ask in a loop. */
const believeAbsenceMs = 250;
/** For as long are all pages of a list read from one search: a caller may ask in a loop. */
const believeListMs = 1000;
/** Look-ups within that time: they are synchronous, and ever new key ids must not keep the process from its work. */
const mostLookUps = 32;

/**
 * Authorities by CKA_ID, looked up in the token when first asked for. Handles are cached for as long as the login lasts:
 * a recovered token gets a new look-up, since old handles are stale even where the session is new.
 */
export class AuthorityLookup {
  readonly #token: OpenToken;
  readonly #log: HsmLog;
  readonly #found = new Map<string, HeldAuthority>();
  readonly #absentSince = new Map<string, number>();
  #listed: { readonly atMs: number; readonly keys: readonly KeyOnToken[] } | undefined;
  #lookUps = 0;
  #countedSince = performance.now();

  constructor(token: OpenToken, log: HsmLog) {
    this.#token = token;
    this.#log = log;
  }

  /**
   * The authority, or undefined when the key is not there or has no certificate (an orphan of a ceremony). Throws QUEUE_FULL
   * when too many unknown keys were asked for.
   */
  find(keyId: string, fresh: boolean): HeldAuthority | undefined {
    const known = this.#found.get(keyId);
    if (known !== undefined) return known;
    const absent = this.#absentSince.get(keyId);
    if (!fresh && absent !== undefined && performance.now() - absent < believeAbsenceMs) return undefined;
    this.#countLookUp();
    const held = this.#look(keyId);
    if (held === undefined) this.#rememberAbsent(keyId);
    else this.#found.set(keyId, held);
    return held;
  }

  /** Looks up every key of the token that has a certificate, and so asserts the attributes of each. Throws HSM_REFUSED. */
  checkAll(): TokenInventory {
    const inventory = listKeys(this.#token);
    for (const keyId of inventory.keyIds) {
      const held = this.#look(keyId);
      if (held !== undefined) this.#found.set(keyId, held);
    }
    return inventory;
  }

  /**
   * Keys behind that place, at most so many; each that has a certificate is held against what it must be. Those alone are looked
   * up: a look-up keeps the process from its work. Throws HSM_*.
   */
  list(after: KeyPlace | undefined, most: number): KeyPage {
    const now = performance.now();
    if (this.#listed === undefined || now - this.#listed.atMs >= believeListMs)
      this.#listed = { atMs: now, keys: keysOnToken(this.#token) };
    const left = this.#listed.keys.filter((key) => after === undefined || isBehind(key, after));
    return { keys: left.slice(0, most).map((key) => this.#judge(key)), more: left.length > most };
  }

  #judge({ keyId, label, certificates }: KeyOnToken): HeldKey {
    const [certificate] = certificates;
    if (certificate === undefined) return { keyId, label, certificate: undefined, flaw: "" };
    try {
      const held = this.#found.get(keyId) ?? this.#look(keyId);
      if (held === undefined) return { keyId, label, certificate, flaw: "its key was not found again" };
      this.#found.set(keyId, held);
      // What was found first is what is signed with, for as long as the login lasts.
      const flaw = sameBytes(held.certificate, certificate)
        ? ""
        : "its certificate was replaced while it was in use";
      return { keyId, label, certificate: held.certificate, flaw };
    } catch (thrown) {
      return { keyId, label, certificate, flaw: asFault(thrown).message };
    }
  }

  /** Forgets all handles, so that the next use looks them up again. */
  forget(): void {
    this.#listed = undefined;
    this.#found.clear();
    this.#absentSince.clear();
  }

  #look(keyId: string): HeldAuthority | undefined {
    const began = performance.now();
    const note = (result: string) =>
      this.#log.note({ operation: "find-key", result, keyId, tookMs: performance.now() - began });
    try {
      const key = findKey(this.#token, keyId);
      const certificate = key && readCertificate(this.#token, keyId);
      const held = key && certificate ? { ...key, certificate } : undefined;
      if (held) refuseForeignCertificate(held, this.#token.label);
      note(held ? "ok" : "not there");
      return held;
    } catch (thrown) {
      note(asFault(thrown).message);
      throw thrown;
    }
  }

  #countLookUp(): void {
    const now = performance.now();
    if (now - this.#countedSince > believeAbsenceMs) {
      this.#countedSince = now;
      this.#lookUps = 0;
    }
    this.#lookUps += 1;
    if (this.#lookUps > mostLookUps)
      throw new Fault("QUEUE_FULL", "too many keys are asked for that were never used");
  }

  #rememberAbsent(keyId: string): void {
    if (this.#absentSince.size >= 1024) this.#absentSince.clear();
    this.#absentSince.set(keyId, performance.now());
  }
}

/** The certificate beside a key must be the key's own: the signer takes the issuer's name and limits from it. */
function refuseForeignCertificate({ keyId, spki, certificate }: HeldAuthority, token: string): void {
  const read = parseCertificate(certificate);
  const flaw = read.ok
    ? !sameBytes(read.value.spki, spki) && "is for another public key"
    : `cannot be read: ${read.error}`;
  if (flaw) throw new Fault("HSM_REFUSED", `the certificate beside key ${keyId} in token "${token}" ${flaw}`);
}
