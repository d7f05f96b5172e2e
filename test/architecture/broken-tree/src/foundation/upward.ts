// ring-foundation: the lowest ring imports a higher one
import { spiffeId } from "../domain/identity/spiffe-id.ts";
export const upward = spiffeId;
