import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { NodeCredentials, NodeStore } from "../../agent/node/node-credentials.ts";
import type { Der } from "../../domain/certificate/der.ts";
import { parseSpiffeId } from "../../domain/identity/spiffe-id.ts";
import { parseTrustDomain } from "../../domain/identity/trust-domain.ts";
import type { Bundle } from "../../domain/trust/bundle.ts";
import { Fault } from "../../foundation/fault.ts";
import { writeAtomically } from "./atomic-file.ts";

const base64 = z.base64().max(64 * 1024);
const bytes = base64.transform((text) => new Uint8Array(Buffer.from(text, "base64")));
const der = bytes.transform((value) => value as Der);
/** As long as a list may be, in base64 (readCertificateList). */
const listDer = z
  .base64()
  .max(512 * 1024)
  .transform((text) => new Uint8Array(Buffer.from(text, "base64")) as Der);
const date = z.iso.datetime().transform((text) => new Date(text));
const hex = z.string().regex(/^[0-9a-f]{2,128}$/);

const nodeShape = z.strictObject({
  spiffeId: z.string(),
  chain: z.array(der).min(1).max(8),
  privateKey: bytes,
  serial: hex,
  authorityKeyId: hex,
  notBefore: date,
  notAfter: date,
  obtainedAt: date,
});

const bundleShape = z.strictObject({
  trustDomain: z.string(),
  sequence: z.int().nonnegative(),
  anchors: z.array(der).min(1).max(64),
  lists: z.array(listDer).max(128).default([]),
});

/**
 * The agent's own SVID with its key (`node.json`, 0600) and the last bundle (`bundle.json`) in the state folder.
 * A file that is missing, torn or of another shape counts as none: the node joins anew.
 */
export class NodeFiles implements NodeStore {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async loadNode(): Promise<NodeCredentials | undefined> {
    const parsed = nodeShape.safeParse(await this.#read("node.json"));
    if (!parsed.success) return undefined;
    const { obtainedAt, spiffeId, ...rest } = parsed.data;
    const id = parseSpiffeId(spiffeId);
    if (!id.ok) return undefined;
    return { svid: { ...rest, spiffeId: id.value, entryId: "", hint: "" }, obtainedAt };
  }

  async saveNode({ svid, obtainedAt }: NodeCredentials): Promise<void> {
    await this.#write("node.json", {
      spiffeId: svid.spiffeId,
      chain: svid.chain.map(toBase64),
      privateKey: toBase64(svid.privateKey),
      serial: svid.serial,
      authorityKeyId: svid.authorityKeyId,
      notBefore: svid.notBefore,
      notAfter: svid.notAfter,
      obtainedAt,
    });
  }

  async loadBundle(): Promise<Bundle | undefined> {
    const parsed = bundleShape.safeParse(await this.#read("bundle.json"));
    if (!parsed.success) return undefined;
    const domain = parseTrustDomain(parsed.data.trustDomain);
    return domain.ok ? { ...parsed.data, trustDomain: domain.value } : undefined;
  }

  async saveBundle(bundle: Bundle): Promise<void> {
    const { trustDomain, sequence, anchors, lists } = bundle;
    const parts = { anchors: anchors.map(toBase64), lists: lists.map(toBase64) };
    await this.#write("bundle.json", { trustDomain, sequence, ...parts });
  }

  async #read(name: string): Promise<unknown> {
    try {
      return JSON.parse(await readFile(join(this.#folder, name), "utf8"));
    } catch {
      return undefined;
    }
  }

  async #write(name: string, value: unknown): Promise<void> {
    const path = join(this.#folder, name);
    try {
      await writeAtomically(path, `${JSON.stringify(value)}\n`);
    } catch (cause) {
      throw failed(path, cause);
    }
  }
}

const toBase64 = (value: Uint8Array): string => Buffer.from(value).toString("base64");

const failed = (path: string, cause: unknown): Fault =>
  new Fault(
    "STORE_FAILED",
    `cannot write ${path}: ${cause instanceof Error ? cause.message : String(cause)}`,
    {
      cause,
    },
  );
