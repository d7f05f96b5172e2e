import { x509SignatureCheck } from "../../src/backends/node-crypto/x509-signature-check.ts";
import type {
  IntentQuery,
  LeafQuery,
  RecordedIntent,
  RecordedLeaf,
} from "../../src/control/ledger/ledger-reader.ts";
import { ClockWatch } from "../../src/control/rotation/clock-watch.ts";
import { HandOut } from "../../src/control/rotation/hand-out.ts";
import { HolderQuarantines } from "../../src/control/rotation/holder-quarantines.ts";
import { HolderRoster } from "../../src/control/rotation/holder-roster.ts";
import type { HolderStore, RosterChange } from "../../src/control/rotation/holder-store.ts";
import type { NodeLabels } from "../../src/control/rotation/node-labels.ts";
import { Partners } from "../../src/control/rotation/partners.ts";
import { RotationDriver } from "../../src/control/rotation/rotation-driver.ts";
import type { RotationStore } from "../../src/control/rotation/rotation-store.ts";
import { TrustPicture } from "../../src/control/rotation/trust-picture.ts";
import type { TrustDomain } from "../../src/domain/identity/trust-domain.ts";
import { defaultAcceptancePolicy } from "../../src/domain/trust/acceptance-policy.ts";
import { partNames } from "../../src/domain/trust/bundle.ts";
import type { CohortPlan } from "../../src/domain/trust/cohorts.ts";
import { type Holder, holderKey } from "../../src/domain/trust/holder.ts";
import type { TrustState } from "../../src/domain/trust/trust-state.ts";
import { hours } from "../../src/foundation/duration.ts";
import { systemRandom } from "../../src/foundation/random.ts";
import type { Issue } from "./fake-agent.ts";
import { loneFleet } from "./lone-fleet.ts";
import { MemoryHolderQuarantines } from "./memory-holder-quarantines.ts";
import type { SoftwareAuthority } from "./software-authority.ts";
import { SoftwareSigner } from "./software-signer.ts";

const { signal } = new AbortController();

/** Compare-and-set as a database does it. */
class MemoryRotationStore implements RotationStore {
  state: TrustState | undefined;

  async load(): Promise<TrustState | undefined> {
    return this.state;
  }

  async save(state: TrustState): Promise<boolean> {
    if (state.revision !== (this.state?.revision ?? 0) + 1) return false;
    this.state = state;
    return true;
  }
}

class MemoryHolderStore implements HolderStore {
  readonly #holders = new Map<string, Holder>();
  readonly #superseded: RosterChange["superseded"][number][] = [];

