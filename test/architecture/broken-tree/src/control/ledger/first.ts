// no-folder-cycles: ledger/ → rotation/ → ledger/, though no file imports itself
import { second } from "../rotation/second.ts";
export const first = second;
