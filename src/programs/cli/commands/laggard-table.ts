import { nodeOf, printable, textAge, textTable } from "../text-table.ts";
import { lastErrorText } from "./proxies.ts";
import type { RotationStatus } from "./watch-view.ts";

export type Laggard = RotationStatus["laggards"][number];

const columns = ["ID", "NODE", "PID", "BUNDLE", "CERTIFICATE", "LAST ERROR", "WHO IS BEHIND, AND WHY"];

/** Whoever is waited for, with node, process, age of what it uses and last error; "" for nobody. */
export const laggardTable = (laggards: readonly Laggard[]): string => textTable(columns, laggards.map(rowOf));

const rowOf = ({ id, agentId, pid, holding, label, holder, reason }: Laggard): string[] => [
  id || "-",
  nodeOf(agentId),
  pid === 0 ? "-" : String(pid),
  textAge(holding?.bundleSinceMs ?? 0),
  textAge(holding?.certificateSinceMs ?? 0),
  lastErrorText(holding),
  `${label || holder}: ${reason}`,
];

/** In one line, for logs. */
export function laggardLine({ id, label, holder, holding, reason }: Laggard): string {
  const { bundleSinceMs = 0, certificateSinceMs = 0 } = holding ?? {};
  const ages = `bundle ${textAge(bundleSinceMs)}, certificate ${textAge(certificateSinceMs)}`;
  return printable(`${id === "" ? "" : `${id} `}${label || holder} (${ages}): ${reason}`);
}
