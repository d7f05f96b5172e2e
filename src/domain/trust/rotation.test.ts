import { expect, test } from "vitest";
import type { Der } from "../certificate/der.ts";
import type { TrustDomain } from "../identity/trust-domain.ts";
import type { Authority } from "./authority.ts";
import {
  activate,
  anchor,
  distribute,
  finish,
  finishRollback,
  isReversible,
  isUnderWay,
  leavingSide,
  pause,
  type RotationPlan,
  reissued,
  replacesRoot,
  resume,
  retire,
  rollBack,
  start,
  unanchor,
  unreissue,
  withForced,
} from "./rotation.ts";

const at = (seconds: number) => new Date(1_800_000_000_000 + seconds * 1000);
const by = (seconds: number) => ({ actor: "alice", at: at(seconds) });
const at2 = { sequence: 2, before: undefined };
const plan: RotationPlan = {
  id: "r1",
  trustDomain: "mesh.example" as TrustDomain,
  oldAuthority: "aa",
  newAuthority: "bb",
  oldAnchor: "01",
  newAnchor: "02",
  newRoot: new Uint8Array([2]) as Der,
  validFrom: at(-3600),
  startedBy: "alice",
  startedAt: at(0),
};

const authority = (keyId: string, anchorSha256: string): Authority => ({
  keyId,
  certificate: new Uint8Array() as Der,
  anchorSha256,
  crossCertificates: [],
  notBefore: at(0),
  notAfter: at(1),
});
/** The old authority, an older one under the same root, and the new one. */
const sides = [authority("aa", "01"), authority("cc", "01"), authority("bb", "02")];

test("a rotation goes through its phases and keeps its plan", () => {
  const prepared = start({ phase: "idle", since: at(-9) }, plan);
  const distributing = distribute(prepared, at2, by(1));
  const reissuing = activate(anchor(distributing, by(2)), by(3));
  const done = finish(retire(reissued(reissuing, by(4)), by(5)), 3, by(6));
  expect(isUnderWay(prepared)).toBe(true);
  expect(isUnderWay(done)).toBe(false);
  expect(done).toEqual({
    phase: "done",
    plan,
    since: at(6),
    actor: "alice",
    forced: undefined,
    paused: undefined,
    distributedAt: 2,
    activatedAt: at(3),
    retiredAt: 3,
  });
  expect(start(done, { ...plan, id: "r2" }).plan.id).toBe("r2");
});

test("a barrier that holds no longer takes the phase back", () => {
  const anchored = anchor(distribute(start({ phase: "idle", since: at(0) }, plan), at2, by(1)), by(2));
  expect(unanchor(anchored, by(3)).phase).toBe("distributing");
  const settled = reissued(activate(anchored, by(3)), by(4));
  expect(unreissue(settled, by(5))).toMatchObject({ phase: "reissuing", activatedAt: at(3) });
});

test("from every phase before the old anchor goes there is a way back, which ends a pause and keeps what was forced", () => {
  const why = { by: "bob", reason: "it fails", at: at(9) };
  const prepared = start({ phase: "idle", since: at(0) }, plan);
  const anchored = anchor(distribute(prepared, at2, by(1)), by(2));
  const settled = reissued(activate(anchored, by(3)), by(4));
  const forced = { ...why, verb: "activate", behind: 3 } as const;
  for (const from of [prepared, anchored, settled]) {
    expect(isReversible(from)).toBe(true);
    const back = rollBack(withForced(pause(from, why), forced), why);
    expect(back).toMatchObject({ phase: "rolling-back", from: from.phase, paused: undefined, actor: "bob" });
    expect(sides.filter(leavingSide(back))).toEqual([sides[2]]);
    const idle = finishRollback(back, at(12));
    expect(idle).toEqual({ phase: "idle", since: at(12), rolledBack: { ...why, plan, forced: [forced] } });
    expect(start(idle, plan).phase).toBe("prepared");
  }
  const retiring = retire(settled, by(5));
  expect([isReversible(retiring), isReversible(finish(retiring, 3, by(6)))]).toEqual([false, false]);
  expect(sides.filter(leavingSide(settled))).toEqual([sides[0], sides[1]]);
});

test("where the root stays, only the intermediate that is followed leaves", () => {
  const inside = { ...plan, newAnchor: plan.oldAnchor };
  expect([replacesRoot(plan), replacesRoot(inside)]).toEqual([true, false]);
  const anchored = anchor(distribute(start({ phase: "idle", since: at(0) }, inside), at2, by(1)), by(2));
  const settled = reissued(activate(anchored, by(3)), by(4));
  expect(sides.filter(leavingSide(settled))).toEqual([sides[0]]);
  const back = rollBack(settled, { by: "bob", reason: "it fails", at: at(9) });
  expect(sides.filter(leavingSide(back))).toEqual([sides[2]]);
});

test("a pause is over whatever phase, and takes nothing away", () => {
  const distributing = distribute(start({ phase: "idle", since: at(0) }, plan), at2, by(1));
  const paused = pause(distributing, { by: "bob", reason: "night", at: at(2) });
  expect(paused).toMatchObject({ phase: "distributing", since: at(1), actor: "bob" });
  expect(resume(paused, { actor: "alice", at: at(9) })).toEqual({
    ...distributing,
    actor: "alice",
    watchedSince: at(9),
  });
});

test("impossible steps do not type-check", () => {
  const idle = { phase: "idle", since: at(0) } as const;
  const prepared = start(idle, plan);
  // @ts-expect-error a new authority cannot sign before its anchor is distributed and accepted
  expect(activate(prepared, by(1)).phase).toBe("reissuing");
  // @ts-expect-error an old anchor cannot go while its leaves are being replaced
  expect(retire(activate(anchor(distribute(prepared, at2, by(1)), by(1)), by(1)), by(1)).phase).toBe(
    "retiring",
  );
  const settled = reissued(activate(anchor(distribute(prepared, at2, by(1)), by(1)), by(1)), by(1));
  const why = { by: "bob", reason: "late", at: at(1) };
  // @ts-expect-error there is no way back once the old anchor goes
  expect(rollBack(retire(settled, by(1)), why).phase).toBe("rolling-back");
  // @ts-expect-error no rotation begins while another is under way
  expect(start(prepared, plan).phase).toBe("prepared");
});
