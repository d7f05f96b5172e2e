import { request } from "node:https";
import { withDeadline } from "../../foundation/deadline.ts";

export type FetchOptions = {
  /** PEM authorities of the issuer's TLS certificate; the system's when left out. */
  readonly ca: string | undefined;
  readonly bearerToken: string | undefined;
};

const withinMs = 5000;
const mostBytes = 256 * 1024;

/**
 * GETs a JSON document over https. Rejects with an Error that says why: no answer within 5 s, any status but 200 (redirects are not
 * followed), more than 256 KiB, no JSON.
 */
export async function fetchJson(url: string, options: FetchOptions, signal: AbortSignal): Promise<unknown> {
  const text = await withDeadline(withinMs, signal, (limited) => fetchText(url, options, limited));
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(`${url} answers no JSON`);
  }
}

function fetchText(url: string, { ca, bearerToken }: FetchOptions, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = {
      accept: "application/json",
      ...(bearerToken !== undefined && { authorization: `Bearer ${bearerToken}` }),
    };
    const asked = request(
      url,
      { ...(ca !== undefined && { ca }), headers, signal, agent: false },
      (answer) => {
        const parts: Buffer[] = [];
        let bytes = 0;
        if (answer.statusCode !== 200)
          asked.destroy(new Error(`${url} answers with status ${answer.statusCode}`));
        answer.on("data", (part: Buffer) => {
          bytes += part.length;
          parts.push(part);
          if (bytes > mostBytes) asked.destroy(new Error(`${url} answers with more than ${mostBytes} bytes`));
        });
        answer.on("end", () => resolve(Buffer.concat(parts).toString("utf8")));
        answer.on("error", reject);
      },
    );
    asked.on("error", reject);
    asked.end();
  });
}
