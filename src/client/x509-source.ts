import { Agent as HttpsAgent } from "node:https";
import {
  type ConnectionOptions,
  createSecureContext,
  type PeerCertificate,
  type SecureContext,
  type Server,
  type TLSSocket,
  type TlsOptions,
} from "node:tls";
import { Fault } from "../foundation/fault.ts";
import { endpointTarget } from "./endpoint.ts";
import { type Authorize, peerFlaw } from "./peer-id.ts";
import { followSvids } from "./svid-stream.ts";
import type { WorkloadSvid } from "./workload-svid.ts";

export type X509SourceOptions = {
  /** `unix:///path` or `tcp://IP:PORT`; SPIFFE_ENDPOINT_SOCKET where it is left out. */
  readonly endpoint?: string;
  /** Which of several identities is this process's; the default one where it is left out. */
  readonly choose?: (svids: readonly WorkloadSvid[]) => WorkloadSvid | undefined;
  /** Ends the wait for the first SVID, and later the source. */
  readonly signal?: AbortSignal;
  /** The agent cannot be reached, or gives nothing any more. What was there stays in use, and it is tried again. */
  readonly onTrouble?: (trouble: Fault) => void;
};

/**
 * This process's own certificate, key and bundle, as the Workload API gives them: always the newest, with nothing to be renewed by whoever
 * uses it. Peers are those of the own trust domain whom `authorize` lets pass; host names play no part.
 */
export class X509Source {
  readonly #life = new AbortController();
  readonly #choose: NonNullable<X509SourceOptions["choose"]>;
  readonly #listeners = new Set<(svid: WorkloadSvid) => void>();
  readonly #first = Promise.withResolvers<void>();
  #svid: WorkloadSvid | undefined;
  #context: SecureContext | undefined;

  private constructor(options: X509SourceOptions) {
    this.#choose = options.choose ?? (([first]) => first);
    options.signal?.addEventListener("abort", () => this.close(), { once: true });
    if (options.signal?.aborted) this.close();
  }

  /**
   * Resolves with the first SVID; waits for as long as there is none, since registration may come later. Rejects with CONFIG_INVALID for
   * an address that is none, with INVALID_ARGUMENT for an endpoint that is no Workload API, and when `signal` aborts.
   */
  static async open(options: X509SourceOptions = {}): Promise<X509Source> {
    const target = endpointTarget(options.endpoint);
    const source = new X509Source(options);
    const { onTrouble = () => undefined } = options;
    const observer = {
      onSvids: (svids: readonly WorkloadSvid[]) => source.#take(svids, onTrouble),
      onTrouble,
    };
    followSvids(target, observer, source.#life.signal).then(
      () =>
        source.#first.reject(new Fault("DEADLINE_EXCEEDED", "the source was closed before it had an SVID")),
      (thrown: unknown) => {
        source.#first.reject(thrown);
        if (source.#svid && thrown instanceof Fault) onTrouble(thrown);
      },
    );
    await source.#first.promise;
    return source;
  }

  get svid(): WorkloadSvid {
    if (!this.#svid) throw new Fault("INTERNAL", "a source is given out with its first SVID");
    return this.#svid;
  }

  /** Of this moment: whoever keeps it keeps an old certificate. */
  get secureContext(): SecureContext {
    this.#context ??= createSecureContext({ ...this.svid.tls, minVersion: "TLSv1.3" });
    return this.#context;
  }

  /** Called with each new SVID or bundle. Returns the way to stop it. */
  onUpdate(listener: (svid: WorkloadSvid) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** For a server of node:tls, node:https or node:http2: mutual TLS 1.3. Pass the server to `serve`. */
  serverOptions(): TlsOptions {
    return { ...this.svid.tls, minVersion: "TLSv1.3", requestCert: true, rejectUnauthorized: true };
  }

  /** Keeps the server's certificate and bundle the newest, and ends connections of peers that may not be here. Returns the server. */
  serve<S extends Server>(server: S, authorize: Authorize): S {
    const stop = this.onUpdate(({ tls }) => server.setSecureContext({ ...tls, minVersion: "TLSv1.3" }));
    server.once("close", stop);
    server.prependListener("secureConnection", (socket: TLSSocket) => {
      const flaw = this.#flawOf(socket.getPeerCertificate(), authorize);
      // Without an error: nobody listens for one yet on a plain server of node:tls.
      if (flaw) socket.destroy();
    });
    return server;
  }

  /** For one connection of node:tls to a server who is one of these. */
  clientOptions(authorize: Authorize): ConnectionOptions {
    return {
      secureContext: this.secureContext,
      // Node makes none of an IP address, and takes the host's name where it has none: nothing here depends on it.
      servername: "",
      checkServerIdentity: (_host, certificate) => this.#flawOf(certificate, authorize),
    };
  }

  /** For node:https: each connection with the newest certificate, none resumed, so that each peer is looked at. */
  agent(authorize: Authorize): HttpsAgent {
    return new SpiffeAgent(() => this.clientOptions(authorize));
  }

  /** Ends the source; what was taken from it goes on until it is over. */
  close(): void {
    this.#life.abort();
    this.#listeners.clear();
  }

  #flawOf(certificate: Pick<PeerCertificate, "raw">, authorize: Authorize): Error | undefined {
    return peerFlaw(certificate, { own: this.svid.spiffeId, authorize });
  }

  #take(svids: readonly WorkloadSvid[], onTrouble: (trouble: Fault) => void): void {
    const chosen = this.#choose(svids);
    if (!chosen) {
      const names = svids.map(({ spiffeId }) => spiffeId).join(", ");
      onTrouble(new Fault("NOT_FOUND", `none of the identities of this process was chosen: ${names}`));
      return;
    }
    this.#svid = chosen;
    this.#context = undefined;
    this.#first.resolve();
    for (const listener of this.#listeners) listener(chosen);
  }
}

class SpiffeAgent extends HttpsAgent {
  readonly #options: () => ConnectionOptions;

  constructor(options: () => ConnectionOptions) {
    super({ keepAlive: true, maxCachedSessions: 0 });
    this.#options = options;
  }

  override createConnection(...[options, done]: Parameters<HttpsAgent["createConnection"]>) {
    return super.createConnection({ ...options, ...this.#options() }, done);
  }
}
