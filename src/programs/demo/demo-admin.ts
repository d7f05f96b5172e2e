import { AdminClient } from "../../backends/admin-client/admin-client.ts";
import { decodeCertificates } from "../../domain/certificate/pem.ts";
import { Fault } from "../../foundation/fault.ts";
import type { LedgerCount } from "./report.ts";

export type NewEntry = {
  readonly spiffeId: string;
  readonly parentId: string;
  readonly selectors: readonly string[];
};

/** PEM texts, as the ceremonies wrote them. */
export type RotationFiles = { readonly root: string; readonly intermediate: string; readonly cross: string };

/** What the demo asks of the server's admin API, in the demo's words. */
export class DemoAdmin {
  readonly #client: AdminClient;

  constructor(socket: string) {
    this.#client = new AdminClient(socket);
  }

  async createEntry({ spiffeId, parentId, selectors }: NewEntry, signal: AbortSignal): Promise<void> {
    await this.#client.call(
      "CreateEntry",
      { entry: { spiffeId, parentId, selectors: [...selectors] } },
      signal,
    );
  }

  /** The whole token. */
  async createToken(wanted: { readonly nodeId: string; readonly ttlSeconds: number }, signal: AbortSignal) {
    return (await this.#client.call("CreateToken", wanted, signal)).token;
  }

  /** Gives the refusal; undefined once it runs, also when an earlier call started it and its answer was lost. */
  async startRotation(files: RotationFiles, signal: AbortSignal): Promise<string | undefined> {
    const { revision, phase } = await this.#client.call("GetRotation", {}, signal);
    if (phaseOrder.includes(phase) && phase !== "done") return undefined;
    const request = {
      rootDer: onlyCertificate(files.root),
      intermediateDer: onlyCertificate(files.intermediate),
      crossDer: onlyCertificate(files.cross),
      expectedRevision: revision,
    };
    return await refusalOf(this.#client.call("StartRotation", request, signal));
  }

  async phase(signal: AbortSignal): Promise<string> {
    return (await this.#client.call("GetRotation", {}, signal)).phase;
  }

  /**
   * Tries to take the step. Gives the refusal, which names who is behind and why; undefined once the step is taken, also
   * when an earlier call took it and its answer was lost.
   */
  async advance(
    step: "ActivateRotation" | "RetireRotation",
    signal: AbortSignal,
  ): Promise<string | undefined> {
    const { revision, phase, laggards } = await this.#client.call("GetRotation", {}, signal);
    const [ready, taken] = step === "ActivateRotation" ? ["anchored", "reissuing"] : ["reissued", "retiring"];
    if (phaseOrder.indexOf(phase) >= phaseOrder.indexOf(taken)) return undefined;
    // Every refused attempt is in the ledger for good: ask only when the barrier is said to be open.
    if (phase !== ready)
      return [phase, ...laggards.map(({ label, reason }) => `${label} ${reason}`)].join("; ");
    return await refusalOf(this.#client.call(step, { expectedRevision: revision }, signal));
  }

  async verifyLedger(signal: AbortSignal): Promise<LedgerCount> {
    const found = await this.#client.call("VerifyLedger", {}, signal);
    return {
      certificates: Number(found.certificates),
      journalLines: Number(found.journalLines),
      reconciled: found.reconciled,
      differences: found.differences,
    };
  }

  close(): void {
    this.#client.close();
  }
}

const phaseOrder = ["prepared", "distributing", "anchored", "reissuing", "reissued", "retiring", "done"];

/** The record may move between reading and asking: its phases advance by themselves as holders report. */
async function refusalOf(call: Promise<unknown>): Promise<string | undefined> {
  try {
    await call;
    return undefined;
  } catch (thrown) {
    if (thrown instanceof Fault && ["ROTATION_REFUSED", "STORE_CONFLICT"].includes(thrown.code)) {
      return thrown.message;
    }
    throw thrown;
  }
}

function onlyCertificate(pem: string): Buffer {
  const read = decodeCertificates(pem);
  const [certificate, ...others] = read.ok ? read.value : [];
  if (!certificate || others.length > 0) throw new Fault("INVALID_ARGUMENT", "one certificate is needed");
  return Buffer.from(certificate);
}
