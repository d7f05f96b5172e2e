import { expect, test } from "vitest";
import type { SpiffeId } from "../../domain/identity/spiffe-id.ts";
import { nodePorts } from "./node-ports.ts";

const agent = "spiffe://mesh.test/meshmint/agent/join_token/n1" as SpiffeId;

test("R14: agents are told the pace of the signers for all registrations, and the operator's time where nobody knows it", () => {
  let activeKeyId: string | undefined = "aa";
  let perSecond: number | undefined;
  const config = { trustDomain: "mesh.test", rotation: { reissueSpread: 1 } };
  const parts = {
    registrations: { count: 2700 },
    handOut: { authorityFor: (asked: string) => (asked === agent ? activeKeyId : "not asked") },
    perSecond: () => perSecond,
  };
  const { feed } = nodePorts(config as never, parts as never);
  expect(feed.notice(agent)).toEqual({ activeKeyId: "aa", reissueSpreadMs: 1000 });
  perSecond = 100;
  activeKeyId = "bb";
  expect(feed.notice(agent)).toEqual({ activeKeyId: "bb", reissueSpreadMs: 40_000 });
  activeKeyId = undefined;
  expect(feed.notice(agent)).toEqual({ activeKeyId: "", reissueSpreadMs: 0 });
});
