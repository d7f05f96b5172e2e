import { spawnSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect } from "vitest";
import { readCertificateList } from "../../src/domain/certificate/certificate-list.ts";
import { decodePem } from "../../src/domain/certificate/pem.ts";
import { sha256Hex } from "../../src/foundation/digest.ts";
import { CeremonyRoom } from "../parts/ceremony.ts";
import { needs } from "../parts/parts.ts";

const test = needs("softhsm");
let room: CeremonyRoom;
beforeEach(() => {
  room = new CeremonyRoom();
});
afterEach(() => room.remove());

const tokenFiles = (): string[] =>
  readdirSync(join(room.hsm.folder, "tokens"), { recursive: true }).map(String).sort();

test("root and stock are made, and the transcript has the hash of each", () => {
  const config = room.configure("one");
  const root = room.hold("root", config).transcript;
  const stock = room.hold("intermediate", config).transcript;
  expect(root.tokens).toEqual([{ label: "offline", use: "offline", initialized: true }]);
  expect(stock.tokens.map((token) => token.label)).toEqual(["offline", "issuing"]);
  expect(stock.keys.map((key) => key.label)).toEqual([1, 2, 3, 4].map((n) => `issuing one-${n}`));
  expect(stock.signatures).toBe(13);
  for (const note of [...root.certificates, ...stock.certificates]) {
    const text = readFileSync(room.path("one", note.file), "utf8");
    expect(sha256Hex(text)).toBe(note.fileSha256);
    expect(sha256Hex(new X509Certificate(text).raw)).toBe(note.derSha256);
  }
  expect(JSON.parse(readFileSync(room.path("one", "intermediate-transcript.json"), "utf8"))).toEqual(stock);
});

const listsIn = (...path: string[]) => {
  const blocks = decodePem(readFileSync(room.path(...path), "utf8"));
  if (!blocks.ok) throw new Error(blocks.error);
  return blocks.value.map(({ label, der }) => {
    const read = readCertificateList(der);
    if (!read.ok || label !== "X509 CRL") throw new Error(`${label}: no list`);
    return read.value;
  });
};
const revokedIn = (...path: string[]): (readonly string[])[] =>
  listsIn(...path).map(({ revoked }) => revoked.map(({ serial }) => serial));

test("for each intermediate a set of lists is sealed that takes it away and leaves the others", () => {
  const config = room.configure("one");
  const root = room.hold("root", config).transcript.certificates[0];
  const stock = room.hold("intermediate", config).transcript;
  const sealed = stock.listFiles.filter(({ file }) => file !== "lists.pem");
  expect(sealed.map(({ file }) => file)).toEqual([1, 2, 3, 4].map((n) => `break-glass-issuing one-${n}.pem`));
  expect(revokedIn("one", "lists.pem")).toEqual([[], [], [], [], []]);
  expect(stock.revocationLists).toHaveLength(9);
  sealed.forEach(({ file, fileSha256, lists }, at) => {
    expect(sha256Hex(readFileSync(room.path("one", file), "utf8"))).toBe(fileSha256);
    const [ofRoot, ...others] = listsIn("one", file);
    const lost = stock.certificates[at];
    expect(ofRoot).toMatchObject({ authorityKeyId: root?.subjectKeyId, revoked: [{ serial: lost?.serial }] });
    expect(ofRoot?.nextUpdate.toISOString()).toBe(root?.notAfter);
    const left = stock.certificates.filter((one) => one !== lost);
    expect(others.map(({ authorityKeyId }) => authorityKeyId)).toEqual(left.map((one) => one.subjectKeyId));
    expect(others.map(({ nextUpdate }) => nextUpdate.toISOString())).toEqual(left.map((one) => one.notAfter));
    expect(others.every(({ revoked }) => revoked.length === 0)).toBe(true);
    expect(lists).toEqual([ofRoot, ...others].map((list) => sha256Hex(list?.der ?? "")));
  });
});

