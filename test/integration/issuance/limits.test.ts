/** Limits, queue and what they promise, with the real pipeline and leaf code over a software signer. */
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { defaultRates } from "../../../src/control/issuance/limit.ts";
import { defaultQueueLimits } from "../../../src/control/issuance/queue-limits.ts";
import type { IssuanceRequest } from "../../../src/control/issuance/request.ts";
import type { SpiffeId } from "../../../src/domain/identity/spiffe-id.ts";
import { Fault } from "../../../src/foundation/fault.ts";
import { newP256Csr } from "../../fakes/csr-maker.ts";
import { heldCrypto } from "../../fakes/held-crypto.ts";
import { agent, issuanceRig, webEntry } from "../../fakes/issuance-rig.ts";

const never = new AbortController().signal;
const ask = (change: Partial<IssuanceRequest> = {}): IssuanceRequest => ({
  caller: { kind: "agent", id: agent },
  wanted: { kind: "entry", entryId: "web" },
  csr: newP256Csr(),
  ...change,
});

test("the same request, come again while it is under way, waits for the same leaf; a hang-up of one spoils no other", async () => {
  const { crypto, entered, open } = heldCrypto();
  const rig = issuanceRig({ crypto });
  const request = ask();
  const caller = new AbortController();
  const first = rig.pipeline.issue(request, caller.signal);
  const second = rig.pipeline.issue(request, never);
  await entered;
  const third = rig.pipeline.issue(request, never);
  caller.abort(new Error("gone"));
  await expect(first).rejects.toThrow("gone");
  open();
  const [two, three] = await Promise.all([second, third]);
  expect(two.ok && three.ok && two.value.serial === three.value.serial).toBe(true);
  expect(rig.ledger.intents).toHaveLength(1);
  expect(rig.events.filter(({ kind }) => kind === "answered-again")).toHaveLength(2);
});

test("a caller that hangs up while the workers prepare costs no intent and no signature", async () => {
  const { crypto, entered, open } = heldCrypto();
  const rig = issuanceRig({ crypto });
  const caller = new AbortController();
  const gone = rig.pipeline.issue(ask(), caller.signal);
  const stays = rig.pipeline.issue(ask(), never);
  await entered;
  caller.abort(new Error("gone"));
  open();
  await expect(gone).rejects.toThrow("gone");
  expect((await stays).ok).toBe(true);
  expect(rig.ledger.intents).toHaveLength(1);
});

test("what its caller no longer waits for when the workers are done costs no intent", async () => {
  const { crypto, entered, open } = heldCrypto();
  const rig = issuanceRig({ crypto });
  const late = rig.pipeline.issue(ask({ timeoutMs: 50 }), never);
  const stays = rig.pipeline.issue(ask(), never);
  await entered;
  await expect(late).rejects.toMatchObject({ code: "DEADLINE_EXCEEDED" });
  open();
  expect((await stays).ok).toBe(true);
  expect(rig.ledger.intents).toHaveLength(1);
});

test("a refused item is charged to nobody: not by the queue, and not when it is shed", async () => {
  const once = { intervalMs: 1e9, burst: 1 };
  const tiny = { ...defaultQueueLimits, maxBytes: 10 };
  const rig = issuanceRig({ rates: { ...defaultRates, perIdentity: once }, queue: tiny });
  for (let count = 0; count < 5; count += 1)
    expect(await rig.pipeline.issue(ask(), never)).toMatchObject({ error: { code: "queue-full" } });
  const held = heldCrypto();
  const other = issuanceRig({ rates: { ...defaultRates, perIdentity: once }, crypto: held.crypto });
  const late = other.pipeline.issue(ask({ timeoutMs: 50 }), never);
  await expect(late).rejects.toMatchObject({ code: "DEADLINE_EXCEEDED" });
  held.open();
  await expect
    .poll(async () => (await other.pipeline.issue(ask(), never)).ok, { timeout: 10_000 })
    .toBe(true);
  expect(await other.pipeline.issue(ask(), never)).toMatchObject({ error: { code: "limited" } });
});

test("the class follows from what was last issued to this requester, whatever the request says", async () => {
  const rig = issuanceRig();
  const urgencies = () =>
    rig.events.flatMap((event) => (event.kind === "batch-formed" ? event.urgencies : []));
  const issue = async (afterMs: number) => {
    rig.clock.at = new Date(rig.clock.at.getTime() + afterMs);
    expect((await rig.pipeline.issue(ask(), never)).ok).toBe(true);
    return urgencies().at(-1);
  };
  expect(await issue(0)).toBe("first-issue");
  expect(await issue(1000)).toBe("routine");
  expect(await issue(401_000)).toBe("near-expiry");
  expect(await issue(1000)).toBe("routine");
  expect(await issue(700_000)).toBe("near-expiry");
});

