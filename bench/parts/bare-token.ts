import { randomBytes } from "node:crypto";
import process from "node:process";
import { generateKeyPair, type TokenKey } from "../../src/backends/pkcs11/key-objects.ts";
import { openModule, type Pkcs11Module } from "../../src/backends/pkcs11/module.ts";
import { signDigest } from "../../src/backends/pkcs11/one-shot-sign.ts";
import { initialiseToken, type OpenToken, openToken } from "../../src/backends/pkcs11/token.ts";
import { makeSoftHsm, type SoftHsm } from "../../test/parts/softhsm.ts";
import type { Costs } from "./bare-crypto.ts";

const signatures = 200;
const quickSignatures = 40;
const rounds = 5;
/** CKM_ECDSA: PKCS#11 v2.40 §2.3.6. */
const ecdsa = 0x1041;

export type Ceiling = { readonly perSecond: number; readonly cpuMicros: number };

/** A token of its own with one P-256 key, and what a signature by it costs through the binding. */
export class BareToken {
  readonly #hsm: SoftHsm = makeSoftHsm();
  readonly #module: Pkcs11Module = openModule(this.#hsm.module);
  readonly #token: OpenToken;
  readonly #key: TokenKey;
  readonly #digests = Array.from({ length: 64 }, () => randomBytes(32));

  constructor() {
    const pin = new TextEncoder().encode("bench-1234");
    initialiseToken(this.#module, { label: "bench", soPin: pin, userPin: pin });
    this.#token = openToken(this.#module, { label: "bench", pin, access: "read-write" });
    this.#key = generateKeyPair(this.#token, { label: "bench", curve: "P-256" });
  }

  /** C_SignInit and C_Sign on the calling thread, and by way of libuv's threads: CPU of one, best of five. */
  async costs(): Promise<Costs> {
    return {
      "C_Sign, synchronous": await best(async () => this.#signHere(signatures), signatures),
      "C_Sign, asynchronous": await best(() => this.#signThere(1, signatures), signatures),
    };
  }

  /** C_SignInit and C_Sign on the calling thread; a quick look. */
  signature(): Promise<number> {
    return best(async () => this.#signHere(quickSignatures), quickSignatures);
  }

  /** With so many sessions at once, the best of five: the token's own ceiling, and the CPU of one signature then. */
  async ceiling(sessions: number): Promise<Ceiling> {
    let [perSecond, cpuMicros] = [0, Number.POSITIVE_INFINITY];
    const count = 4 * signatures;
    for (let round = 0; round < rounds; round += 1) {
      const from = performance.now();
      const cpuFrom = process.cpuUsage();
      await this.#signThere(sessions, count);
      const { user, system } = process.cpuUsage(cpuFrom);
      perSecond = Math.max(perSecond, (count * 1000) / (performance.now() - from));
      cpuMicros = Math.min(cpuMicros, (user + system) / count);
    }
    return { perSecond, cpuMicros };
  }

  close(): void {
    this.#token.close();
    this.#module.close();
    this.#hsm.remove();
  }

  #signHere(count: number): void {
    const { lib, handle } = this.#token.session;
    const answer = Buffer.alloc(64);
    for (let left = count; left > 0; left -= 1) {
      lib.C_SignInit(handle, { mechanism: ecdsa }, this.#key.handle.handle);
      lib.C_Sign(handle, this.#digest(left), answer);
    }
  }

  async #signThere(sessions: number, count: number): Promise<void> {
    let left = count;
    const opened = Array.from({ length: sessions }, () => this.#token.openSession());
    const work = opened.map(async (session) => {
      while (left > 0) {
        left -= 1;
        await signDigest(session, this.#key, this.#digest(left));
      }
    });
    await Promise.all(work);
    for (const session of opened) session.close();
  }

  #digest(at: number): Buffer {
    return this.#digests[at % this.#digests.length] ?? Buffer.alloc(32);
  }
}

async function best(work: () => Promise<void>, count: number): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds; round += 1) {
    const from = process.cpuUsage();
    await work();
    const { user, system } = process.cpuUsage(from);
    least = Math.min(least, (user + system) / count);
  }
  return least;
}
