import { expect, test } from "vitest";
import { opaqueRefusal } from "../../../src/control/issuance/refusal.ts";
import type { IssuanceRequest } from "../../../src/control/issuance/request.ts";
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

test("R8: who is in quarantine gets nothing, not even what it waits for, and may come again", async () => {
  const { crypto, entered, open } = heldCrypto();
  const rig = issuanceRig({ crypto });
  const waiting = rig.pipeline.issue(ask(), never);
  await entered;
  rig.stopped.add(`${agent} ${webEntry.spiffeId}`);
  open();
  const quarantined = { ok: false, error: { code: "quarantined" } };
  expect([await waiting, await rig.pipeline.issue(ask(), never)]).toMatchObject([quarantined, quarantined]);
  expect(rig.ledger.intents).toEqual([]);
  const node = await rig.pipeline.issue(ask({ wanted: { kind: "node", id: agent } }), never);
  expect(node.ok).toBe(true);
  rig.stopped.clear();
  expect((await rig.pipeline.issue(ask(), never)).ok).toBe(true);
  expect(opaqueRefusal({ code: "quarantined" })).toEqual({ code: "retry", retryAfterMs: 20_000 });
});
