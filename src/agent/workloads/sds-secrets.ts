import type { ProcessIdentity } from "../../domain/identity/process-identity.ts";
import type { Delivery, Resolution, Secret, SubscriptionEvent } from "../../domain/subscription/secret.ts";
import { parseSecretName, type SecretName } from "../../domain/subscription/secret-name.ts";
import type { Holder } from "../../domain/trust/holder.ts";
import {
  acknowledged,
  delivered,
  refused,
  streamClosed,
  subscribed,
  unsubscribed,
} from "../../domain/trust/holder-updates.ts";
import type { X509Svid } from "../../domain/trust/svid.ts";
import { Fault } from "../../foundation/fault.ts";
import type { LocalHolder, Roster } from "../roster/roster.ts";
import { WorkloadView, type WorkloadViewDeps } from "./workload-view.ts";

export type SdsSecretsDeps = WorkloadViewDeps & { readonly roster: Roster };

/** Serves local Envoys: what `protocols/sds` asks of its secret source. */
export class SdsSecrets {
  readonly #deps: SdsSecretsDeps;

  constructor(deps: SdsSecretsDeps) {
    this.#deps = deps;
  }

  async open(caller: ProcessIdentity, signal: AbortSignal): Promise<ProxySecrets> {
    return new ProxySecrets(await WorkloadView.open(this.#deps, caller, signal), this.#deps.roster);
  }
}

/** What one Envoy process may have, and the record of what it was given. */
export class ProxySecrets {
  readonly #view: WorkloadView;
  readonly #roster: Roster;

  constructor(view: WorkloadView, roster: Roster) {
    this.#view = view;
    this.#roster = roster;
  }

  /** By the roster, which survives this agent: refused, or cut off before a word on it. */
  get unsettled(): readonly string[] {
    return this.#known()
      .flatMap(({ secrets }) => secrets)
      .filter(({ delivered, acknowledged }) => delivered?.content.version !== acknowledged?.version)
      .map(({ name }) => name);
  }

  get heldBundles(): readonly string[] {
    return this.#known()
      .flatMap(({ secrets }) => secrets)
      .filter(({ kind, delivered, left }) => kind === "bundle" && delivered && left?.how !== "unsubscribed")
      .map(({ name }) => name);
  }

  resolve(name: string): Resolution {
    const asked = parseSecretName(name);
    if (asked === undefined) return { state: "unauthorised" };
    if (asked.asks === "default-leaf") return this.#defaultLeaf(name);
    if (asked.asks === "leaf") return this.#leafOf(name, asked.id);
    if (this.#view.identities().length > 0) return this.#bundleFor(name, asked);
    return { state: this.#view.isSettled ? "unauthorised" : "pending" };
  }

  onChange(listener: () => void): () => void {
    return this.#view.onChange(listener);
  }

  /** Resolves once the roster holds the deliveries durably. */
  async beforeDelivery(label: string, deliveries: readonly Delivery[], signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    this.#view.checkRuns();
    // Once this agent has told the server that it accepts a bundle, nobody may be given an older one.
    if (deliveries.some((delivery) => delivery.kind === "bundle" && !this.#isCurrent(delivery.anchors))) {
      throw new Fault("SERVER_UNAVAILABLE", "the trust bundle has just changed; ask again");
    }
    const byIdentity = Map.groupBy(deliveries, (delivery) => this.#identityFor(delivery));
    await Promise.all(
      [...byIdentity].map(([spiffeId, given]) =>
        this.#roster.recordDelivery(this.#holder(spiffeId, label), (holder, at) =>
          given.reduce((all, { name, ...content }) => delivered(all, { channel, name, content }, at), holder),
        ),
      ),
    );
  }

  saw(event: SubscriptionEvent): void {
    const concerned = this.#known().filter(({ secrets }) => secrets.some(({ name }) => name === event.name));
    const took =
      event.kind === "acknowledged" ? concerned.find((holder) => wasGiven(holder, event)) : undefined;
    for (const { spiffeId } of concerned) {
      this.#roster.record(this.#holder(spiffeId, event.label), (holder, at) =>
        // The name stands for another identity now (`default`), and the process has taken that one.
        took !== undefined && took.spiffeId !== spiffeId
          ? unsubscribed(holder, { channel, name: event.name }, at)
          : afterEvent(holder, event, at),
      );
    }
  }

  close(): void {
    this.#view.close();
  }

  #defaultLeaf(name: string): Resolution {
    const [first] = this.#view.identities();
    if (!this.#view.isSettled) return { state: "pending" };
    return first ? leafSecret(name, first.svid) : { state: "unauthorised" };
  }

  #leafOf(name: string, id: string): Resolution {
    const own = this.#view.identities().filter(({ entry }) => entry.spiffeId === id);
    if (own.length > 0) return leafSecret(name, own.find(({ svid }) => svid)?.svid);
    return { state: this.#view.mayYetHave(id) ? "pending" : "unauthorised" };
  }

  #bundleFor(name: string, asked: SecretName): Resolution {
    const { bundle } = this.#view;
    if (asked.asks === "bundle" && asked.trustDomain !== bundle.trustDomain) return { state: "unauthorised" };
    const form = asked.asks === "own-roots" ? "trusted-ca" : "spiffe-validator";
    const secret: Secret = { kind: "bundle", name, form, bundles: [bundle] };
    return { state: "ready", secret };
  }

  /**
   * A process is one holder per SPIFFE ID. A leaf belongs to its own; a bundle stays with the one that it was first
   * given to, which was the default identity then.
   */
  #identityFor(delivery: Delivery): string {
    const identities = this.#view.identities();
    const own =
      delivery.kind === "leaf"
        ? identities.find(({ svid }) => svid?.serial === delivery.serial)?.entry.spiffeId
        : this.#known().find(({ secrets }) => secrets.some(({ name }) => name === delivery.name))?.spiffeId;
    const asked = parseSecretName(delivery.name);
    const named = asked?.asks === "leaf" ? asked.id : identities[0]?.entry.spiffeId;
    const identity = own ?? named;
    if (identity === undefined) {
      throw new Fault("PERMISSION_DENIED", "this process has no identity any more");
    }
    return identity;
  }

  #isCurrent(anchors: readonly string[]): boolean {
    const current = this.#view.partNames();
    return anchors.length === current.length && current.every((anchor) => anchors.includes(anchor));
  }

  #known(): readonly Holder[] {
    return this.#roster.findAll(this.#view.process, "sds");
  }

