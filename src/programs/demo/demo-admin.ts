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

  async startRotation(files: RotationFiles, signal: AbortSignal): Promise<void> {
    const { revision } = await this.#client.call("GetRotation", {}, signal);
    const request = {
      rootDer: onlyCertificate(files.root),
      intermediateDer: onlyCertificate(files.intermediate),
      crossDer: onlyCertificate(files.cross),
      expectedRevision: revision,
    };
    await this.#client.call("StartRotation", request, signal);
  }

  async phase(signal: AbortSignal): Promise<string> {
    return (await this.#client.call("GetRotation", {}, signal)).phase;
  }

  /** Tries to take the step. Gives the refusal, which names who is behind and why; undefined once the step is taken. */
  async advance(
    step: "ActivateRotation" | "RetireRotation",
    signal: AbortSignal,
  ): Promise<string | undefined> {
    const { revision } = await this.#client.call("GetRotation", {}, signal);
    try {
      await this.#client.call(step, { expectedRevision: revision }, signal);
      return undefined;
    } catch (thrown) {
      // The record moved between reading and asking: its phases advance by themselves as holders report.
      if (thrown instanceof Fault && ["ROTATION_REFUSED", "STORE_CONFLICT"].includes(thrown.code))
        return thrown.message;
      throw thrown;
    }
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

function onlyCertificate(pem: string): Buffer {
  const read = decodeCertificates(pem);
  const [certificate, ...others] = read.ok ? read.value : [];
  if (!certificate || others.length > 0) throw new Fault("INVALID_ARGUMENT", "one certificate is needed");
  return Buffer.from(certificate);
}
