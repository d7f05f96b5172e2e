import { type ClientDuplexStream, credentials, type ServiceError } from "@grpc/grpc-js";
import type { DeltaDiscoveryRequest } from "../../../src/generated/envoy/service/discovery/v3/DeltaDiscoveryRequest.ts";
import type { DeltaDiscoveryResponse__Output } from "../../../src/generated/envoy/service/discovery/v3/DeltaDiscoveryResponse.ts";
import type { DiscoveryRequest } from "../../../src/generated/envoy/service/discovery/v3/DiscoveryRequest.ts";
import type { DiscoveryResponse__Output } from "../../../src/generated/envoy/service/discovery/v3/DiscoveryResponse.ts";
import { SecretDiscoveryService, TlsSecret } from "../../../src/wire/sds-api.ts";
import { eventually } from "../../parts/eventually.ts";

export const secretType = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret";
const node = { id: "proxy-1" };

/** What a response said, in the order of its resources. */
export type Heard = {
  readonly nonce: string;
  readonly version: string;
  readonly names: readonly string[];
  readonly versions: readonly string[];
  readonly bytes: readonly Buffer[];
  readonly removed: readonly string[];
  readonly typeUrls: readonly string[];
};

/** A stream whose every request the test writes; it answers nothing by itself. */
abstract class ModelStream<Request, Response> {
  readonly heard: Heard[] = [];
  readonly #call: ClientDuplexStream<Request, Response>;
  #error: ServiceError | undefined;
  #ended = false;
  #read = 0;

  constructor(call: ClientDuplexStream<Request, Response>) {
    this.#call = call;
    call.on("data", (response: Response) => this.heard.push(this.read(response)));
    call.on("error", (error: ServiceError) => {
      this.#error = error;
    });
    call.on("end", () => {
      this.#ended = true;
    });
  }

  protected abstract read(response: Response): Heard;

  send(request: Request): void {
    this.#call.write(request);
  }

  /** The next response that was not asked for yet. */
  async next(): Promise<Heard> {
    await eventually(
      "a response",
      () => {
        if (this.#error) throw this.#error;
        return this.heard.length > this.#read;
      },
      5000,
    );
    this.#read += 1;
    return this.heard[this.#read - 1] as Heard;
  }

  /** How the server ended the stream. */
  failure(): Promise<ServiceError> {
    return eventually("the stream's error", () => this.#error, 5000);
  }

  /** Closes the sending side and waits for the server to end. */
  async finish(): Promise<void> {
    this.#call.end();
    await eventually("the stream's end", () => this.#ended, 5000);
  }

  cancel(): void {
    this.#call.cancel();
  }

  pause(): void {
    this.#call.pause();
  }
}

class SotwStream extends ModelStream<DiscoveryRequest, DiscoveryResponse__Output> {
  protected read({ nonce, versionInfo, typeUrl, resources }: DiscoveryResponse__Output): Heard {
    const anys = resources as unknown as { type_url: string; value: Buffer }[];
    const secrets = anys.map(({ value }) => TlsSecret.deserialize(value));
    return {
      nonce,
      version: versionInfo,
      names: secrets.map(({ name }) => name),
      versions: [],
      bytes: anys.map(({ value }) => value),
      removed: [],
      typeUrls: [typeUrl, ...anys.map(({ type_url }) => type_url)],
    };
  }

  /** The first request of a stream, as Envoy writes it. */
  ask(...names: string[]): void {
    this.send({ node, typeUrl: secretType, resourceNames: names });
  }

  ack(response: Heard, ...names: string[]): void {
    const { nonce, version } = response;
    this.send({ typeUrl: secretType, resourceNames: names, responseNonce: nonce, versionInfo: version });
  }

  nack(response: Heard, ...names: string[]): void {
    const errorDetail = { code: 13, message: "KEY_VALUES_MISMATCH" };
    this.send({ typeUrl: secretType, resourceNames: names, responseNonce: response.nonce, errorDetail });
  }
}

class DeltaStream extends ModelStream<DeltaDiscoveryRequest, DeltaDiscoveryResponse__Output> {
  protected read(response: DeltaDiscoveryResponse__Output): Heard {
    const anys = response.resources.map(
      ({ resource }) => resource as unknown as { type_url: string; value: Buffer },
    );
    return {
      nonce: response.nonce,
      version: response.systemVersionInfo,
      names: response.resources.map(({ name }) => name),
      versions: response.resources.map(({ version }) => version),
      bytes: anys.map(({ value }) => value),
      removed: response.removedResources,
      typeUrls: [response.typeUrl, ...anys.map(({ type_url }) => type_url)],
    };
  }

  ask(...names: string[]): void {
    this.send({ node, typeUrl: secretType, resourceNamesSubscribe: names });
  }

  ack({ nonce }: Heard, more: DeltaDiscoveryRequest = {}): void {
    this.send({ typeUrl: secretType, responseNonce: nonce, ...more });
  }

  nack(response: Heard, more: DeltaDiscoveryRequest = {}): void {
    this.ack(response, { errorDetail: { code: 13, message: "KEY_VALUES_MISMATCH" }, ...more });
  }
}

/** One process's connection to an SDS server. */
export class ModelClient {
  readonly #client: InstanceType<typeof SecretDiscoveryService>;

  constructor(path: string) {
    this.#client = new SecretDiscoveryService(`unix:${path}`, credentials.createInsecure());
  }

  sotw(): SotwStream {
    return new SotwStream(this.#client.StreamSecrets());
  }

  delta(): DeltaStream {
    return new DeltaStream(this.#client.DeltaSecrets());
  }

  fetch(request: DiscoveryRequest): Promise<DiscoveryResponse__Output> {
    return new Promise((resolve, reject) => {
      this.#client.FetchSecrets(request, (error, response) => (response ? resolve(response) : reject(error)));
    });
  }

  close(): void {
    this.#client.close();
  }
}
