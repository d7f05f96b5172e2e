import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { expect } from "vitest";
import { SignerClient } from "../../src/backends/signer-process/signer-client.ts";
import { leaf } from "../../src/custody/custody.fixtures.ts";
import { needs } from "../parts/parts.ts";
import { makeSignerSite, startSigner, workerPid } from "../parts/signer.ts";

const test = needs("softhsm");
const never = new AbortController().signal;
const signerUser = 54_001;

const asSigner = (program: string, ...argv: string[]) =>
  spawnSync(program, argv, { uid: signerUser, gid: signerUser, cwd: "/" }).status;

test("a signer of another user serves us, and not even that user can look into its worker", async ({
  skip,
}) => {
  if (process.getuid?.() !== 0) skip("skipped: needs root");
  if (asSigner("cat", import.meta.filename) !== 0) skip("skipped: needs a clone that other users can read");
  const site = makeSignerSite();
  const key = site.addAuthority("one");
  site.configure({ socket: `{ path: ${site.socket}, allowedUids: [0] }` });
  chmodSync(join(site.hsm.folder, "pin"), 0o644);
  execFileSync("chown", ["-R", `${signerUser}:${signerUser}`, site.hsm.folder]);
  const signer = startSigner(site, { userId: signerUser });
  const client = new SignerClient({ socketPath: site.socket, patienceMs: 20_000 });
  try {
    const outcomes = await client.sign([{ keyId: key.keyId, tbs: leaf(key, new Date()) }], never);
    expect(outcomes).toMatchObject([{ ok: true }]);
    const worker = await workerPid(signer);
    expect(asSigner("cat", `/proc/${signer.child.pid}/environ`)).toBe(0);
    expect(asSigner("cat", `/proc/${worker}/environ`)).not.toBe(0);
    expect(asSigner("ls", `/proc/${worker}/fd`)).not.toBe(0);
    expect(signer.output()).toMatch(/mode 0644: others than the signer can read the PIN/);
  } finally {
    client.close();
    expect(await signer.stop()).toBe(0);
    site.remove();
  }
});