test("what was revoked before stays revoked, and what is in stock gets new lists as well", () => {
  const first = room.configure("one");
  room.hold("root", first);
  const stock = room.hold("intermediate", first).transcript.certificates.map(({ serial }) => serial);
  const more =
    'intermediate: { label: issuing two, count: 1, listInForce: "one/break-glass-issuing one-1.pem" }';
  const second = room.configure("two", more);
  writeFileSync(second, readFileSync(second, "utf8").replace("root two", "root one"));
  const next = room.hold("intermediate", second).transcript;
  const [fresh] = next.certificates.map(({ serial }) => serial);
  expect(next.listFiles.map(({ file }) => file)).toEqual([
    ...["two-1", "one-2", "one-3", "one-4"].map((name) => `break-glass-issuing ${name}.pem`),
    "lists.pem",
  ]);
  expect(revokedIn("two", "break-glass-issuing two-1.pem")).toEqual([[stock[0], fresh], [], [], []]);
  expect(revokedIn("two", "break-glass-issuing one-3.pem")).toEqual([[stock[0], stock[2]], [], [], []]);
  expect(revokedIn("two", "lists.pem")).toEqual([[stock[0]], [], [], [], []]);
  const numberOf = (...path: string[]) => BigInt(`0x${listsIn(...path)[0]?.number}`);
  expect(numberOf("two", "lists.pem")).toBeGreaterThan(numberOf("one", "break-glass-issuing one-1.pem"));
});

test("a list in force that another root signed is refused", () => {
  const first = room.configure("one");
  room.hold("root", first);
  room.hold("intermediate", first);
  const foreign = 'intermediate: { label: issuing, listInForce: "one/break-glass-issuing one-1.pem" }';
  const second = room.configure("two", foreign);
  room.hold("root", second);
  const { status, stderr } = room.run("intermediate", second);
  expect(status).toBe(1);
  expect(JSON.parse(stderr).error.message).toContain(
    "cannot go on from the list in force: the list is of another issuer",
  );
});

test("validity: backdated by an hour, an inclusive end, serials of 17 bytes", () => {
  const before = Date.now();
  room.hold("root", room.configure("one", "organization: Example"));
  const root = new X509Certificate(readFileSync(room.path("one", "root.pem")));
  const start = root.validFromDate.getTime();
  expect(start).toBeGreaterThanOrEqual(before - 3_601_000);
  expect(start).toBeLessThanOrEqual(Date.now() - 3_600_000);
  expect(root.validToDate.getTime() - start).toBe((3650 * 86_400 + 3600 - 1) * 1000);
  expect(root.serialNumber).toMatch(/^01[0-9A-F]{32}$/);
  expect(root.subject).toMatch(/^O=Example\nCN=mesh\.example root [0-9a-f]{12}$/);
});

test("a dry run checks everything, says the plan and makes nothing", () => {
  const config = room.configure("one");
  const before = tokenFiles();
  const { status, stdout } = room.run("root", config, "--dry-run");
  expect(status).toBe(0);
  expect(JSON.parse(stdout).plan).toEqual([
    'initialise token "offline" (offline)',
    'generate P-256 key "root one" in token "offline"',
    expect.stringContaining('sign the root of "mesh.example" with itself, valid until'),
    "write root.pem, root-transcript.json",
  ]);
  expect(existsSync(room.path("one"))).toBe(false);
  expect(tokenFiles()).toEqual(before);
});

test("held twice, a ceremony refuses: its files exist, and so does its key", () => {
  room.hold("root", room.configure("one"));
  const before = tokenFiles();
  const again = room.run("root", room.configure("one"));
  expect(again.status).toBe(1);
  expect(JSON.parse(again.stderr).error).toMatchObject({
    code: "CEREMONY_REFUSED",
    message: expect.stringContaining("never overwrites"),
  });
  const config = room.configure("two");
  writeFileSync(config, readFileSync(config, "utf8").replace("root two", "root one"));
  const sameLabel = room.run("root", config);
  expect(JSON.parse(sameLabel.stderr).error.message).toContain('found "root one" in token "offline" already');
  expect(existsSync(room.path("two"))).toBe(false);
  expect(tokenFiles()).toEqual(before);
});

