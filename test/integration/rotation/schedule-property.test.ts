/** The schedule against a hostile clock: jumps, restarts, rivals, failures, and operators who act in between. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { test } from "vitest";
import { x509SignatureCheck } from "../../../src/backends/node-crypto/x509-signature-check.ts";
import { RotationSchedule, scheduleActor } from "../../../src/control/rotation/rotation-schedule.ts";
import type { ScheduleTerms } from "../../../src/domain/trust/rotation-schedule.ts";
import { hours, toMs } from "../../../src/foundation/duration.ts";
import type { Fault } from "../../../src/foundation/fault.ts";
import { loneFleet } from "../../fakes/lone-fleet.ts";
import { MemoryRotation, type MemoryServer } from "../../fakes/memory-rotation.ts";
import { softwareAuthority } from "../../fakes/software-authority.ts";
import { signal } from "./rotation-rig.ts";

const every = hours(100);
const terms: ScheduleTerms = { automatic: true, every, margin: hours(6), longestLeaf: hours(24) };
const longLife = new Date(Date.now() + 1000 * 3600 * 100_000);
const old = softwareAuthority({ notAfter: longLife });
const stock = Array.from({ length: 12 }, () => softwareAuthority({ beside: old }));

type Op =
  | { readonly op: "jump"; readonly hours: number }
  | { readonly op: "look" | "rivals" | "observe" | "restart" | "lose signer" | "die" | "pause" | "resume" };

const ops: fc.Arbitrary<Op[]> = fc.array(
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({ op: fc.constant("jump" as const), hours: fc.integer({ min: -150, max: 260 }) }),
    },
    { weight: 5, arbitrary: fc.constant({ op: "look" } as const) },
    { weight: 4, arbitrary: fc.constant({ op: "observe" } as const) },
    {
      weight: 4,
      arbitrary: fc.constantFrom<Op>(
        { op: "rivals" },
        { op: "restart" },
        { op: "lose signer" },
        { op: "die" },
        { op: "pause" },
        { op: "resume" },
      ),
    },
  ),
  { maxLength: 60 },
);

/** One store, servers that come and go, and every rotation that was ever begun on it. */
class Run {
  readonly mesh = new MemoryRotation(old, softwareAuthority());
  server!: MemoryServer;
  schedule!: RotationSchedule;
  latestMs = this.mesh.now.getTime();
  readonly beganMs = this.latestMs;
  readonly begun = new Map<string, { readonly by: string; readonly atMs: number; readonly key: string }>();

  async serve(): Promise<void> {
    for (const one of stock) this.mesh.signer.add(one);
    this.server = await this.mesh.serve();
    this.schedule = this.#scheduleOf(this.server);
  }

  #scheduleOf({ picture, driver }: MemoryServer): RotationSchedule {
    picture.onChange(() => this.#note(picture));
    return new RotationSchedule({
      picture,
      driver,
      clock: this.mesh.clock,
      signatures: x509SignatureCheck,
      longestLeaf: terms.longestLeaf,
      signers: loneFleet(this.mesh.signer),
      observer: { saw: () => undefined },
      terms,
      frozen: () => undefined,
    });
  }

  #note({ state: { rotation } }: MemoryServer["picture"]): void {
    if (rotation.phase === "idle") return;
    const { id, startedBy: by, startedAt, newAuthority: key } = rotation.plan;
    this.begun.set(id, { by, atMs: startedAt.getTime(), key });
  }

  async step(op: Op): Promise<void> {
    const act = { actor: "alice", expectedRevision: this.server.picture.state.revision, reason: "why" };
    switch (op.op) {
      case "jump":
        this.mesh.pass(op.hours * 3600);
        this.latestMs = Math.max(this.latestMs, this.mesh.now.getTime());
        return;
      case "look":
        return await this.schedule.look(signal);
      case "rivals":
        return await this.#rivals();
      case "observe":
        return await this.#observe();
      case "restart":
        return await this.serve();
      case "lose signer":
        return await this.#withoutSigner();
      case "die":
        return await this.#die();
      case "pause":
        await this.server.driver.pause(act, signal);
        return;
      case "resume":
        await this.server.driver.resume(act, signal);
    }
  }

  /** As the driver's own loop does: what cannot go on yet is told and tried again. */
  async #observe(): Promise<void> {
    await this.server.driver.observe(signal).catch((thrown: Fault) => {
      // The clock has gone back behind the beginning of the certificates.
      assert.match(thrown.message, /not valid before/);
    });
  }

  /** A second server on the same store looks at the same moment. */
  async #rivals(): Promise<void> {
    const rival = this.#scheduleOf(await this.mesh.serve());
    await Promise.all([this.schedule.look(signal), rival.look(signal)]);
    await this.server.picture.reload(signal);
  }

  async #withoutSigner(): Promise<void> {
    const { signer } = this.mesh;
    const { listKeys } = signer;
    signer.listKeys = async () => {
      throw new Error("away");
    };
    await this.schedule.look(signal).catch(() => undefined);
    signer.listKeys = listKeys;
  }

  async #die(): Promise<void> {
    this.mesh.beforeEvent = () => {
      throw new Error("killed");
    };
    await this.schedule.look(signal).catch(() => undefined);
    this.mesh.beforeEvent = () => undefined;
    await this.serve();
  }

  /** Draws are an interval apart by the clock and never more than it has shown; none comes twice; none beside another rotation. */
  check(): void {
    const draws = [...this.begun.values()].filter(({ by }) => by === scheduleActor);
    const times = draws.map(({ atMs }) => atMs).sort((one, other) => one - other);
    times.forEach((at, index) => {
      assert.ok(at - (times[index - 1] ?? this.beganMs) >= toMs(every), "two draws within one interval");
    });
    assert.equal(new Set(draws.map(({ key }) => key)).size, draws.length, "one intermediate was drawn twice");
    const intervals = Math.floor((this.latestMs - this.beganMs) / toMs(every));
    assert.ok(draws.length <= intervals, `${draws.length} draws in ${intervals} intervals`);
    const { closed } = this.server.picture.state.authorities;
    assert.ok(closed.length <= draws.length, "more were used up than drawn");
  }
}

test("R10: whatever happens, it draws once an interval, from one store, and never without end", async () => {
  await fc.assert(
    fc.asyncProperty(ops, async (steps) => {
      const run = new Run();
      await run.serve();
      for (const step of steps) {
        await run.step(step);
        run.check();
      }
    }),
    { numRuns: 150 },
  );
}, 300_000);

test("and after all of it the next one comes when its time has come", async () => {
  await fc.assert(
    fc.asyncProperty(ops, async (steps) => {
      const run = new Run();
      await run.serve();
      for (const step of steps) await run.step(step);
      run.mesh.now = new Date(run.latestMs);
      await run.step({ op: "resume" });
      for (let look = 0; look < 3; look += 1) await run.step({ op: "observe" });
      const before = run.server.picture.activeKeyId();
      run.mesh.pass(every + 3600);
      await run.step({ op: "restart" });
      await run.schedule.look(signal);
      for (let look = 0; look < 3; look += 1) await run.step({ op: "observe" });
      const { rotation } = run.server.picture.state;
      const left = stock.length - run.server.picture.state.authorities.closed.length;
      assert.ok(left <= 0 || rotation.phase === "done", rotation.phase);
      assert.ok(left <= 0 || run.server.picture.activeKeyId() !== before, "nothing was drawn");
    }),
    { numRuns: 60 },
  );
}, 300_000);
