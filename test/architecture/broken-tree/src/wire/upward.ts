// ring-wire: the wire knows a rule
import { spiffeId } from "../domain/identity/spiffe-id.ts";
export const upward = spiffeId;
