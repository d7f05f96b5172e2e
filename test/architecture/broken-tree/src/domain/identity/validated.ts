// pure-core: a pure rule leans on a package
import { z } from "zod";
export const validated = z;
