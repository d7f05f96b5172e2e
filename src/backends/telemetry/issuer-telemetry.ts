import type { Logger } from "pino";
import type { IssuerEvent, IssuerObserver } from "../../control/enrolment/issuer-event.ts";
import type { Metrics } from "./metrics.ts";

/** The keys of issuers whose tokens attest nodes, as log lines and a counter. */
export class IssuerTelemetry implements IssuerObserver {
  readonly #logger: Logger;
  readonly #fetches: ReturnType<Metrics["counter"]>;

  constructor(logger: Logger, metrics: Metrics) {
    this.#logger = logger;
    this.#fetches = metrics.counter(
      "issuer_key_fetches_total",
      "Times that the keys of a token issuer were fetched, by how that went",
      ["issuer", "outcome"],
    );
  }

  saw(event: IssuerEvent): void {
    const { kind, ...fields } = event;
    this.#fetches.inc({ issuer: event.issuer, outcome: kind === "keys-held" ? "ok" : "failed" });
    if (kind === "keys-held") this.#logger.debug(fields, "the keys of a token issuer were fetched");
    else
      this.#logger.warn(
        fields,
        "the keys of a token issuer cannot be fetched; the last ones serve for a while",
      );
  }
}
