import type { HolderQuarantine } from "../../domain/trust/holder-quarantine.ts";

/** The durable quarantines of holders, one for each holder. Every method rejects with STORE_FAILED. */
export interface HolderQuarantineStore {
  all(signal: AbortSignal): Promise<readonly HolderQuarantine[]>;
  /** Resolves once durable; false when the holder is in quarantine already, and then nothing has changed. */
  add(quarantine: HolderQuarantine, signal: AbortSignal): Promise<boolean>;
  /** By holderKey. False when there was none. */
  remove(key: string, signal: AbortSignal): Promise<boolean>;
}
