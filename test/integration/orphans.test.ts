/** Keys that no ceremony finished with: listed, and destroyed only when a person names them. */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect } from "vitest";
import { generateKeyPair, listKeys } from "../../src/backends/pkcs11/key-objects.ts";
import type { Der } from "../../src/domain/certificate/der.ts";
import { encodePem } from "../../src/domain/certificate/pem.ts";
import { softwareAuthority } from "../fakes/software-authority.ts";
import { meshmint } from "../parts/ceremony.ts";
import { needs } from "../parts/parts.ts";
import { makeSignerSite, type SignerSite, tokenLabel, withToken } from "../parts/signer.ts";

const test = needs("softhsm");
let site: SignerSite;
let file: string;

beforeEach(() => {
  site = makeSignerSite();
  file = join(site.hsm.folder, "ceremony.yaml");
  writeFileSync(
    file,
    `program: ceremony
trustDomain: mesh.test
outputFolder: out
module: ${site.hsm.module}
offlineToken: { label: elsewhere, pinFile: pin }
issuingToken: { label: ${tokenLabel}, pinFile: pin }
root: { label: root }
`,
  );
});
afterEach(() => site.remove());

const orphans = (...argv: string[]) =>
  meshmint(["ceremony", "orphans", "-c", file, "--output", "json", ...argv], {
    SOFTHSM2_CONF: site.hsm.conf,
  });
const tokensOf = ({ stdout }: { stdout: string }) => JSON.parse(stdout).tokens;

test("orphans are listed beside the count of authorities; --destroy needs --yes, and takes nothing but an orphan's key id", () => {
  const { keyId } = site.addAuthority("one");
  const orphan = withToken(
    site.hsm,
    (token) => generateKeyPair(token, { label: "left", curve: "P-256" }).keyId,
  );
  const listed = [
    { token: "elsewhere", present: false, authorities: 0, orphans: [], destroyed: [] },
    {
      token: tokenLabel,
      present: true,
      authorities: 1,
      orphans: [{ keyId: orphan, label: "left" }],
      destroyed: [],
    },
  ];
  expect(tokensOf(orphans())).toEqual(listed);
  expect(tokensOf(orphans("--destroy", orphan))).toEqual(listed);
  const refused = orphans("--destroy", orphan, "--destroy", keyId, "--yes");
  expect([refused.status, refused.stderr]).toEqual([1, expect.stringContaining("nothing was destroyed")]);
  expect(withToken(site.hsm, (token) => listKeys(token).orphans)).toHaveLength(1);
  expect(tokensOf(orphans("--destroy", orphan, "--yes"))[1]).toMatchObject({
    orphans: [],
    destroyed: [{ keyId: orphan }],
  });
  expect(withToken(site.hsm, (token) => listKeys(token))).toEqual({ keyIds: [keyId], orphans: [] });
});

test("a key that a certificate or transcript of the folder names, or that a ceremony may be making, is not destroyed", () => {
  const { keyId, spki } = withToken(site.hsm, (token) =>
    generateKeyPair(token, { label: "named", curve: "P-256" }),
  );
  const out = join(site.hsm.folder, "out");
  mkdirSync(out);
  const refused = (words: RegExp) => {
    const { status, stderr } = orphans("--destroy", keyId, "--yes");
    expect([status, stderr]).toEqual([1, expect.stringMatching(words)]);
    expect(withToken(site.hsm, (token) => listKeys(token).orphans)).toHaveLength(1);
  };
  const transcript = join(out, "intermediate-transcript.json");
  writeFileSync(transcript, JSON.stringify({ keys: [{ keyId }] }));
  refused(/intermediate-transcript.json names the key/);
  writeFileSync(transcript, JSON.stringify({ keys: [{ keyId: "ab" }] }));
  const pem = join(out, "issuing-1.pem");
  writeFileSync(pem, encodePem("CERTIFICATE", certificateOf(spki)));
  refused(/issuing-1.pem names the key/);
  writeFileSync(pem, "");
  refused(/issuing-1.pem is empty: a ceremony is being held/);
  rmSync(pem);
  expect(tokensOf(orphans("--destroy", keyId, "--yes"))[1]).toMatchObject({ destroyed: [{ keyId }] });
});

/** A certificate for this public key; whose signature it bears is of no interest here. */
function certificateOf(spki: Der): Der {
  const { authority, spki: other } = softwareAuthority();
  const { certificate } = authority;
  const at = Buffer.from(certificate).indexOf(Buffer.from(other));
  const changed = Uint8Array.from(certificate);
  changed.set(spki, at);
  return changed as Der;
}
