import { join } from "node:path";
import { x509SignatureCheck } from "../../../src/backends/node-crypto/x509-signature-check.ts";
import { SqlHolderQuarantineStore } from "../../../src/backends/store/holder-quarantine-store.ts";
import { SqlHolderStore } from "../../../src/backends/store/holder-store.ts";
import { SqlRotationStore } from "../../../src/backends/store/rotation-store.ts";
import type { Database } from "../../../src/backends/store/schema.ts";
import type { LedgerReader } from "../../../src/control/ledger/ledger-reader.ts";
import type { LedgerEvent, LedgerWriter } from "../../../src/control/ledger/ledger-writer.ts";
import { ClockWatch } from "../../../src/control/rotation/clock-watch.ts";
import { HandOut } from "../../../src/control/rotation/hand-out.ts";
import { HolderQuarantines } from "../../../src/control/rotation/holder-quarantines.ts";
import { HolderRoster } from "../../../src/control/rotation/holder-roster.ts";
import type { NodeLabels } from "../../../src/control/rotation/node-labels.ts";
import { Partners } from "../../../src/control/rotation/partners.ts";
import { RotationDriver } from "../../../src/control/rotation/rotation-driver.ts";
import type { RotationEvent } from "../../../src/control/rotation/rotation-event.ts";
import { TrustPicture } from "../../../src/control/rotation/trust-picture.ts";
import type { TrustDomain } from "../../../src/domain/identity/trust-domain.ts";
import { defaultAcceptancePolicy } from "../../../src/domain/trust/acceptance-policy.ts";
import { partNames } from "../../../src/domain/trust/bundle.ts";
import { hours, minutes } from "../../../src/foundation/duration.ts";
import { systemRandom } from "../../../src/foundation/random.ts";
import { openLedgerAt } from "../../contract/ledger/temporary-ledger.ts";
import { openStoreIn, temporaryFolder } from "../../contract/store/temporary-store.ts";
import { FakeAgent, type Issue } from "../../fakes/fake-agent.ts";
import { loneFleet } from "../../fakes/lone-fleet.ts";
import { crossCertificate, softwareAuthority } from "../../fakes/software-authority.ts";
import { SoftwareSigner } from "../../fakes/software-signer.ts";

export const signal = new AbortController().signal;
const trustDomain = "mesh.test" as TrustDomain;

/** One server's part in rotation; a second one on the same store is a restart, or a rival. */
export type Server = {
  picture: TrustPicture;
  roster: HolderRoster;
  handOut: HandOut;
  quarantines: HolderQuarantines;
  driver: RotationDriver;
  partners: Partners;
};