describe("what is refused before anything is made", () => {
  const refused = (kind: "root" | "intermediate" | "cross", config: string) => {
    const { status, stderr } = room.run(kind, config);
    return { status, message: JSON.parse(stderr).error.message as string };
  };

  test("an intermediate without a root", () => {
    const { status, message } = refused("intermediate", room.configure("one"));
    expect(status).toBe(1);
    expect(message).toContain('needs token "offline", which does not exist; hold the root ceremony first');
  });

  test("an intermediate that would outlive its root", () => {
    const config = room.configure("one", "intermediate: { label: issuing, lifetime: 3651d }");
    room.hold("root", config);
    const { message } = refused("intermediate", config);
    expect(message).toMatch(/cannot certify until .*ends .*; shorten the lifetime/);
  });

  test("a trust domain that cannot be constrained to", () => {
    for (const name of ["10.0.0.1", "mesh..example", ".mesh", "mesh."]) {
      const config = room.configure("one");
      writeFileSync(config, readFileSync(config, "utf8").replace("mesh.example", name));
      expect(refused("root", config).message).toMatch(/is an IPv4 address|has an empty label/);
    }
  });

  test("a wrong PIN, tried once", () => {
    const config = room.configure("one");
    room.hold("root", config);
    writeFileSync(room.path("user.pin"), "wrong");
    const { status, message } = refused("intermediate", config);
    expect(status).toBe(3);
    expect(message).toContain("refused the PIN");
    expect(message).not.toContain("wrong");
    writeFileSync(room.path("user.pin"), "user-1234");
    room.hold("intermediate", config);
  });

  test("a configuration mistake, with exit 2", () => {
    const { status, message } = refused("root", room.configure("one", "rot: {}"));
    expect(status).toBe(2);
    expect(message).toContain('rot: is not a key of meshmint; did you mean "root"?');
  });

  test("a cross-certificate of a root by itself", () => {
    const config = room.configure("one", "cross: { oldRootLabel: root one }");
    room.hold("root", config);
    expect(refused("cross", config).message).toContain("would cross-sign a root with itself");
  });
});

test("the orphan of a ceremony that was killed is listed and destroyed by the next", () => {
  const config = room.configure("one");
  room.hold("root", config);
  // A half-made stock, as kill -9 would leave it: the key is there, its certificate is not.
  const orphan = spawnSync(process.execPath, ["--input-type=module", "-e", makeOrphan(room)], {
    encoding: "utf8",
    env: { ...process.env },
  });
  expect(orphan.stderr).toBe("");
  const { plan, transcript } = room.hold("intermediate", config);
  expect(plan.some((line) => line.startsWith('destroy orphan key "issuing one-2"'))).toBe(true);
  expect(transcript.destroyedOrphans).toMatchObject([{ tokenLabel: "issuing", label: "issuing one-2" }]);
  expect(transcript.keys).toHaveLength(4);
});

const makeOrphan = (at: CeremonyRoom): string => `
import { openModule } from ${JSON.stringify(join(import.meta.dirname, "../../src/backends/pkcs11/module.ts"))};
import { initialiseToken, openToken } from ${JSON.stringify(join(import.meta.dirname, "../../src/backends/pkcs11/token.ts"))};
import { generateKeyPair } from ${JSON.stringify(join(import.meta.dirname, "../../src/backends/pkcs11/key-objects.ts"))};
const bytes = (text) => new TextEncoder().encode(text);
const module = openModule(${JSON.stringify(at.hsm.module)});
initialiseToken(module, { label: "issuing", soPin: bytes("so-1234"), userPin: bytes("user-1234") });
const token = openToken(module, { label: "issuing", pin: bytes("user-1234"), access: "read-write" });
generateKeyPair(token, { label: "issuing one-2", curve: "P-256" });
token.close();
module.close();
`;
