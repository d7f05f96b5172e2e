import { generateKeyPairSync, sign, verify } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { checkpointText, openCheckpoint, parseCheckpoint } from "./checkpoint.ts";
import { openNote, parseVerifierKey, signNote, type VerifyEd25519, verifierKeyText } from "./signed-note.ts";

const spkiPrefix = Buffer.from("302a300506032b6570032100", "hex"); // RFC 8410 §4
const check: VerifyEd25519 = (raw, message, signature) =>
  verify(null, message, { key: Buffer.concat([spkiPrefix, raw]), format: "der", type: "spki" }, signature);

function newKey(name: string) {
  const pair = generateKeyPairSync("ed25519");
  const publicKey = pair.publicKey.export({ format: "der", type: "spki" }).subarray(spkiPrefix.length);
  const key = { name, publicKey: new Uint8Array(publicKey) };
  return { key, sign: (message: Uint8Array) => sign(null, message, pair.privateKey) };
}

/** Published with Go's golang.org/x/mod/sumdb/note: its documentation's example. */
const published = {
  key: "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
  text: "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n",
  note: "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n",
};

test("T4: a published note verifies with its published key", () => {
  const key = parseVerifierKey(published.key);
  if (!key.ok) throw new Error(key.error);
  expect(verifierKeyText(key.value)).toBe(published.key);
  expect(openNote(published.note, key.value, check)).toEqual({ ok: true, value: published.text });
  const changed = published.note.replace("answer", "Answer");
  expect(openNote(changed, key.value, check).ok).toBe(false);
});

const checkpoints = fc.record({
  origin: fc.constant("mesh.example/meshmint/ledger"),
  size: fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
  root: fc.uint8Array({ minLength: 32, maxLength: 32 }),
});

test("T4: a checkpoint is read back from its note, and no note with one character changed is", () => {
  const { key, sign: signer } = newKey("mesh.example/meshmint/ledger");
  fc.assert(
    fc.property(checkpoints, fc.nat(), (checkpoint, at) => {
      const note = signNote(key, checkpointText(checkpoint), signer);
      expect(openCheckpoint(note, key, check)).toEqual({ ok: true, value: checkpoint });
      const place = at % note.length;
      const other = note[place] === "A" ? "B" : "A";
      expect(openCheckpoint(note.slice(0, place) + other + note.slice(place + 1), key, check).ok).toBe(false);
    }),
  );
});

test("T4: another key, and a key for another log, verify nothing", () => {
  const { key, sign: signer } = newKey("mesh.example/meshmint/ledger");
  const note = signNote(key, checkpointText({ origin: key.name, size: 0, root: new Uint8Array(32) }), signer);
  expect(openCheckpoint(note, newKey(key.name).key, check)).toMatchObject({ ok: false });
  const foreign = signNote(
    key,
    checkpointText({ origin: "other", size: 0, root: new Uint8Array(32) }),
    signer,
  );
  expect(openCheckpoint(foreign, key, check)).toEqual({ ok: false, error: "a checkpoint of another log" });
});

test("any text is a checkpoint or refused", () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      const checkpoint = parseCheckpoint(text);
      if (checkpoint.ok) expect(text.startsWith(checkpointText(checkpoint.value).trimEnd())).toBe(true);
    }),
  );
  expect(parseVerifierKey("a+00000000+AAAA").ok).toBe(false);
});
