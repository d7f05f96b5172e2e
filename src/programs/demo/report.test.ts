import { expect, test } from "vitest";
import type { EnvoyState } from "./envoy-admin.ts";
import { whyNotReplaced } from "./envoy-admin.ts";
import { type DemoFacts, problemsIn, reportOf, reportText } from "./report.ts";

const state = (leaf: string, root: string, counts = [1, 0, 1]): EnvoyState => ({
  ready: true,
  leafSerials: [leaf],
  rootSerials: [root],
  updatesAccepted: counts[0] ?? 0,
  updatesRejected: counts[1] ?? 0,
  contextsBuilt: counts[2] ?? 0,
  bundleSerials: [root],
  handshakes: 10,
  peersRefused: 0,
});

const good: DemoFacts = {
  proxies: [
    { name: "api", before: state("a1", "r1"), after: state("a2", "r2") },
    { name: "web", before: state("b1", "r1"), after: state("b2", "r2") },
  ],
  load: { total: 1000, failed: 0, failures: [], p50Ms: 1.23, p99Ms: 9 },
  ledger: { certificates: 12, journalLines: 12, reconciled: true, differences: [] },
  steps: [{ name: "token and ceremony", seconds: 2 }],
  secondsTotal: 60.04,
};

test("a good demo is ok, and says so with the fields of its contract", () => {
  expect(reportOf(good)).toMatchObject({
    ok: true,
    proxies: 2,
    requests_total: 1000,
    requests_failed: 0,
    svids_minted: 12,
    journal_lines: 12,
    ledger_certificates: 12,
    reconciled: true,
    leaf_serial_before: "a1",
    leaf_serial_after: "a2",
    root_before: "r1",
    root_after: "r2",
    seconds_total: 60.04,
  });
  expect(reportText(reportOf(good))).toContain("everything held");
});

test.each<[string, Partial<DemoFacts>, string]>([
  [
    "a failed request",
    { load: { ...good.load, failed: 1, failures: ["HTTP 503"] } },
    "1 of 1000 requests failed; first: HTTP 503",
  ],
  ["no request at all", { load: { ...good.load, total: 0 } }, "no request was sent"],
  [
    "books that differ",
    { ledger: { ...good.ledger, reconciled: false, differences: ["x"] } },
    "do not reconcile: x",
  ],
  [
    "one Envoy with its old leaf",
    { proxies: [{ name: "web", before: state("b1", "r1"), after: state("b1", "r2") }] },
    "web still has a leaf it began with",
  ],
  [
    "one Envoy with its old root",
    { proxies: [{ name: "web", before: state("b1", "r1"), after: state("b2", "r1") }] },
    "web still has the root it began with",
  ],
  [
    "one Envoy that still trusts the withdrawn root",
    {
      proxies: [
        {
          name: "web",
          before: state("b1", "r1"),
          after: { ...state("b2", "r2"), bundleSerials: ["r2", "r1"] },
        },
      ],
    },
    "web still trusts the withdrawn root",
  ],
  [
    "a peer that was refused",
    {
      proxies: [{ name: "web", before: state("b1", "r1"), after: { ...state("b2", "r2"), peersRefused: 2 } }],
    },
    "web refused 2 TLS peers",
  ],
])("%s is a failure", (_name, change, problem) => {
  expect(problemsIn({ ...good, ...change }).join("\n")).toContain(problem);
  expect(reportText(reportOf({ ...good, ...change }))).toContain("FAILED");
});

test.each([
  ["nothing happened", state("a", "r", [1, 0, 1]), "accepted no update yet"],
  ["it refused", state("b", "r", [2, 1, 2]), "refused an update"],
  ["a false ACK: accepted, yet no context was built", state("a", "r", [2, 0, 1]), "built no TLS context yet"],
  ["a context with the old leaf", state("a", "r", [2, 0, 2]), "still serves leaf a"],
  ["a new leaf in a new context", state("b", "r", [2, 0, 2]), undefined],
])("proof rule: %s", (_name, now, why) => {
  expect(whyNotReplaced(state("a", "r"), now)).toBe(why);
});