  #holder = (spiffeId: string, label: string): LocalHolder => ({
    process: this.#view.process,
    kind: "sds",
    spiffeId,
    label,
  });
}

const leafSecret = (name: string, svid: X509Svid | undefined): Resolution =>
  svid ? { state: "ready", secret: { kind: "leaf", name, svid } } : { state: "pending" };

/** SDS tells of names per process, whatever streams carry them. */
const channel = "";

const wasGiven = ({ secrets }: Holder, { name, version }: { name: string; version: string }): boolean =>
  secrets.some((secret) => secret.name === name && secret.delivered?.content.version === version);

function afterEvent(holder: Holder, event: SubscriptionEvent, at: Date): Holder {
  const place = { channel, name: event.name };
  switch (event.kind) {
    case "subscribed": {
      // Only a copy that it still holds is taken up again; a new one begins with its delivery.
      const held = holder.secrets.find(({ name, left }) => name === event.name && left?.how === "closed");
      return held ? subscribed(holder, { ...place, kind: held.kind }, at) : holder;
    }
    case "unsubscribed":
      return unsubscribed(holder, place, at);
    case "closed":
      return closed(holder, event.name, at);
    case "acknowledged":
      return acknowledged(holder, { ...place, version: event.version, grade: "acknowledged" }, at);
    case "refused":
      return refused(holder, { ...place, version: event.version, reason: event.detail.slice(0, 1000) }, at);
    default:
      return event satisfies never;
  }
}

/** The streams of one name have closed; those of the others have not. */
function closed(holder: Holder, name: string, at: Date): Holder {
  const others = holder.secrets.filter((secret) => secret.name !== name);
  const mine = holder.secrets.filter((secret) => secret.name === name);
  const after = streamClosed({ ...holder, secrets: mine }, channel, at);
  return { ...after, secrets: [...others, ...after.secrets] };
}
