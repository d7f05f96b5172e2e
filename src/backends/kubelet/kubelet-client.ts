import { readFile } from "node:fs/promises";
import { type RequestOptions as HttpOptions, request as httpRequest, type IncomingMessage } from "node:http";
import { type RequestOptions as HttpsOptions, request as httpsRequest } from "node:https";
import { isIP } from "node:net";
import type { Kubelet } from "../../agent/attest-workload/pod-directory.ts";
import type { Pod } from "../../domain/workload/pod.ts";
import { Fault } from "../../foundation/fault.ts";
import { parsePodList } from "./pod-list.ts";

/** How the kubelet is reached, and how it and the agent prove themselves. Files are read anew for each question: they are renewed. */
export type KubeletDoor =
  | { readonly kind: "read-only"; readonly host: string; readonly port: number }
  | {
      readonly kind: "authenticated";
      readonly host: string;
      readonly port: number;
      /** Name that the kubelet's certificate must have; the host when undefined. */
      readonly serverName: string | undefined;
      /** PEM: whoever signed the kubelet's certificate, or that itself where it signed itself. */
      readonly caFile: string;
      readonly credential:
        | { readonly tokenFile: string }
        | { readonly certificateFile: string; readonly keyFile: string };
    };

const mostBytes = 32 * 1024 * 1024;
const mostTokenBytes = 16 * 1024;

/** The kubelet's own API on its node: GET /pods, and nothing that changes anything. */
export class KubeletClient implements Kubelet {
  readonly #door: KubeletDoor;

  constructor(door: KubeletDoor) {
    this.#door = door;
  }

  async pods(signal: AbortSignal): Promise<readonly Pod[]> {
    const list = parsePodList(await this.#get(signal));
    if (list.ok) return list.value.pods;
    throw this.#unavailable(`sent ${list.error}`);
  }

  async #get(signal: AbortSignal): Promise<string> {
    const { host, port } = this.#door;
    const plain = {
      host,
      port,
      path: "/pods",
      agent: false,
      signal,
      headers: { accept: "application/json" },
    };
    const options = this.#door.kind === "read-only" ? plain : await withProof(plain, this.#door);
    const ask = this.#door.kind === "read-only" ? httpRequest : httpsRequest;
    return new Promise((resolve, reject) => {
      const asked = ask(options, (answer) => {
        this.#read(answer).then(resolve, (thrown: unknown) => {
          answer.destroy();
          reject(thrown);
        });
      });
      asked.once("error", (cause) =>
        reject(signal.aborted ? signal.reason : this.#unavailable(cause.message || String(cause), cause)),
      );
      asked.end();
    });
  }

  async #read(answer: IncomingMessage): Promise<string> {
    const { statusCode = 0 } = answer;
    if (statusCode !== 200)
      throw this.#unavailable(`answers HTTP ${statusCode}${remedies.get(statusCode) ?? ""}`);
    const parts: Buffer[] = [];
    let size = 0;
    for await (const part of answer) {
      size += (part as Buffer).length;
      if (size > mostBytes) throw this.#unavailable(`sends more than ${mostBytes} bytes`);
      parts.push(part as Buffer);
    }
    return Buffer.concat(parts).toString("utf8");
  }

  #unavailable(what: string, cause?: unknown): Fault {
    const { host, port } = this.#door;
    return new Fault("ATTESTOR_UNAVAILABLE", `the kubelet at ${host}:${port}: ${what}`, { cause });
  }
}

const remedies = new Map([
  [401, ": it does not know the agent's token or certificate (attest.kubernetes)"],
  [403, ": the agent's account needs the right to get nodes/pods or nodes/proxy"],
  [404, ": it serves no /pods at this port"],
]);

async function withProof(
  plain: HttpOptions,
  door: KubeletDoor & { kind: "authenticated" },
): Promise<HttpsOptions> {
  const { host, serverName, caFile, credential } = door;
  // The name is what node:tls checks, and the host where it has none; an address is never sent as one (RFC 6066 §3).
  const servername = serverName ?? (isIP(host) ? "" : host);
  const tls = { ca: await readText(caFile), servername, minVersion: "TLSv1.2" as const };
  if ("tokenFile" in credential) {
    const headers = { ...plain.headers, authorization: `Bearer ${await readToken(credential.tokenFile)}` };
    return { ...plain, ...tls, headers };
  }
  const [cert, key] = [await readText(credential.certificateFile), await readText(credential.keyFile)];
  return { ...plain, ...tls, cert, key };
}

async function readToken(file: string): Promise<string> {
  const token = (await readText(file)).trim();
  if (token.length <= mostTokenBytes && /^[!-~]+$/.test(token)) return token;
  throw new Fault("ATTESTOR_UNAVAILABLE", `${file}: there is no token in it`);
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? "";
    throw new Fault("ATTESTOR_UNAVAILABLE", `${file} cannot be read: ${code}`, { cause });
  }
}
