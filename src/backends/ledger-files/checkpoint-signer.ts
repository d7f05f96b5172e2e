import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";
import { checkpointText } from "../../domain/ledger/checkpoint.ts";
import type { TreeHead } from "../../domain/ledger/merkle-verify.ts";
import { type NoteKey, signNote, verifierKeyText } from "../../domain/ledger/signed-note.ts";
import { Fault } from "../../foundation/fault.ts";
import { rawPublicKey } from "./verify-ed25519.ts";

/** The key that signs checkpoints: a PKCS#8 PEM file of mode 0600 beside the ledger. */
const checkpointKeyFile = (ledgerFile: string): string => join(dirname(ledgerFile), "ledger-checkpoint.key");

/** Signs the ledger's checkpoints as notes under its origin. */
export class CheckpointSigner {
  readonly #key: NoteKey;
  readonly #private: KeyObject;

  /** Reads the key, or makes one where `mayMake`: a log that has checkpoints already cannot go on under another key. */
  constructor(ledgerFile: string, origin: string, mayMake: boolean) {
    const path = checkpointKeyFile(ledgerFile);
    if (!existsSync(path)) {
      if (!mayMake) {
        const remedy = "put it back from the backup: agents would refuse checkpoints under another key";
        throw new Fault(
          "LEDGER_FAILED",
          `${path}, which signs the ledger's checkpoints, is missing: ${remedy}`,
        );
      }
      writeKey(path);
    }
    this.#private = readKey(path);
    this.#key = { name: origin, publicKey: rawPublicKey(createPublicKey(this.#private)) };
  }

  get verifierKey(): string {
    return verifierKeyText(this.#key);
  }

  sign({ size, root }: TreeHead): string {
    const text = checkpointText({ origin: this.#key.name, size, root });
    return signNote(this.#key, text, (message) => sign(null, message, this.#private));
  }
}

function readKey(path: string): KeyObject {
  try {
    const key = createPrivateKey(readFileSync(path));
    if (key.asymmetricKeyType === "ed25519") return key;
  } catch (cause) {
    throw new Fault("LEDGER_FAILED", `${path} cannot be read as a private key`, { cause });
  }
  throw new Fault("LEDGER_FAILED", `${path} is no Ed25519 key`);
}

/** Whole or not at all, and durable before anything is signed with it. */
function writeKey(path: string): void {
  const pem = generateKeyPairSync("ed25519").privateKey.export({ format: "pem", type: "pkcs8" });
  const draft = `${path}.new`;
  const file = openSync(draft, "w", 0o600);
  try {
    writeSync(file, pem.toString());
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(draft, path);
  const folder = openSync(dirname(path), "r");
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}
