import type { Session } from "graphene-pk11";
import type { HsmLog } from "../../custody/hsm-log.ts";
import { asFault } from "../../foundation/fault.ts";
import { AuthorityLookup } from "./authority-lookup.ts";
import type { Pkcs11Module } from "./module.ts";
import { SessionPool } from "./session-pool.ts";
import { type OpenToken, openToken } from "./token.ts";
import { ckrOf } from "./token-fault.ts";

export type TokenAccessOptions = {
  readonly module: Pkcs11Module;
  readonly label: string;
  /** Signatures that are made at the same time, each in a session and a thread of its own. */
  readonly sessions: number;
  /** The PIN's bytes, read anew for each login; wiped after use. */
  readonly readPin: () => Promise<Uint8Array>;
  /** Told of each login, look-up and failure. */
  readonly log: HsmLog;
};

/** All that is void after the next C_Initialize. */
export type TokenLife = {
  readonly token: OpenToken;
  readonly pool: SessionPool;
  readonly authorities: AuthorityLookup;
};

/**
 * Logs in, with one attempt, and opens the sessions, of which `mostLent` are used at a time. Rejects with HSM_REFUSED,
 * HSM_PIN_REFUSED or HSM_UNAVAILABLE.
 */
export async function beginTokenLife(
  options: TokenAccessOptions,
  mostLent: () => number,
): Promise<TokenLife> {
  const { module, label, readPin, log } = options;
  const pin = await readPin();
  const began = performance.now();
  try {
    const token = openToken(module, { label, pin, access: "read-only" });
    log.note({ operation: "login", result: "ok", tookMs: performance.now() - began });
    const pool = new SessionPool(openSessions(token, options), mostLent);
    return { token, pool, authorities: new AuthorityLookup(token, log) };
  } catch (thrown) {
    log.note({ operation: "login", result: asFault(thrown).message, tookMs: performance.now() - began });
    throw thrown;
  } finally {
    pin.fill(0);
  }
}

/** One for each signature at a time, without which there is no start; and one more for each, as far as the token gives them. */
function openSessions(token: OpenToken, { sessions, log }: TokenAccessOptions): Session[] {
  const open = Array.from({ length: sessions }, () => token.openSession());
  try {
    while (open.length < 2 * sessions) open.push(token.openSession());
  } catch (thrown) {
    log.note({ operation: "open-session", result: asFault(thrown).message });
  }
  return open;
}

/** A session whose operation failed is given back to the token where that still works: their number is limited. */
export function closeQuietly(session: Session): void {
  try {
    session.close();
  } catch (thrown) {
    if (ckrOf(thrown) === undefined) throw thrown;
  }
}

/** Asks the device for proof of life without a key: C_GetSessionInfo may be answered from memory, the generator is not. */
export function probe(session: Session): void {
  session.lib.C_GetSessionInfo(session.handle);
  session.generateRandom(16);
}
