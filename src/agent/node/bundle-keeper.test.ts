import { expect, test } from "vitest";
import type { Der } from "../../domain/certificate/der.ts";
import type { TrustDomain } from "../../domain/identity/trust-domain.ts";
import type { Bundle } from "../../domain/trust/bundle.ts";
import type { AgentEvent } from "../agent-event.ts";
import { BundleKeeper } from "./bundle-keeper.ts";

const bundle = (sequence: number, anchors: readonly number[], trustDomain = "mesh.test"): Bundle => ({
  trustDomain: trustDomain as TrustDomain,
  sequence,
  anchors: anchors.map((byte) => Uint8Array.of(byte) as Der),
  lists: [],
});

function keeperOf(held: Bundle) {
  const saved: Bundle[] = [];
  const events: AgentEvent[] = [];
  const store = { saveBundle: async (value: Bundle) => void saved.push(value) };
  const keeper = new BundleKeeper({ store, observer: { saw: (event) => events.push(event) } }, held);
  return { keeper, saved, events };
}

test("a newer bundle is durable, then held, then told", async () => {
  const { keeper, saved } = keeperOf(bundle(1, [1]));
  const told: number[] = [];
  keeper.onChange(() => told.push(saved.length));
  expect(await keeper.offer(bundle(2, [2, 1]))).toBe(true);
  expect([keeper.current.sequence, told]).toEqual([2, [1]]);
});

test.each([
  ["an older one", bundle(4, [1])],
  ["the same sequence with other anchors", bundle(5, [2])],
  ["the same sequence with a revocation list", { ...bundle(5, [1]), lists: [Uint8Array.of(9) as Der] }],
  ["an empty one", bundle(6, [])],
  ["one of another trust domain", bundle(6, [1], "other.test")],
])("%s is refused", async (_, offered) => {
  const { keeper, saved, events } = keeperOf(bundle(5, [1]));
  expect(await keeper.offer(offered)).toBe(false);
  expect([keeper.current.sequence, saved.length, events[0]?.kind]).toEqual([5, 0, "bundle-refused"]);
});

test("the same bundle again is no change", async () => {
  const { keeper, saved, events } = keeperOf(bundle(5, [1]));
  expect(await keeper.offer(bundle(5, [1]))).toBe(false);
  expect([saved.length, events.length]).toEqual([0, 0]);
});
