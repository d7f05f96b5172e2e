// allowed by itself: a protocol may name a use case's types. In the agent it is the way to signing.
import { issue } from "../../control/issuance/issue.ts";
export const handler = issue;
