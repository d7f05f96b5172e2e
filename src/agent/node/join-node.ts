import type { Der } from "../../domain/certificate/der.ts";
import type { SpiffeId } from "../../domain/identity/spiffe-id.ts";
import type { Bundle } from "../../domain/trust/bundle.ts";
import type { Clock } from "../../foundation/clock.ts";
import { asFault, Fault } from "../../foundation/fault.ts";
import type { Random } from "../../foundation/random.ts";
import type { AgentObserver } from "../agent-event.ts";
import { type Alarm, pause } from "../alarm.ts";
import type { LeafKeys } from "../svids/leaf-keys.ts";
import { retryDelayMs } from "../svids/renewal.ts";
import type { IssuedChain } from "../svids/svid-issuer.ts";
import type { NodeCredentials, NodeStore } from "./node-credentials.ts";

/** A node's first meeting with its server: never trust on first use, the token or a bundle file names the root. */
export interface FirstContact {
  /** The SPIFFE ID that the node will have. */
  readonly spiffeId: SpiffeId;
  /** Rejects with ATTESTATION_FAILED when the server or the node is refused, SERVER_UNAVAILABLE to try again. */
  attest(csr: Der, signal: AbortSignal): Promise<{ readonly issued: IssuedChain; readonly bundle: Bundle }>;
}

export type JoinDeps = {
  readonly store: NodeStore;
  /** Asked only without a valid stored SVID; undefined when there is no join token. */
  readonly firstContact: () => Promise<FirstContact | undefined>;
  readonly keys: LeafKeys;
  readonly clock: Clock;
  readonly random: Random;
  readonly alarm: Alarm;
  readonly observer: AgentObserver;
};

export type Joined = { readonly credentials: NodeCredentials; readonly bundle: Bundle };

/**
 * The node's SVID and bundle: the stored ones while they are valid, else by attestation, tried until the server answers.
 * Throws ATTESTATION_FAILED when there is neither a valid stored SVID nor a token, and when the token is refused.
 */
export async function joinNode(deps: JoinDeps, signal: AbortSignal): Promise<Joined> {
  const stored = await loadStored(deps);
  if (stored) {
    const { spiffeId, notAfter } = stored.credentials.svid;
    deps.observer.saw({ kind: "node-svid-held", spiffeId, notAfter, how: "stored" });
    return stored;
  }
  const firstContact = await deps.firstContact();
  if (!firstContact) {
    throw new Fault(
      "ATTESTATION_FAILED",
      "this node has no valid SVID of its own and no join token; make one with `meshmint token create` and set joinToken or joinTokenFile",
    );
  }
  for (let failures = 1; ; failures++) {
    try {
      return await attest(deps, firstContact, signal);
    } catch (thrown) {
      const fault = asFault(thrown);
      if (signal.aborted || !isPassing(fault)) throw fault;
      const retryInMs = retryDelayMs(Math.min(failures, 5), deps.random);
      deps.observer.saw({ kind: "server-away", reason: fault.message, retryInMs });
      await pause(deps.alarm, retryInMs, signal);
    }
  }
}

const isPassing = ({ code }: Fault): boolean =>
  code === "SERVER_UNAVAILABLE" || code === "DEADLINE_EXCEEDED" || code === "QUEUE_FULL";

async function loadStored({ store, clock }: JoinDeps): Promise<Joined | undefined> {
  const [credentials, bundle] = await Promise.all([store.loadNode(), store.loadBundle()]);
  return credentials && bundle && credentials.svid.notAfter > clock.now()
    ? { credentials, bundle }
    : undefined;
}

async function attest(deps: JoinDeps, contact: FirstContact, signal: AbortSignal): Promise<Joined> {
  const { keys, clock, store, observer } = deps;
  const { privateKey, csr } = await keys.make(signal);
  const { issued, bundle } = await contact.attest(csr, signal);
  const { chain, authorityKeyId } = issued;
  const { spiffeId } = contact;
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
