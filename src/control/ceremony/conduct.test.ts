import { expect, test } from "vitest";
import type { Der } from "../../domain/certificate/der.ts";
import { sequence, utf8String } from "../../domain/certificate/der-writer.ts";
import { toHex } from "../../domain/certificate/hex.ts";
import type { TrustDomain } from "../../domain/identity/trust-domain.ts";
import { days } from "../../foundation/duration.ts";
import { Fault } from "../../foundation/fault.ts";
import type { CaTemplate } from "./ca-template.ts";
import { type CeremonyDeps, conduct } from "./conduct.ts";
import { intermediateCeremony } from "./intermediate-ceremony.ts";
import type { AuthorityKey, CeremonyFiles, CeremonyToken, OrphanKey, TokenDoor } from "./ports.ts";
import { rootCeremony } from "./root-ceremony.ts";

const bytes = (text: string): Der => new TextEncoder().encode(text) as Der;
const signal = new AbortController().signal;
const now = new Date("2030-01-01T12:00:00.500Z");

/** A token in memory that fails at the step it is told to. */
class FakeToken implements CeremonyToken {
  readonly keys = new Map<string, OrphanKey & { certificate?: Der }>();
  failAt: "sign" | "commit" | undefined;
  failAfter = 0;
  /** Whether whatever fails is gone for good. */
  goesAway = false;
  isGone = false;
  #made = 0;

  async list() {
    const authorities: AuthorityKey[] = [];
    const orphans: OrphanKey[] = [];
    for (const { keyId, label, certificate } of this.keys.values()) {
      if (certificate) authorities.push({ keyId, label, curve: "P-256", spki: bytes(keyId), certificate });
      else orphans.push({ keyId, label });
    }
    return { authorities, orphans };
  }

  async generate({ label }: { label: string }) {
    const keyId = toHex(bytes(`${label}#${this.#made++}`));
    this.keys.set(keyId, { keyId, label });
    return { keyId, label, curve: "P-256" as const, spki: bytes(keyId) };
  }

  async sign() {
    this.#step("sign");
    return new Uint8Array(64).fill(1);
  }

  async commit({ keyId, certificate }: { keyId: string; certificate: Der }) {
    this.#step("commit");
    this.keys.set(keyId, { keyId, label: this.keys.get(keyId)?.label ?? "", certificate });
  }

  async destroy({ keyId }: OrphanKey) {
    if (this.isGone) throw new Fault("HSM_UNAVAILABLE", "no token to destroy it in");
    this.keys.delete(keyId);
  }

  #step(name: "sign" | "commit"): void {
    if (this.failAt !== name || this.failAfter-- > 0) return;
    this.isGone = this.goesAway;
    throw new Fault("HSM_UNAVAILABLE", `${name} failed`);
  }
}

class FakeFiles implements CeremonyFiles {
  readonly written = new Map<string, string>();

  async existing(names: readonly string[]) {
    return names.filter((name) => this.written.has(name));
  }

  async reserve(names: readonly string[]) {
    for (const name of names) this.written.set(name, "");
  }

  async write(name: string, text: string) {
    if (this.written.get(name) !== "") throw new Error(`${name} was not reserved`);
    this.written.set(name, text);
  }

  async abandon(names: readonly string[]) {
    for (const name of names) this.written.delete(name);
  }
}

const doorTo = (label: string, token: CeremonyToken): TokenDoor => ({
  label,
  find: async () => token,
  initialize: async () => token,
});

/** Certificates as JSON: what the use case asks for can be read back. */
function stage(tamper = false, tamperList = false) {
  const files = new FakeFiles();
  const templates: CaTemplate[] = [];
  const deps: CeremonyDeps = {
    files,
    clock: { now: () => now },
    random: { bytes: (count) => new Uint8Array(count).fill(0xff) },
    toPem: (_label, der) => new TextDecoder().decode(der),
    certificates: {
      encodeName: (name) => sequence(utf8String(name.commonName)),
      buildTbs: (template) => {
        templates.push(template);
        return bytes(String(templates.length - 1));
      },
      assemble: (tbs) => tbs,
      read: (certificate) => {
        const template = templates[Number(new TextDecoder().decode(certificate))] as CaTemplate;
        const subject = new TextDecoder().decode(template.subjectName);
        return { ...template, serial: "01", subject, curve: "P-256" };
      },
      flawIn: () => (tamper ? "a flipped bit" : undefined),
      listFlaw: () => (tamperList ? "a flipped bit" : undefined),
    },
  };
  return { files, templates, deps, offline: new FakeToken(), issuing: new FakeToken() };
}

