import { globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { status } from "@grpc/grpc-js";
import { expect, test } from "vitest";
import { mayImport, shared } from "../../dependency-rules.mjs";
import { faultCodes } from "../../src/foundation/fault.ts";
import { grpcStatus } from "../../src/protocols/grpc/fault-status.ts";
import { projectRoot } from "../parts/parts.ts";

const read = (path: string): string => readFileSync(join(projectRoot, path), "utf8");

/** The cells of each Markdown table row that begins with a word in backticks. */
const rows = (text: string): string[][] =>
  text
    .split("\n")
    .filter((line) => line.startsWith("| `"))
    .map((line) =>
      line
        .split("|")
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );

const words = (cell: string | undefined): string[] =>
  [...(cell ?? "").matchAll(/`([^`]+)`/g)].map(([, word]) => word ?? "");

test("docs/faults.md explains each fault code, and has its gRPC status", () => {
  const explained = rows(read("docs/faults.md")).map(([code, grpc]) => [words(code)[0], words(grpc)[0]]);
  expect(explained).toEqual(faultCodes.map((code) => [code, status[grpcStatus[code]]]));
});

test("the import table of docs/architecture.md is the one that is enforced", () => {
  const table = rows(read("docs/architecture.md")).map(([ring, , may]) => [words(ring)[0], words(may)]);
  expect(table).toEqual(Object.entries(mayImport));
});

test("docs/architecture.md names the plumbing that siblings may import", () => {
  const text = read("docs/architecture.md");
  for (const [ring, folders] of Object.entries(shared)) {
    for (const folder of folders) expect(text).toContain(`\`${ring}/${folder}\``);
  }
});

test("npm run help names each script", () => {
  const scripts = Object.keys(JSON.parse(read("package.json")).scripts as Record<string, string>);
  const named = [...read("deploy/help.sh").matchAll(/^npm (?:run )?(\w+)/gm)].map(([, script]) => script);
  expect(named.toSorted()).toEqual(scripts.toSorted());
});

test("each decision has its number, its status, context, choice and cost", () => {
  const files = globSync("docs/decisions/[0-9]*.md", { cwd: projectRoot }).toSorted();
  const numbers = files.map((file) => /decisions\/(\d{4})-[a-z0-9-]+\.md$/.exec(file)?.[1]);
  expect(numbers).toEqual(files.map((_, index) => String(index + 1).padStart(4, "0")));
  for (const [index, file] of files.entries()) {
    const [title, state, ...headings] = read(file).match(/^(#.*|Status: .+)$/gm) ?? [];
    expect(title).toMatch(new RegExp(`^# ${numbers[index]}: .+`));
    expect(state).toMatch(/^Status: (?:accepted|replaced by \d{4})$/);
    expect(headings).toEqual(["## Context", "## Choice", "## Cost"]);
  }
});

test("links between the documents lead somewhere", () => {
  const here = new Set(
    globSync("**/*", { cwd: projectRoot, exclude: (name) => name === "node_modules" || name === ".parts" }),
  );
  const lost = globSync("{*.md,{docs,src,test,bench,deploy}/**/*.md}", { cwd: projectRoot }).flatMap((file) =>
    [...read(file).matchAll(/\]\((?!https?:|#)([^)#]+)/g)]
      .map(([, link]) => join(dirname(file), link ?? ""))
      .filter((path) => !here.has(path.replace(/\/$/, "")))
      .map((path) => `${file}: ${path}`),
  );
  expect(lost).toEqual([]);
});
