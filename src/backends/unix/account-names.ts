import { readFileSync, statSync } from "node:fs";
import { isAbsent, unavailable } from "./unreadable.ts";

/**
 * Names by id, from one of the node's account files (passwd or group); read again when it changes. Directory services behind
 * NSS are not asked: a network answer must not decide who a process is.
 */
export class AccountNames {
  readonly #file: string;
  #stamp = "";
  #names: ReadonlyMap<number, string> = new Map();

  constructor(file: "/etc/passwd" | "/etc/group" | (string & {})) {
    this.#file = file;
  }

  /** Undefined where the id has no name or the node no such file. Throws ATTESTOR_UNAVAILABLE when it cannot be read. */
  nameOf(id: number): string | undefined {
    try {
      const { mtimeMs, size, ino } = statSync(this.#file);
      const stamp = `${ino}:${mtimeMs}:${size}`;
      if (stamp !== this.#stamp) {
        this.#names = parseAccounts(readFileSync(this.#file, "utf8"));
        this.#stamp = stamp;
      }
    } catch (thrown) {
      if (isAbsent(thrown)) return undefined;
      throw unavailable(this.#file, thrown);
    }
    return this.#names.get(id);
  }
}

/** name:password:id:…, as passwd(5) and group(5) have it; the first line of an id wins, as for getpwuid(3). */
export function parseAccounts(text: string): ReadonlyMap<number, string> {
  const names = new Map<number, string>();
  for (const line of text.split("\n")) {
    const [name, , id] = line.split(":");
    if (!name || id === undefined || !/^\d{1,10}$/.test(id)) continue;
    if (!names.has(Number(id))) names.set(Number(id), name);
  }
  return names;
}
