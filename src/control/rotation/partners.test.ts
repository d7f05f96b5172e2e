import { expect, test } from "vitest";
import type { TrustDomain } from "../../domain/identity/trust-domain.ts";
import type { Bundle } from "../../domain/trust/bundle.ts";
import { seconds } from "../../foundation/duration.ts";
import { Fault } from "../../foundation/fault.ts";
import { HolderRoster } from "./holder-roster.ts";
import type { HolderStore } from "./holder-store.ts";
import { Partners } from "./partners.ts";

const { signal } = new AbortController();
const now = new Date(1_800_000_000_000);
const trustDomain = "partner.example" as TrustDomain;
const bundle: Bundle = {
  ...{ trustDomain: "mesh.test" as TrustDomain, sequence: 3 },
  ...{ anchors: [], lists: [] },
};

/** One partner in a roster whose writes last until the test lets them through. */
async function open() {
  const gates: PromiseWithResolvers<void>[] = [];
  const store: HolderStore = {
    load: async () => ({ holders: [], superseded: [] }),
    save: () => {
      const gate = Promise.withResolvers<void>();
      gates.push(gate);
      return gate.promise;
    },
    forgetSuperseded: async () => undefined,
  };
  const own = () => ({ sequence: bundle.sequence, anchors: [] });
  const roster = await HolderRoster.open({ store, clock: { now: () => now }, bundle: own }, signal);
  const partners = new Partners({ roster, bundle: () => bundle });
  const through = async <T>(act: Promise<T>): Promise<T> => {
    await expect.poll(() => gates.length).toBe(1);
    gates.pop()?.resolve();
    return await act;
  };
  await through(partners.admit({ trustDomain, propagation: seconds(900) }, signal));
  return { partners, roster, gates, through };
}

test("R17: a bundle is handed to a partner only once that is durable, and not at all where it cannot be", async () => {
  const { partners, gates } = await open();
  let isHanded = false;
  const handing = partners.hand(trustDomain, signal).then((handed) => {
    isHanded = true;
    return handed;
  });
  await expect.poll(() => gates.length).toBe(1);
  expect(isHanded).toBe(false);
  gates.pop()?.resolve();
  expect((await handing)?.bundle).toBe(bundle);
  const failing = partners.hand(trustDomain, signal);
  await expect.poll(() => gates.length).toBe(1);
  gates.pop()?.reject(new Fault("STORE_FAILED", "full"));
  await expect(failing).rejects.toMatchObject({ code: "STORE_FAILED" });
});

test("R17: admitted again a partner keeps what it has fetched, under its new propagation time", async () => {
  const { partners, roster, through } = await open();
  const handed = await through(partners.hand(trustDomain, signal));
  await through(partners.fetched(trustDomain, handed?.version ?? "", signal));
  await through(partners.admit({ trustDomain, propagation: seconds(60) }, signal));
  expect(roster.holders()).toMatchObject([
    { kind: "partner", propagation: 60, secrets: [{ acknowledged: { grade: "returned" } }] },
  ]);
});

test("R17: nobody who was not admitted is handed anything, nor becomes a holder", async () => {
  const { partners, roster, through } = await open();
  const stranger = "stranger.example" as TrustDomain;
  expect(await through(partners.hand(stranger, signal))).toBeUndefined();
  await through(partners.fetched(stranger, "v", signal));
  expect(roster.holders().map(({ spiffeId }) => spiffeId)).toEqual(["spiffe://partner.example"]);
});
