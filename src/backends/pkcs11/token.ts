import { type Session, SessionFlag, type Slot, TokenFlag, UserType } from "graphene-pk11";
import { Fault } from "../../foundation/fault.ts";
import type { Pkcs11Module } from "./module.ts";
import { ckrOf, tokenFault } from "./token-fault.ts";

/** Read-only sessions can sign and read, not create or destroy objects: enough for the signer. */
export type TokenAccess = "read-only" | "read-write";

/** PKCS#11 v2.40 §5.5: a label is 32 bytes, padded with blanks; ASCII here, so that it reads the same everywhere. */
const labelPattern = /^[\x21-\x7e](?:[\x20-\x7e]{0,30}[\x21-\x7e])?$/;

/** A token this process is logged in to. */
export class OpenToken {
  readonly label: string;
  readonly serial: string;
  /** For administration and look-ups; signatures of the running signer go through a pool of their own sessions. */
  readonly session: Session;
  readonly #slot: Slot;
  readonly #flags: number;

  constructor(slot: Slot, access: TokenAccess) {
    const token = slot.getToken();
    this.label = token.label;
    this.serial = token.serialNumber;
    this.#slot = slot;
    this.#flags = SessionFlag.SERIAL_SESSION | (access === "read-write" ? SessionFlag.RW_SESSION : 0);
    this.session = this.openSession();
  }

  /** One more session of the same access. A login counts for all sessions of the process (PKCS#11 v2.40 §2.5). */
  openSession(): Session {
    try {
      return this.#slot.open(this.#flags);
    } catch (thrown) {
      throw tokenFault(`opening a session on token "${this.label}"`, thrown);
    }
  }

  /** Fresh bytes from the token's own generator, for serials and nonces of a ceremony. */
  randomBytes(count: number): Uint8Array {
    try {
      return this.session.generateRandom(count);
    } catch (thrown) {
      throw tokenFault(`drawing random bytes from token "${this.label}"`, thrown);
    }
  }

  /** Closes every session of this process on the token, which ends the login. Never C_Logout: it would end others' too. */
  close(): void {
    try {
      this.#slot.closeAll();
    } catch (thrown) {
      if (ckrOf(thrown) === undefined) throw thrown;
    }
  }
}

export type TokenLogin = {
  readonly label: string;
  /** UTF-8. The caller wipes it; the binding makes short-lived copies of its own. */
  readonly pin: Uint8Array;
  readonly access: TokenAccess;
};

/**
 * Opens the one token with this label and logs in with exactly one attempt. Throws HSM_REFUSED when no token or more than
 * one bears the label, HSM_PIN_REFUSED when it refuses the PIN: whoever calls must not try again without a person's
 * doing, since attempts are what locks a token.
 */
export function openToken(module: Pkcs11Module, login: TokenLogin): OpenToken {
  const slot = requireSlot(module, login.label);
  refuseRiskyLogin(slot, login.label);
  const token = new OpenToken(slot, login.access);
  try {
    token.session.login(
      Buffer.from(login.pin.buffer, login.pin.byteOffset, login.pin.length).toString("utf8"),
      UserType.USER,
    );
  } catch (thrown) {
    if (ckrOf(thrown) === "CKR_USER_ALREADY_LOGGED_IN") return token;
    token.close();
    throw loginFault(login.label, thrown);
  }
  return token;
}

export type NewToken = { readonly label: string; readonly soPin: Uint8Array; readonly userPin: Uint8Array };

/**
 * Initialises a blank token through the API, so that no PIN ever stands in a command line. Throws HSM_REFUSED when a token
 * of this label exists (nothing is ever overwritten) or no blank one is left, INVALID_ARGUMENT for an unusable label.
 */