type Stage = ReturnType<typeof stage>;
const trustDomain = "mesh.example" as TrustDomain;

const root = (at: Stage) =>
  rootCeremony(
    {
      trustDomain,
      offline: doorTo("offline", at.offline),
      label: "root",
      curve: "P-256",
      lifetime: days(3650),
      organization: undefined,
      file: "root.pem",
    },
    at.deps,
  );

const stock = (at: Stage) =>
  intermediateCeremony(
    {
      trustDomain,
      offline: doorTo("offline", at.offline),
      rootLabel: "root",
      issuing: doorTo("issuing", at.issuing),
      label: "issuing",
      count: 3,
      curve: "P-256",
      lifetime: days(365),
      organization: undefined,
      dnsSubtrees: [],
      listInForce: undefined,
    },
    at.deps,
  );

const hold = (at: Stage, script: ReturnType<typeof root>, dryRun = false) =>
  conduct(script, { deps: at.deps, dryRun }, signal);

test("what a root and an intermediate are asked to be", async () => {
  const at = stage();
  await hold(at, root(at));
  await hold(at, stock(at));
  const [rootTemplate, first] = at.templates;
  expect(rootTemplate).toMatchObject({
    pathLength: undefined,
    nameConstraints: undefined,
    authorityKeyId: rootTemplate?.subjectKeyId,
    notBefore: new Date("2030-01-01T11:00:00Z"),
  });
  expect(rootTemplate?.serial).toEqual(Uint8Array.of(1, ...Array(16).fill(0xff)));
  expect(first).toMatchObject({
    pathLength: 0,
    nameConstraints: { uriHost: "mesh.example", dnsSubtrees: [] },
    authorityKeyId: rootTemplate?.subjectKeyId,
    issuerName: rootTemplate?.subjectName,
    notAfter: new Date("2031-01-01T11:59:59Z"),
  });
});

test.each([
  ["sign", 0],
  ["sign", 2],
  ["sign", 5],
  ["commit", 0],
  ["commit", 2],
] as const)("when the token fails at %s number %i, no key and no file is left", async (step, after) => {
  const at = stage();
  await hold(at, root(at));
  const rootFiles = [...at.files.written.keys()];
  const failing = step === "sign" ? at.offline : at.issuing;
  failing.failAt = step;
  failing.failAfter = after;
  await expect(hold(at, stock(at))).rejects.toThrow(`${step} failed`);
  expect(at.issuing.keys.size).toBe(0);
  expect([...at.files.written.keys()]).toEqual(rootFiles);
  failing.failAt = undefined;
  expect((await hold(at, stock(at))).transcript?.signatures).toBe(10);
});

test("a token that is gone for the cleaning up too: the first failure is told, no file is left, orphans go next time", async () => {
  const at = stage();
  await hold(at, root(at));
  const rootFiles = [...at.files.written.keys()];
  at.issuing.failAt = "commit";
  at.issuing.goesAway = true;
  await expect(hold(at, stock(at))).rejects.toThrow("commit failed");
  expect([...at.files.written.keys()]).toEqual(rootFiles);
  at.issuing.failAt = undefined;
  at.issuing.isGone = false;
  expect((await hold(at, stock(at))).transcript?.destroyedOrphans).toHaveLength(3);
});

test("a certificate that does not verify leaves nothing behind", async () => {
  const at = stage(true);
  await expect(hold(at, root(at))).rejects.toThrow("does not verify: a flipped bit");
  expect(at.offline.keys.size).toBe(0);
  expect(at.files.written.size).toBe(0);
});

test("a revocation list that does not verify leaves nothing behind", async () => {
  const at = stage(false, true);
  await hold(at, root(at));
  const rootFiles = [...at.files.written.keys()];
  await expect(hold(at, stock(at))).rejects.toThrow("revocation list from the token that does not verify");
  expect(at.issuing.keys.size).toBe(0);
  expect([...at.files.written.keys()]).toEqual(rootFiles);
});

test("two keys of one label are refused by name", async () => {
  const at = stage();
  await hold(at, root(at));
  at.offline.keys.set("twin", { keyId: "twin", label: "root", certificate: bytes("0") });
  await expect(hold(at, stock(at))).rejects.toThrow('finds 2 keys "root" in token "offline"');
});
