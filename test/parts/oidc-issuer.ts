import { once } from "node:events";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from "jose";
import { oid } from "../../src/domain/certificate/oid.ts";
import { authority, certify } from "../fakes/node-pki.ts";

export type SigningKey = Awaited<ReturnType<typeof generateKeyPair>> & {
  readonly alg: string;
  readonly kid: string;
};

export async function newSigningKey(alg: string, kid: string): Promise<SigningKey> {
  return { ...(await generateKeyPair(alg, { extractable: true })), alg, kid };
}

/** An OpenID Connect issuer on loopback over https: its discovery document, its keys, its tokens. */
export class OidcIssuer {
  /** PEM of the authority under which its TLS certificate is. */
  readonly caPem: string;
  readonly #server: Server;
  keys: SigningKey[] = [];
  #failsWith: number | undefined;
  /** What is asked for, in order. */
  readonly asked: string[] = [];
  readonly bearers: (string | undefined)[] = [];
  /** Answered at their paths in place of what belongs there. */
  readonly answers = new Map<string, unknown>();

  private constructor() {
    const root = authority();
    const leaf = certify({ dnsNames: ["localhost"], purposes: [oid.serverAuth] }, root);
    this.caPem = root.pem;
    this.#server = createServer({ cert: leaf.pem, key: leaf.keyPem }, async (request, response) => {
      this.asked.push(request.url ?? "");
      this.bearers.push(request.headers.authorization);
      if (this.#failsWith === 0) return void request.socket.destroy();
      const answer = await this.#answerTo(request.url ?? "");
      response.writeHead(this.#failsWith ?? (answer === undefined ? 404 : 200), { location: "/elsewhere" });
      response.end(JSON.stringify(answer));
    });
  }

  /** Answers with this status from now on; 0 hangs up, undefined is well again. */
  fail(status: number | undefined): void {
    this.#failsWith = status;
  }

  static async start(): Promise<OidcIssuer> {
    const issuer = new OidcIssuer();
    issuer.#server.listen(0, "127.0.0.1");
    await once(issuer.#server, "listening");
    issuer.keys = [await newSigningKey("ES256", "key-1")];
    return issuer;
  }

  get url(): string {
    return `https://localhost:${(this.#server.address() as AddressInfo).port}`;
  }

  /** A token as wished; sound where nothing else is. */
  async token(claims: JWTPayload = {}, wishes: { key?: SigningKey; header?: object } = {}): Promise<string> {
    const { privateKey, alg, kid } = wishes.key ?? this.keys[0]!;
    const now = Math.floor(Date.now() / 1000);
    const sound = { iss: this.url, aud: ["meshmint"], sub: "machine:n1", iat: now, nbf: now, exp: now + 600 };
    const payload = Object.entries({ ...sound, ...claims }).filter(([, value]) => value !== undefined);
    return await new SignJWT(Object.fromEntries(payload))
      .setProtectedHeader({ alg, kid, ...wishes.header })
      .sign(privateKey);
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }

  async #answerTo(path: string): Promise<unknown> {
    if (this.answers.has(path)) return this.answers.get(path);
    if (path === "/.well-known/openid-configuration")
      return { issuer: this.url, jwks_uri: `${this.url}/keys` };
    if (path !== "/keys") return undefined;
    const keys = this.keys.map(async ({ publicKey, kid, alg }) => ({
      ...(await exportJWK(publicKey)),
      kid,
      alg,
      use: "sig",
    }));
    return { keys: await Promise.all(keys) };
  }
}

/** The claims of a token that a Kubernetes API server (1.32) projects into a pod. */
export const podClaims = (node: string, namespace = "meshmint", serviceAccount = "agent"): JWTPayload => ({
  sub: `system:serviceaccount:${namespace}:${serviceAccount}`,
  jti: "7e5f0f3e-54e5-4dbb-8a5a-0f4e0d1cd0c5",
  "kubernetes.io": {
    namespace,
    node: { name: node, uid: "5b8ed9f0-3c1b-4a31-9d94-9f8a4f7f6c53" },
    pod: { name: "meshmint-agent-x7k2p", uid: "0cf0c9f6-6f49-4e8e-8d0c-0a7d4c2a8f11" },
    serviceaccount: { name: serviceAccount, uid: "a1f3d4c2-1f5e-4e7b-bf0a-9a2f6f7b8c9d" },
    warnafter: 1_790_000_000,
  },
});
