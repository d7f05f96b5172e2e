import { closeSync, copyFileSync, ftruncateSync, openSync, readFileSync, readSync, writeSync } from "node:fs";
import { join } from "node:path";
import { builtModule } from "./built-module.ts";

/** Places in the control file; control.h is the same list. */
const textBytes = 512;
const wordsAt = 2 * textBytes;
const words = [
  "released",
  "parallel",
  "intervalUs",
  "flips",
  "presence",
  "epoch",
  "staleHandles",
  "overlaps",
  "mostParallel",
] as const;
const rulesAt = wordsAt + 16 * 8;
const ruleWords = ["latencyUs", "hang", "code", "skip", "times", "millionths", "calls"] as const;
const mostCalls = 80;
const controlBytes = rulesAt + mostCalls * ruleWords.length * 8;

const always = 2n ** 63n;
const presences = ["present", "blip", "absent", "dead"] as const;

/** Return codes by their names in PKCS#11 v2.40; others can be given as numbers. */
const codes = {
  CKR_HOST_MEMORY: 0x02,
  CKR_GENERAL_ERROR: 0x05,
  CKR_FUNCTION_FAILED: 0x06,
  CKR_DEVICE_ERROR: 0x30,
  CKR_DEVICE_MEMORY: 0x31,
  CKR_DEVICE_REMOVED: 0x32,
  CKR_FUNCTION_CANCELED: 0x50,
  CKR_KEY_HANDLE_INVALID: 0x60,
  CKR_OBJECT_HANDLE_INVALID: 0x82,
  CKR_OPERATION_ACTIVE: 0x90,
  CKR_PIN_INCORRECT: 0xa0,
  CKR_SESSION_COUNT: 0xb1,
  CKR_SESSION_HANDLE_INVALID: 0xb3,
  CKR_TOKEN_NOT_PRESENT: 0xe0,
  CKR_CRYPTOKI_NOT_INITIALIZED: 0x190,
} as const;

export type Pkcs11Call = `C_${string}`;

export type FailOrder = {
  readonly code: keyof typeof codes | number;
  /** So many calls go well first; none when left out. */
  readonly after?: number;
  /** So many fail then; all when left out. */
  readonly times?: number;
  /** Each of them with this probability, from 0 to 1; 1 when left out. */
  readonly probability?: number;
};

export type FaultsPlace = {
  /** A folder that ends with the test: the library and its control file are put there. */
  readonly folder: string;
  /** The real module, such as SoftHSM's. */
  readonly real: string;
  /** File name without its ending, for several tokens in one folder. */
  readonly name?: string;
  /** SOFTHSM2_CONF for this token alone, whatever the program's environment says. */
  readonly softHsmConf?: string;
};

/**
 * A PKCS#11 module that is the real one with faults: it counts every call and does to it what is ordered here, from any process,
 * at once. What it counted outlives the processes that loaded it. Compiled with cc, once for each content of its source.
 */
export class Pkcs11Faults {
  /** The module to configure in place of the real one. */
  readonly module: string;
  readonly #file: number;

