import type { FleetMember } from "../../control/signing/fleet-member.ts";
import { Fault } from "../../foundation/fault.ts";
import type { SignerView } from "../../generated/meshmint/admin/v1/SignerView.ts";
import type { AdminHandlers } from "./handler.ts";
import type { AdminPorts } from "./ports.ts";
import { reasonOf } from "./reason-of.ts";

export const signerHandlers = ({
  signers,
}: Pick<AdminPorts, "signers">): AdminHandlers<"ListSigners" | "ReleaseSigner"> => ({
  ListSigners: async () => ({ signers: signers.members.map(viewOf) }),
  async ReleaseSigner({ name, reason }, { actor, signal }) {
    await signers.release(name, { actor, reason: reasonOf("a release", reason) }, signal);
    const released = signers.members.find((member) => member.name === name);
    if (released === undefined) throw new Fault("INTERNAL", `signer "${name}" vanished`);
    return viewOf(released);
  },
});

function viewOf({ name, standing, isQuarantined, lastStatus, load }: FleetMember): SignerView {
  return {
    name,
    state: lastStatus?.state ?? "unreachable",
    quarantined: isQuarantined,
    reason: standing.kind === "usable" ? (lastStatus?.reason ?? "") : standing.reason,
    tokenLabel: lastStatus?.tokenLabel ?? "",
    sessions: lastStatus?.sessions ?? 0,
    outstanding: load.outstanding,
    signaturesPerSecond: load.perSecond ?? 0,
    journalLines: String(lastStatus?.journalLines ?? 0),
  };
}
