// ring-programs: a program uses what is made for others' programs
import { workload } from "../../client/workload.ts";
export const run = workload;
