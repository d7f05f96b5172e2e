// no-vendor-in-use-cases: a use case leans on a package
import { pino } from "pino";
export const vendor = pino;
