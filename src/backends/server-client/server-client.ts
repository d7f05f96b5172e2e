import type { LedgerLink } from "../../agent/ledger/checkpoint-watch.ts";
import type { LedgerAdvance } from "../../agent/ledger/held-checkpoint.ts";
import type { NodeCredentials } from "../../agent/node/node-credentials.ts";
import type { NodeSvidRenewal } from "../../agent/node/node-keeper.ts";
import type {
  ReportStream,
  RosterReport,
  ServerFeed,
  ServerUpdate,
} from "../../agent/session/server-feed.ts";
import {
  answerWithinMs,
  type IssuedChain,
  type IssueItem,
  type IssueRefusal,
  type SvidIssuer,
} from "../../agent/svids/svid-issuer.ts";
import type { Der } from "../../domain/certificate/der.ts";
import type { Bundle } from "../../domain/trust/bundle.ts";
import { toHolderRecord } from "../../domain/trust/holder-record.ts";
import { Fault } from "../../foundation/fault.ts";
import type { Result } from "../../foundation/result.ts";
import type { LedgerAdvance__Output } from "../../generated/meshmint/node/v1/LedgerAdvance.ts";
import type { NodeServiceClient } from "../../generated/meshmint/node/v1/NodeService.ts";
import type { ReportReceipt__Output } from "../../generated/meshmint/node/v1/ReportReceipt.ts";
import type { SvidChain__Output } from "../../generated/meshmint/node/v1/SvidChain.ts";
import type { WatchUpdate__Output } from "../../generated/meshmint/node/v1/WatchUpdate.ts";
import { NodeService } from "../../wire/node-api.ts";
import { cancelOn, faultOf } from "./call-failure.ts";
import { IssueStream } from "./issue-stream.ts";
import { readChain, readUpdate } from "./read-messages.ts";
import { channelOptions, type ServerAddress, targetOf, verifiedTls } from "./tls.ts";

export type ServerClientOptions = { readonly address: ServerAddress; readonly programVersion: string };

type Connection = { readonly client: NodeServiceClient; issue: IssueStream | undefined };

const drainMs = 5000;

/** The server over mTLS with the node's SVID. `use` gives it new credentials: calls from then on go by a new channel. */
export class ServerClient implements SvidIssuer, NodeSvidRenewal, ServerFeed, LedgerLink {
  readonly #options: ServerClientOptions;
  #credentials: NodeCredentials;
  #connection: Connection;
  readonly #draining = new Map<Connection, NodeJS.Timeout>();

  constructor(options: ServerClientOptions, trust: { credentials: NodeCredentials; bundle: Bundle }) {
    this.#options = options;
    this.#credentials = trust.credentials;
    this.#connection = this.#connect(trust.credentials, trust.bundle);
  }

  /** The old channel takes no new calls and is closed once its issuances have had time to end. */
  use(credentials: NodeCredentials, bundle: Bundle): void {
    const old = this.#connection;
    this.#credentials = credentials;
    this.#connection = this.#connect(credentials, bundle);
    old.issue?.finish();
    const timer = setTimeout(() => this.#close(old), drainMs);
    this.#draining.set(old, timer);
  }

  close(): void {
    for (const connection of [...this.#draining.keys(), this.#connection]) this.#close(connection);
  }

  async issue(item: IssueItem, signal: AbortSignal): Promise<Result<IssuedChain, IssueRefusal>> {
    const connection = this.#connection;
    if (!connection.issue?.isOpen) connection.issue = new IssueStream(connection.client.Issue());
    const answer = connection.issue.issue(item);
    return unlessAborted(answer, signal);
  }

  renewNode(csr: Der, signal: AbortSignal): Promise<IssuedChain> {
    return new Promise((resolve, reject) => {
      const csrDer = Buffer.from(csr);
      const deadline = Date.now() + answerWithinMs;
      const settle = (error: unknown, answer?: SvidChain__Output) => {
        release();
        if (error) reject(signal.aborted ? signal.reason : faultOf(error));
        else resolve(readChain(answer ?? null));
      };
      const call = this.#connection.client.RenewNodeSvid({ csrDer }, { deadline }, settle);
      const release = cancelOn(signal, call);
    });
  }

  observeLedger(held: { note: string; finding: string }, signal: AbortSignal): Promise<LedgerAdvance> {
    return new Promise((resolve, reject) => {
      const settle = (error: unknown, answer?: LedgerAdvance__Output) => {
        release();
        if (error || answer === undefined) reject(signal.aborted ? signal.reason : faultOf(error));
        else resolve({ note: answer.note, verifierKey: answer.verifierKey, proof: answer.consistency });
      };
      const deadline = Date.now() + answerWithinMs;
      const call = this.#connection.client.ObserveLedger(held, { deadline }, settle);
      const release = cancelOn(signal, call);
    });
  }

  async *watch(signal: AbortSignal): AsyncIterable<ServerUpdate> {
    const agentId = this.#credentials.svid.spiffeId;
    const call = this.#connection.client.Watch({ programVersion: this.#options.programVersion });
    call.on("error", () => undefined); // one that comes after the loop has ended has no other listener
    const release = cancelOn(signal, call);
    try {
      for await (const message of call) yield readUpdate(message as WatchUpdate__Output, agentId);
    } catch (thrown) {
      throw signal.aborted ? signal.reason : faultOf(thrown);
    } finally {
      release();
      call.cancel();
    }
  }

  openReports(signal: AbortSignal): ReportStream {
    const call = this.#connection.client.Report();
    const release = cancelOn(signal, call);
    const waiting = new Map<number, { resolve: () => void; reject: (fault: unknown) => void }>();
    let failure: unknown;
    let lastId = 0;
    const fail = (thrown: unknown) => {
      release();
      failure ??= signal.aborted ? signal.reason : faultOf(thrown);
      for (const { reject } of waiting.values()) reject(failure);
      waiting.clear();
    };
    call.on("data", ({ reportId }: ReportReceipt__Output) => {
      waiting.get(reportId)?.resolve();
      waiting.delete(reportId);
    });
    call.on("error", fail);
    call.on("end", () => fail(new Fault("SERVER_UNAVAILABLE", "the server ended the stream")));
    const send = (report: RosterReport) =>
      new Promise<void>((resolve, reject) => {
        if (failure !== undefined) {
          reject(failure);
          return;
        }
        lastId += 1;
        waiting.set(lastId, { resolve, reject });
        call.write(reportMessage(report, lastId));
      });
    return { send };
  }

  #connect(credentials: NodeCredentials, bundle: Bundle): Connection {
    const { trustDomain, anchors, lists } = bundle;
    const channel = verifiedTls({ trustDomain, roots: anchors, lists, client: credentials.svid });
    const client = new NodeService(targetOf(this.#options.address), channel, channelOptions);
    return { client, issue: undefined };
  }

  #close(connection: Connection): void {
    clearTimeout(this.#draining.get(connection));
    this.#draining.delete(connection);
    connection.client.close();
  }
}

const reportMessage = (report: RosterReport, reportId: number) => ({
  reportId,
  full: report.full,
  holders: report.holders.map(toHolderRecord),
  acceptance: report.acceptance
    ? { bundleSequence: report.acceptance.sequence, acceptedAnchors: [...report.acceptance.anchors] }
    : null,
  supersededSerials: [...report.supersededSerials],
  servedSerials: [...report.servedSerials],
});

/** The answer, unless the asker has gone first. */
function unlessAborted<T>(answer: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort, { once: true });
    answer.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}