  constructor({ folder, real, name = "faults", softHsmConf = "" }: FaultsPlace) {
    this.module = join(folder, `${name}.so`);
    copyFileSync(builtModule(), this.module);
    this.#file = openSync(`${this.module}.control`, "w+", 0o600);
    ftruncateSync(this.#file, controlBytes);
    for (const [index, text] of [real, softHsmConf].entries()) {
      if (Buffer.byteLength(text) >= textBytes) throw new Error(`${text} is too long a path`);
      writeSync(this.#file, text, index * textBytes);
    }
  }

  /** How often a function was called so far, by all processes. */
  calls(name: Pkcs11Call): number {
    return Number(this.#read(this.#ruleAt(name, "calls")));
  }

  /** Calls with a session or object handle from before the latest C_Initialize. */
  get staleHandles(): number {
    return Number(this.#read(wordAt("staleHandles")));
  }

  /** Calls on a session that was in another call: there must be none (PKCS#11 v2.40 §5.10). */
  get overlaps(): number {
    return Number(this.#read(wordAt("overlaps")));
  }

  /** The most C_Sign at the same time so far. */
  get mostParallel(): number {
    return Number(this.#read(wordAt("mostParallel")));
  }

  /** Each call of the function takes at least so many milliseconds. */
  latency(ms: number, name: Pkcs11Call = "C_Sign"): void {
    this.#write(this.#ruleAt(name, "latencyUs"), BigInt(Math.round(ms * 1000)));
  }

  /** At most so many C_Sign at the same time, and so many starts of C_Sign a second; 0 lifts a limit. */
  limit({ parallel = 0, perSecond = 0 }: { readonly parallel?: number; readonly perSecond?: number }): void {
    this.#write(wordAt("parallel"), BigInt(parallel));
    this.#write(wordAt("intervalUs"), perSecond === 0 ? 0n : BigInt(Math.round(1e6 / perSecond)));
  }

  /** Makes calls of the function fail without reaching the real module. */
  fail(name: Pkcs11Call, { code, after = 0, times, probability = 1 }: FailOrder): void {
    this.#write(this.#ruleAt(name, "code"), 0n); // no call sees half of the order
    this.#write(this.#ruleAt(name, "skip"), BigInt(after));
    this.#write(this.#ruleAt(name, "times"), times === undefined ? always : BigInt(times));
    this.#write(this.#ruleAt(name, "millionths"), BigInt(Math.round(probability * 1e6)));
    this.#write(this.#ruleAt(name, "code"), BigInt(typeof code === "number" ? code : codes[code]));
  }

  /** So many calls of the function stop, all when left out, until `release`. */
  hang(name: Pkcs11Call, times?: number): void {
    this.#write(this.#ruleAt(name, "hang"), times === undefined ? always : BigInt(times));
  }

  /** Whoever hangs goes on, and nobody hangs any more. */
  release(): void {
    for (const name of callNames()) this.#write(this.#ruleAt(name, "hang"), 0n);
    this.#write(wordAt("released"), this.#read(wordAt("released")) + 1n);
  }

  /** One bit is flipped in so many signatures from now on; in all when left out, in none by 0. */
  flip(times?: number): void {
    this.#write(wordAt("flips"), times === undefined ? always : BigInt(times));
  }

  /**
   * `blip`: every session and handle is void until the next C_Initialize, which mends it. `absent`: the slot is empty, and after it
   * is `present` again a C_Initialize is needed. `dead`: as absent, and C_Initialize fails too.
   */
  token(presence: (typeof presences)[number]): void {
    this.#write(wordAt("presence"), BigInt(presences.indexOf(presence)));
  }

  /** Lifts every order; counts go on. A token that was away still needs its C_Initialize. */
  mend(): void {
    for (const name of callNames()) {
      for (const word of ["code", "latencyUs"] as const) this.#write(this.#ruleAt(name, word), 0n);
    }
    this.release();
    this.limit({});
    this.flip(0);
    this.token("present");
  }

  close(): void {
    closeSync(this.#file);
  }

  #ruleAt(name: Pkcs11Call, word: (typeof ruleWords)[number]): number {
    const index = callNames().indexOf(name);
    if (index < 0) throw new Error(`PKCS#11 v2.40 has no function ${name}`);
    return rulesAt + (index * ruleWords.length + ruleWords.indexOf(word)) * 8;
  }

  #read(at: number): bigint {
    const bytes = Buffer.alloc(8);
    readSync(this.#file, bytes, 0, 8, at);
    return bytes.readBigUInt64LE();
  }

  #write(at: number, value: bigint): void {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(value);
    writeSync(this.#file, bytes, 0, 8, at);
  }
}

const wordAt = (word: (typeof words)[number]): number => wordsAt + words.indexOf(word) * 8;

let names: readonly Pkcs11Call[] | undefined;

function callNames(): readonly Pkcs11Call[] {
  names ??= readFileSync(new URL("./calls.def", import.meta.url), "utf8")
    .split("\n")
    .flatMap((line) => (/^CALL\((C_\w+),/.exec(line)?.[1] as Pkcs11Call | undefined) ?? []);
  return names;
}
