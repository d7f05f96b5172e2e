import type { ProcessIdentity } from "../../domain/identity/process-identity.ts";
import type { HandshakeCounts } from "../../domain/trust/handshake-trend.ts";
import type { LoadedContext } from "../../domain/trust/loaded-contexts.ts";
import type { Result } from "../../foundation/result.ts";
import type { ListenerAddress } from "./listener-watch.ts";

/** A local proxy that names the Unix socket of its admin interface: an absolute path, as the proxy sees its files. */
export type InspectedProxy = { readonly process: ProcessIdentity; readonly adminSocket: string };

/**
 * Reads proxies' admin interfaces. Whoever listens on the socket must be the very process; nothing is sent to anybody else.
 * Refuses with one sentence what cannot be asked, and answers that cannot be read.
 */
export interface ProxyAdmin {
  contexts(proxy: InspectedProxy, signal: AbortSignal): Promise<Result<readonly LoadedContext[], string>>;
  /** What it listens on that this node reaches on loopback; nothing for a proxy in another network namespace. */
  listeners(proxy: InspectedProxy, signal: AbortSignal): Promise<Result<readonly ListenerAddress[], string>>;
  handshakes(proxy: InspectedProxy, signal: AbortSignal): Promise<Result<HandshakeCounts, string>>;
}
