import { type Client, credentials, type ServiceError, status } from "@grpc/grpc-js";
import type {
  HsmCursor,
  HsmEvents,
  JournalLine,
  KeyLister,
  Signer,
  SignerStatus,
  SignItem,
  SigningKey,
  TokenKey,
} from "../../control/signing/signer.ts";
import type { Der } from "../../domain/certificate/der.ts";
import { fromHex, toHex } from "../../domain/certificate/hex.ts";
import { withDeadline } from "../../foundation/deadline.ts";
import { sha256Hex } from "../../foundation/digest.ts";
import { asFault, Fault } from "../../foundation/fault.ts";
import { refused } from "../../foundation/result.ts";
import type { HsmEventList__Output } from "../../generated/meshmint/signer/v1/HsmEventList.ts";
import type { JournalPage__Output } from "../../generated/meshmint/signer/v1/JournalPage.ts";
import type { KeyDescription__Output } from "../../generated/meshmint/signer/v1/KeyDescription.ts";
import type { KeyPage__Output } from "../../generated/meshmint/signer/v1/KeyPage.ts";
import type { SignerStatus__Output } from "../../generated/meshmint/signer/v1/SignerStatus.ts";
import { SignerService } from "../../wire/signer-api.ts";
import { readKeyPages } from "./key-pages.ts";
import { type Batch, type Outcome, SignStream } from "./sign-stream.ts";
import { eventsOf, statusOf } from "./signer-messages.ts";

export type SignerClientOptions = {
  readonly socketPath: string;
  /** Milliseconds that a call waits for a signer that is away, such as one that its supervisor is restarting. */
  readonly patienceMs: number;
  /** The same for batches, which another signer could have; as `patienceMs` when left out. */
  readonly connectMs?: number;
};

/** Reconnects soon: the supervisor brings a killed worker back in a fraction of a second. */
const channelOptions = {
  "grpc.initial_reconnect_backoff_ms": 50,
  "grpc.min_reconnect_backoff_ms": 50,
  "grpc.max_reconnect_backoff_ms": 1000,
  "grpc.enable_retries": 0, // a signature must never be asked for twice
} as const;

/**
 * The signer behind its Unix socket. All batches share one long stream; when it breaks, the journal is asked which of the
 * items that were under way the token may have signed, so that their intents can be closed truthfully.
 */
export class SignerClient implements Signer, KeyLister {
  readonly #options: SignerClientOptions;
  readonly #client: InstanceType<typeof SignerService>;
  readonly #closed = new AbortController();
  #stream: SignStream | undefined;
  #opening: Promise<SignStream> | undefined;

