import fc from "fast-check";
import { expect, test } from "vitest";
import { hours } from "../../foundation/duration.ts";
import type { SpiffeId } from "../identity/spiffe-id.ts";
import type { TrustDomain } from "../identity/trust-domain.ts";
import { type EntryInput, parseEntry } from "./entry-rules.ts";

const rules = {
  trustDomain: "mesh.example" as TrustDomain,
  ttlCap: hours(24),
  roleBearers: new Set(["spiffe://mesh.example/ops" as SpiffeId]),
  issuers: [],
  now: new Date("2026-11-28T00:00:00Z"),
};

const web: EntryInput = {
  spiffeId: "spiffe://mesh.example/payments/web",
  parentId: "spiffe://mesh.example/meshmint/agent/join_token/node-1",
  selectors: ["unix:uid:1000", "unix:path:/usr/bin/web"],
  x509Ttl: 3600,
  dnsNames: ["web.mesh.example"],
  hint: "",
  priority: 0,
  labels: { "app/name": "web" },
  tenant: "/payments",
};

test("a good entry passes, its selectors sorted", () => {
  const parsed = parseEntry(web, rules);
  expect(parsed).toEqual({
    ok: true,
    value: { ...web, selectors: ["unix:path:/usr/bin/web", "unix:uid:1000"] },
  });
});

const bad: [string, Partial<EntryInput>, string][] = [
  ["not a SPIFFE ID", { spiffeId: "web" }, "spiffeId: a SPIFFE ID begins"],
  ["another trust domain", { spiffeId: "spiffe://other.example/payments/web" }, "spiffeId: spiffe://other"],
  [
    "the trust domain itself",
    { spiffeId: "spiffe://mesh.example" },
    "spiffeId: a leaf's SPIFFE ID has a path",
  ],
  [
    "a reserved ID",
    { spiffeId: "spiffe://mesh.example/meshmint/server" },
    "spiffeId: /meshmint/… is reserved",
  ],
  ["the reserved root", { spiffeId: "spiffe://mesh.example/meshmint" }, "spiffeId: /meshmint/… is reserved"],
  [
    "an ID that bears a role",
    { spiffeId: "spiffe://mesh.example/ops" },
    "spiffeId: this ID bears an admin role",
  ],
  ["a parent that is no agent", { parentId: "spiffe://mesh.example/node" }, "parentId: a parent is an agent"],
  ["a foreign parent", { parentId: "spiffe://o.example/meshmint/agent/x/y" }, "parentId: spiffe://o.example"],
  ["no selectors", { selectors: [] }, "selectors: at least one"],
  ["an unknown selector", { selectors: ["unx:uid:0"] }, 'selectors: "unx:uid:0" is no selector'],
  ["no selector at all", { selectors: ["uid"] }, 'selectors: "uid" is no selector'],
  ["a uid with a zero before", { selectors: ["unix:uid:01000"] }, "selectors: unix:uid"],
  ["a uid too large", { selectors: ["unix:uid:4294967295"] }, "selectors: unix:uid"],
  ["a relative path", { selectors: ["unix:path:bin/web"] }, "selectors: unix:path"],
  ["a path with dots", { selectors: ["unix:path:/usr/../bin/web"] }, "selectors: unix:path"],
  ["an upper-case hash", { selectors: [`unix:sha256:${"A".repeat(64)}`] }, "selectors: unix:sha256"],
  ["two uids", { selectors: ["unix:uid:1", "unix:uid:2"] }, "selectors: no process has both"],
  ["a selector twice", { selectors: ["unix:uid:1", "unix:uid:1"] }, 'selectors: "unix:uid:1" is there twice'],
  ["a TTL above the cap", { x509Ttl: 86_401 }, "x509Ttl: 86401s is above"],
  ["a broken TTL", { x509Ttl: 0.5 }, "x509Ttl: whole seconds"],
  ["a wildcard", { dnsNames: ["*.mesh.example"] }, "dnsNames: "],
  ["an IP as DNS name", { dnsNames: ["10.0.0.1"] }, "dnsNames: "],
  ["an upper-case name", { dnsNames: ["Web.example"] }, "dnsNames: "],
  ["a name with an empty label", { dnsNames: ["web..example"] }, "dnsNames: "],
  ["a name twice", { dnsNames: ["a.example", "a.example"] }, "dnsNames: a name is there twice"],
  ["a long hint", { hint: "ä".repeat(513) }, "hint: at most 1024 bytes"],
  ["a hint with a line break", { hint: "a\nb" }, "hint: no control"],
  ["a priority out of range", { priority: 2 ** 31 }, "priority: "],
  ["a label without a name", { labels: { "": "x" } }, "labels: "],
  ["a tenant that is no path", { tenant: "payments" }, 'tenant: "payments" is no path'],
  [
    "a tenant that it is not in",
    { tenant: "/payment" },
    "tenant: spiffe://mesh.example/payments/web is not under",
  ],
];
test.each(bad)("%s is refused, naming the field", (_name, change, sentence) => {
  const parsed = parseEntry({ ...web, ...change }, rules);
  expect(parsed.ok).toBe(false);
  if (!parsed.ok) expect(parsed.error.filter((flaw) => flaw.startsWith(sentence))).toHaveLength(1);
});

test("every flaw is told at once", () => {
  const parsed = parseEntry({ ...web, spiffeId: "x", selectors: [], hint: "\0" }, rules);
  expect(parsed.ok ? [] : parsed.error).toHaveLength(4);
});

test("whatever is asked for, the answer is an entry within the rules or sentences, never an exception", () => {
  const text = fc.oneof(
    fc.string(),
    fc.string({ unit: "binary" }),
    fc.constantFrom(web.spiffeId, web.parentId),
  );
  const selector = fc.oneof(
    fc.string(),
    fc
      .tuple(fc.constantFrom("uid", "path", "sha256"), fc.string())
      .map(([kind, value]) => `unix:${kind}:${value}`),
    fc.constant("unix:uid:1"),
  );
  const inputs: fc.Arbitrary<EntryInput> = fc.record({
    spiffeId: text,
    parentId: text,
    selectors: fc.array(selector, { maxLength: 40 }),
    x509Ttl: fc.oneof(fc.integer(), fc.double(), fc.constant(60)),
    dnsNames: fc.array(fc.oneof(fc.string(), fc.domain()), { maxLength: 4 }),
    hint: fc.string(),
    priority: fc.oneof(fc.integer(), fc.double()),
    labels: fc.dictionary(fc.string(), fc.string()),
    tenant: fc.oneof(fc.constantFrom("", "/payments"), fc.string()),
  });
  fc.assert(
    fc.property(inputs, (input) => {
      const parsed = parseEntry(input, rules);
      if (!parsed.ok) {
        expect(parsed.error.length).toBeGreaterThan(0);
        return;
      }
      expect(parsed.value.spiffeId.startsWith("spiffe://mesh.example/")).toBe(true);
      expect(parsed.value.spiffeId).not.toContain("/meshmint");
      expect(parsed.value.x509Ttl).toBeLessThanOrEqual(rules.ttlCap);
      expect(parsed.value.selectors.length).toBeGreaterThan(0);
    }),
  );
});
