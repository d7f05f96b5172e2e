import { beforeEach, expect, test } from "vitest";
import type { Der } from "../../domain/certificate/der.ts";
import type { SpiffeId } from "../../domain/identity/spiffe-id.ts";
import { Fault } from "../../foundation/fault.ts";
import { ok } from "../../foundation/result.ts";
import type { AgentEvent } from "../agent-event.ts";
import { Stage } from "../stage.fixtures.ts";
import type { NodeCredentials } from "./node-credentials.ts";
import { NodeKeeper } from "./node-keeper.ts";

const day = 86_400_000;
let stage: Stage;
let saved: NodeCredentials[];
let renewed: string[];
let events: AgentEvent[];
let asked: number;
let isAway: boolean;
let authorityKeyId: string;
let keeper: NodeKeeper;

const credentials = (serial: string): NodeCredentials => ({
  svid: {
    spiffeId: "spiffe://mesh.test/meshmint/agent/join_token/n" as SpiffeId,
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
  authorityKeyId = "old";
  keeper = new NodeKeeper(
    {
      renewal: {
        async renewNode() {
          asked += 1;
          if (isAway) throw new Fault("SERVER_UNAVAILABLE", "away");
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
      anchors: () => [],
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
