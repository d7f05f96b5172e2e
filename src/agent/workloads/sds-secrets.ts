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
    const held = this.#roster.find(this.#view.process, "sds")?.secrets ?? [];
    return held
      .filter(({ delivered, acknowledged }) => delivered?.content.version !== acknowledged?.version)
      .map(({ name }) => name);
  }

  resolve(name: string): Resolution {
    const asked = parseSecretName(name);
    if (asked === undefined) return { state: "unauthorised" };
    const identities = this.#view.identities();
    if (identities.length === 0) return { state: this.#view.isSynced ? "unauthorised" : "pending" };
    if (asked.asks !== "leaf" && asked.asks !== "default-leaf") return this.#bundleFor(name, asked);
    const identity =
      asked.asks === "default-leaf"
        ? identities[0]
        : (identities.find(({ entry, svid }) => entry.spiffeId === asked.id && svid) ??
          identities.find(({ entry }) => entry.spiffeId === asked.id));
    if (identity === undefined) return { state: "unauthorised" };
    if (identity.svid === undefined) return { state: "pending" };
    return { state: "ready", secret: { kind: "leaf", name, svid: identity.svid } };
  }

  onChange(listener: () => void): () => void {
    return this.#view.onChange(listener);
  }

  /** Resolves once the roster holds the deliveries durably. */
  async beforeDelivery(label: string, deliveries: readonly Delivery[], signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const who = this.#holder(label);
    if (who === undefined) throw new Fault("PERMISSION_DENIED", "this process has no identity any more");
    await this.#roster.recordDelivery(who, (holder, at) =>
      deliveries.reduce(
        (all, { name, ...content }) => delivered(all, { ...placeOf(name), content }, at),
        holder,
      ),
    );
  }

  saw(event: SubscriptionEvent): void {
    const known = this.#roster.find(this.#view.process, "sds");
    if (known === undefined) return; // it was given nothing yet
    const { process } = this.#view;
    const { spiffeId } = known;
    this.#roster.record({ process, kind: "sds", spiffeId, label: event.label }, (holder, at) =>
      afterEvent(holder, event, at),
    );
  }

  close(): void {
    this.#view.close();
  }

  #bundleFor(name: string, asked: SecretName): Resolution {
    const { bundle } = this.#view;
    if (asked.asks === "bundle" && asked.trustDomain !== bundle.trustDomain) return { state: "unauthorised" };
    const form = asked.asks === "own-roots" ? "trusted-ca" : "spiffe-validator";
    const secret: Secret = { kind: "bundle", name, form, bundles: [bundle] };
    return { state: "ready", secret };
  }

  /** A process stays the holder that it was first, though its default identity may be another by now. */
  #holder(label: string): LocalHolder | undefined {
    const { process } = this.#view;
    const known = this.#roster.find(process, "sds")?.spiffeId;
    const spiffeId = known ?? this.#view.identities()[0]?.entry.spiffeId;
    return spiffeId === undefined ? undefined : { process, kind: "sds", spiffeId, label };
  }
}

/** SDS tells of names per process, whatever streams carry them: so each name is a channel of its own. */
const placeOf = (name: string) => ({ channel: name, name });

function afterEvent(holder: Holder, event: SubscriptionEvent, at: Date): Holder {
  const place = placeOf(event.name);
  switch (event.kind) {
    case "subscribed": {
      // Only a copy that it still holds is taken up again; a new one begins with its delivery.
      const held = holder.secrets.find(({ name, left }) => name === event.name && left?.how === "closed");
      return held ? subscribed(holder, { ...place, kind: held.kind }, at) : holder;
    }
    case "unsubscribed":
      return unsubscribed(holder, place, at);
    case "closed":
      return streamClosed(holder, place.channel, at);
    case "acknowledged":
      return acknowledged(holder, { ...place, version: event.version, grade: "acknowledged" }, at);
    case "refused":
      return refused(holder, { ...place, version: event.version, reason: event.detail.slice(0, 1000) }, at);
    default:
      return event satisfies never;
  }
}
