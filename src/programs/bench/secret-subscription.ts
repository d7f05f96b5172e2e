import type { ClientHttp2Session } from "node:http2";
import { SecretDiscoveryService } from "../../wire/sds-api.ts";
import { SdsCall } from "./sds-call.ts";

export type SdsProtocol = "sotw" | "delta";

/** A secret as it came: the proxy must say one of two things to it, once; on a stream that is over neither is heard. */
export type Offer = {
  /** A serialised envoy Secret. */
  readonly secret: Buffer;
  readonly version: string;
  accept(): void;
  refuse(why: string): void;
};

export type SubscriptionOptions = {
  /** The proxy's node.id. */
  readonly nodeId: string;
  readonly name: string;
  readonly protocol: SdsProtocol;
  readonly offered: (offer: Offer) => void;
  readonly ended: (reason: string) => void;
};

const typeUrl = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret";
/** google.rpc.Code INTERNAL: what Envoy refuses with. */
const refusalCode = 13;

const { StreamSecrets, DeltaSecrets } = SecretDiscoveryService.service;

type AnyMessage = { readonly type_url: string; readonly value: Buffer };
type Words = { readonly nonce: string; readonly version: string; readonly why?: string };
type Received = { readonly nonce: string; readonly version: string; readonly secrets: readonly Buffer[] };

/**
 * One proxy's subscription to one secret, over as many streams as it takes, in the words that Envoy 1.40 uses: a stream
 * per name, the version kept over a reconnect (SotW) or named as the initial one (Delta).
 */
export class SecretSubscription {
  readonly #options: SubscriptionOptions;
  #call: SdsCall | undefined;
  #accepted = "";

  constructor(options: SubscriptionOptions) {
    this.#options = options;
  }

  get isOpen(): boolean {
    return this.#call !== undefined;
  }

  /** Opens a stream on the session, and ends the one that was open. */
  open(session: ClientHttp2Session): void {
    this.close();
    const { protocol, nodeId } = this.#options;
    const { path } = protocol === "sotw" ? StreamSecrets : DeltaSecrets;
    const call = new SdsCall(session, path, {
      message: (bytes) => this.#received(call, bytes),
      end: (reason) => {
        if (this.#call !== call) return;
        this.#call = undefined;
        this.#options.ended(reason);
      },
    });
    this.#call = call;
    const node = { id: nodeId, cluster: "meshmint-bench", userAgentName: "meshmint-bench" };
    call.send(this.#first(node));
  }

  close(): void {
    this.#call?.close();
    this.#call = undefined;
  }

  #first(node: { id: string; cluster: string; userAgentName: string }): Buffer {
    const { name, protocol } = this.#options;
    const versionInfo = this.#accepted;
    if (protocol === "sotw") {
      return StreamSecrets.requestSerialize({ node, typeUrl, versionInfo, resourceNames: [name] });
    }
    const initialResourceVersions = versionInfo === "" ? {} : { [name]: versionInfo };
    return DeltaSecrets.requestSerialize({
      ...{ node, typeUrl, initialResourceVersions },
      resourceNamesSubscribe: [name],
    });
  }

  #received(call: SdsCall, bytes: Buffer): void {
    const { protocol, offered } = this.#options;
    const { nonce, version, secrets } = protocol === "sotw" ? readSotw(bytes) : readDelta(bytes);
    const [secret] = secrets;
    const answer = (words: { readonly version: string; readonly why?: string }): void => {
      if (this.#call === call) call.send(this.#answer({ nonce, ...words }));
    };
    const accept = () => {
      if (this.#call === call) this.#accepted = version;
      answer({ version });
    };
    const refuse = (why: string) => answer({ version: this.#accepted, why });
    // A removal (Delta) carries nothing: Envoy acknowledges it and keeps what it has.
    if (secret === undefined) answer({ version: this.#accepted });
    else if (this.#call === call) offered({ secret, version, accept, refuse });
  }

  #answer({ nonce, version, why }: Words): Buffer {
    const { name, protocol } = this.#options;
    const error = why === undefined ? {} : { errorDetail: { code: refusalCode, message: why } };
    const common = { typeUrl, responseNonce: nonce, ...error };
    return protocol === "sotw"
      ? StreamSecrets.requestSerialize({ ...common, versionInfo: version, resourceNames: [name] })
      : DeltaSecrets.requestSerialize(common);
  }
}

function readSotw(bytes: Buffer): Received {
  const { nonce, versionInfo, resources } = StreamSecrets.responseDeserialize(bytes);
  const anys = resources as unknown as readonly AnyMessage[];
  return { nonce, version: versionInfo, secrets: anys.map(({ value }) => value) };
}

function readDelta(bytes: Buffer): Received {
  const { nonce, resources } = DeltaSecrets.responseDeserialize(bytes);
  const secrets = resources.map(({ resource }) => (resource as unknown as AnyMessage).value);
  return { nonce, version: resources[0]?.version ?? "", secrets };
}
