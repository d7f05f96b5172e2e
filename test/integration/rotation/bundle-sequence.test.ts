import { expect, test } from "vitest";
import { BundleSequence, type BundleSequenceEvent } from "../../../src/control/rotation/bundle-sequence.ts";
import { sha256Hex } from "../../../src/foundation/digest.ts";
import { MemoryRotation } from "../../fakes/memory-rotation.ts";
import { softwareAuthority } from "../../fakes/software-authority.ts";

const { signal } = new AbortController();
const agent = "spiffe://mesh.test/meshmint/agent/join_token/node-1";

async function rig(mayBeBehind: boolean) {
  const memory = new MemoryRotation(softwareAuthority(), softwareAuthority());
  const { picture } = await memory.serve();
  const events: BundleSequenceEvent[] = [];
  const ledger: unknown[] = [];
  const sequence = new BundleSequence({
    picture,
    ledger: { recordEvent: async (event) => void ledger.push(event) },
    clock: { now: () => new Date() },
    mayBeBehind: () => mayBeBehind,
    observer: { saw: (event) => void events.push(event) },
  });
  const ours = () => picture.bundle().anchors.map((anchor) => sha256Hex(anchor));
  const says = (bundleSequence: string, acceptedAnchors: readonly string[]) =>
    sequence.heard(agent, { bundleSequence, acceptedAnchors }, signal);
  return { picture, events, ledger, ours, says };
}

test("after a restore the same bundle goes out under a number above an agent's, once", async () => {
  const { picture, events, ledger, ours, says } = await rig(true);
  await says("1", ours());
  expect(events).toEqual([]);
  await says("7", ours());
  expect(picture.bundle().sequence).toBe(8);
  expect(events.map(({ kind }) => kind)).toEqual(["raised"]);
  expect(ledger).toMatchObject([{ kind: "bundle.sequence-raised", detail: { from: 1, to: 8 } }]);
  await says("7", ours());
  expect(events).toHaveLength(1);
});

test("a bundle with other anchors is not brought back over theirs; the next change is above their number", async () => {
  const { picture, events, says } = await rig(true);
  await says("7", ["ab".repeat(32)]);
  expect(picture.bundle().sequence).toBe(1);
  expect(picture.bundleToChange().sequence).toBe(7);
  expect(events.map(({ kind }) => kind)).toEqual(["other-anchors"]);
});

test("without a restore, and far beyond what could be lost, an agent's word changes nothing", async () => {
  const sane = await rig(false);
  await sane.says("7", sane.ours());
  const restored = await rig(true);
  await restored.says("99999999999999999999", restored.ours());
  for (const { picture, events } of [sane, restored]) {
    expect(picture.bundle().sequence).toBe(1);
    expect(events.map(({ kind }) => kind)).toEqual(["never-made"]);
  }
  expect(restored.picture.bundleToChange().sequence).toBe(1);
});
