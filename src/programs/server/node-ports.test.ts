import { expect, test } from "vitest";
import type { SpiffeId } from "../../domain/identity/spiffe-id.ts";
import { nodePorts } from "./node-ports.ts";

const agent = "spiffe://mesh.test/meshmint/agent/join_token/n1" as SpiffeId;

test("R14, R24: agents are told the pace of the signers for all registrations, the operator's time where nobody knows it, and that a key is lost", () => {
  let activeKeyId: string | undefined = "aa";
  let perSecond: number | undefined;
  let state: object = { rotation: { phase: "idle" } };
  const config = { trustDomain: "mesh.test", rotation: { reissueSpread: 1 } };
  const parts = {
    registrations: { count: 2700 },
    handOut: { authorityFor: (asked: string) => (asked === agent ? activeKeyId : "not asked") },
    picture: {
      get state() {
        return state;
      },
    },
    perSecond: () => perSecond,
  };
  const { feed } = nodePorts(config as never, parts as never);
  expect(feed.notice(agent)).toEqual({ activeKeyId: "aa", reissueSpreadMs: 1000, emergency: false });
  perSecond = 100;
  activeKeyId = "bb";
  expect(feed.notice(agent)).toEqual({ activeKeyId: "bb", reissueSpreadMs: 40_000, emergency: false });

  activeKeyId = "cc";
  state = { rotation: { phase: "reissuing", plan: { id: "r3" } }, incident: { rotation: "r3" } };
  const paced = Math.ceil(2_700_000 / (100 * 1.1) / 0.95);
  expect(feed.notice(agent)).toEqual({ activeKeyId: "cc", reissueSpreadMs: paced, emergency: true });
  activeKeyId = "dd";
  state = { ...state, rotation: { phase: "reissuing", plan: { id: "r4" } } };
  expect(feed.notice(agent)).toMatchObject({ reissueSpreadMs: 40_000, emergency: false });
  activeKeyId = undefined;
  expect(feed.notice(agent)).toEqual({ activeKeyId: "", reissueSpreadMs: 0, emergency: false });
});
