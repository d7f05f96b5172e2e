import { join } from "node:path";
import type { Logger } from "pino";
import { Agent } from "../../agent/agent.ts";
import type { AgentEvent, AgentObserver } from "../../agent/agent-event.ts";
import { systemAlarm } from "../../agent/alarm.ts";
import { CheckpointWatch } from "../../agent/ledger/checkpoint-watch.ts";
import { joinNode } from "../../agent/node/join-node.ts";
import { EnvoyAdmin } from "../../backends/envoy-admin/envoy-admin.ts";
import { verifyEd25519 } from "../../backends/ledger-files/verify-ed25519.ts";
import { TlsListenerProbe } from "../../backends/listener-probe/tls-listener-probe.ts";
import type { KnownCertificates } from "../../backends/node-crypto/known-certificates.ts";
import { LocalLeafKeys } from "../../backends/node-crypto/local-leaf-keys.ts";
import { readPeer } from "../../backends/peer-credentials/peer-credentials.ts";
import { ServerClient } from "../../backends/server-client/server-client.ts";
import { CheckpointFile } from "../../backends/state-dir/checkpoint-file.ts";
import { NodeFiles } from "../../backends/state-dir/node-files.ts";
import { RosterFile } from "../../backends/state-dir/roster-file.ts";
import { AgentTelemetry } from "../../backends/telemetry/agent-observer.ts";
import type { Metrics } from "../../backends/telemetry/metrics.ts";
import { ProcTable } from "../../backends/unix/proc-table.ts";
import { systemClock, systemStopwatch } from "../../foundation/clock.ts";
import { toMs } from "../../foundation/duration.ts";
import { asFault, Fault } from "../../foundation/fault.ts";
import { systemRandom } from "../../foundation/random.ts";
import { workloadAttestors } from "./attestors.ts";
import type { AgentConfig } from "./config.ts";
import { openJoinToken, openRepeatableAttestation } from "./open-attestation.ts";

export type AgentParts = {
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly certificates: KnownCertificates;
  /** Beside telemetry. */
  readonly onEvent: (event: AgentEvent) => void;
};

export type WiredAgent = { readonly agent: Agent; close(): Promise<void> };

const machine = {
  clock: systemClock,
  stopwatch: systemStopwatch,
  random: systemRandom,
  alarm: systemAlarm,
};

/** Joins the node and builds its agent; the folder is locked by the caller. */
export async function wireAgent(
  config: AgentConfig,
  parts: AgentParts,
  signal: AbortSignal,
): Promise<WiredAgent> {
  const observer = observerOf(parts);
  const surroundings = { ...machine, observer };
  const store = new NodeFiles(config.stateDir);
  const keys = new LocalLeafKeys(parts.certificates);
  const repeatable = openRepeatableAttestation(config);
  const attestation = async () => repeatable ?? (await openJoinToken(config));
  const joined = await joinNode({ ...surroundings, store, keys, attestation }, signal);
  if (joined.bundle.trustDomain !== config.trustDomain) {
    const sentence = `this state folder belongs to trust domain ${joined.bundle.trustDomain}; set another stateDir`;
    throw new Fault("CONFIG_INVALID", `trustDomain: ${config.trustDomain}: ${sentence}`);
  }
  const { roster, kept } = await RosterFile.open(join(config.stateDir, "roster.jsonl"), systemClock.now());
  const server = new ServerClient({ address: config.server.address, programVersion: "0.1.0" }, joined);
  const [processes, proxyAdmin] = [new ProcTable(), new EnvoyAdmin({ readPeer })];
  const listenerProbe = config.proxies.probe ? new TlsListenerProbe() : undefined;
  const inspectEveryMs = toMs(config.proxies.inspectEvery);
  const ended = new AbortController();
  const lifetime = AbortSignal.any([signal, ended.signal]);
  const attestors = workloadAttestors(config.attest, { processes, observer }, lifetime);
  const local = { processes, attestors, attest: attestPace(config) };
  const deps = { ...surroundings, ...local, server, keys, store, proxyAdmin, inspectEveryMs, listenerProbe };
  const agent = new Agent({ ...deps, attestation: repeatable, rosterLog: roster }, joined, kept);
  const checkpoints = checkpointWatch(config, server, observer);
  const watching = checkpoints.run(lifetime).catch((thrown: unknown) => {
    observer.saw({
      kind: "checkpoint-failed",
      reason: `no checkpoint is asked for any more: ${asFault(thrown).message}`,
    });
  });
  const close = async () => {
    ended.abort();
    await watching;
    server.close();
    await roster.close();
  };
  return { agent, close };
}

const checkpointWatch = (config: AgentConfig, link: ServerClient, observer: AgentObserver) =>
  new CheckpointWatch({
    link,
    store: new CheckpointFile(config.stateDir),
    verify: verifyEd25519,
    observer,
    random: systemRandom,
    everyMs: toMs(config.ledger.checkpointEvery),
  });

const attestPace = ({ attest }: AgentConfig) => ({
  withinMs: toMs(attest.timeout),
  keepMs: toMs(attest.keepFor),
  recheckMs: toMs(attest.recheckEvery),
});

function observerOf({ logger, metrics, onEvent }: AgentParts): AgentObserver {
  const telemetry = new AgentTelemetry(logger, metrics);
  return {
    saw(event) {
      telemetry.saw(event);
      onEvent(event);
    },
  };
}
