// no-cycles: with egg.ts
import { egg } from "./egg.ts";
export const chicken = () => egg;
