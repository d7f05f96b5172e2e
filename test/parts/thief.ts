import { generateKeyPairSync } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { Pkcs11TokenDoor } from "../../src/backends/pkcs11/ceremony-token.ts";
import { openModule } from "../../src/backends/pkcs11/module.ts";
import type { Mesh } from "./mesh.ts";
import type { ClientSide } from "./mtls-request.ts";
import { signLeaf } from "./token-leaf.ts";

/**
 * What somebody presents who has the key of an intermediate (its PEM file, beside its root's): a leaf for an identity of his
 * choice, signed in the mesh's own token.
 */
export async function stealIdentity(
  mesh: Mesh,
  { folder, issuer, uri }: { readonly folder: string; readonly issuer: string; readonly uri: string },
): Promise<ClientSide> {
  const pem = (name: string): string => readFileSync(join(folder, name), "utf8");
  const before = process.env.SOFTHSM2_CONF;
  process.env.SOFTHSM2_CONF = join(mesh.folder, "etc/softhsm2.conf");
  const module = openModule();
  const pin = readFileSync(join(mesh.folder, "state/pins/issuing.pin"), "utf8").trim();
  const readPin = async () => new TextEncoder().encode(pin);
  const door = new Pkcs11TokenDoor(module, { label: "issuing", readPin, readSoPin: undefined });
  try {
    const token = await door.find(new AbortController().signal);
    if (!token) throw new Error("the mesh has no issuing token");
    const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const leaf = await signLeaf(token, pem(issuer), { uri, publicKey });
    const key = privateKey.export({ format: "pem", type: "pkcs8" }).toString();
    return { chain: leaf + pem(issuer), key, roots: pem("root.pem") };
  } finally {
    door.close();
    module.close();
    if (before === undefined) delete process.env.SOFTHSM2_CONF;
    else process.env.SOFTHSM2_CONF = before;
  }
}
