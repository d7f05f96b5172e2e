// ring-domain: a rule knows the use case, by its type alone
import type { issue } from "../../control/issuance/issue.ts";
export type Upward = typeof issue;
