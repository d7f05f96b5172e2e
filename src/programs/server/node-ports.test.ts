import { expect, test } from "vitest";
import { nodePorts } from "./node-ports.ts";

test("R14: agents are told the pace of the signers for all registrations, and the operator's time where nobody knows it", () => {
  let activeKeyId = "aa";
  let perSecond: number | undefined;
  const config = { trustDomain: "mesh.test", rotation: { reissueSpread: 1 } };
  const parts = {
    registrations: { count: 2700 },
    picture: { activeKeyId: () => activeKeyId },
    perSecond: () => perSecond,
  };
  const { feed } = nodePorts(config as never, parts as never);
  expect(feed.notice()).toEqual({ activeKeyId: "aa", reissueSpreadMs: 1000 });
  perSecond = 100;
  activeKeyId = "bb";
  expect(feed.notice()).toEqual({ activeKeyId: "bb", reissueSpreadMs: 40_000 });
});
