import type { ProcessIdentity } from "../../domain/identity/process-identity.ts";
import { type Bundle, partNames } from "../../domain/trust/bundle.ts";
import type { SecretContent } from "../../domain/trust/holder.ts";
import { acknowledged, delivered, streamClosed } from "../../domain/trust/holder-updates.ts";
import type { X509Svid } from "../../domain/trust/svid.ts";
import { sha256Hex } from "../../foundation/digest.ts";
import { Fault } from "../../foundation/fault.ts";
import type { LocalHolder, Roster } from "../roster/roster.ts";
import { WorkloadView, type WorkloadViewDeps } from "./workload-view.ts";

export type ApiIdentitiesDeps = WorkloadViewDeps & { readonly roster: Roster };

/** Serves local workloads: what `protocols/workload-api` asks of its identity source. */
export class ApiIdentities {
  readonly #deps: ApiIdentitiesDeps;
  #streams = 0;

  constructor(deps: ApiIdentitiesDeps) {
    this.#deps = deps;
  }

  async open(caller: ProcessIdentity, signal: AbortSignal): Promise<StreamIdentities> {
    const view = await WorkloadView.open(this.#deps, caller, signal);
    this.#streams += 1;
    return new StreamIdentities(view, this.#deps.roster, String(this.#streams));
  }
}

type State =
  | { readonly state: "unknown" | "none" }
  | {
      readonly state: "some";
      readonly svids: readonly X509Svid[];
      readonly isComplete: boolean;
      readonly bundle: Bundle;
    };

/** One secret of one holder, as one message gave it. */
type Given = { readonly who: LocalHolder; readonly name: string; readonly content: SecretContent };

/** What one process is given on one stream, and the record of it. A process is one holder per SPIFFE ID. */
export class StreamIdentities {
  readonly #view: WorkloadView;
  readonly #roster: Roster;
  readonly #channel: string;
  #given: readonly Given[] = [];
  readonly #holders = new Map<string, LocalHolder>();

  constructor(view: WorkloadView, roster: Roster, channel: string) {
    this.#view = view;
    this.#roster = roster;
    this.#channel = channel;
  }

  current(): State {
    const identities = this.#view.identities();
    if (!this.#view.isSettled) return { state: "unknown" };
    if (identities.length === 0) return { state: "none" };
    const svids = identities.flatMap(({ svid }) => svid ?? []);
    const isComplete = identities.every(({ svid, failed }) => svid !== undefined || failed);
    return { state: "some", svids, isComplete, bundle: this.#view.bundle };
  }

  onChange(listener: () => void): () => void {
    return this.#view.onChange(listener);
  }

  async beforeDelivery(
    delivery: { readonly svids: readonly X509Svid[]; readonly bundle: Bundle },
    signal: AbortSignal,
  ): Promise<void> {
    signal.throwIfAborted();
    this.#view.checkRuns();
    this.#given = this.#listOf(delivery);
    await Promise.all(
      this.#given.map(({ who, name, content }) => {
        this.#holders.set(who.spiffeId, who);
        const place = { channel: this.#channel, name };
        return this.#roster.recordDelivery(who, (holder, at) => delivered(holder, { ...place, content }, at));
      }),
    );
  }

  settled(): void {
    for (const { who, name, content } of this.#given) {
      const took = { channel: this.#channel, name, version: content.version, grade: "delivered" } as const;
      this.#roster.record(who, (holder, at) => acknowledged(holder, took, at));
    }
  }

  close(): void {
    this.#view.close();
    for (const who of this.#holders.values()) {
      this.#roster.record(who, (holder, at) => streamClosed(holder, this.#channel, at));
    }
  }

  #listOf({ svids, bundle }: { readonly svids: readonly X509Svid[]; readonly bundle: Bundle }): Given[] {
    const anchors = partNames(bundle);
    const roots = { kind: "bundle", version: sha256Hex(anchors.join()), anchors } as const;
    if (svids.length === 0) {
      const first = this.#view.identities()[0];
      if (!first) throw new Fault("PERMISSION_DENIED", "no identity issued");
      return [{ who: this.#holder(first.entry.spiffeId), name: "x509-bundle", content: roots }];
    }
    const seen = new Set<string>();
    return svids.flatMap(({ spiffeId, entryId, serial, authorityKeyId, notAfter }) => {
      // Two entries may give one process the same SPIFFE ID: each leaf is held for itself.
      const name = seen.has(spiffeId) ? `x509-svid ${entryId}` : "x509-svid";
      seen.add(spiffeId);
      const who = this.#holder(spiffeId);
      const leaf = { kind: "leaf", version: serial, serial, authorityKeyId, notAfter } as const;
      return [
        { who, name, content: leaf },
        { who, name: "x509-bundle", content: roots },
      ];
    });
  }

  #holder = (spiffeId: string): LocalHolder => ({
    process: this.#view.process,
    kind: "workload-api",
    spiffeId,
    label: this.#view.label,
  });
}
