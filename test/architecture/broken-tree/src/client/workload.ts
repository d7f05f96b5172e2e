// ring-client: what other programs import knows the server's use cases
import { issue } from "../control/issuance/issue.ts";
export const workload = issue;