/** Real store, real ledger, a clock that the test moves, two authorities in a signer. */
export class RotationRig {
  readonly old = softwareAuthority();
  readonly next = softwareAuthority();
  readonly cross = crossCertificate(this.next, this.old);
  readonly signer = new SoftwareSigner();
  /** Its only member at first. */
  fleet = loneFleet(this.signer);
  #stepsToLive = 0;
  /** Node by node, as KEY=VALUE. */
  readonly nodeLabels = new Map<string, readonly string[]>();
  readonly labels: NodeLabels = {
    has: (agentId, label, value) => this.nodeLabels.get(agentId)?.includes(`${label}=${value}`) ?? false,
    exists: (label, value) => [...this.nodeLabels.values()].some((all) => all.includes(`${label}=${value}`)),
  };
  readonly events: RotationEvent[] = [];
  readonly recorded: LedgerEvent[] = [];
  readonly #database: Database;
  readonly #ledger: { writer: LedgerWriter; reader: LedgerReader };
  /** What was said of a clock that is ahead. */
  readonly told: string[] = [];
  #bootMs = 0;
  /** Stands still but for `pass` and `setClock`. */
  #nowMs = Math.floor(Date.now() / 1000) * 1000;
  readonly clock = { now: () => new Date(this.#nowMs) };

  private constructor(database: Database, ledger: { writer: LedgerWriter; reader: LedgerReader }) {
    this.#database = database;
    this.#ledger = ledger;
    this.signer.add(this.old);
    this.signer.add(this.next);
  }

  static async open(): Promise<RotationRig> {
    const folder = temporaryFolder();
    return new RotationRig(await openStoreIn(folder), await openLedgerAt(join(folder, "ledger.db")));
  }

  /** A server that starts on what is stored. */
  async serve(): Promise<Server> {
    const { clock } = this;
    const database = this.#database;
    const common = { clock, signatures: x509SignatureCheck, longestLeaf: hours(24) };
    const store = new SqlRotationStore({ database });
    const first = async () => ({
      root: this.old.root,
      intermediate: this.old.authority.certificate,
      cross: undefined,
    });
    const picture = await TrustPicture.open({ ...common, trustDomain, store }, first, signal);
    const bundle = () => ({ sequence: picture.bundle().sequence, anchors: partNames(picture.bundle()) });
    const roster = await HolderRoster.open(
      { store: new SqlHolderStore({ database }), clock, bundle },
      signal,
    );
    const observer = { saw: (event: RotationEvent) => void this.events.push(event) };
    const ledger = this.#witnessed();
    const shared = { roster, clock, observer, ledger, policy: defaultAcceptancePolicy };
    const kept = new SqlHolderQuarantineStore({ database });
    const quarantines = await HolderQuarantines.open({ ...shared, store: kept }, signal);
    const sinceBoot = { ms: () => this.#bootMs };
    const { maxClockSkew } = defaultAcceptancePolicy;
    const onAhead = (sentence: string) => void this.told.push(sentence);
    const clockWatch = new ClockWatch({ clock, sinceBoot, maxClockSkew, onAhead });
    const driver = new RotationDriver({
      frozen: () => clockWatch.ahead(),
      clockWatch,
      labels: this.labels,
      limits: { share: 0.05, least: 2, cohortTimeout: minutes(10) },
      defaultCohorts: undefined,
      ...common,
      ...shared,
      picture,
      quarantines,
      signers: this.fleet,
      random: systemRandom,
    });
    const handOut = new HandOut({ picture, roster, labels: this.labels });
    const partners = new Partners({ roster, bundle: () => picture.bundle() });
    return { picture, roster, handOut, quarantines, driver, partners };
  }

  agent(name: string): FakeAgent {
    return new FakeAgent(name, { clock: this.clock, issue: this.issue });
  }

  readonly issue: Issue = async ({ intent, issued }) => {
    await this.#ledger.writer.recordIntents([intent], signal);
    await this.#ledger.writer.recordOutcomes([issued], signal);
  };

  /** An intent that has not ended. */
  readonly intend: Issue = ({ intent }) => this.#ledger.writer.recordIntents([intent], signal);
  readonly end: Issue = ({ issued }) => this.#ledger.writer.recordOutcomes([issued], signal);

  /** Ends the server's work at the n-th moment from now that is right before or after an event of the ledger. */
  dieAt(step: number): void {
    this.#stepsToLive = step;
  }

  pass(seconds: number): void {
    this.#nowMs += seconds * 1000;
    this.#bootMs += seconds * 1000;
  }

  /** Somebody sets the time of day; no time passes. */
  setClock(secondsAhead: number): void {
    this.#nowMs += secondsAhead * 1000;
  }

  get offered() {
    return { root: this.next.root, intermediate: this.next.authority.certificate, cross: this.cross };
  }

  /** What a `kill -9` leaves: the server's work ends here, with an exception, and another one starts on what is stored. */
  #live(where: string): void {
    this.#stepsToLive -= 1;
    if (this.#stepsToLive === 0) throw new Error(`killed ${where}`);
  }

  #witnessed() {
    const { writer, reader } = this.#ledger;
    return {
      counts: reader.counts.bind(reader),
      intents: reader.intents.bind(reader),
      leaves: reader.leaves.bind(reader),
      recordEvent: async (event: LedgerEvent, until: AbortSignal) => {
        this.#live("before an event");
        await writer.recordEvent(event, until);
        this.recorded.push(event);
        this.#live("after an event");
      },
    };
  }
}