  async load() {
    return { holders: [...this.#holders.values()], superseded: [...this.#superseded] };
  }

  async save(change: RosterChange): Promise<void> {
    for (const holder of change.holders) this.#holders.set(holderKey(holder), holder);
    for (const holder of change.ended) this.#holders.delete(holderKey(holder));
    this.#superseded.push(...change.superseded);
  }

  async forgetSuperseded(): Promise<void> {}
}

export type MemoryServer = {
  picture: TrustPicture;
  roster: HolderRoster;
  handOut: HandOut;
  quarantines: HolderQuarantines;
  driver: RotationDriver;
  partners: Partners;
};

/** What survives a server: stores and ledger in memory, and a clock that a test moves. `serve` is a start on them. */
export class MemoryRotation {
  readonly #old: SoftwareAuthority;
  readonly #next: SoftwareAuthority;
  readonly #inside: SoftwareAuthority | undefined;
  readonly #states = new MemoryRotationStore();
  readonly #holders = new MemoryHolderStore();
  readonly #quarantines = new MemoryHolderQuarantines();
  readonly #leaves: (RecordedLeaf & RecordedIntent)[] = [];
  readonly signer = new SoftwareSigner();
  /** What the cohorts of a start that names none are. */
  cohorts: CohortPlan | undefined;
  /** Node by node, as KEY=VALUE. */
  readonly nodeLabels = new Map<string, readonly string[]>();
  readonly labels: NodeLabels = {
    has: (agentId, label, value) => this.nodeLabels.get(agentId)?.includes(`${label}=${value}`) ?? false,
    exists: (label, value) => [...this.nodeLabels.values()].some((all) => all.includes(`${label}=${value}`)),
  };
  /** Runs before an event is recorded: a test ends a server there by throwing. */
  beforeEvent: () => void = () => undefined;
  now = new Date();
  /** How far the server's clock is ahead of the truth. */
  aheadMs = 0;
  bootMs = 0;
  readonly clock = { now: () => new Date(this.now.getTime() + this.aheadMs) };

  /** `inside` is another intermediate under the old root. */
  constructor(old: SoftwareAuthority, next: SoftwareAuthority, inside?: SoftwareAuthority) {
    this.#old = old;
    this.#next = next;
    this.#inside = inside;
    if (inside) this.signer.add(inside);
    this.signer.add(old);
    this.signer.add(next);
  }

  readonly issue: Issue = async ({ intent }) => {
    const { at, ...leaf } = intent;
    const recorded = {
      ...leaf,
      issuedAt: at,
      at,
      id: this.#leaves.length + 1,
      outcome: "certificate",
    } as const;
    this.#leaves.push(recorded);
  };

  get offered() {
    const { root, authority } = this.#next;
    return { root, intermediate: authority.certificate, cross: undefined };
  }

  get offeredInside() {
    if (!this.#inside) throw new Error("there is no other intermediate under the old root");
    return { root: undefined, intermediate: this.#inside.authority.certificate, cross: undefined };
  }

  pass(seconds: number): void {
    this.now = new Date(this.now.getTime() + seconds * 1000);
    this.bootMs += seconds * 1000;
  }

  async serve(): Promise<MemoryServer> {
    const { clock } = this;
    const { root, authority } = this.#old;
    const common = { clock, signatures: x509SignatureCheck, longestLeaf: hours(24) };
    const first = async () => ({ root, intermediate: authority.certificate, cross: undefined });
    const trustDomain = "mesh.test" as TrustDomain;
    const picture = await TrustPicture.open({ ...common, trustDomain, store: this.#states }, first, signal);
    const bundle = () => ({ sequence: picture.bundle().sequence, anchors: partNames(picture.bundle()) });
    const roster = await HolderRoster.open({ store: this.#holders, clock, bundle }, signal);
    const watched = { roster, clock, observer: { saw: () => undefined }, policy: defaultAcceptancePolicy };
    const quarantines = await HolderQuarantines.open(
      { ...watched, store: this.#quarantines, ledger: this.#ledger },
      signal,
    );
    const sinceBoot = { ms: () => this.bootMs };
    const { maxClockSkew } = defaultAcceptancePolicy;
    const clockWatch = new ClockWatch({ clock, sinceBoot, maxClockSkew, onAhead: () => undefined });
    const driver = new RotationDriver({
      frozen: () => clockWatch.ahead(),
      clockWatch,
      labels: this.labels,
      limits: { share: 0.05, least: 2, cohortTimeout: hours(1) },
      defaultCohorts: this.cohorts,
      ...common,
      ...watched,
      picture,
      quarantines,
      signers: loneFleet(this.signer),
      ledger: this.#ledger,
      random: systemRandom,
    });
    const handOut = new HandOut({ picture, roster, labels: this.labels });
    const partners = new Partners({ roster, bundle: () => picture.bundle() });
    return { picture, roster, handOut, quarantines, driver, partners };
  }

  readonly #ledger = {
    recordEvent: async () => this.beforeEvent(),
    counts: async () => ({
      intents: this.#leaves.length,
      entries: this.#leaves.length,
      certificates: this.#leaves.length,
      "not-signed": 0,
      "self-check-failed": 0,
      "signed-not-recorded": 0,
    }),
    intents: async (_query: IntentQuery): Promise<readonly RecordedIntent[]> => [],
    leaves: async ({ authorityKeyId, notBefore, from }: LeafQuery) => {
      const under = this.#leaves.filter((leaf) => leaf.authorityKeyId === authorityKeyId);
      const leaves = from ? [] : under.filter((leaf) => leaf.notAfter >= notBefore);
      return { leaves, next: { intent: 0 } };
    },
  };
}
