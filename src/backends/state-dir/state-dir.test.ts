import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import promises from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, expect, onTestFinished, test } from "vitest";
import type { Der } from "../../domain/certificate/der.ts";
import type { SpiffeId } from "../../domain/identity/spiffe-id.ts";
import type { TrustDomain } from "../../domain/identity/trust-domain.ts";
import { type Holder, newHolder } from "../../domain/trust/holder.ts";
import { delivered } from "../../domain/trust/holder-updates.ts";
import { lockFolder } from "./folder-lock.ts";
import { NodeFiles } from "./node-files.ts";
import { RosterFile } from "./roster-file.ts";

const now = new Date(1_800_000_000_000);
let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "meshmint-state-"));
  path = join(folder, "roster.jsonl");
  onTestFinished(() => rmSync(folder, { recursive: true }));
});

const holder = (pid: number, version = "v1"): Holder => {
  const who = { agentId: "a", spiffeId: "spiffe://mesh.test/web", pid, startTime: "7", kind: "sds" } as const;
  const content = { kind: "bundle", version, anchors: ["f".repeat(64)] } as const;
  return delivered(newHolder(who, "proxy", now), { channel: "", name: "ROOTCA", content }, now);
};
const open = async () => {
  const opened = await RosterFile.open(path, now);
  onTestFinished(() => opened.roster.close().catch(() => undefined));
  return opened;
};

/** As if this process had no file descriptor left at that moment (EMFILE), until the returned function is called. */
function failToOpen(which: (file: unknown) => boolean): () => void {
  const { open: original } = promises;
  const replace = (open: typeof original) => {
    promises.open = open;
    syncBuiltinESMExports();
  };
  replace(async (file, ...rest) => {
    if (which(file)) throw new Error("EMFILE: too many open files");
    return original(file, ...rest);
  });
  onTestFinished(() => replace(original));
  return () => replace(original);
}

test("what was appended is read back, the last state of each holder", async () => {
  const { roster, kept } = await open();
  expect(kept).toEqual([]);
  await Promise.all([roster.append([holder(1), holder(2)]), roster.append([holder(1, "v2")])]);
  await roster.close();
  expect((await open()).kept).toEqual([holder(1, "v2"), holder(2)]);
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

test("compaction keeps just what it is given, and what is appended after it", async () => {
  const { roster } = await open();
  const writes = [roster.append([holder(1)]), roster.compact([holder(2)]), roster.append([holder(3)])];
  await Promise.all(writes);
  expect(readFileSync(path, "utf8").trim().split("\n")).toHaveLength(3);
  await roster.close();
  expect((await open()).kept.map(({ pid }) => pid)).toEqual([2, 3]);
});

test("a rewrite that fails after its rename does not leave appends in a file that nobody reads again", async () => {
  const { roster } = await open();
  const restore = failToOpen((file) => file === path);
  await expect(roster.compact([holder(1)])).rejects.toMatchObject({ code: "STORE_FAILED" });
  await expect(roster.append([holder(2)])).rejects.toMatchObject({ code: "STORE_FAILED" });
  restore();
  await roster.append([holder(3)]);
  await roster.close();
  expect((await open()).kept.map(({ pid }) => pid)).toEqual([1, 3]);
});

test("a torn last line and foreign lines are left out", async () => {
  const { roster } = await open();
  await roster.append([holder(1)]);
  await roster.close();
  appendFileSync(path, 'null\n[]\n{"pid":-1}\n{"agentId":"a","spiff');
  expect((await open()).kept).toEqual([holder(1)]);
});

test("after a reboot every process of before is gone", async () => {
  const { roster } = await open();
  await roster.append([holder(1)]);
  await roster.close();
  const [, ...lines] = readFileSync(path, "utf8").split("\n");
  writeFileSync(path, [JSON.stringify({ boot: "another" }), ...lines].join("\n"));
  expect((await open()).kept.map(({ gone }) => gone)).toEqual([true]);
});

test("after close nothing is taken for durable", async () => {
  const { roster } = await open();
  await roster.close();
  await expect(roster.append([holder(1)])).rejects.toMatchObject({ code: "STORE_FAILED" });
});

const credentials = {
  svid: {
    spiffeId: "spiffe://mesh.test/meshmint/agent/join_token/n" as SpiffeId,
    chain: [Uint8Array.of(1, 2) as Der],
    privateKey: Uint8Array.of(3),
    serial: "0a",
    authorityKeyId: "bb",
    notBefore: now,
    notAfter: now,
    entryId: "",
    hint: "",
  },
  obtainedAt: now,
};

test("node SVID and bundle are read back, readable by their owner alone", async () => {
  const files = new NodeFiles(folder);
  const bundle = {
    trustDomain: "mesh.test" as TrustDomain,
    sequence: 3,
    anchors: [Uint8Array.of(9) as Der],
    lists: [Uint8Array.of(8) as Der],
  };
  await files.saveNode(credentials);
  await files.saveBundle(bundle);
  expect(await files.loadNode()).toEqual(credentials);
  expect(await files.loadBundle()).toEqual(bundle);
  expect(statSync(join(folder, "node.json")).mode & 0o777).toBe(0o600);
  const older = { trustDomain: "mesh.test", sequence: 3, anchors: ["CQ=="] };
  writeFileSync(join(folder, "bundle.json"), JSON.stringify(older)); // as before bundles had lists
  expect(await files.loadBundle()).toEqual({ ...bundle, lists: [] });
});

test.each(["", "{", "[]", '{"spiffeId":"x"}', "null"])(
  "a node file that holds %j counts as none",
  async (text) => {
    const files = new NodeFiles(folder);
    expect(await files.loadNode()).toBeUndefined();
    writeFileSync(join(folder, "node.json"), text);
    writeFileSync(join(folder, "bundle.json"), text);
    expect([await files.loadNode(), await files.loadBundle()]).toEqual([undefined, undefined]);
  },
);

test("a folder has one owner at a time", () => {
  const lock = lockFolder(join(folder, "state"));
  expect(() => lockFolder(join(folder, "state"))).toThrow(/another agent uses/);
  lock.release();
  lockFolder(join(folder, "state")).release();
});
