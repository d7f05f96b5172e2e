// siblings-backends: one backend leans on another
import { token } from "../pkcs11/token.ts";
export const sideways = token;
