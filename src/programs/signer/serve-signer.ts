import { randomUUID } from "node:crypto";
import process from "node:process";
import { Server } from "@grpc/grpc-js";
import type { Logger } from "pino";
import { readPeer } from "../../backends/peer-credentials/peer-credentials.ts";
import { openModule } from "../../backends/pkcs11/module.ts";
import { refuseSoftHsm } from "../../backends/pkcs11/soft-hsm.ts";
import { TokenSigner } from "../../backends/pkcs11/token-signer.ts";
import { JournalFile } from "../../backends/signer-journal/journal-file.ts";
import { failureFields } from "../../backends/telemetry/logger.ts";
import type { CaToken } from "../../custody/ca-token.ts";
import { Custodian } from "../../custody/custodian.ts";
import { HsmLog } from "../../custody/hsm-log.ts";
import type { Journal } from "../../custody/journal.ts";
import { systemClock } from "../../foundation/clock.ts";
import { toMs } from "../../foundation/duration.ts";
import type { Fault } from "../../foundation/fault.ts";
import { listenOnUnixSocket, type UnixListener } from "../../protocols/grpc/unix-listener.ts";
import { addSignerService } from "../../protocols/signer/signer-service.ts";
import type { SignerConfig } from "./config.ts";
import type { PinSource } from "./pin-source.ts";
import { RefusalLog } from "./refusal-log.ts";

export type ServeOptions = {
  readonly config: SignerConfig;
  readonly pin: PinSource;
  readonly logger: Logger;
  /** Whether a wrong key in the token keeps the signer from serving the others. */
  readonly strict: boolean;
  /** How the worker before this one ended; undefined for the first. */
  readonly formerEnd?: string | undefined;
  /** Counts the calls into the module for whoever watches them; undefined where nobody does. */
  readonly callCounter?: Int32Array | undefined;
  /** Told of what this process cannot live with: the PIN refused later on, or a journal that records no more. */
  readonly onFatal: (fault: Fault) => void;
};

export type RunningSigner = {
  oldestOperationMs(): number;
  /** Finishes what is being signed, refuses what is not, makes the journal durable and removes the socket. */
  stop(graceMs: number): Promise<void>;
};

const fsyncEveryMs = 1000;

/** What signs and what records, both open. */
export type Custody = {
  readonly token: CaToken & Pick<TokenSigner, "oldestOperationMs" | "close">;
  readonly journal: Journal & Pick<JournalFile, "close">;
  readonly hsmLog: HsmLog;
};

/** Puts the signer's worker together and serves. Rejects with CONFIG_INVALID, HSM_*, LEDGER_FAILED or STORE_IN_USE. */
export async function serveSigner(options: ServeOptions): Promise<RunningSigner> {
  return await serveCustody(options, await openCustody(options));
}

/** Opens the token, holds its keys against what they must be, and opens the journal. */
export async function openCustody(options: ServeOptions): Promise<Custody> {
  const hsmLog = new HsmLog(randomUUID(), systemClock);
  if (options.formerEnd !== undefined) hsmLog.note({ operation: "worker", result: options.formerEnd });
  const token = await openTokenSigner(options, hsmLog);
  checkKeys(token, options);
  return { token, journal: openJournal(options), hsmLog };
}

/** Serves what was opened on the signer's socket, and closes it at its `stop`. */
export async function serveCustody(options: ServeOptions, custody: Custody): Promise<RunningSigner> {
  const { config, logger } = options;
  const { token, journal, hsmLog } = custody;
  const custodian = new Custodian({
    token,
    journal,
    hsmLog,
    clock: systemClock,
    limits: { ttlCap: config.ttlCap, clockSkew: config.clockSkew },
    observer: new RefusalLog(logger),
  });
  const server = new Server();
  const streams = addSignerService(server, custodian);
  const listener = await listen(server, options);
  logger.info({ socket: config.socket.path, journalLines: journal.lines().toString() }, "the signer serves");
  return {
    oldestOperationMs: () => token.oldestOperationMs(),
    async stop(graceMs) {
      custodian.close();
      streams.finish();
      await listener.close(graceMs);
      journal.close();
      token.close();
    },
  };
}

function openTokenSigner(options: ServeOptions, log: HsmLog): Promise<TokenSigner> {
  const { config, pin, logger, callCounter, onFatal } = options;
  const module = openModule(config.token.module, callCounter);
  log.note({ operation: "initialize", result: "ok" });
  if (config.production && !config.softHsmInProduction) refuseSoftHsm(module);
  return TokenSigner.open({
    module,
    log,
    label: config.token.label,
    sessions: config.sessions,
    readPin: pin,
    keepAliveMs: toMs(config.keepAlive),
    onState: (status) => logger[status.state === "ready" ? "info" : "error"](status, "the token's state"),
    onFatal,
  });
}

/** Each authority's key is as it must be, or is named; keys of a ceremony that stopped half way are named too. */
function checkKeys(token: TokenSigner, { strict, logger }: ServeOptions): void {
  try {
    const { keyIds, orphans } = token.checkKeys();
    logger.info({ keyIds }, `${keyIds.length} authorities in the token`);
    for (const orphan of orphans)
      logger.warn(
        orphan,
        "a key without a certificate: a ceremony stopped half way; see `meshmint ceremony orphans`",
      );
  } catch (thrown) {
    if (strict) throw thrown;
    logger.error(failureFields(thrown), "a key in the token is not as it must be; it is not used");
  }
}

function openJournal({ config, logger, onFatal }: ServeOptions): JournalFile {
  return new JournalFile({
    path: config.journal,
    fsyncEveryMs,
    onRepaired: (droppedBytes) => logger.warn({ droppedBytes }, "cut a torn end off the journal"),
    onFailed: onFatal,
  });
}

function listen(server: Server, { config, logger }: ServeOptions): Promise<UnixListener> {
  const { path, mode, groupId, allowedUids } = config.socket;
  const allowed = new Set(allowedUids ?? [process.getuid?.()]);
  return listenOnUnixSocket(server, {
    path,
    mode,
    groupId,
    readPeer,
    admits: ({ uid }) => allowed.has(uid),
    onRefused: (reason) => logger.warn(failureFields({ message: reason }), `refused a connection: ${reason}`),
  });
}
