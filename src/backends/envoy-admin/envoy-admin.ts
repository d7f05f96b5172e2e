import { readlink } from "node:fs/promises";
import { request } from "node:http";
import type { Socket } from "node:net";
import type { ListenerAddress } from "../../agent/inspection/listener-watch.ts";
import type { InspectedProxy, ProxyAdmin } from "../../agent/inspection/proxy-admin.ts";
import type { ProcessIdentity } from "../../domain/identity/process-identity.ts";
import type { HandshakeCounts } from "../../domain/trust/handshake-trend.ts";
import type { LoadedContext } from "../../domain/trust/loaded-contexts.ts";
import { withDeadline } from "../../foundation/deadline.ts";
import { Fault } from "../../foundation/fault.ts";
import { ok, type Result, refused } from "../../foundation/result.ts";
import { AdminUnusable, connectAdmin } from "./admin-socket.ts";
import { parseCerts } from "./parse-certs.ts";
import { parseListeners } from "./parse-listeners.ts";
import { handshakeStats, parseHandshakeStats } from "./parse-stats.ts";

export type EnvoyAdminDeps = {
  /** Names the process behind the other end of a Unix socket. */
  readonly readPeer: (socket: Socket) => ProcessIdentity;
};

const answerWithinMs = 2000;
/** Envoy 1.40 writes some 700 bytes of JSON for a context with one certificate and two anchors. */
const longestAnswer = 8 * 1024 * 1024;

/** Envoy's admin interface on a Unix socket: GET of fixed paths, and nothing that changes anything. */
export class EnvoyAdmin implements ProxyAdmin {
  readonly #deps: EnvoyAdminDeps;

  constructor(deps: EnvoyAdminDeps) {
    this.#deps = deps;
  }

  contexts(proxy: InspectedProxy, signal: AbortSignal): Promise<Result<readonly LoadedContext[], string>> {
    return this.#ask(proxy, { path: "/certs", parse: parseCerts }, signal);
  }

  handshakes(proxy: InspectedProxy, signal: AbortSignal): Promise<Result<HandshakeCounts, string>> {
    return this.#ask(proxy, { path: handshakeStats, parse: parseHandshakeStats }, signal);
  }

  async listeners(
    proxy: InspectedProxy,
    signal: AbortSignal,
  ): Promise<Result<readonly ListenerAddress[], string>> {
    if (!(await sharesNetwork(proxy.process.pid))) return ok([]);
    return this.#ask(proxy, { path: "/listeners?format=json", parse: parseListeners }, signal);
  }

  async #ask<T>(
    proxy: InspectedProxy,
    what: { readonly path: string; readonly parse: (text: string) => Result<T, string> },
    parent: AbortSignal,
  ): Promise<Result<T, string>> {
    try {
      const text = await withDeadline(answerWithinMs, parent, async (signal) => {
        const socket = await connectAdmin(proxy, this.#deps.readPeer, signal);
        return get(socket, what.path, signal);
      });
      return what.parse(text);
    } catch (thrown) {
      if (thrown instanceof AdminUnusable || thrown instanceof Fault) return refused(thrown.message);
      throw thrown;
    }
  }
}

/** Elsewhere the same address is another's. What cannot be looked at counts as elsewhere. */
async function sharesNetwork(pid: number): Promise<boolean> {
  const [own, theirs] = await Promise.all(
    ["self", pid].map((who) => readlink(`/proc/${who}/ns/net`).catch(() => undefined)),
  );
  return own !== undefined && own === theirs;
}

/** One GET on a connection of its own, which is closed afterwards. Rejects with AdminUnusable, or the signal's reason. */
function get(socket: Socket, path: string, signal: AbortSignal): Promise<string> {
  return new Promise<string>((resolve, reject) => {
    const unusable = (reason: string) => reject(new AdminUnusable(`${path.split("?", 1)[0]}: ${reason}`));
    const headers = { host: "admin", connection: "close" };
    const asked = request(
      { createConnection: () => socket, path, headers, maxHeaderSize: 16_384 },
      (answer) => {
        if (answer.statusCode !== 200) return unusable(`HTTP ${answer.statusCode}`);
        let [text, size] = ["", 0];
        answer.setEncoding("utf8");
        answer.on("data", (part: string) => {
          size += Buffer.byteLength(part);
          if (size > longestAnswer) return unusable(`an answer of more than ${longestAnswer} bytes`);
          text += part;
        });
        answer.once("end", () => (answer.complete ? resolve(text) : unusable("an answer without an end")));
        answer.once("error", (cause) => unusable(cause.message));
      },
    );
    asked.once("error", (cause) => unusable(cause.message));
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    asked.end();
  }).finally(() => socket.destroy());
}
