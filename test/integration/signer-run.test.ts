import { createPublicKey, verify } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { afterEach, beforeEach, expect } from "vitest";
import { SignerClient } from "../../src/backends/signer-process/signer-client.ts";
import type { SignItem } from "../../src/control/signing/signer.ts";
import type { AuthorityKey } from "../../src/custody/ca-token.ts";
import { type LeafOptions, leaf } from "../../src/custody/custody.fixtures.ts";
import { sha256Hex } from "../../src/foundation/digest.ts";
import { eventually } from "../parts/eventually.ts";
import { needs } from "../parts/parts.ts";
import {
  makeSignerSite,
  type SignerProcess,
  type SignerSite,
  type SignerStart,
  startSigner,
  workerPid,
} from "../parts/signer.ts";

const test = needs("softhsm");

const never = new AbortController().signal;

let site: SignerSite;
let running: SignerProcess[];
let clients: SignerClient[];
beforeEach(() => {
  site = makeSignerSite();
  running = [];
  clients = [];
});
afterEach(async () => {
  for (const client of clients) client.close();
  for (const signer of running) {
    signer.child.kill("SIGCONT");
    await signer.stop();
  }
  site.remove();
});

function start(how: SignerStart = {}): SignerProcess {
  const signer = startSigner(site, how);
  running.push(signer);
  return signer;
}

function connect(patienceMs = 20_000): SignerClient {
  const client = new SignerClient({ socketPath: site.socket, patienceMs });
  clients.push(client);
  return client;
}

const item = (key: AuthorityKey, options: LeafOptions = {}): SignItem => ({
  keyId: key.keyId,
  tbs: leaf(key, new Date(), options),
});

const isRight = (key: AuthorityKey, tbs: Uint8Array, signature: Uint8Array): boolean =>
  verify(
    key.curve === "P-256" ? "sha256" : "sha384",
    tbs,
    {
      key: createPublicKey({ key: Buffer.from(key.spki), format: "der", type: "spki" }),
      dsaEncoding: "ieee-p1363",
    },
    signature,
  );

async function journalOf(
  client: SignerClient,
  from = 1n,
): Promise<{ sequence: bigint; tbsSha256: string }[]> {
  const lines = [];
  for await (const line of client.readJournal(from, never)) lines.push(line);
  return lines;
}

test("batches are signed with both curves, journaled once each, and read back", async () => {
  const narrow = site.addAuthority("narrow");
  const wide = site.addAuthority("wide", { curve: "P-384" });
  start();
  const client = connect();
  const items = Array.from({ length: 200 }, (_, index) => item(index % 2 === 0 ? narrow : wide));
  const batches = [items.slice(0, 64), items.slice(64, 128), items.slice(128)];
  const outcomes = (await Promise.all(batches.map((batch) => client.sign(batch, never)))).flat();
  outcomes.forEach((outcome, index) => {
    if (!outcome.ok) throw new Error(outcome.error.reason);
    const { tbs } = items[index]!;
    expect(isRight(index % 2 === 0 ? narrow : wide, tbs, outcome.value)).toBe(true);
  });
  const lines = await journalOf(client);
  expect(lines.map((line) => line.sequence)).toEqual(items.map((_, index) => BigInt(index + 1)));
  expect(lines.map((line) => line.tbsSha256).sort()).toEqual(items.map(({ tbs }) => sha256Hex(tbs)).sort());
  expect(await journalOf(client, 200n)).toHaveLength(1);
  expect(await client.status(never)).toMatchObject({ state: "ready", journalLines: 200n, sessions: 4 });
  expect(statSync(site.socket).mode & 0o777).toBe(0o660);
});

test("what is no leaf of its key is refused, the rest of the batch is signed, and the journal has only that", async () => {
  const key = site.addAuthority("one");
  start();
  const client = connect();
  const outcomes = await client.sign(
    [
      item(key),
      item(key, { trustDomain: "other.test" }),
      { keyId: "00".repeat(20), tbs: item(key).tbs },
      item(key),
    ],
    never,
  );
  expect(outcomes.map((outcome) => (outcome.ok ? "signed" : outcome.error.code))).toEqual([
    "signed",
    "grammar",
    "unknown-key",
    "signed",
  ]);
  expect(await journalOf(client)).toHaveLength(2);
  await expect(client.sign([{ keyId: "00", tbs: item(key).tbs }], never)).resolves.toMatchObject([
    { ok: false },
  ]);
  expect((await client.sign([item(key)], never))[0]?.ok).toBe(true);
});

test("a key that a ceremony makes later is found without a restart", async () => {
  const first = site.addAuthority("first");
  start();
  const client = connect();
  expect(await client.describeKey("11".repeat(20), never)).toBeUndefined();
  const second = site.addAuthority("second");
  const described = await client.describeKey(second.keyId, never);
  expect(Buffer.from(described?.certificate ?? [])).toEqual(Buffer.from(second.certificate));
  const outcomes = await client.sign([item(first), item(second)], never);
  expect(outcomes.map((outcome) => outcome.ok)).toEqual([true, true]);
});

