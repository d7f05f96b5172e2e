import { z } from "zod";
import { days, hours } from "../../foundation/duration.ts";
import { durationWithin, type FilePieces, trustDomain } from "../config/config-pieces.ts";
import { readConfig } from "../config/read-config.ts";

const label = z
  .string()
  .min(1)
  .max(28) // a token label has 32 bytes; the stock's keys get "-N" behind theirs
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9 ._-]*$/,
    "must hold only letters, digits, blanks, dots, dashes and underscores",
  );
const curve = z.enum(["P-256", "P-384"]);
const lifetime = durationWithin(hours(1), days(36_500));
const dnsSubtree = z
  .string()
  .max(253)
  .regex(
    /^[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$/,
    "must be a DNS name in lower case, without a dot at either end, such as mesh.example",
  );

const token = ({ path }: FilePieces) =>
  z
    .strictObject({
      label,
      /** The user PIN. Tried once: a wrong one costs one attempt, not the token. */
      pinFile: path,
      /** Make the token when there is none of that label; needs soPinFile. */
      initialize: z.boolean().default(false),
      soPinFile: path.optional(),
    })
    .refine((wanted) => !wanted.initialize || wanted.soPinFile !== undefined, {
      path: ["soPinFile"],
      message: "is missing; initialize: true needs the security officer's PIN",
    });

export const ceremonySchema = (pieces: FilePieces) =>
  z.strictObject({
    program: z.literal("ceremony"),
    trustDomain,
    /** PKCS#11 library; SoftHSM2 where its package puts it when left out. */
    module: pieces.path.optional(),
    /** For certificates and transcripts; made if it is not there. Nothing in it is ever overwritten. */
    outputFolder: pieces.path,
    /** O of every name that the ceremonies make. */
    organization: z.string().min(1).max(64).optional(),
    /** Holds the root's key; opened by ceremonies alone. */
    offlineToken: token(pieces),
    root: z.strictObject({
      label,
      curve: curve.default("P-256"),
      lifetime: lifetime.prefault("3650d"),
    }),
    /** Holds the intermediates' keys; the signer's. Needed for `ceremony intermediate`. */
    issuingToken: token(pieces).optional(),
    /** Needed for `ceremony intermediate`. */
    intermediate: z
      .strictObject({
        /** Keys and files are named LABEL-1, LABEL-2, … */
        label,
        /** One signs at a time; the others are in stock. */
        count: z.int().min(1).max(63).default(4),
        curve: curve.default("P-256"),
        lifetime: lifetime.prefault("365d"),
        /** Permitted DNS names; with none, leaves bear no DNS name at all. */
        dnsSubtrees: z.array(dnsSubtree).max(64).default([]),
        /** After an incident: the set of lists in force, the root's first. What that revokes stays revoked. */
        listInForce: pieces.path.optional(),
      })
      .optional(),
    /** Needed for `ceremony cross`. */
    cross: z
      .strictObject({
        /** Where the old root's key lies; the offline token above when left out. */
        oldToken: token(pieces).optional(),
        oldRootLabel: label,
      })
      .optional(),
  });

export type CeremonyConfig = z.infer<ReturnType<typeof ceremonySchema>>;
export type TokenConfig = CeremonyConfig["offlineToken"];

/** Throws CONFIG_INVALID. */
export const readCeremonyConfig = (file: string): Promise<CeremonyConfig> => readConfig(file, ceremonySchema);
