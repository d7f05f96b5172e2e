// ring-agent: the node's side knows the server's
import { issue } from "../../control/issuance/issue.ts";
export const upward = issue;
