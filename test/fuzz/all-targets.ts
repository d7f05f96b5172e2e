import type { FuzzTarget } from "./target.ts";
import { attestationTargets } from "./targets/attestation-targets.ts";
import { certificateTargets } from "./targets/certificate-targets.ts";
import { ledgerTargets } from "./targets/ledger-targets.ts";
import { messageTargets } from "./targets/message-targets.ts";
import { textTargets } from "./targets/text-targets.ts";
import { workloadTargets } from "./targets/workload-targets.ts";

/** Every parser of bytes that come from outside. A new parser gets a line in one of these lists and a folder under corpus/. */
export const allTargets = (): FuzzTarget[] => [
  ...attestationTargets(),
  ...certificateTargets(),
  ...messageTargets(),
  ...textTargets(),
  ...ledgerTargets(),
  ...workloadTargets(),
];
