// ring-custody: who holds the key knows a wire
import { definitions } from "../wire/definitions.ts";
export const upward = definitions;