test("ever new unknown keys are sent away before they keep the signer from its work", async () => {
  const key = site.addAuthority("one");
  start();
  const client = connect();
  const { tbs } = item(key);
  const unknown = Array.from({ length: 500 }, (_, n) => ({ keyId: n.toString(16).padStart(40, "0"), tbs }));
  const codes = (await client.sign([...unknown, item(key)], never)).map((outcome) =>
    outcome.ok ? "signed" : outcome.error.code,
  );
  expect(new Set(codes)).toEqual(new Set(["unknown-key", "hsm-failed", "signed"]));
  expect(codes.filter((code) => code === "unknown-key").length).toBeLessThan(500);
  expect(codes.at(-1)).toBe("signed");
});

test("a worker killed under load is replaced, and the journal says exactly what was signed or may have been", async () => {
  const key = site.addAuthority("one");
  const signer = start();
  const client = connect();
  await client.status(never);
  const asked: SignItem[] = [];
  const told = { signed: 0, journaled: 0, not: 0 };
  const load = async () => {
    while (told.signed < 3000) {
      const batch = Array.from({ length: 32 }, () => item(key));
      asked.push(...batch);
      for (const outcome of await client.sign(batch, never)) {
        if (outcome.ok) told.signed += 1;
        else if (outcome.error.journaled) told.journaled += 1;
        else told.not += 1;
      }
    }
  };
  const loads = Array.from({ length: 4 }, load);
  const before = await workerPid(signer);
  await eventually("some signatures", () => told.signed > 500);
  process.kill(before, "SIGKILL");
  await Promise.all(loads);
  expect(await workerPid(signer)).not.toBe(before);
  expect(told.journaled + told.not).toBeGreaterThan(0);
  const lines = await journalOf(client);
  expect(lines).toHaveLength(told.signed + told.journaled);
  expect(told.signed + told.journaled + told.not).toBe(asked.length);
  expect(lines.map((line) => line.sequence)).toEqual(lines.map((_, index) => BigInt(index + 1)));
  const known = new Set(asked.map(({ tbs }) => sha256Hex(tbs)));
  expect(lines.every((line) => known.delete(line.tbsSha256))).toBe(true);
});

test("a worker that hangs is killed and replaced", async () => {
  const key = site.addAuthority("one");
  const signer = start();
  const client = connect();
  expect((await client.sign([item(key)], never))[0]?.ok).toBe(true);
  const before = await workerPid(signer);
  process.kill(before, "SIGSTOP");
  const outcome = await client.sign([item(key)], never);
  expect(outcome).toMatchObject([{ ok: false, error: { code: "hsm-failed", journaled: false } }]);
  expect((await client.sign([item(key)], never))[0]?.ok).toBe(true);
  expect(await workerPid(signer)).not.toBe(before);
  expect(signer.output()).toMatch(/killed: no sign of life/);
});

test("a supervisor killed with -9 takes its worker along, and another starts over the stale socket", async () => {
  const key = site.addAuthority("one");
  const first = start();
  const client = connect();
  expect((await client.sign([item(key)], never))[0]?.ok).toBe(true);
  const worker = await workerPid(first);
  first.child.kill("SIGKILL");
  await eventually("the worker to be gone", () => {
    try {
      return readFileSync(`/proc/${worker}/stat`, "utf8").includes(" Z ");
    } catch {
      return true;
    }
  });
  start();
  // The first attempt may still go into the stream of the dead worker: it is refused, truthfully, as not journaled.
  await eventually("a signature by the new worker", async () => {
    const [outcome] = await client.sign([item(key)], never);
    if (outcome?.ok === false) expect(outcome.error).toMatchObject({ code: "hsm-failed", journaled: false });
    return outcome?.ok;
  });
  expect((await journalOf(client)).map((line) => line.sequence)).toEqual([1n, 2n]);
});

test("SIGTERM finishes what is being signed, removes the socket and ends with 0", async () => {
  const key = site.addAuthority("one");
  const signer = start();
  const client = connect();
  const batch = client.sign(
    Array.from({ length: 200 }, () => item(key)),
    never,
  );
  await eventually(
    "the batch to be under way",
    () => statSync(site.journal, { throwIfNoEntry: false })?.size || undefined,
  );
  expect(await signer.stop()).toBe(0);
  const codes = new Set((await batch).map((outcome) => (outcome.ok ? "signed" : outcome.error.code)));
  expect(codes).toContain("signed");
  expect([...codes].every((code) => code === "signed" || code === "shutting-down")).toBe(true);
  expect(statSync(site.socket, { throwIfNoEntry: false })).toBeUndefined();
  await expect(connect(300).status(never)).rejects.toMatchObject({ code: "SIGNER_UNAVAILABLE" });
});
