import { expect, test } from "vitest";
import { dnsNameFlaw } from "./dns-name.ts";
import { dnsNameMatches, uriHostMatches } from "./name-constraints.ts";

test.each(["web", "web.default.svc.cluster.local", "a-b.c1", `${"a".repeat(63)}.x`, "xn--caf-dma.test"])(
  "%s is a DNS name",
  (name) => {
    expect(dnsNameFlaw(name)).toBeUndefined();
  },
);

test.each([
  "",
  "*.svc",
  "web.",
  ".web",
  "a..b",
  "-a",
  "a-",
  "Web",
  "a_b",
  "10.0.0.1",
  "a b",
  `${"a".repeat(64)}`,
  "a.".repeat(127).concat("ab"),
  "é",
])("%j is none", (name) => {
  expect(dnsNameFlaw(name)).toEqual(expect.any(String));
});

test.each([
  ["mesh.test", "mesh.test", true],
  ["MESH.test", "mesh.TEST", true],
  ["a.mesh.test", "mesh.test", false],
  ["a.mesh.test", ".mesh.test", true],
  ["mesh.test", ".mesh.test", false],
  ["evilmesh.test", ".mesh.test", false],
])("URI host %s in subtree %s: %s", (host, subtree, within) => {
  expect(uriHostMatches(host, subtree)).toBe(within);
});

test.each([
  ["web.svc", "svc", true],
  ["svc", "svc", true],
  ["evilsvc", "svc", false],
  ["anything.at.all", "", true],
])("DNS name %s in subtree %j: %s", (name, subtree, within) => {
  expect(dnsNameMatches(name, subtree)).toBe(within);
});
