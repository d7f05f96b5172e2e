// ring-protocols: a handler knows what it is wired to
import { token } from "../../backends/pkcs11/token.ts";
export const upward = token;
