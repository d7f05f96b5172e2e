import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { part, projectRoot } from "../parts/parts.ts";

/** Rules of another's linter that refuse, and on how many certificates. */
export type Findings = Readonly<Record<string, number>>;

const grave = new Set(["error", "fatal", "ERROR", "FATAL"]);

function count(findings: Record<string, number>, name: string): void {
  findings[name] = (findings[name] ?? 0) + 1;
}

/** The rules of browsers and of public authorities: no certificate of a mesh is one of theirs. */
const otherProgrammes = "Apple,CABF_BR,CABF_CS_BR,CABF_EV,CABF_SMIME_BR,Chrome,ETSI_ESI,Mozilla";

/**
 * Errors of zlint that a leaf of ours may have, and why.
 * Its other RFC rules, and those of its community, hold for all leaves.
 */
const zlintMay: Readonly<Record<string, string>> = {
  e_ext_san_uri_host_not_fqdn_or_ip:
    "a trust domain need be no DNS name, and may be a single label (SPIFFE-ID §2.1)",
};

/** Errors of pkilint that a leaf of ours may have, and why. */
const pkilintMay: Readonly<Record<string, string>> = {
  "pkix.invalid_uri_syntax": "it knows the schemes of the web and not spiffe (SPIFFE-ID §2)",
  "pkix.invalid_domain_name_syntax":
    "it demands a public top-level domain; `web` and `web.default.svc` have none",
  "pkix.uri_domain_name_too_long": "a trust domain has up to 255 bytes (SPIFFE-ID §2.3), a DNS name 253",
};

const without = (findings: Findings, may: Readonly<Record<string, string>>): Findings =>
  Object.fromEntries(Object.entries(findings).filter(([name]) => !(name in may)));

/** Whatever zlint says of level error or fatal of these PEM files, one certificate each, and is not let pass above. */
export function zlint(files: readonly string[]): Findings {
  const findings: Record<string, number> = {};
  for (const some of chunks(files, 500)) {
    const output = execFileSync(part("zlint"), ["-excludeSources", otherProgrammes, ...some], {
      encoding: "utf8",
      maxBuffer: 1 << 30,
    });
    const lines = output.trim().split("\n");
    if (lines.length !== some.length)
      throw new Error(`zlint answered ${lines.length} of ${some.length} files`);
    for (const name of lines.flatMap(errorsOf)) count(findings, name);
  }
  return without(findings, zlintMay);
}

function errorsOf(line: string): string[] {
  const results = Object.entries(JSON.parse(line) as Record<string, { result: string }>);
  return results.filter(([, { result }]) => grave.has(result)).map(([name]) => name);
}

/** The same of pkilint's RFC 5280 linter: certificates of one PEM file, in one process. */
export function pkilint(pemFile: string): Findings {
  const script = join(projectRoot, "test/clients/python/pkix_lint.py");
  const output = execFileSync(part("python clients"), [script, pemFile], {
    encoding: "utf8",
    maxBuffer: 1 << 30,
  });
  const findings: Record<string, number> = {};
  for (const line of output.trim().split("\n")) {
    const { findings: found } = JSON.parse(line) as { findings: { code: string; severity: string }[] };
    for (const { code, severity } of found) if (grave.has(severity)) count(findings, code);
  }
  return without(findings, pkilintMay);
}

const chunks = <T>(items: readonly T[], size: number): T[][] =>
  Array.from({ length: Math.ceil(items.length / size) }, (_, at) => items.slice(at * size, (at + 1) * size));
