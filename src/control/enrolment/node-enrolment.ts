import type { Der } from "../../domain/certificate/der.ts";
import type { SpiffeId } from "../../domain/identity/spiffe-id.ts";
import { gcra, type Rate } from "../../domain/policy/gcra.ts";
import type { Clock } from "../../foundation/clock.ts";
import { ok, type Result, refused } from "../../foundation/result.ts";
import type { LedgerWriter } from "../ledger/ledger-writer.ts";
import type { AgentDirectory } from "./agent-directory.ts";
import type { Attested, Attestor, Evidence } from "./attestor.ts";
import { FailureLimiter } from "./failure-limiter.ts";

/** All that a node may learn of a refusal. */
export type OpaqueRefusal =
  | { readonly code: "denied" | "invalid" }
  | { readonly code: "retry"; readonly retryAfterMs: number };

/** A node SVID with what is to be sent behind it. */
export type NodeSvidChain = {
  readonly chain: readonly Der[];
  readonly authorityKeyId: string;
  readonly serial: string;
  readonly notAfter: Date;
};

type Minted = Promise<Result<NodeSvidChain, OpaqueRefusal>>;

/** Mints node SVIDs: for a node that has just proved itself, and for one that renews its own. */
export interface NodeSvidMinter {
  admitNode(agent: SpiffeId, csr: Uint8Array, signal: AbortSignal): Minted;
  renewNode(agent: SpiffeId, csr: Uint8Array, signal: AbortSignal): Minted;
}

export type AttestationClaim = Evidence & {
  readonly attestor: string;
  /** The caller's address, for the limit on failures. */
  readonly source: string;
};

type Deps = {
  readonly attestors: readonly Attestor[];
  readonly directory: AgentDirectory;
  readonly minter: NodeSvidMinter;
  readonly ledger: Pick<LedgerWriter, "recordEvent">;
  readonly clock: Clock;
};

/** Refusals worth reading; beyond that the log would be a guesser's to fill. */
const auditRate: Rate = { intervalMs: 1000, burst: 50 };

/** How a node comes to its SVID, and keeps it. Refusals are opaque to the node and whole in the ledger. */
export class NodeEnrolment {
  readonly #deps: Deps;
  readonly #attestors: ReadonlyMap<string, Attestor>;
  readonly #failures = new FailureLimiter();
  #auditDue: number | undefined;

  constructor(deps: Deps) {
    this.#deps = deps;
    this.#attestors = new Map(deps.attestors.map((attestor) => [attestor.name, attestor]));
  }

  async attest(claim: AttestationClaim, signal: AbortSignal): Minted {
    const waitMs = this.#failures.waitMs(claim.source, this.#nowMs());
    if (waitMs > 0) return refused({ code: "retry", retryAfterMs: waitMs });
    const attestor = this.#attestors.get(claim.attestor);
    if (!attestor) return await this.#refuse(claim, "there is no such attestor");
    const proof = await attestor.attest(claim, signal);
    if (proof.ok) return await this.#admit(claim, proof.value, signal);
    const { error } = proof;
    if (error.code === "busy") return refused({ code: "retry", retryAfterMs: error.retryAfterMs });
    return await this.#refuse(claim, error.reason);
  }

  /** Looked at again when it is made: a ban or an eviction may have come meanwhile. */
  async renewNode(agent: SpiffeId, csr: Uint8Array, signal: AbortSignal): Minted {
    const { directory, minter } = this.#deps;
    if (!directory.isIn(agent)) return refused({ code: "denied" });
    const minted = await minter.renewNode(agent, csr, signal);
    if (!directory.isIn(agent)) return refused({ code: "denied" });
    if (minted.ok) await directory.renewed(agent, minted.value, signal);
    return minted;
  }

  /** The SVID leaves the server only once the agent is known and its proof is used up. */
  async #admit(claim: AttestationClaim, node: Attested, signal: AbortSignal): Minted {
    let issued: NodeSvidChain | undefined;
    try {
      if (this.#deps.directory.isBanned(node.agentId))
        return await this.#refuse(claim, "the agent is banned");
      const minted = await this.#deps.minter.admitNode(node.agentId, claim.csr, signal);
      if (!minted.ok) return minted;
      await this.#remember(claim, { id: node.agentId, svid: minted.value }, signal);
      issued = minted.value;
    } finally {
      // The caller may be gone, but its proof must not stay claimed for that.
      if (!issued) await node.settle(false, new AbortController().signal);
    }
    if (await node.settle(true, signal)) return ok(issued);
    return refused({ code: "retry", retryAfterMs: 1000 });
  }

  async #remember(
    claim: AttestationClaim,
    agent: { readonly id: SpiffeId; readonly svid: NodeSvidChain },
    signal: AbortSignal,
  ): Promise<void> {
    const { directory, ledger, clock } = this.#deps;
    const detail = { attestor: claim.attestor, source: claim.source, serial: agent.svid.serial };
    await ledger.recordEvent({ kind: "agent.attested", actor: agent.id, at: clock.now(), detail }, signal);
    await directory.attested({ ...agent, attestor: claim.attestor }, signal);
  }

  /** Recorded although the caller may be gone. */
  async #refuse(claim: AttestationClaim, reason: string): Minted {
    const { ledger, clock } = this.#deps;
    this.#failures.failed(claim.source, this.#nowMs());
    const verdict = gcra(this.#auditDue, this.#nowMs(), auditRate);
    if (verdict.ok) {
      this.#auditDue = verdict.due;
      const detail = { attestor: claim.attestor.slice(0, 64), reason };
      const event = { kind: "agent.attestation-refused", actor: claim.source, at: clock.now(), detail };
      await ledger.recordEvent(event, new AbortController().signal);
    }
    return refused({ code: "denied" });
  }

  #nowMs(): number {
    return this.#deps.clock.now().getTime();
  }
}
