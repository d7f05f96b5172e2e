import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect } from "vitest";
import { SignerClient } from "../../src/backends/signer-process/signer-client.ts";
import { freshSpki } from "../../src/custody/custody.fixtures.ts";
import { assembleCertificate } from "../../src/domain/certificate/assemble-certificate.ts";
import { readCertificate } from "../../src/domain/certificate/certificate.ts";
import type { Der } from "../../src/domain/certificate/der.ts";
import { keyIdentifierOfBits } from "../../src/domain/certificate/key-identifier.ts";
import { leafIssuer } from "../../src/domain/certificate/leaf-issuer.ts";
import { LeafTemplate } from "../../src/domain/certificate/leaf-template.ts";
import { decodeCertificates, encodePem } from "../../src/domain/certificate/pem.ts";
import { mintSerials } from "../../src/domain/certificate/serial.ts";
import { readSpki } from "../../src/domain/certificate/spki.ts";
import { leafValidity } from "../../src/domain/certificate/validity.ts";
import type { SpiffeId } from "../../src/domain/identity/spiffe-id.ts";
import { hours } from "../../src/foundation/duration.ts";
import { systemRandom } from "../../src/foundation/random.ts";
import { CeremonyRoom } from "../parts/ceremony.ts";
import { needs } from "../parts/parts.ts";
import { type SignerProcess, startSigner } from "../parts/signer.ts";

const test = needs("softhsm", "openssl");

const never = new AbortController().signal;

let room: CeremonyRoom;
let signer: SignerProcess | undefined;
let client: SignerClient | undefined;
beforeEach(() => {
  room = new CeremonyRoom();
});
afterEach(async () => {
  client?.close();
  await signer?.stop();
  room.remove();
});

function must<T>(result: { ok: true; value: T } | { ok: false; error: unknown }): T {
  if (!result.ok) throw new Error(JSON.stringify(result.error));
  return result.value;
}

test.each(["P-256", "P-384"] as const)(
  "a %s intermediate of a ceremony signs leaves that OpenSSL verifies",
  async (curve) => {
    const config = room.configure("one", `intermediate: { label: issuing-one, count: 1, curve: ${curve} }`);
    room.hold("root", config);
    room.hold("intermediate", config);
    const intermediatePem = readFileSync(room.path("one", "issuing-one-1.pem"), "utf8");
    const der = must(decodeCertificates(intermediatePem))[0] as Der;
    const issuer = must(leafIssuer(must(readCertificate(der))));

    const configFile = room.path("signer.yaml");
    const socket = room.path("signer.sock");
    writeFileSync(
      configFile,
      `program: signer\nsocket: { path: ${socket} }\ntoken: { label: issuing, pinFile: user.pin }\njournal: journal\n`,
    );
    signer = startSigner({ configFile, hsm: room.hsm });
    client = new SignerClient({ socketPath: socket, patienceMs: 20_000 });
    expect(Buffer.from((await client.describeKey(issuer.keyId, never))?.certificate ?? [])).toEqual(
      Buffer.from(der),
    );

    const spki = freshSpki();
    const tbs = new LeafTemplate(issuer, "spiffe://mesh.example/web" as SpiffeId, []).fill({
      serial: mintSerials(1, 1, systemRandom)[0]!,
      validity: must(leafValidity(new Date(), hours(24), issuer)),
      spki,
      keyIdentifier: keyIdentifierOfBits(must(readSpki(spki)).bits),
    });
    const [outcome] = await client.sign([{ keyId: issuer.keyId, tbs }], never);
    if (!outcome?.ok) throw new Error(outcome?.error.reason);
    const leaf = must(assembleCertificate(tbs, issuer.algorithm, outcome.value)).der;
    const leafFile = join(room.folder, "leaf.pem");
    writeFileSync(leafFile, encodePem("CERTIFICATE", leaf));
    const verified = execFileSync("openssl", [
      ..."verify -x509_strict -purpose sslserver -CAfile".split(" "),
      room.path("one", "root.pem"),
      "-untrusted",
      room.path("one", "issuing-one-1.pem"),
      leafFile,
    ]);
    expect(verified.toString()).toContain("leaf.pem: OK");
  },
);
