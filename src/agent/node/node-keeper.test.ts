import { beforeEach, expect, test } from "vitest";
import type { Der } from "../../domain/certificate/der.ts";
import type { SpiffeId } from "../../domain/identity/spiffe-id.ts";
import type { TrustDomain } from "../../domain/identity/trust-domain.ts";
import type { Bundle } from "../../domain/trust/bundle.ts";
import { Fault } from "../../foundation/fault.ts";
import { ok } from "../../foundation/result.ts";
import type { AgentEvent } from "../agent-event.ts";
import { Stage } from "../stage.fixtures.ts";
import type { NodeAttestation } from "./node-attestation.ts";
import type { NodeCredentials } from "./node-credentials.ts";
import { NodeKeeper } from "./node-keeper.ts";

const nodeId = "spiffe://mesh.test/meshmint/agent/x509pop/n" as SpiffeId;
const day = 86_400_000;
let stage: Stage;
let saved: NodeCredentials[];
let renewed: string[];
let events: AgentEvent[];
let asked: number;
let isAway: boolean;
let isRefused: boolean;
let attested: (Bundle | undefined)[];
let taken: Bundle[];
let attestation: NodeAttestation | undefined;
let attestedAs: SpiffeId;
let authorityKeyId: string;
let keeper: NodeKeeper;
const bundle: Bundle = { trustDomain: "mesh.test" as TrustDomain, sequence: 1, anchors: [], lists: [] };

const credentials = (serial: string): NodeCredentials => ({
  svid: {
    spiffeId: nodeId,
    chain: [],
    privateKey: new Uint8Array(),
    serial,
    authorityKeyId: "old",
    notBefore: stage.now(),
    notAfter: new Date(stage.nowMs + day),
    entryId: "",
    hint: "",
  },
  obtainedAt: stage.now(),
});

beforeEach(() => {
  stage = new Stage();
  saved = [];
  renewed = [];
  events = [];
  asked = 0;
  isAway = false;
  isRefused = false;
  attested = [];
  taken = [];
  attestedAs = nodeId;
  attestation = undefined;
  authorityKeyId = "old";
  keeper = new NodeKeeper(
    {
      renewal: {
        async renewNode() {
          asked += 1;
          if (isAway) throw new Fault("SERVER_UNAVAILABLE", "away");
          if (isRefused) throw new Fault("PERMISSION_DENIED", "not admitted");
          return { chain: [new Uint8Array() as Der], authorityKeyId };
        },
      },
      keys: {
        make: async () => ({ privateKey: new Uint8Array(), csr: new Uint8Array() as Der }),
        check: ({ now }) =>
          ok({ serial: `s${asked}`, notBefore: now, notAfter: new Date(now.getTime() + day) }),
      },
      store: {
        loadNode: async () => undefined,
        saveNode: async (value) => void saved.push(value),
        loadBundle: async () => undefined,
        saveBundle: async () => undefined,
      },
      clock: stage,
      alarm: stage,
      random: { bytes: (count) => new Uint8Array(count) },
      observer: { saw: (event) => events.push(event) },
      get attestation() {
        return attestation;
      },
      bundle: () => bundle,
      onBundle: async (news) => taken.push(news),
      onRenewed: ({ svid }, old) => renewed.push(`${old}>${svid.serial}:${saved.at(-1)?.svid.serial}`),
    },
    credentials("s0"),
  );
  keeper.start();
});

test("it is renewed at about half its life, and durable before it is used", async () => {
  await stage.advance(day * 0.39);
  expect(asked).toBe(0);
  await stage.advance(day * 0.22);
  expect(renewed).toEqual(["s0>s1:s1"]);
  expect(keeper.credentials.svid.serial).toBe("s1");
  await stage.advance(day * 0.19);
  expect(asked).toBe(1);
});

test("another authority: it comes within the first quarter of the spread, before any leaf", async () => {
  authorityKeyId = "new";
  keeper.setAuthority({
    activeKeyId: "new",
    reissueSpreadMs: 40_000,
    emergency: false,
    learnedAtMs: stage.nowMs,
  });
  await stage.advance(10_000);
  expect(renewed).toEqual(["s0>s1:s1"]);
  await stage.advance(day / 3);
  expect(asked).toBe(1);
});

test("a notice of the authority that it is under changes nothing", async () => {
  keeper.setAuthority({
    activeKeyId: "old",
    reissueSpreadMs: 1000,
    emergency: false,
    learnedAtMs: stage.nowMs,
  });
  await stage.advance(60_000);
  expect(asked).toBe(0);
});

test("failures are tried again, ever more slowly, and at once when the server is back", async () => {
  isAway = true;
  await stage.advance(day * 0.9);
  expect(asked).toBeGreaterThan(100);
  expect(asked).toBeLessThan(4000);
  expect(events.at(-1)).toMatchObject({ kind: "node-svid-refused", reason: "away" });
  isAway = false;
  const before = asked;
  keeper.retrySoon();
  await stage.advance(0);
  expect([asked, renewed.length]).toEqual([before + 1, 1]);
});

test("after stop no alarm is left", async () => {
  keeper.stop();
  expect(stage.alarms).toBe(0);
});

const again: NodeAttestation = {
  isRepeatable: true,
  async attest(_csr, held) {
    if (isAway) throw new Fault("SERVER_UNAVAILABLE", "away");
    attested.push(held);
    const issued = { chain: [new Uint8Array() as Der], authorityKeyId };
    return { spiffeId: attestedAs, issued, bundle: { ...bundle, sequence: 2 } };
  },
};

test("refused by the server it attests again at once, takes the bundle that came, and replaces its SVID", async () => {
  attestation = again;
  await stage.advance(60_000);
  isRefused = true;
  keeper.refused();
  await stage.advance(0);
  expect([attested, taken.map(({ sequence }) => sequence)]).toEqual([[bundle], [2]]);
  expect(renewed).toEqual(["s0>s1:s1"]);
  expect(events.at(-1)).toMatchObject({ kind: "node-svid-held", how: "attested" });
});

test("an SVID that expired while the server was away: it attests again when it is back, by itself", async () => {
  attestation = again;
  isAway = true;
  await stage.advance(day * 1.5);
  expect(renewed).toEqual([]);
  isAway = false;
  const before = asked;
  await stage.advance(31_000);
  expect([renewed.length, attested.length, asked]).toEqual([1, 1, before]);
});

test("with a join token it says that a person is needed, and asks on ever more slowly", async () => {
  isRefused = true;
  await stage.advance(60_000);
  keeper.refused();
  await stage.advance(0);
  expect(events.at(-1)).toMatchObject({
    kind: "node-svid-refused",
    reason: expect.stringMatching(
      /not admitted; a join token works once, .*token create.*start the agent anew/,
    ),
  });
  for (let minute = 0; minute < 10; minute += 1) {
    keeper.refused();
    await stage.advance(60_000);
  }
  expect(asked).toBeLessThan(60);
});

test("it does not become another node in place", async () => {
  attestation = again;
  isRefused = true;
  attestedAs = "spiffe://mesh.test/meshmint/agent/x509pop/other" as SpiffeId;
  await stage.advance(60_000);
  keeper.refused();
  await stage.advance(0);
  expect([renewed, taken]).toEqual([[], []]);
  expect(events.at(-1)).toMatchObject({ reason: expect.stringContaining("names this node") });
});

test("what it was given a moment ago is not replaced for a refusal that is older", async () => {
  keeper.refused();
  await stage.advance(0);
  expect(asked).toBe(0);
});