export function initialiseToken(module: Pkcs11Module, wanted: NewToken): void {
  if (!labelPattern.test(wanted.label)) {
    throw new Fault(
      "INVALID_ARGUMENT",
      `"${wanted.label}" is no token label: 1 to 32 printable ASCII characters without blanks at either end`,
    );
  }
  const existing = labelled(module, wanted.label);
  if (existing.length > 0) {
    throw new Fault("HSM_REFUSED", `a token labelled "${wanted.label}" exists already; it is left as it is`);
  }
  const blank = module.slots().find((slot) => (slot.getToken().flags & TokenFlag.TOKEN_INITIALIZED) === 0);
  if (blank === undefined) {
    throw new Fault("HSM_REFUSED", `${module.path} has no blank token left to become "${wanted.label}"`);
  }
  writeToken(blank, wanted);
}

/** True when exactly one token bears the label, false when none does. Throws HSM_REFUSED when several do. */
export function tokenExists(module: Pkcs11Module, label: string): boolean {
  return labelled(module, label).length > 0 && requireSlot(module, label) !== undefined;
}

function writeToken(blank: Slot, wanted: NewToken): void {
  const text = (pin: Uint8Array) => Buffer.from(pin).toString("utf8");
  try {
    // The binding itself, since graphene's initToken reads a label that the call does not return. C_InitToken reads 32
    // bytes whatever the string's length: an unpadded label would be read past its end.
    blank.lib.C_InitToken(blank.handle, text(wanted.soPin), wanted.label.padEnd(32, " "));
    const session = blank.open(SessionFlag.SERIAL_SESSION | SessionFlag.RW_SESSION);
    try {
      session.login(text(wanted.soPin), UserType.SO);
      session.initPin(text(wanted.userPin));
    } finally {
      session.close();
    }
  } catch (thrown) {
    throw tokenFault(`initialising token "${wanted.label}"`, thrown);
  }
}

function requireSlot(module: Pkcs11Module, label: string): Slot {
  const [slot, ...others] = labelled(module, label);
  if (slot === undefined) {
    const seen = module.slots().map((candidate) => `"${candidate.getToken().label}"`);
    throw new Fault(
      "HSM_REFUSED",
      `no token is labelled "${label}"; ${module.path} shows ${seen.length > 0 ? seen.join(", ") : "none"}. ` +
        "Check token.label, and for SoftHSM the folder that SOFTHSM2_CONF names",
    );
  }
  if (others.length > 0) {
    const serials = [slot, ...others].map((candidate) => candidate.getToken().serialNumber);
    throw new Fault(
      "HSM_REFUSED",
      `${serials.length} tokens are labelled "${label}" (serials ${serials.join(", ")}); give each a label of its own`,
    );
  }
  return slot;
}

function labelled(module: Pkcs11Module, label: string): readonly Slot[] {
  try {
    return module.slots().filter((slot) => slot.getToken().label === label);
  } catch (thrown) {
    throw tokenFault("listing tokens", thrown);
  }
}

/** A program's guess must not be what locks a token: with one try left, or none, a person logs in first. */
function refuseRiskyLogin(slot: Slot, label: string): void {
  const flags = slot.getToken().flags;
  if ((flags & TokenFlag.USER_PIN_LOCKED) !== 0) {
    throw new Fault(
      "HSM_PIN_REFUSED",
      `the user PIN of token "${label}" is locked; its security officer must set it anew`,
    );
  }
  if ((flags & TokenFlag.USER_PIN_FINAL_TRY) !== 0) {
    throw new Fault(
      "HSM_PIN_REFUSED",
      `token "${label}" has one PIN attempt left before it locks; log in once by hand with the right PIN, then start again`,
    );
  }
}

function loginFault(label: string, thrown: unknown): Fault {
  const ckr = ckrOf(thrown);
  if (ckr?.startsWith("CKR_PIN_") !== true && ckr !== "CKR_USER_PIN_NOT_INITIALIZED") {
    return tokenFault(`logging in to token "${label}"`, thrown);
  }
  return new Fault(
    "HSM_PIN_REFUSED",
    `token "${label}" refused the PIN (${ckr}); it was tried once and is not tried again. Put the right user PIN where ` +
      "the configuration points to, then start again",
    { cause: thrown },
  );
}