  constructor(options: SignerClientOptions) {
    this.#options = options;
    this.#client = new SignerService(
      `unix:${options.socketPath}`,
      credentials.createInsecure(),
      channelOptions,
    );
  }

  async sign(items: readonly SignItem[], signal: AbortSignal): Promise<readonly Outcome[]> {
    signal.throwIfAborted();
    const stream = this.#stream?.isOpen ? this.#stream : await this.#connected(signal);
    if (!(stream instanceof SignStream)) return items.map(() => stream);
    const answer = new Promise<readonly Outcome[]>((answered, failed) =>
      stream.send({ items, journalFloor: 0n, answered, failed }),
    );
    return await waitFor(answer, signal);
  }

  async describeKey(keyId: string, signal: AbortSignal): Promise<SigningKey | undefined> {
    const bytes = Buffer.from(fromHex(keyId) ?? new Uint8Array());
    const found = await this.#ask<KeyDescription__Output>(
      (options, answer) => this.#client.DescribeKey({ keyId: bytes }, options, answer),
      signal,
    );
    if (!found.found) return undefined;
    return {
      keyId,
      label: found.label,
      tokenLabel: found.tokenLabel,
      spki: found.spkiDer as Uint8Array as Der,
      certificate: found.certificateDer as Uint8Array as Der,
    };
  }

  listKeys(signal: AbortSignal): Promise<readonly TokenKey[]> {
    return readKeyPages((request) =>
      this.#ask<KeyPage__Output>(
        (options, answer) => this.#client.ListKeys(request, options, answer),
        signal,
      ),
    );
  }

  async status(signal: AbortSignal): Promise<SignerStatus> {
    const answer = await this.#ask<SignerStatus__Output>(
      (options, answered) => this.#client.GetStatus({}, options, answered),
      signal,
    );
    return statusOf(answer);
  }

  async events({ instance, sequence }: HsmCursor, signal: AbortSignal): Promise<HsmEvents> {
    const list = await this.#ask<HsmEventList__Output>(
      (options, answer) => this.#client.ListEvents({ instance, afterSequence: sequence }, options, answer),
      signal,
    );
    return eventsOf(list);
  }

  async *readJournal(fromSequence: bigint, signal: AbortSignal): AsyncIterable<JournalLine> {
    const call = this.#client.ReadJournal({ fromSequence: fromSequence.toString() });
    const stop = () => call.cancel();
    signal.addEventListener("abort", stop, { once: true });
    try {
      for await (const page of call as AsyncIterable<JournalPage__Output>) {
        for (const { sequence, keyId, tbsSha256 } of page.lines) {
          yield { sequence: BigInt(sequence), keyId: toHex(keyId), tbsSha256: toHex(tbsSha256) };
        }
      }
    } catch (thrown) {
      signal.throwIfAborted();
      throw faultOf(thrown);
    } finally {
      signal.removeEventListener("abort", stop);
      call.cancel();
    }
  }

  close(): void {
    const closed = new Fault("SIGNER_UNAVAILABLE", "the connection to the signer was closed");
    this.#closed.abort(closed);
    this.#stream?.close(closed);
    this.#client.close();
  }

  /** The stream, or what becomes of items that were never sent: certainly no signature. */
  async #connected(signal: AbortSignal): Promise<SignStream | Outcome> {
    const { patienceMs, connectMs = patienceMs } = this.#options;
    try {
      return await withDeadline(connectMs, signal, (limited) => waitFor(this.#connect(), limited));
    } catch (thrown) {
      this.#closed.signal.throwIfAborted();
      return refused({ code: "hsm-failed", reason: faultOf(thrown).message, journaled: false });
    }
  }

  /** One attempt for all who wait; a new one when it failed or the stream was lost. */
  #connect(): Promise<SignStream> {
    this.#opening ??= this.#open().finally(() => {
      this.#opening = undefined;
    });
    return this.#opening;
  }

  async #open(): Promise<SignStream> {
    // A unary call first: a batch that is written into a stream without a connection is lost nobody knows where.
    const { journalLines } = await this.status(this.#closed.signal);
    const stream = new SignStream(this.#client.Sign(), journalLines, (batches, reason) => {
      void this.#settleLost(batches, reason);
    });
    this.#stream = stream;
    return stream;
  }

  /**
   * The journal knows: what has no line was not signed, and never will be, since the stream that asked is gone. Where it
   * cannot be read in time nothing is claimed: the batch fails, and its intents stay open until it can.
   */
  async #settleLost(batches: readonly Batch[], reason: string): Promise<void> {
    const [oldest] = batches;
    if (oldest === undefined) return;
    try {
      const recorded = await this.#recordedSince(oldest.journalFloor + 1n);
      for (const batch of batches) {
        batch.answered(batch.items.map(({ tbs }) => lostItem(reason, recorded.has(sha256Hex(tbs)))));
      }
    } catch (thrown) {
      for (const batch of batches) batch.failed(faultOf(thrown));
    }
  }

  async #recordedSince(sequence: bigint): Promise<ReadonlySet<string>> {
    const signal = this.#closed.signal;
    await this.status(signal);
    const recorded = new Set<string>();
    await withDeadline(this.#options.patienceMs, signal, async (within) => {
      for await (const line of this.readJournal(sequence, within)) recorded.add(line.tbsSha256);
    });
    return recorded;
  }

  /** A unary call, asked again within the patience when the signer goes away under it: none of them changes anything. */
  async #ask<Answer>(call: UnaryCall<Answer>, signal: AbortSignal): Promise<Answer> {
    const deadline = Date.now() + this.#options.patienceMs;
    for (;;) {
      signal.throwIfAborted();
      await waitFor(this.#ready(deadline), signal);
      try {
        return await waitFor(answerOf(call, deadline), signal);
      } catch (thrown) {
        signal.throwIfAborted();
        const lost = (thrown as Partial<ServiceError>).code === status.UNAVAILABLE;
        if (!lost || Date.now() >= deadline) throw faultOf(thrown);
      }
    }
  }

  #ready(deadline: number): Promise<void> {
    return new Promise((resolve, reject) =>
      (this.#client as Client).waitForReady(deadline, (cause) => {
        if (cause) reject(away(this.#options.socketPath, cause));
        else resolve();
      }),
    );
  }
}

const lostItem = (reason: string, journaled: boolean): Outcome =>
  refused({ code: "hsm-failed", reason: `the signer went away: ${reason}`, journaled });

type UnaryCall<Answer> = (
  options: { deadline: number },
  answer: (error: ServiceError | null, value?: Answer) => void,
) => unknown;

const answerOf = <Answer>(call: UnaryCall<Answer>, deadline: number): Promise<Answer> =>
  new Promise((resolve, reject) =>
    call({ deadline }, (error, value) => {
      if (error || value === undefined) reject(error ?? new Error("an empty answer"));
      else resolve(value);
    }),
  );

const away = (path: string, cause: unknown): Fault =>
  new Fault("SIGNER_UNAVAILABLE", `no signer answers on ${path}; is \`meshmint signer run\` up?`, { cause });

/** The signer's own faults keep their sentence; everything else is that the signer cannot be reached. */
function faultOf(thrown: unknown): Fault {
  if (thrown instanceof Fault) return thrown;
  const { code, details } = (thrown ?? {}) as Partial<ServiceError>;
  if (code === status.FAILED_PRECONDITION) {
    return new Fault("HSM_REFUSED", details ?? "the token refused", { cause: thrown });
  }
  return new Fault("SIGNER_UNAVAILABLE", `the signer did not answer: ${details ?? asFault(thrown).message}`, {
    cause: thrown,
  });
}

/** The promise, or the signal's reason when that comes first; the work goes on, its outcome is dropped. */
function waitFor<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason);
    signal.addEventListener("abort", stop, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
  });
}
