// ring-control: the server's use case signs by itself
import { sign } from "../../custody/sign.ts";
export const sideways = sign;
