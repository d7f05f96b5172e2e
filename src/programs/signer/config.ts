import { z } from "zod";
import { days, minutes, seconds } from "../../foundation/duration.ts";
import { durationWithin, type FilePieces, fileMode } from "../config/config-pieces.ts";
import { readConfig } from "../config/read-config.ts";

const socket = ({ path }: FilePieces) =>
  z
    .strictObject({
      path: path.prefault("/run/meshmint/signer.sock"),
      /** Who may open the socket; who of them may use it, `allowedUids` says. */
      mode: fileMode.prefault("0660"),
      /** The group that signer and server share; the process's own when left out. */
      groupId: z.int().min(0).optional(),
      /** The users who may have certificates signed: the server's; the signer's own alone when left out. */
      allowedUids: z.array(z.int().min(0)).max(16).optional(),
    })
    .prefault({});

const sessions = z.int().min(1).max(64);

/** What each of several tokens has for itself; all else is common to them. */
const severalTokens = (pieces: FilePieces) =>
  z
    .array(
      z.strictObject({
        /** In log lines. */
        name: z
          .string()
          .regex(/^[a-z0-9][a-z0-9.-]{0,62}$/, "is not a name of lower-case letters, digits, - and ."),
        socket: pieces.path,
        journal: pieces.path,
        token: token(pieces),
        sessions: sessions.optional(),
      }),
    )
    .min(1)
    .max(16)
    .refine(each("name"), "two tokens bear one name")
    .refine(each("socket"), "two tokens have one socket")
    .refine(each("journal"), "two tokens have one journal")
    .optional();

const each =
  <Key extends string>(key: Key) =>
  (list: readonly Readonly<Record<Key, string>>[]): boolean =>
    new Set(list.map((one) => one[key])).size === list.length;

const token = ({ path }: FilePieces) =>
  z
    .strictObject({
      /** PKCS#11 library; SoftHSM2 where its package puts it when left out. */
      module: path.optional(),
      /** The issuing token's, where `ceremony intermediate` made the keys. */
      label: z.string().min(1).max(32),
      /** Exactly one of the two, unless --insecure-pin-env is given. */
      pinFile: path.optional(),
      /** A file descriptor that the starter opened on a file; a pipe cannot be read again after a token was lost. */
      pinDescriptor: z.int().min(3).max(255).optional(),
    })
    .refine(({ pinFile, pinDescriptor }) => pinFile === undefined || pinDescriptor === undefined, {
      path: ["pinDescriptor"],
      message: "cannot be set beside pinFile; remove one",
    });

export const signerSchema = (pieces: FilePieces) =>
  z
    .strictObject({
      program: z.literal("signer"),
      socket: socket(pieces),
      /** The only token, unless `tokens` is given. */
      token: token(pieces).optional(),
      /** Several tokens with the same keys, each in a worker process of its own with its own socket and journal. */
      tokens: severalTokens(pieces),
      /** Signatures at the same time, in each token. More than the token has processors only wait inside it. */
      sessions: sessions.default(4),
      /** The longest validity that is ever signed: the server's longest TTL and its two minutes of backdating. */
      ttlCap: durationWithin(minutes(1), days(366)).prefault("24h10m"),
      /** How far ahead the server's clock may be. */
      clockSkew: durationWithin(seconds(0), minutes(60)).prefault("5m"),
      /** A file that is only ever appended to, a line before each signature; its folder must be there. */
      journal: pieces.path.prefault("/var/lib/meshmint/signer/journal"),
      /** A signature that takes longer costs the worker: a PKCS#11 call cannot be ended in any other way. */
      operationDeadline: durationWithin(seconds(1), minutes(10)).prefault("10s"),
      /** A place where no key may lie in a file: SoftHSM is refused. */
      production: z.boolean().default(false),
      softHsmInProduction: z.boolean().default(false),
      /** How often sessions that nobody uses are touched: below the idle limit of the device. */
      keepAlive: durationWithin(seconds(1), minutes(10)).prefault("15s"),
      log: z.strictObject({ level: z.enum(["debug", "info", "warn", "error"]).default("info") }).prefault({}),
    })
    .refine(({ token: only, tokens }) => (only === undefined) !== (tokens === undefined), {
      path: ["token"],
      message: "or tokens must be given, and not both",
    });

export type SignerFile = z.infer<ReturnType<typeof signerSchema>>;

/** Reads the signer's configuration file. Throws CONFIG_INVALID with one line for each problem. */
export const readSignerConfig = (file: string): Promise<SignerFile> => readConfig(file, signerSchema);

/** One token's part of the file, with all that is common. */
export type SignerConfig = Omit<SignerFile, "token" | "tokens"> & {
  /** "" for the only token. */
  readonly name: string;
  readonly token: NonNullable<SignerFile["token"]>;
};

/** The configuration of each worker. */
export function workerConfigs({ token, tokens = [], ...common }: SignerFile): readonly SignerConfig[] {
  if (token !== undefined) return [{ ...common, name: "", token }];
  return tokens.map((one) => ({
    ...common,
    name: one.name,
    token: one.token,
    journal: one.journal,
    sessions: one.sessions ?? common.sessions,
    socket: { ...common.socket, path: one.socket },
  }));
}