test("while the signer is away nothing is recorded in vain, callers are told so at once, and it resumes by itself", async () => {
  const rig = issuanceRig();
  rig.signer.before = () => Promise.reject(new Fault("SIGNER_UNAVAILABLE", "the signer is away"));
  const failed = async () =>
    (await Promise.allSettled(Array.from({ length: 50 }, () => rig.pipeline.issue(ask(), never)))).map(
      (one) => (one.status === "rejected" ? (one.reason as Fault).code : one.value),
    );
  expect(new Set(await failed())).toEqual(new Set(["SIGNER_UNAVAILABLE"]));
  await sleep(1200);
  const before = performance.now();
  expect(new Set(await failed())).toEqual(new Set(["SIGNER_UNAVAILABLE"]));
  expect(performance.now() - before).toBeLessThan(1000);
  expect(rig.ledger.intents.length).toBeLessThan(90);
  rig.signer.before = async () => undefined;
  const tryOnce = () =>
    rig.pipeline.issue(ask(), never).then(
      ({ ok }) => ok,
      () => false,
    );
  await expect.poll(tryOnce, { timeout: 10_000 }).toBe(true);
});

/** A token of `perSecond`, one signature after the other. */
function tokenOf(perSecond: number) {
  let freeAtMs = 0;
  return async (items: readonly unknown[]) => {
    freeAtMs = Math.max(freeAtMs, performance.now()) + (items.length * 1000) / perSecond;
    await sleep(freeAtMs - performance.now());
  };
}

test("at three times the capacity a quiet tenant and renewals near expiry lose nothing, and the token is kept busy", async () => {
  const perSecond = 200;
  const rig = issuanceRig({
    answerWithinMs: 2000,
    rates: { ...defaultRates, server: { reservedShare: 0.3, longestWaitMs: 1000 } },
  });
  rig.signer.before = tokenOf(perSecond);
  const entryFor = (id: string, tenant: string) =>
    rig.entries.set(id, {
      ...webEntry,
      id,
      tenant,
      spiffeId: `spiffe://mesh.test${tenant}/${id}` as SpiffeId,
    });
  for (const tenant of ["/loud", "/quiet"]) entryFor(tenant.slice(1), tenant);
  const csr = newP256Csr();
  let serial = 0;
  const note = (id: string, issuedAtMs: number) =>
    rig.lastIssuances.note({
      requester: agent,
      spiffeId: `spiffe://mesh.test/loud/${id}`,
      authorityKeyId: rig.software.authority.keyId,
      issuedAtMs,
      notAfterMs: rig.clock.at.getTime() + 60_000,
    });
  type Tally = { asked: number; issued: number; slowestMs: number };
  const none = (): Tally => ({ asked: 0, issued: 0, slowestMs: 0 });
  const tally: Record<string, Tally> = { flood: none(), quiet: none(), renewal: none() };
  const send = (kind: string, entryId: string) => {
    const own = tally[kind] ?? none();
    own.asked += 1;
    const began = performance.now();
    serial += 1;
    // Another caller each time: the same request from the same one would be answered again.
    const caller = { kind: "admin", id: `spiffe://mesh.test/ops/${serial}` as SpiffeId } as const;
    const asAgent = kind === "renewal" ? { kind: "agent" as const, id: agent } : caller;
    return rig.pipeline.issue({ caller: asAgent, wanted: { kind: "entry", entryId }, csr }, never).then(
      ({ ok }) => {
        if (!ok) return;
        own.issued += 1;
        own.slowestMs = Math.max(own.slowestMs, performance.now() - began);
      },
      () => undefined,
    );
  };
  const all: Promise<void>[] = [];
  const seconds = 6;
  for (let tick = 0; tick < seconds * 20; tick += 1) {
    for (let count = 0; count < (3 * perSecond) / 20; count += 1) all.push(send("flood", "loud"));
    if (tick > 20) {
      all.push(send("quiet", "quiet"));
      const id = `renewal-${tick}`;
      entryFor(id, "/loud");
      note(id, rig.clock.at.getTime() - 600_000);
      all.push(send("renewal", id));
    }
    await sleep(50);
  }
  await Promise.all(all);
  const { flood, quiet, renewal } = tally;
  expect(quiet?.issued).toBe(quiet?.asked);
  expect(renewal?.issued).toBe(renewal?.asked);
  expect(quiet?.slowestMs).toBeLessThan(2000);
  expect(renewal?.slowestMs).toBeLessThan(2000);
  expect(flood?.slowestMs).toBeLessThan(4000); // also of what came before the pace was known
  const issued = (flood?.issued ?? 0) + (quiet?.issued ?? 0) + (renewal?.issued ?? 0);
  expect(issued / (perSecond * seconds)).toBeGreaterThan(0.85);
  expect(rig.signer.journal).toHaveLength(issued);
  const { perSecond: learned = 0 } = rig.pipeline.report();
  expect(Math.abs(learned / perSecond - 1)).toBeLessThan(0.2);
});
