/** Something that was asked of the token, or found out about it, other than a signature: those are in the journal. */
export type HsmEvent = {
  /** From 1 on in one life of the process; with the log's instance it names the event. */
  readonly sequence: number;
  readonly at: Date;
  readonly operation:
    | "initialize"
    | "login"
    | "open-session"
    | "find-key"
    | "sign"
    | "keep-alive"
    | "state"
    | "worker";
  /** "ok", or one sentence for the operator. Never a PIN. */
  readonly result: string;
  /** "" where no key is concerned. */
  readonly keyId: string;
  readonly tookMs: number;
};

export type NewHsmEvent = Pick<HsmEvent, "operation" | "result"> & {
  readonly keyId?: string;
  readonly tookMs?: number;
};
