import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export type PemPair = { readonly certificate: string; readonly key: string };

/**
 * A two-tier CA made by OpenSSL with software keys, for tests of what stands around issuance. Leaves carry one SPIFFE ID.
 */
export class OpensslCa {
  readonly #folder = mkdtempSync(join(tmpdir(), "meshmint-ca-"));
  readonly root: PemPair;
  readonly intermediate: PemPair;
  #count = 0;

  constructor(commonName = "test root") {
    this.root = this.#issue(
      `/CN=${commonName}`,
      "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign",
    );
    this.intermediate = this.#issue(
      "/CN=test intermediate",
      "basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign,cRLSign",
      this.root,
    );
  }

  /** A leaf under the intermediate; `chain` is leaf and intermediate. Lives `days` days from now. */
  leaf(spiffeId: string, days = 1): PemPair & { readonly chain: string } {
    const leaf = this.#issue("/", leafExtensions(spiffeId), this.intermediate, days);
    return { ...leaf, chain: leaf.certificate + this.intermediate.certificate };
  }

  /** A leaf under an authority that the intermediate certified although its path length is 0; chain: leaf, that one, intermediate. */
  leafTooDeep(spiffeId: string): PemPair & { readonly chain: string } {
    const authority = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign";
    const deep = this.#issue("/CN=test deep", authority, this.intermediate);
    const leaf = this.#issue("/", leafExtensions(spiffeId), deep);
    return { ...leaf, chain: leaf.certificate + deep.certificate + this.intermediate.certificate };
  }

  /** A signing certificate that claims a SPIFFE ID with a path and would do for TLS. X509-SVID §4 has no such thing. */
  signingLeaf(spiffeId: string): PemPair & { readonly chain: string } {
    const extensions = [
      "basicConstraints=critical,CA:TRUE",
      "keyUsage=critical,digitalSignature,keyCertSign",
      "extendedKeyUsage=serverAuth,clientAuth",
      `subjectAltName=critical,URI:${spiffeId}`,
    ].join("\n");
    const leaf = this.#issue("/", extensions, this.root);
    return { ...leaf, chain: leaf.certificate };
  }

  /** A leaf for whatever OpenSSL takes as a subjectAltName (`IP:127.0.0.1`), for both sides of TLS. */
  named(subjectAltName: string): PemPair & { readonly chain: string } {
    const names = `subjectAltName=${subjectAltName}`;
    const leaf = this.#issue("/CN=somebody", `basicConstraints=CA:FALSE\n${names}`, this.intermediate);
    return { ...leaf, chain: leaf.certificate + this.intermediate.certificate };
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true });
  }

  // biome-ignore lint/complexity/useMaxParams: the four are what a certificate is made of
  #issue(subject: string, extensions: string, issuer?: PemPair, days = 30): PemPair {
    this.#count += 1;
    const file = (name: string) => join(this.#folder, `${this.#count}.${name}`);
    const openssl = (...args: string[]) =>
      execFileSync("openssl", args, { stdio: ["ignore", "pipe", "pipe"] });
    openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", file("key"));
    openssl("req", "-new", "-key", file("key"), "-subj", subject, "-out", file("csr"));
    writeFileSync(file("ext"), `${extensions}\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n`);
    const common = [
      "-req",
      "-in",
      file("csr"),
      "-extfile",
      file("ext"),
      "-days",
      String(days),
      "-out",
      file("crt"),
    ];
    if (issuer === undefined) {
      openssl("x509", ...common, "-signkey", file("key"));
    } else {
      writeFileSync(file("issuer.crt"), issuer.certificate);
      writeFileSync(file("issuer.key"), issuer.key);
      openssl("x509", ...common, "-CA", file("issuer.crt"), "-CAkey", file("issuer.key"), "-CAcreateserial");
    }
    const key = execFileSync("openssl", ["pkcs8", "-topk8", "-nocrypt", "-in", file("key")], {
      encoding: "utf8",
    });
    return { certificate: readFileSync(file("crt"), "utf8"), key };
  }
}

const leafExtensions = (spiffeId: string): string =>
  [
    "basicConstraints=critical,CA:FALSE",
    "keyUsage=critical,digitalSignature",
    "extendedKeyUsage=serverAuth,clientAuth",
    `subjectAltName=critical,URI:${spiffeId}`,
  ].join("\n");
