import { readFileSync, statSync } from "node:fs";

/**
 * Names of users by uid, from the node's passwd file; read again when the file changes. Directory services behind NSS
 * are not asked: a network answer must not decide who a process is.
 */
export class UserNames {
  readonly #file: string;
  #stamp = "";
  #names: ReadonlyMap<number, string> = new Map();

  constructor(file = "/etc/passwd") {
    this.#file = file;
  }

  nameOf(uid: number): string | undefined {
    try {
      const { mtimeMs, size, ino } = statSync(this.#file);
      const stamp = `${ino}:${mtimeMs}:${size}`;
      if (stamp !== this.#stamp) {
        this.#names = parsePasswd(readFileSync(this.#file, "utf8"));
        this.#stamp = stamp;
      }
    } catch {
      return undefined;
    }
    return this.#names.get(uid);
  }
}

/** name:password:uid:gid:…; the first line of a uid wins, as getpwuid(3) has it. */
export function parsePasswd(text: string): ReadonlyMap<number, string> {
  const names = new Map<number, string>();
  for (const line of text.split("\n")) {
    const [name, , uid] = line.split(":");
    if (!name || uid === undefined || !/^\d{1,10}$/.test(uid)) continue;
    if (!names.has(Number(uid))) names.set(Number(uid), name);
  }
  return names;
}
