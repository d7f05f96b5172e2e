import { expect, test } from "vitest";
import type { Der } from "../../domain/certificate/der.ts";
import { type OwnCertificate, OwnLeaf } from "./own-leaf.ts";

const der = new Uint8Array() as Der;

function setUp(livesMs: number) {
  const state = { active: "a", broken: 0, minted: 0 };
  const installed: OwnCertificate[] = [];
  const failures: number[] = [];
  const leaf = new OwnLeaf({
    source: {
      makeKey: async () => ({ privateKey: new Uint8Array(), csr: der }),
      mint: async () => {
        if (state.broken > 0) {
          state.broken -= 1;
          throw new Error("the signer is away");
        }
        state.minted += 1;
        const notAfter = new Date(Date.now() + livesMs);
        return { chain: [], authorityKeyId: state.active, serial: String(state.minted), notAfter };
      },
      activeKeyId: () => state.active,
    },
    clock: { now: () => new Date() },
    install: (certificate) => installed.push(certificate),
    failed: (_thrown, retryInMs) => failures.push(retryInMs),
  });
  const stop = new AbortController();
  const kept = leaf.keep(stop.signal);
  const end = () => {
    stop.abort();
    return kept;
  };
  return { state, installed, failures, leaf, end };
}

test("minted at start, replaced at once when another authority signs", async () => {
  const { state, installed, leaf, end } = setUp(3_600_000);
  await expect.poll(() => installed.length).toBe(1);
  leaf.wake(); // nothing changed: nothing is minted
  state.active = "b";
  leaf.wake();
  await expect.poll(() => installed.map((one) => one.authorityKeyId)).toEqual(["a", "b"]);
  expect(leaf.current?.serial).toBe("2");
  await end();
});

test("renewed at half its life", async () => {
  const { installed, end } = setUp(100);
  await expect.poll(() => installed.length).toBeGreaterThan(2);
  await end();
});

test("what fails is tried again, each time later", async () => {
  const { state, installed, failures, end } = setUp(3_600_000);
  state.broken = 2;
  await expect.poll(() => installed.length, { timeout: 10_000 }).toBe(1);
  expect(failures).toEqual([250, 500]);
  await end();
});
