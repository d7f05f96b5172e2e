import { existsSync } from "node:fs";
import { Module, type Slot } from "graphene-pk11";
import koffi, { type LibraryHandle } from "koffi";
import { Fault } from "../../foundation/fault.ts";
import { countCalls } from "./call-counter.ts";
import { ckrOf } from "./token-fault.ts";

/** Where distributions put SoftHSM2, tried in this order when no module is configured. */
export const softHsmPaths: readonly string[] = [
  "/usr/lib/softhsm/libsofthsm2.so",
  "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
  "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
  "/usr/lib64/softhsm/libsofthsm2.so",
  "/usr/lib64/pkcs11/libsofthsm2.so",
  "/usr/local/lib/softhsm/libsofthsm2.so",
];

/** PKCS#11 v2.40 §5.4: signatures run on several threads of libuv's pool, so the module must lock for itself. */
const osLockingOk = 2;

/**
 * One loaded and initialised PKCS#11 module. A process has at most one: the binding is not context-aware, and
 * C_Initialize and C_Finalize act on the whole process.
 */
export class Pkcs11Module {
  readonly path: string;
  readonly #module: Module;

  constructor(path: string, counter?: Int32Array) {
    this.path = path;
    this.#module = Module.load(path);
    if (counter !== undefined) countCalls(this.#module.lib, counter);
    this.#initialise();
  }

  /** What the module says of itself: its maker and its name. */
  get description(): string {
    return `${this.#module.manufacturerID} ${this.#module.libraryDescription}`;
  }

  /** The slots that hold a token now, initialised or not. */
  slots(): readonly Slot[] {
    const found = this.#module.getSlots(true);
    return Array.from({ length: found.length }, (_, index) => found.items(index));
  }

  /**
   * C_Finalize and C_Initialize: every session, login and object handle of this process is void afterwards. It is the
   * only way out of sessions that died (closing and opening does not help), and the only one to see a
   * token that was plugged in later.
   */
  reinitialise(): void {
    this.close();
    this.#initialise();
  }

  /** C_Finalize. Tolerates a module that has already lost its state. */
  close(): void {
    try {
      this.#module.finalize();
    } catch (thrown) {
      if (ckrOf(thrown) === undefined) throw thrown;
    }
  }

  #initialise(): void {
    try {
      this.#module.initialize({ flags: osLockingOk });
    } catch (thrown) {
      const ckr = ckrOf(thrown) ?? "an unknown error";
      throw new Fault(
        "HSM_UNAVAILABLE",
        `the PKCS#11 module ${this.path} does not initialise (${ckr}); for SoftHSM set SOFTHSM2_CONF to a ` +
          "configuration whose directories.tokendir this user can read and write",
        { cause: thrown },
      );
    }
  }
}

/**
 * Loads a PKCS#11 module, or the first SoftHSM2 found where no path is given, and initialises it. Throws CONFIG_INVALID
 * when the library is missing or is no PKCS#11 module, HSM_UNAVAILABLE when it does not initialise. Its calls are
 * counted where a counter is given, see countCalls.
 */
export function openModule(path?: string, counter?: Int32Array): Pkcs11Module {
  const chosen = path ?? softHsmPaths.find((candidate) => existsSync(candidate));
  if (chosen === undefined) {
    throw new Fault(
      "CONFIG_INVALID",
      `no PKCS#11 module is configured and SoftHSM2 is at none of ${softHsmPaths.join(", ")}; install softhsm2 or ` +
        "set token.module",
    );
  }
  loadDeepBound(chosen);
  return new Pkcs11Module(chosen, counter);
}

/** Never emptied: a library must stay loaded for as long as the binding may call into it. */
const deepBound: LibraryHandle[] = [];

/**
 * Loads the library with RTLD_DEEPBIND before the binding opens it plainly. Without that, SoftHSM's calls into libcrypto
 * bind to the OpenSSL that Node itself exports: another version, and a known cause of segmentation faults.
 */
function loadDeepBound(path: string): void {
  try {
    deepBound.push(koffi.load(path, { deep: true }));
  } catch (thrown) {
    throw new Fault(
      "CONFIG_INVALID",
      `the PKCS#11 module ${path} cannot be loaded; check token.module and that this user can read it`,
      { cause: thrown },
    );
  }
}
