// ring-generated: generated code is edited by hand
import { clock } from "../foundation/clock.ts";
export const service = clock;
