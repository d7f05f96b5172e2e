import { createHash } from "node:crypto";
import { ObjectClass } from "graphene-pk11";
import type { AuthorityKey, CeremonyToken, OrphanKey, TokenDoor } from "../../control/ceremony/ports.ts";
import { readCertificate as parseCertificate } from "../../domain/certificate/certificate.ts";
import type { Der } from "../../domain/certificate/der.ts";
import type { Curve } from "../../domain/certificate/signature-algorithm.ts";
import { Fault } from "../../foundation/fault.ts";
import { readCertificate, storeCertificate } from "./certificate-objects.ts";
import { findKey, generateKeyPair, listKeys, objects, type TokenKey } from "./key-objects.ts";
import type { Pkcs11Module } from "./module.ts";
import { signOnce } from "./one-shot-sign.ts";
import { initialiseToken, type OpenToken, openToken, tokenExists } from "./token.ts";
import { tokenFault } from "./token-fault.ts";

export type TokenSecrets = {
  readonly label: string;
  /** Read when first needed. UTF-8; wiped by this class after use. */
  readonly readPin: () => Promise<Uint8Array>;
  /** Undefined: a missing token is an error, not made. */
  readonly readSoPin: (() => Promise<Uint8Array>) | undefined;
};

/** One token as a ceremony sees it: opened once, by one login attempt, and closed with the program. */
export class Pkcs11TokenDoor implements TokenDoor {
  readonly label: string;
  readonly #module: Pkcs11Module;
  readonly #secrets: TokenSecrets;
  #open: Pkcs11CeremonyToken | undefined;

  constructor(module: Pkcs11Module, secrets: TokenSecrets) {
    this.label = secrets.label;
    this.#module = module;
    this.#secrets = secrets;
  }

  async find(signal: AbortSignal): Promise<CeremonyToken | undefined> {
    if (this.#open) return this.#open;
    signal.throwIfAborted();
    const mayMake = this.#secrets.readSoPin !== undefined;
    if (mayMake && !tokenExists(this.#module, this.label)) return undefined;
    const pin = await this.#secrets.readPin();
    try {
      const token = openToken(this.#module, { label: this.label, pin, access: "read-write" });
      this.#open = new Pkcs11CeremonyToken(token);
      return this.#open;
    } finally {
      pin.fill(0);
    }
  }

  async initialize(signal: AbortSignal): Promise<CeremonyToken> {
    const { readPin, readSoPin } = this.#secrets;
    if (!readSoPin) throw new Fault("HSM_REFUSED", `token "${this.label}" is not to be made here`);
    const soPin = await readSoPin();
    const userPin = await readPin();
    try {
      initialiseToken(this.#module, { label: this.label, soPin, userPin });
    } finally {
      soPin.fill(0);
      userPin.fill(0);
    }
    const token = await this.find(signal);
    if (!token)
      throw new Fault("HSM_UNAVAILABLE", `token "${this.label}" is not there right after it was made`);
    return token;
  }

  close(): void {
    this.#open?.close();
    this.#open = undefined;
  }
}

const hashFor: Readonly<Record<Curve, string>> = { "P-256": "sha256", "P-384": "sha384" };

class Pkcs11CeremonyToken implements CeremonyToken {
  readonly #token: OpenToken;

  constructor(token: OpenToken) {
    this.#token = token;
  }

  async list() {
    const { keyIds, orphans } = listKeys(this.#token);
    return { authorities: keyIds.map((keyId) => this.#authority(keyId)), orphans };
  }

  async generate(wanted: { readonly label: string; readonly curve: Curve }) {
    const { keyId, label, curve, spki } = generateKeyPair(this.#token, wanted);
    return { keyId, label, curve, spki };
  }

  async sign(job: { readonly keyId: string; readonly tbs: Der }, signal: AbortSignal): Promise<Uint8Array> {
    const key = this.#require(job.keyId);
    const digest = createHash(hashFor[key.curve]).update(job.tbs).digest();
    return await signOnce(this.#token, { key, digest }, signal);
  }

  async commit({ keyId, certificate }: { readonly keyId: string; readonly certificate: Der }): Promise<void> {
    const parsed = parseCertificate(certificate);
    if (!parsed.ok) throw new Fault("INVALID_ARGUMENT", `not a certificate: ${parsed.error}`);
    storeCertificate(this.#token, this.#require(keyId), { certificate, subject: parsed.value.subject });
  }

  async destroy({ keyId, label }: OrphanKey): Promise<void> {
    const id = Buffer.from(keyId, "hex");
    try {
      for (const kind of [ObjectClass.CERTIFICATE, ObjectClass.PRIVATE_KEY, ObjectClass.PUBLIC_KEY]) {
        for (const object of objects(this.#token, { class: kind, id, label })) object.destroy();
      }
    } catch (thrown) {
      throw tokenFault(`destroying the key "${label}"`, thrown);
    }
  }

  close(): void {
    this.#token.close();
  }

  #require(keyId: string): TokenKey {
    const key = findKey(this.#token, keyId);
    if (!key) throw new Fault("HSM_REFUSED", `token "${this.#token.label}" has no key ${keyId}`);
    return key;
  }

  #authority(keyId: string): AuthorityKey {
    const { label, curve, spki } = this.#require(keyId);
    const certificate = readCertificate(this.#token, keyId);
    if (!certificate)
      throw new Fault("HSM_REFUSED", `key ${keyId} lost its certificate while it was being read`);
    return { keyId, label, curve, spki, certificate };
  }
}
