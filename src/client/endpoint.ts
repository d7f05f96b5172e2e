import process from "node:process";
import { Fault } from "../foundation/fault.ts";

const wanted = "write unix:///absolute/path, or tcp://IP:PORT";

/**
 * The gRPC target of a Workload API: `given`, else what the environment's SPIFFE_ENDPOINT_SOCKET names (SPIFFE Workload Endpoint §4).
 * Throws CONFIG_INVALID.
 */
// biome-ignore lint/style/noProcessEnv: SPIFFE Workload Endpoint §4 has clients look there
export function endpointTarget(given?: string, environment: NodeJS.ProcessEnv = process.env): string {
  const text = given ?? environment.SPIFFE_ENDPOINT_SOCKET;
  if (text === undefined || text === "")
    throw new Fault("CONFIG_INVALID", `no Workload API is named: set SPIFFE_ENDPOINT_SOCKET; ${wanted}`);
  const flaw = (why: string) =>
    new Fault("CONFIG_INVALID", `the Workload API's address "${text}" ${why}; ${wanted}`);
  if (text.startsWith("unix:")) {
    const path = text.slice("unix:".length).replace(/^\/\/(?=\/)/, "");
    if (!/^\/[^/]/.test(path)) throw flaw("names no absolute path");
    if (/[?#]/.test(path)) throw flaw("has more than a path");
    return `unix:${path}`;
  }
  const [, host = "", port = ""] =
    /^tcp:\/\/(\d{1,3}(?:\.\d{1,3}){3}|\[[0-9a-fA-F:.]+\]):(\d{1,5})$/.exec(text) ?? [];
  if (host === "" || Number(port) < 1 || Number(port) > 65_535) throw flaw("is neither");
  return `${host.startsWith("[") ? "ipv6" : "ipv4"}:${host}:${port}`;
}
