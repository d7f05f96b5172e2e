// no-junk-drawers: a file whose name says nothing
import { helpers } from "./helpers.ts";
export const drawer = helpers;
