import { absolutePath, matches, type SelectorKinds } from "./selector-kind.ts";

/** Which unit of the system's own manager a process belongs to. */
export const systemdKinds: SelectorKinds = new Map([
  [
    "systemd:id",
    {
      rule: matches(
        /^(?=.{1,255}$)[A-Za-z0-9:_.\\@-]+\.(service|scope|socket|mount|swap)$/,
        "the name of a unit that runs processes, such as web.service",
      ),
      has: "one",
    },
  ],
  ["systemd:fragment_path", { rule: absolutePath, has: "one" }],
]);
