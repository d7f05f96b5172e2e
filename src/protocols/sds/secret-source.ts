import type { ProcessIdentity } from "../../domain/identity/process-identity.ts";
import type { Delivery, Resolution, SubscriptionEvent } from "../../domain/subscription/secret.ts";

/** Who is asking: a local process, as the kernel vouches for it. */
export type Caller = ProcessIdentity;

/** Where SDS gets secrets. The agent implements it, and later the server for proxies without an agent. */
export interface SecretSource {
  /**
   * Opens what one process may have; called once for all the streams that a process has open at the same time, and
   * closed after the last of them. Rejects with a Fault when the caller cannot be identified.
   */
  open(caller: Caller, signal: AbortSignal): Promise<CallerSecrets>;
}

/** What one process may have, for as long as it has a stream open. */
export interface CallerSecrets {
  /**
   * Names whose last delivery to this process, as far as is recorded, was refused or never acknowledged. Their content
   * goes out in bytes that it has not had, also after a restart of this program: Envoy acknowledges bytes that it refused
   * before when it gets them again.
   */
  readonly unsettled: readonly string[];
  /**
   * Bundles that the process was given before and has not given up: a proxy that comes back opens its streams in any
   * order, and its leaf waits for these a little.
   */
  readonly heldBundles: readonly string[];
  /** Answers from memory. The same content comes as the same `X509Svid` and `Der` objects: encodings are kept by them. */
  resolve(name: string): Resolution;
  /** Calls the listener whenever some answer of `resolve` may have changed. Returns what ends that. */
  onChange(listener: () => void): () => void;
  /**
   * Resolves once it is durable that these secrets are about to be given to the process; nothing leaves before.
   * `label` is the proxy's node.id. A rejection ends the stream.
   */
  beforeDelivery(label: string, deliveries: readonly Delivery[], signal: AbortSignal): Promise<void>;
  saw(event: SubscriptionEvent): void;
  close(): void;
}
