import type { GrammarRule } from "./rule.ts";

/** Positive, with our prefix byte, and between 9 and 19 bytes long. The reader has refused redundant and negative forms. */
export const serialForm: GrammarRule = {
  cites: ["RFC 5280 §4.1.2.2", "CA/Browser Forum BR §7.1"],
  looksAt: "fields",
  check: ({ serial }) => {
    const length = serial.length / 2;
    if (length < 9 || length > 19) return `the serial number has ${length} bytes; 9 to 19 are right`;
    return serial.startsWith("00") ? "the serial number has no prefix byte between 01 and 7f" : undefined;
  },
};
