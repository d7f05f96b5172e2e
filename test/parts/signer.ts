import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { storeCertificate } from "../../src/backends/pkcs11/certificate-objects.ts";
import { generateKeyPair } from "../../src/backends/pkcs11/key-objects.ts";
import { openModule } from "../../src/backends/pkcs11/module.ts";
import { initialiseToken, type OpenToken, openToken, tokenExists } from "../../src/backends/pkcs11/token.ts";
import type { AuthorityKey } from "../../src/custody/ca-token.ts";
import { type AuthorityOptions, authority, name } from "../../src/custody/custody.fixtures.ts";
import { eventually } from "./eventually.ts";
import { makeSoftHsm, type SoftHsm } from "./softhsm.ts";

export const userPin = "user-1234";
export const tokenLabel = "issuing";

export type SignerSite = {
  readonly hsm: SoftHsm;
  readonly socket: string;
  readonly journal: string;
  readonly configFile: string;
  /** Makes one more key with its certificate in the token, as a ceremony would. */
  addAuthority(label: string, options?: AuthorityOptions): AuthorityKey;
  /** Writes the configuration anew, with these lines in place of, or beside, the standard ones. */
  configure(lines: Readonly<Record<string, string>>): void;
  remove(): void;
};

/** A SoftHSM token with no key yet, and a configuration for `signer run` beside it. */
export function makeSignerSite(): SignerSite {
  const hsm = makeSoftHsm();
  const socket = join(hsm.folder, "signer.sock");
  const journal = join(hsm.folder, "journal");
  const configFile = join(hsm.folder, "signer.yaml");
  const pinFile = join(hsm.folder, "pin");
  writeFileSync(pinFile, `${userPin}\n`, { mode: 0o600 });
  const configure = (lines: Readonly<Record<string, string>>) => {
    const standard = {
      program: "signer",
      socket: `{ path: ${socket} }`,
      token: `{ module: ${hsm.module}, label: ${tokenLabel}, pinFile: ${pinFile} }`,
      journal,
    };
    const text = Object.entries({ ...standard, ...lines }).map(([key, value]) => `${key}: ${value}\n`);
    writeFileSync(configFile, text.join(""));
  };
  configure({});
  return {
    hsm,
    socket,
    journal,
    configFile,
    configure,
    addAuthority: (label, options) => addAuthority(hsm, label, options),
    remove: () => hsm.remove(),
  };
}

/** Opens the token as a ceremony would, makes it first where there is none, and closes it. */
export function withToken<T>(hsm: SoftHsm, work: (token: OpenToken) => T): T {
  const bytes = (text: string) => new TextEncoder().encode(text);
  const module = openModule(hsm.module);
  try {
    if (!tokenExists(module, tokenLabel)) {
      initialiseToken(module, { label: tokenLabel, soPin: bytes("so-1234"), userPin: bytes(userPin) });
    }
    return work(openToken(module, { label: tokenLabel, pin: bytes(userPin), access: "read-write" }));
  } finally {
    module.close();
  }
}

function addAuthority(hsm: SoftHsm, label: string, options: AuthorityOptions = {}): AuthorityKey {
  return withToken(hsm, (token) => {
    const key = generateKeyPair(token, { label, curve: options.curve ?? "P-256" });
    const made = authority({ ...options, spki: key.spki });
    const subject = name(`issuing ${key.keyId.slice(0, 8)}`);
    storeCertificate(token, key, { certificate: made.certificate, subject });
    return made;
  });
}

export type SignerProcess = {
  readonly child: ChildProcess;
  /** Standard output and error so far. */
  output(): string;
  /** Resolves to the exit code when the process has ended. */
  readonly ended: Promise<number | null>;
  stop(): Promise<number | null>;
};

export type SignerStart = {
  readonly options?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** Becomes descriptor 3 of the program. */
  readonly descriptor?: number;
  /** The user, and group of the same number, that it runs as; only root can say so. */
  readonly userId?: number;
};

/** `meshmint signer run` as a process of its own. */
export function startSigner(
  site: Pick<SignerSite, "configFile" | "hsm">,
  how: SignerStart = {},
): SignerProcess {
  const main = new URL("../../src/programs/cli/main.ts", import.meta.url).pathname;
  const child = spawn(
    process.execPath,
    [main, "signer", "run", "-c", site.configFile, ...(how.options ?? [])],
    {
      stdio: ["ignore", "pipe", "pipe", how.descriptor ?? "ignore"],
      env: { ...process.env, SOFTHSM2_CONF: site.hsm.conf, ...how.environment },
      ...(how.userId !== undefined && { uid: how.userId, gid: how.userId }),
    },
  );
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
  }
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  return {
    child,
    output: () => output,
    ended,
    stop() {
      child.kill("SIGTERM");
      return ended;
    },
  };
}

/** The worker is the supervisor's only child. */
export const workerPid = (signer: SignerProcess): Promise<number> =>
  eventually("the worker to be there", () => {
    const { pid } = signer.child;
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8");
    return Number(children.trim().split(" ")[0]) || undefined;
  });
