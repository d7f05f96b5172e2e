import type { ListenerAddress } from "../../agent/inspection/listener-watch.ts";
import { ok, type Result, refused } from "../../foundation/result.ts";

const mostListeners = 10_000;
/** Where a listener of each form is reached on the node itself. */
const wildcards: Readonly<Record<string, string>> = { "0.0.0.0": "127.0.0.1", "::": "::1" };

/**
 * Reads the answer to `GET /listeners?format=json` (envoy.admin.v3.Listeners), which may be hostile: what is reached on loopback,
 * each once; pipes and addresses of the network are left out. Refuses with one sentence.
 */
export function parseListeners(text: string): Result<readonly ListenerAddress[], string> {
  let read: unknown;
  try {
    read = JSON.parse(text);
  } catch {
    return refused("/listeners: it is no JSON");
  }
  const statuses = (read as { listener_statuses?: unknown } | null)?.listener_statuses ?? [];
  if (!Array.isArray(statuses) || statuses.length > mostListeners) {
    return refused(`/listeners: it is no list of at most ${mostListeners}`);
  }
  const found = statuses.flatMap(readAddress);
  return ok([...new Map(found.map((one) => [`${one.host} ${one.port}`, one])).values()]);
}

type Status = {
  local_address?: { socket_address?: { address?: unknown; port_value?: unknown } | null } | null;
} | null;

function readAddress(status: Status): ListenerAddress[] {
  const { address, port_value: port } = status?.local_address?.socket_address ?? {};
  if (typeof address !== "string" || typeof port !== "number") return [];
  const host = Object.hasOwn(wildcards, address) ? wildcards[address] : address;
  const isLoopback = host === "::1" || /^127(\.\d{1,3}){3}$/.test(host ?? "");
  const isPort = Number.isInteger(port) && port > 0 && port < 65_536;
  return isLoopback && isPort && host !== undefined ? [{ host, port }] : [];
}
