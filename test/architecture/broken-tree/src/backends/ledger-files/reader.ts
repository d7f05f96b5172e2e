// allowed by itself: a backend implements a use case's port. In the signer it is one use case too many.
import { issue } from "../../control/issuance/issue.ts";
export const reader = issue;
