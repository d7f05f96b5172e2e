import type { Der } from "../../domain/certificate/der.ts";
import type { Linted } from "../../domain/certificate/lint/linted.ts";
import type { Validity } from "../../domain/certificate/validity.ts";
import type { Authority } from "../../domain/trust/authority.ts";
import type { Ticket } from "./ticket.ts";

/** A leaf on its way through the stages: each stage takes one form of it and gives the next. */
export type Planned = {
  readonly ticket: Ticket;
  readonly serial: Uint8Array;
  /** The same in lower-case hexadecimal. */
  readonly serialHex: string;
  readonly validity: Validity;
};

export type Prepared = Planned & { readonly linted: Linted };

/** An intent that was recorded, and how it ended. */
export type Ended = { readonly leaf: Planned; readonly end: End };

export type End =
  | { readonly kind: "certificate"; readonly certificate: Der }
  | {
      readonly kind: "closed";
      readonly as: "not-signed" | "self-check-failed" | "signed-not-recorded";
      readonly reason: string;
    };

/** All leaves of a batch are under one authority: it is read once, and its name stands in every intent. */
export type Batch<Leaf> = { readonly authority: Authority; readonly leaves: readonly Leaf[] };
