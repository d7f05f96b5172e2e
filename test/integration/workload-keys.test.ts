/** A workload's private key is with the workload and with its node's agent: never on a disk, never with the server. */
import { createPrivateKey } from "node:crypto";
import { closeSync, openSync, readdirSync, readFileSync, readSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect } from "vitest";
import { ask, type Fetched, goClient } from "../parts/clients.ts";
import { Mesh } from "../parts/mesh.ts";
import { needs } from "../parts/parts.ts";

const test = needs("softhsm", "go clients");
let mesh: Mesh;
let forms: Record<string, Buffer>;
beforeAll(async () => {
  mesh = await Mesh.start();
  mesh.register("secretive");
  const { svids } = ask<Fetched>(goClient, mesh.clientEnvironment, "fetch", "--with-keys");
  forms = formsOf(svids[0]?.keyPem ?? "");
});
afterAll(() => mesh?.stop());

/** The private scalar as anybody might keep it: bare, as text, or inside a PEM. */
function formsOf(pem: string): Record<string, Buffer> {
  const key = createPrivateKey(pem);
  const scalar = Buffer.from(key.export({ format: "jwk" }).d ?? "", "base64url");
  expect(scalar.length).toBe(32);
  const der = key.export({ format: "der", type: "pkcs8" });
  const inside = der.indexOf(scalar);
  const aligned = Math.ceil(inside / 3) * 3; // base64 of whole groups of three bytes does not depend on what is around
  return {
    scalar,
    hexadecimal: Buffer.from(scalar.toString("hex")),
    base64: Buffer.from(der.subarray(aligned, aligned + 27).toString("base64")),
  };
}

const found = (bytes: Buffer): string[] =>
  Object.entries(forms).flatMap(([name, form]) => (bytes.includes(form) ? [name] : []));

const window = Buffer.alloc(1 << 23);
const overlap = 128; // longer than any form, so that none is lost between two windows

/** Looks through every page that the process, or a child of it, may write to. */
function foundInMemory(pid: number): string[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8")
    .split(" ")
    .filter(Boolean)
    .map(Number);
  const memory = openSync(`/proc/${pid}/mem`, "r");
  try {
    const seen = [...windows(pid)].flatMap(([at, length]) => found(read(memory, at, length)));
    return [...new Set([...seen, ...children.flatMap(foundInMemory)])];
  } finally {
    closeSync(memory);
  }
}

/** Where to read, and how much. */
function* windows(pid: number): Generator<[number, number]> {
  for (const [, from, to] of readFileSync(`/proc/${pid}/maps`, "utf8").matchAll(
    /^([0-9a-f]+)-([0-9a-f]+) rw/gm,
  )) {
    const end = Number.parseInt(to ?? "", 16);
    for (let at = Number.parseInt(from ?? "", 16); at < end; at += window.length - overlap) {
      yield [at, Math.min(window.length, end - at)];
    }
  }
}

function read(memory: number, from: number, length: number): Buffer {
  try {
    return window.subarray(0, readSync(memory, window, 0, length, from));
  } catch {
    return Buffer.alloc(0); // a region that went away, or that the kernel keeps for itself
  }
}

test("it is in no file, and in nothing that a program printed", () => {
  const files = readdirSync(mesh.folder, { recursive: true })
    .map((name) => join(mesh.folder, String(name)))
    .filter((path) => statSync(path).isFile());
  expect(files.some((path) => path.includes("ledger.db"))).toBe(true);
  expect(files.filter((path) => found(readFileSync(path)).length > 0)).toEqual([]);
  for (const program of [mesh.signer, mesh.server, mesh.agent])
    expect(found(Buffer.from(program.log))).toEqual([]);
});

test("it is in the agent's memory, and neither in the server's nor in the signer's", () => {
  expect(foundInMemory(mesh.agent.pid)).not.toEqual([]); // it can be found where it is
  expect(foundInMemory(mesh.server.pid)).toEqual([]);
  expect(foundInMemory(mesh.signer.pid)).toEqual([]);
});
