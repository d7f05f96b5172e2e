import { nodeOf, printable, textAge, textTable } from "../text-table.ts";
import { lastErrorText } from "./proxies.ts";
import type { RotationStatus } from "./watch-view.ts";

export type Laggard = RotationStatus["laggards"][number];

const columns = ["BEHIND", "NODE", "PID", "SPIFFE ID", "BUNDLE", "CERTIFICATE", "LAST ERROR", "WHY"];

/** Whoever is waited for, with node, process, age of what it uses and last error; "" for nobody. */
export const laggardTable = (laggards: readonly Laggard[]): string => textTable(columns, laggards.map(rowOf));

const rowOf = ({ id, agentId, pid, spiffeId, holding, reason }: Laggard): string[] => [
  id || "-",
  nodeOf(agentId),
  pid === 0 ? "-" : String(pid),
  spiffeId,
  textAge(holding?.bundleSinceMs ?? 0),
  textAge(holding?.certificateSinceMs ?? 0),
  lastErrorText(holding),
  reason,
];

/** In one line, for logs. */
export function laggardLine({ id, label, holder, holding, reason }: Laggard): string {
  const { bundleSinceMs = 0, certificateSinceMs = 0 } = holding ?? {};
  const name = `${id === "" ? "" : `${id} `}${label || holder}`;
  // Certificates that no holder stands for say in the reason when they end.
  const ages = `, ${held("bundle", bundleSinceMs)}, ${held("certificate", certificateSinceMs)}`;
  return printable(`${name}${id === "" ? "" : ages}: ${reason}`);
}

const held = (what: string, sinceMs: string | number): string =>
  Number(sinceMs) === 0 ? `no ${what}` : `${what} for ${textAge(sinceMs)}`;
