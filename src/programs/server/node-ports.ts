import type { AgentDirectory } from "../../control/enrolment/agent-directory.ts";
import type { NodeEnrolment, NodeSvidMinter } from "../../control/enrolment/node-enrolment.ts";
import type { Registrations } from "../../control/enrolment/registrations.ts";
import type { NodeDoor } from "../../control/issuance/node-door.ts";
import type { BundleSequence } from "../../control/rotation/bundle-sequence.ts";
import type { HandOut } from "../../control/rotation/hand-out.ts";
import type { HolderRoster } from "../../control/rotation/holder-roster.ts";
import { ReissuePace } from "../../control/rotation/reissue-pace.ts";
import type { TrustPicture } from "../../control/rotation/trust-picture.ts";
import { followsIncident } from "../../domain/trust/incident.ts";
import { toMs } from "../../foundation/duration.ts";
import type { NodeServiceDeps } from "../../protocols/node/node-service.ts";
import type { ServerConfig } from "./config.ts";
import type { Presence } from "./presence.ts";

/**
 * Mints node SVIDs and makes the node a holder before it gets one: from the moment that an agent has trust material a
 * rotation waits for it.
 */
export const holdingMinter = (door: NodeDoor, roster: HolderRoster): NodeSvidMinter => {
  const held =
    (mint: NodeSvidMinter["admitNode"]): NodeSvidMinter["admitNode"] =>
    async (agent, csr, signal) => {
      const minted = await mint(agent, csr, signal);
      if (minted.ok) await roster.nodeSvidIssued(agent, minted.value, signal);
      return minted;
    };
  return {
    admitNode: held((agent, csr, signal) => door.admitNode(agent, csr, signal)),
    renewNode: held((agent, csr, signal) => door.renewNode(agent, csr, signal)),
  };
};

type Parts = {
  readonly registrations: Registrations;
  readonly directory: AgentDirectory;
  readonly enrolment: NodeEnrolment;
  readonly door: NodeDoor;
  readonly picture: TrustPicture;
  readonly handOut: HandOut;
  readonly roster: HolderRoster;
  readonly sequence: BundleSequence;
  readonly presence: Presence;
  /** Leaves a second that the signers were seen to carry. */
  readonly perSecond: () => number | undefined;
  readonly witnesses: NodeServiceDeps["ledger"];
  readonly observer: NodeServiceDeps["observer"];
};

/** What agents are served from: every port of protocols/node, in terms of the use cases. */
export function nodePorts(config: ServerConfig, parts: Parts): NodeServiceDeps {
  const { directory, enrolment, door, roster, sequence, presence, observer } = parts;
  return {
    trustDomain: config.trustDomain,
    observer,
    ledger: parts.witnesses,
    gate: {
      admits: (agent, svid) => directory.admits(agent, svid),
      onExpelled: (listener) => directory.onExpelled(listener),
    },
    issuance: {
      issue: (agent, item, signal) => door.issue(agent, item, signal),
      renewNode: (agent, csr, signal) => enrolment.renewNode(agent, csr, signal),
    },
    feed: feedOf(config, parts),
    reports: {
      async accept(agent, report, signal) {
        await roster.accept(agent, report, signal);
        await sequence.heard(agent, report.acceptance, signal);
      },
      connected(agent, programVersion) {
        presence.connected(agent, programVersion);
        directory.seen(agent);
        roster.connected(agent);
      },
      disconnected(agent) {
        presence.disconnected(agent);
        directory.seen(agent);
        roster.disconnected(agent);
      },
    },
  };
}

function feedOf(
  config: ServerConfig,
  { registrations, picture, handOut, perSecond }: Parts,
): NodeServiceDeps["feed"] {
  const pace = new ReissuePace(() => ({
    cause: followsIncident(picture.state) ? "incident" : "planned",
    leaves: registrations.count,
    perSecond: perSecond(),
    leastMs: toMs(config.rotation.reissueSpread),
  }));
  return {
    entriesOf: (agent) => registrations.entriesOf(agent),
    bundle: (agent) => handOut.bundleFor(agent),
    notice(agent) {
      const activeKeyId = handOut.authorityFor(agent);
      if (activeKeyId === undefined) return { activeKeyId: "", reissueSpreadMs: 0, emergency: false };
      const emergency = followsIncident(picture.state);
      return { activeKeyId, reissueSpreadMs: pace.spreadMs(activeKeyId), emergency };
    },
    onChange(agent, listener) {
      const stops = [registrations.onChangeOf(agent, listener), picture.onChange(listener)];
      return () => {
        for (const stop of stops) stop();
      };
    },
  };
}
