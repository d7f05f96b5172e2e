/** What the documents tell a person to type exists: each `meshmint …` in them is asked for its help. */
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { meshmint } from "../parts/ceremony.ts";
import { projectRoot } from "../parts/parts.ts";

const sources = globSync(["*.md", "docs/**/*.md", "deploy/**/*.{sh,yaml,service}", "deploy/Dockerfile"], {
  cwd: projectRoot,
});

/** `meshmint entry create --parent …`: the words before the first that is no command's name, and the flags behind them. */
function uses(text: string): { words: string[]; flags: string[] }[] {
  const code = [...text.matchAll(/(?:`|\$ |^|\/|\{ )meshmint ((?:[a-z]+(?:-[a-z]+)* ?)+)([^`\n]*)/gm)];
  return code.map(([, words, rest]) => ({
    words: (words ?? "").trim().split(" "),
    flags: [...(rest ?? "").matchAll(/(?<=^|\s)--[a-z-]+/g)].map(([flag]) => flag),
  }));
}

/** The names of a command's own commands, out of its help. */
const known = new Map<string, { help: string; commands: Set<string> }>();
function helpOf(words: readonly string[]): { help: string; commands: Set<string> } {
  const key = words.join(" ");
  const found = known.get(key) ?? read(words);
  known.set(key, found);
  return found;
}

function read(words: readonly string[]): { help: string; commands: Set<string> } {
  const { status, stdout } = meshmint([...words, "--help"]);
  expect(status, `meshmint ${words.join(" ")} --help`).toBe(0);
  const [, listed] = stdout.split(/^Commands:$/m);
  return {
    help: stdout,
    commands: new Set([...(listed ?? "").matchAll(/^ {2}([a-z][a-z-]*)/gm)].map(([, name]) => name ?? "")),
  };
}

const teaching = sources.filter((file) => uses(readFileSync(join(projectRoot, file), "utf8")).length > 0);

test.each(teaching)("%s names only commands and flags that exist", (file) => {
  const unknown = uses(readFileSync(join(projectRoot, file), "utf8")).flatMap(({ words, flags }) => {
    let path: string[] = [];
    for (const word of words) {
      const { commands } = helpOf(path);
      if (commands.size === 0) break; // what follows are arguments
      if (!commands.has(word)) return [`meshmint ${words.join(" ")}: no "${word}"`];
      path = [...path, word];
    }
    const { help } = helpOf(path);
    return flags
      .filter((flag) => !help.includes(flag))
      .map((flag) => `meshmint ${path.join(" ")}: no ${flag}`);
  });
  expect(unknown).toEqual([]);
});
