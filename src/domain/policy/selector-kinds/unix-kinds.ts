import { absolutePath, matches, type SelectorKinds, type ValueRule } from "./selector-kind.ts";

const id: ValueRule = (value) =>
  /^(0|[1-9]\d{0,9})$/.test(value) && Number(value) < 2 ** 32 - 1
    ? undefined
    : `"${value}" is not a decimal id from 0 to 4294967294`;

const accountName = (what: string) => matches(/^[^:\s/]{1,256}$/, `a ${what} name`);

const sha256: ValueRule = (value) =>
  /^[0-9a-f]{64}$/.test(value) ? undefined : "sha256 takes 64 lower-case hexadecimal digits";

/** What the kernel and the node's own account files tell of a process. */
export const unixKinds: SelectorKinds = new Map([
  ["unix:uid", { rule: id, has: "one" }],
  ["unix:gid", { rule: id, has: "one" }],
  ["unix:user", { rule: accountName("user"), has: "one" }],
  ["unix:group", { rule: accountName("group"), has: "one" }],
  ["unix:supplementary_gid", { rule: id, has: "many" }],
  ["unix:supplementary_group", { rule: accountName("group"), has: "many" }],
  ["unix:path", { rule: absolutePath, has: "one" }],
  ["unix:sha256", { rule: sha256, has: "one" }],
]);
