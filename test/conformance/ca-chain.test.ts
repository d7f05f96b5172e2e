/**
 * Two verifiers that share no code with us, OpenSSL and Go's crypto/x509, judge what a ceremony made: chains, name
 * constraints (RFC 5280 §4.2.1.10), cross-certificates and validity past 2049.
 */

import { spawnSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect } from "vitest";
import { openModule, type Pkcs11Module } from "../../src/backends/pkcs11/module.ts";
import type { CeremonyToken } from "../../src/control/ceremony/ports.ts";
import { CeremonyRoom, holdTwoGenerations, openIssuingToken } from "../parts/ceremony.ts";
import { needs, part } from "../parts/parts.ts";
import { type LeafNames, signLeaf } from "../parts/token-leaf.ts";

const test = needs("softhsm", "openssl", "go clients");
let room: CeremonyRoom;
let module: Pkcs11Module;
let issuing: CeremonyToken;
const pem = (...path: string[]): string => readFileSync(room.path(...path), "utf8");

beforeAll(async () => {
  room = new CeremonyRoom();
  holdTwoGenerations(room);
  module = openModule(room.hsm.module);
  issuing = await openIssuingToken(module);
});
afterAll(() => {
  module.close();
  room.remove();
});

type Chain = { readonly roots: readonly string[]; readonly chain: readonly string[]; readonly at?: Date };

/** The verdicts of both, as `[OpenSSL, Go]`. */
function verdicts({ roots, chain, at }: Chain): [boolean, boolean] {
  const [leaf = "", ...others] = chain;
  const files = { roots: roots.join(""), chain: chain.join(""), leaf, others: others.join("") };
  for (const [name, text] of Object.entries(files)) writeFileSync(room.path(`${name}.pem`), text);
  const openssl = spawnSync(
    part("openssl"),
    [
      ...["verify", "-x509_strict", "-CAfile", room.path("roots.pem")],
      ...(others.length > 0 ? ["-untrusted", room.path("others.pem")] : []),
      ...(at ? ["-attime", String(Math.floor(at.getTime() / 1000))] : []),
      room.path("leaf.pem"),
    ],
    { encoding: "utf8" },
  );
  const go = spawnSync(
    join(part("go clients"), "chain-check"),
    [
      ...["--roots", room.path("roots.pem"), "--chain", room.path("chain.pem")],
      ...(at ? ["--at", at.toISOString().replace(/\.\d+/, "")] : []),
    ],
    { encoding: "utf8" },
  );
  expect([0, 1]).toContain(go.status); // 2: it could not read what we wrote
  return [openssl.status === 0, go.status === 0];
}

const both = [true, true];
const neither = [false, false];
const leafUnder = (issuer: string, names: LeafNames) => signLeaf(issuing, issuer, names);
const web = "spiffe://mesh.example/web";

test("root, and each intermediate of the stock", () => {
  const root = pem("old", "root.pem");
  expect(verdicts({ roots: [root], chain: [root] })).toEqual(both);
  for (const n of [1, 2, 3, 4]) {
    expect(verdicts({ roots: [root], chain: [pem("old", `issuing old-${n}.pem`)] })).toEqual(both);
  }
});

test("X6: no signing certificate has a SPIFFE ID of its own", () => {
  const files = ["root.pem", ...[1, 2, 3, 4].map((n) => `issuing old-${n}.pem`)];
  for (const file of files) expect(new X509Certificate(pem("old", file)).subjectAltName).toBeUndefined();
});

describe("what an intermediate may sign for", () => {
  const underOld = async (names: LeafNames) => {
    const intermediate = pem("old", "issuing old-1.pem");
    return verdicts({
      roots: [pem("old", "root.pem")],
      chain: [await leafUnder(intermediate, names), intermediate],
    });
  };

  test("its own trust domain", async () => {
    expect(await underOld({ uri: web })).toEqual(both);
  });

  test("and no other domain, no subdomain, no DNS name, no IP address", async () => {
    expect(await underOld({ uri: "spiffe://other.example/web" })).toEqual(neither);
    // Go lets a host without a leading dot stand for its subdomains too, against RFC 5280 §4.2.1.10.
    expect(await underOld({ uri: "spiffe://sub.mesh.example/web" })).toEqual([false, true]);
    expect(await underOld({ uri: web, dns: "web.mesh.example" })).toEqual(neither);
    expect(await underOld({ uri: web, ipv4: [10, 0, 0, 1] })).toEqual(neither);
  });

  test("with DNS subtrees configured: names below them, still no IP address", async () => {
    const intermediate = pem("next", "next-1.pem");
    const underNext = async (names: LeafNames) =>
      verdicts({
        roots: [pem("next", "root.pem")],
        chain: [await leafUnder(intermediate, names), intermediate],
      });
    expect(await underNext({ uri: web, dns: "web.mesh.example" })).toEqual(both);
    expect(await underNext({ uri: web, dns: "web.other.example" })).toEqual(neither);
    expect(await underNext({ uri: web, ipv4: [10, 0, 0, 1] })).toEqual(neither);
  });
});

test("the cross-certificate carries a leaf under the old root alone, the new alone, and both", async () => {
  const [oldRoot, newRoot, cross] = [
    pem("old", "root.pem"),
    pem("next", "root.pem"),
    pem("next", "cross.pem"),
  ];
  const intermediate = pem("next", "next-1.pem");
  const leaf = await leafUnder(intermediate, { uri: web });
  const chain = [leaf, intermediate, cross];
  expect(verdicts({ roots: [oldRoot], chain })).toEqual(both);
  expect(verdicts({ roots: [newRoot], chain })).toEqual(both);
  expect(verdicts({ roots: [newRoot, oldRoot], chain })).toEqual(both);
  expect(verdicts({ roots: [newRoot], chain: [leaf, intermediate] })).toEqual(both);
  expect(verdicts({ roots: [oldRoot], chain: [leaf, intermediate] })).toEqual(neither);
});

test("a root that lasts past 2049 has a GeneralizedTime that is read aright", () => {
  const root = pem("next", "root.pem");
  expect(verdicts({ roots: [root], chain: [root], at: new Date("2050-06-01T00:00:00Z") })).toEqual(both);
  expect(verdicts({ roots: [root], chain: [root], at: new Date("2080-06-01T00:00:00Z") })).toEqual(neither);
});
