import { type Holder, holderKey } from "../../domain/trust/holder.ts";
import type { HolderRecord } from "../../domain/trust/holder-record.ts";
import { parseHolder } from "../../domain/trust/parse-holder.ts";
import { Fault } from "../../foundation/fault.ts";

/** `meshmint.node.v1.HolderReport` as proto-loader reads it. */
export type HolderReportMessage = {
  readonly full: boolean;
  readonly holders: readonly HolderRecord[];
  readonly acceptance: AcceptanceMessage | null;
  readonly supersededSerials: readonly string[];
  readonly servedSerials: readonly string[];
};

export type AcceptanceMessage = {
  readonly bundleSequence: string;
  readonly acceptedAnchors: readonly string[];
};

/** A report that was checked: only the reporting agent's own holders, and nothing over the limits. */
export type HolderReport = {
  readonly full: boolean;
  readonly holders: ReadonlyMap<string, Holder>;
  readonly acceptance: { readonly sequence: string; readonly anchors: readonly string[] } | undefined;
  readonly superseded: readonly string[];
  readonly served: readonly string[];
};

const limits = { holders: 20_000, serials: 100_000, anchors: 64 } as const;

/** Checks what an agent says. Throws INVALID_ARGUMENT with a sentence: an honest agent never meets it. */
export function readReport(agentId: string, message: HolderReportMessage): HolderReport {
  demand(message.holders.length <= limits.holders, `a report has at most ${limits.holders} holders`);
  const holders = message.holders.map((record) => readOwn(agentId, record));
  return {
    full: message.full,
    holders: new Map(holders.map((holder) => [holderKey(holder), holder])),
    acceptance: message.acceptance ? readAcceptance(message.acceptance) : undefined,
    superseded: serials(message.supersededSerials),
    served: serials(message.servedSerials),
  };
}

function readOwn(agentId: string, record: HolderRecord): Holder {
  const holder = parseHolder(record);
  if (!holder.ok) throw new Fault("INVALID_ARGUMENT", `a reported holder cannot be read: ${holder.error}`);
  const { kind } = holder.value;
  demand(holder.value.agentId === agentId, "an agent reports its own holders only");
  demand(kind === "sds" || kind === "workload-api", "an agent reports processes of its node only");
  demand(holder.value.pid > 0, "a process has a number above 0");
  return holder.value;
}

function readAcceptance(message: AcceptanceMessage): NonNullable<HolderReport["acceptance"]> {
  const { bundleSequence, acceptedAnchors } = message;
  const fine = acceptedAnchors.every((anchor) => /^[0-9a-f]{64}$/.test(anchor));
  demand(
    fine && acceptedAnchors.length <= limits.anchors,
    "accepted anchors are SHA-256 in lower-case hexadecimal",
  );
  demand(/^\d{1,20}$/.test(bundleSequence), "a bundle's sequence is a number");
  return { sequence: bundleSequence, anchors: [...acceptedAnchors] };
}

function serials(texts: readonly string[]): readonly string[] {
  demand(texts.length <= limits.serials, `a report has at most ${limits.serials} serial numbers`);
  const fine = texts.every((text) => /^[0-9a-f]{2,42}$/.test(text));
  demand(fine, "a serial number is at most 21 bytes in lower-case hexadecimal");
  return [...texts];
}

function demand(condition: boolean, sentence: string): void {
  if (!condition) throw new Fault("INVALID_ARGUMENT", sentence);
}
