import type { Holder } from "../../domain/trust/holder.ts";
import { holdingOf } from "../../domain/trust/holding.ts";

/** Field for field `meshmint.admin.v1.Holding`. Times are milliseconds since 1970, 0 for never. */
export type HoldingRecord = {
  bundleSinceMs: number;
  certificateSinceMs: number;
  certificateEndsMs: number;
  /** In the holder's own words, not too many of them; "" for none. */
  lastError: string;
  lastErrorSecret: string;
  lastErrorMs: number;
};

/** Characters of another program's words. */
const longestError = 200;

export function toHoldingRecord(holder: Holder): HoldingRecord {
  const { bundleSince, certificateSince, certificateEnds, lastError } = holdingOf(holder);
  return {
    bundleSinceMs: ms(bundleSince),
    certificateSinceMs: ms(certificateSince),
    certificateEndsMs: ms(certificateEnds),
    lastError: lastError?.reason.slice(0, longestError) ?? "",
    lastErrorSecret: lastError?.secret ?? "",
    lastErrorMs: ms(lastError?.at),
  };
}

const ms = (at: Date | undefined): number => at?.getTime() ?? 0;
