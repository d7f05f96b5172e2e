import { expect, test } from "vitest";
import type { Der } from "../certificate/der.ts";
import type { TrustDomain } from "../identity/trust-domain.ts";
import {
  activate,
  anchor,
  distribute,
  finish,
  isUnderWay,
  type RotationPlan,
  reissued,
  retire,
  start,
  unanchor,
  unreissue,
} from "./rotation.ts";

const at = (seconds: number) => new Date(1_800_000_000_000 + seconds * 1000);
const by = (seconds: number) => ({ actor: "alice", at: at(seconds) });
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

test("a rotation goes through its phases and keeps its plan", () => {
  const prepared = start({ phase: "idle", since: at(-9) }, plan);
  const distributing = distribute(prepared, 2, by(1));
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
  const anchored = anchor(distribute(start({ phase: "idle", since: at(0) }, plan), 2, by(1)), by(2));
  expect(unanchor(anchored, by(3)).phase).toBe("distributing");
  const settled = reissued(activate(anchored, by(3)), by(4));
  expect(unreissue(settled, by(5))).toMatchObject({ phase: "reissuing", activatedAt: at(3) });
});

test("impossible steps do not type-check", () => {
  const idle = { phase: "idle", since: at(0) } as const;
  const prepared = start(idle, plan);
  // @ts-expect-error a new authority cannot sign before its anchor is distributed and accepted
  expect(activate(prepared, by(1)).phase).toBe("reissuing");
  // @ts-expect-error an old anchor cannot go while its leaves are being replaced
  expect(retire(activate(anchor(distribute(prepared, 2, by(1)), by(1)), by(1)), by(1)).phase).toBe(
    "retiring",
  );
  // @ts-expect-error no rotation begins while another is under way
  expect(start(prepared, plan).phase).toBe("prepared");
});
