import { expect, test } from "vitest";
import { classOf } from "../../domain/policy/issuance-class.ts";
import { LastIssuances } from "./last-issuances.ts";

const trusted = () => false;
const issuance = (name: string, issuedAtMs: number, notAfterMs: number) => ({
  requester: "spiffe://mesh.test/node",
  spiffeId: name,
  authorityKeyId: "aa",
  issuedAtMs,
  notAfterMs,
});

test("the last one counts, of this requester and identity alone", () => {
  const memory = new LastIssuances(4);
  expect(memory.last("spiffe://mesh.test/node", "web", trusted)).toBeUndefined();
  memory.note(issuance("web", 1000, 61_000));
  memory.note(issuance("web", 31_000, 91_000));
  const found = memory.last("spiffe://mesh.test/node", "web", trusted);
  expect(found).toEqual({ issuedAtMs: 31_000, notAfterMs: 91_000, isDistrusted: false });
  expect(memory.last("spiffe://mesh.test/other", "web", trusted)).toBeUndefined();
  expect(memory.last("spiffe://mesh.test/node", "db", trusted)).toBeUndefined();
  expect(
    classOf(
      memory.last("spiffe://mesh.test/node", "web", (keyId) => keyId === "aa"),
      0,
    ),
  ).toBe("emergency");
});

test("hundreds of thousands are remembered in the same memory, and what is forgotten first has expired", () => {
  const memory = new LastIssuances(65_536);
  const count = 300_000;
  for (let at = 0; at < count; at += 1) memory.note(issuance(`old ${at}`, 0, 60_000));
  for (let at = 0; at < count; at += 1) memory.note(issuance(`id ${at}`, 100_000, 160_000));
  let known = 0;
  for (let at = 0; at < count; at += 1)
    if (memory.last("spiffe://mesh.test/node", `id ${at}`, trusted)) known += 1;
  expect(known / count).toBeGreaterThan(0.98);
});

test("more authorities than have a number are trusted like any", () => {
  const memory = new LastIssuances(4);
  for (let at = 0; at < 300; at += 1)
    memory.note({ ...issuance("web", 1000 + at, 61_000), authorityKeyId: `key ${at}` });
  expect(memory.last("spiffe://mesh.test/node", "web", () => true)?.isDistrusted).toBe(false);
});

test("what is recalled of the past gives way to what is known, and never the other way round", () => {
  const memory = new LastIssuances(1);
  const last = (name: string) => memory.last("spiffe://mesh.test/node", name, trusted)?.issuedAtMs;
  memory.note(issuance("web", 31_000, 91_000));
  memory.recall(issuance("web", 1000, 61_000));
  expect(last("web")).toBe(31_000);
  memory.recall(issuance("web", 32_000, 92_000));
  expect(last("web")).toBe(32_000);
  for (let at = 0; at < 20; at += 1) memory.note(issuance(`long ${at}`, 40_000, 200_000 + at * 1000));
  memory.recall(issuance("short", 50_000, 100_000));
  expect(last("short")).toBeUndefined();
  expect(last("long 19")).toBe(40_000);
  memory.recall(issuance("longest", 50_000, 300_000));
  expect(last("longest")).toBe(50_000);
});
