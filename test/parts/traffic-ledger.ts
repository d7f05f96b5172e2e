import type { LoadGenerator } from "../../src/programs/demo/load-generator.ts";
import type { Envoy } from "./envoy.ts";

/** Counters of an Envoy that stand still as long as nothing goes wrong. */
const failing = [
  ...["ssl\\.connection_error", "ssl\\.fail_verify[a-z_]*", "update_rejected", "key_rotation_failed"],
  ...["context_secrets_not_ready", "upstream_cx_connect_fail", "upstream_cx_connect_timeout"],
  ...["upstream_rq_5xx", "downstream_rq_5xx", "upstream_rq_pending_failure_eject"],
].join("|");
const failure = new RegExp(`(?:${failing})$`);
/** An agent that is down is no failure of the traffic; a secret that it sent and that was refused is. */
const ofTheAgent = /^cluster\.sds\./;
/** The impostor is nobody's peer. */
const ofTheImpostor = /impostor/;
/** The same once more. */
const repeated = /^listener\..*\.http\.|\.external\./;
/** A handshake that was not made anew would have proved nothing. */
const countedOn = /ssl\.(?:handshake|session_reused)$/;

type Counters = ReadonlyMap<string, number>;

export type Handshakes = {
  /** Requests that the load generator has had an answer to. */
  readonly requests: number;
  /** Handshakes that callers made, and that doors took part in. */
  readonly calling: number;
  readonly answering: number;
  readonly resumed: number;
  /** Pairs of caller and callee among which there were none. */
  readonly silent: readonly string[];
};

/** Counts what goes wrong in the traffic of a mesh, at both ends: every request by its sender, every handshake by both Envoys. */
export class TrafficLedger {
  readonly #envoys: ReadonlyMap<string, Envoy>;
  readonly #load: LoadGenerator;
  #before: Counters = new Map();

  constructor(envoys: ReadonlyMap<string, Envoy>, load: LoadGenerator) {
    this.#envoys = envoys;
    this.#load = load;
  }

  /** Counts from here on. */
  async open(): Promise<void> {
    this.#before = await this.#read();
  }

  /** What went wrong since `open`, by who saw it: empty when nothing did. */
  async failures(): Promise<Readonly<Record<string, number | readonly string[]>>> {
    const grown = await this.#grown();
    const seen = [...grown].filter(([name, count]) => failure.test(name) && count > 0);
    const { failed, failures } = this.#load.count();
    return { ...(failed > 0 && { "failed requests": failed, first: failures }), ...Object.fromEntries(seen) };
  }

  /** What went right since `open`. After the traffic has stopped all three counts are the same. */
  async handshakes(): Promise<Handshakes> {
    const grown = [...(await this.#grown())];
    const sum = (pattern: RegExp) =>
      grown.filter(([name]) => pattern.test(name)).reduce((total, [, count]) => total + count, 0);
    const made = grown.filter(([name]) => /cluster\..*ssl\.handshake$/.test(name));
    return {
      requests: this.#load.count().total,
      calling: sum(/cluster\..*ssl\.handshake$/),
      answering: sum(/listener\..*ssl\.handshake$/),
      resumed: sum(/session_reused$/),
      silent: made.flatMap(([name, count]) => (count === 0 ? [name] : [])),
    };
  }

  async #grown(): Promise<Counters> {
    const now = await this.#read();
    return new Map([...now].map(([name, count]) => [name, count - (this.#before.get(name) ?? 0)]));
  }

  async #read(): Promise<Counters> {
    const read = [...this.#envoys].map(async ([name, envoy]) => {
      const stats = await envoy.stats(`(${failing}|ssl\\.(handshake|session_reused))$`);
      return Object.entries(stats)
        .filter(([stat]) => failure.test(stat) || countedOn.test(stat))
        .filter(([stat]) => ![ofTheAgent, ofTheImpostor, repeated].some((left) => left.test(stat)))
        .map(([stat, count]) => [`${name}: ${stat}`, count] as const);
    });
    return new Map((await Promise.all(read)).flat());
  }
}
