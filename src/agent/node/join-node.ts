import type { Bundle } from "../../domain/trust/bundle.ts";
import type { Clock } from "../../foundation/clock.ts";
import { asFault, Fault } from "../../foundation/fault.ts";
import type { Random } from "../../foundation/random.ts";
import type { AgentObserver } from "../agent-event.ts";
import { type Alarm, pause } from "../alarm.ts";
import type { LeafKeys } from "../svids/leaf-keys.ts";
import { retryDelayMs } from "../svids/renewal.ts";
import type { NodeAttestation } from "./node-attestation.ts";
import type { NodeCredentials, NodeStore } from "./node-credentials.ts";

export type JoinDeps = {
  readonly store: NodeStore;
  /** Asked only without a valid stored SVID; undefined when the configuration has no way to attest. */
  readonly attestation: () => Promise<NodeAttestation | undefined>;
  readonly keys: LeafKeys;
  readonly clock: Clock;
  readonly random: Random;
  readonly alarm: Alarm;
  readonly observer: AgentObserver;
};

export type Joined = { readonly credentials: NodeCredentials; readonly bundle: Bundle };

/**
 * The node's SVID and bundle: the stored ones while they are valid, else by attestation, tried until the server answers; and until it is
 * not refused, where the node can prove itself again. Throws ATTESTATION_FAILED when there is neither a valid stored SVID nor a way to
 * attest, and when a token is refused.
 */
export async function joinNode(deps: JoinDeps, signal: AbortSignal): Promise<Joined> {
  const [credentials, bundle] = await Promise.all([deps.store.loadNode(), deps.store.loadBundle()]);
  if (credentials && bundle && credentials.svid.notAfter > deps.clock.now()) {
    const { spiffeId, notAfter } = credentials.svid;
    deps.observer.saw({ kind: "node-svid-held", spiffeId, notAfter, how: "stored" });
    return { credentials, bundle };
  }
  const attestation = await deps.attestation();
  if (!attestation) {
    throw new Fault(
      "ATTESTATION_FAILED",
      "this node has no valid SVID of its own and no join token; make one with `meshmint token create` and set joinToken or joinTokenFile",
    );
  }
  for (let failures = 1; ; failures++) {
    try {
      return await attest(deps, { attestation, held: bundle }, signal);
    } catch (thrown) {
      const fault = asFault(thrown);
      const isRefusal = attestation.isRepeatable && fault.code === "ATTESTATION_FAILED";
      if (signal.aborted || !(isRefusal || isPassing(fault))) throw fault;
      const retryInMs = retryDelayMs(isRefusal ? failures : Math.min(failures, 5), deps.random);
      const kind = isRefusal ? "node-svid-refused" : "server-away";
      deps.observer.saw({ kind, reason: fault.message, retryInMs });
      await pause(deps.alarm, retryInMs, signal);
    }
  }
}

const isPassing = ({ code }: Fault): boolean =>
  code === "SERVER_UNAVAILABLE" || code === "DEADLINE_EXCEEDED" || code === "QUEUE_FULL";

async function attest(
  deps: JoinDeps,
  { attestation, held }: { readonly attestation: NodeAttestation; readonly held: Bundle | undefined },
  signal: AbortSignal,
): Promise<Joined> {
  const { keys, clock, store, observer } = deps;
  const { privateKey, csr } = await keys.make(signal);
  const { spiffeId, issued, bundle } = await attestation.attest(csr, held, signal);
  const { chain, authorityKeyId } = issued;
  const now = clock.now();
  const facts = keys.check({ chain, privateKey, spiffeId, anchors: bundle.anchors, now });
  if (!facts.ok)
    throw new Fault("ATTESTATION_FAILED", `the server gave an SVID that does not fit: ${facts.error}`);
  const svid = { spiffeId, chain, privateKey, authorityKeyId, entryId: "", hint: "", ...facts.value };
  const credentials = { svid, obtainedAt: now };
  await store.saveBundle(bundle);
  await store.saveNode(credentials);
  observer.saw({ kind: "node-svid-held", spiffeId, notAfter: svid.notAfter, how: "attested" });
  return { credentials, bundle };
}
