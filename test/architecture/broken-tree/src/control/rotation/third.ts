import { fourth } from "../ledger/fourth.ts";
export const third = fourth;
