import { sha256Hex } from "../../src/foundation/digest.ts";
import { PeerCertificate } from "../../src/programs/bench/peer-certificate.ts";
import { type Row, rounded } from "./bench.ts";
import { type RotationStage, say, status, step, until } from "./rotation-stage.ts";
import { RotationTimes } from "./rotation-times.ts";

/**
 * The intermediate that signs is declared lost: from the word of the operator until every holder has another certificate, and
 * until every verifier has taken up the lists that take the lost one away. Whoever hung in the rotation before is back first.
 */
export async function drillCompromise(stage: RotationStage): Promise<Row> {
  const { mesh, fleet, signal } = stage;
  await fleet.release("silent");
  const total = fleet.holders.length;
  const { newAuthority: lost } = await status(stage);
  await until(() => holdersUnder(stage, lost) === total && fleet.counts().newestBundle === total, signal);
  await fleet.checkPeers(signal);

  const { intermediateDer, revocationListsDer } = mesh.breakSeal();
  const next = new PeerCertificate(intermediateDer).fields.extensions.subjectKeyId ?? "";
  const listName = sha256Hex(revocationListsDer[0] ?? new Uint8Array());
  const times = new RotationTimes(fleet, { newRoot: listName, newAuthority: next });
  say(`${lost} is lost: ${total} certificates to replace`);
  const startedMs = performance.now();
  const reason = "keyCompromise (drill)";
  await step(stage, "StartIncident", { authority: lost, reason, intermediateDer, revocationListsDer });
  await until(() => times.reissuedAt.length >= total, signal);
  say("every certificate is replaced");
  await fleet.checkPeers(signal);
  const incident = await closed(stage);
  await fleet.checkPeers(signal);
  times.stop();
  for (const sentence of incident.exposed) say(`remains exposed: ${sentence}`);

  const [began, replaced, withdrawn] = [incident.startedMs, incident.replacedMs, incident.closedMs].map(
    Number,
  );
  const secondsOf = (from = 0, to = 0) => rounded((to - from) / 1000, 2);
  const replacedInMs = times.reissuedAt.map((atMs) => atMs - startedMs);
  const [first = 0, last = 0] = [replacedInMs[0], replacedInMs.at(-1)];
  return {
    svids_replaced: times.reissuedAt.length,
    svids_replaced_seconds: secondsOf(0, last),
    svids_replaced_per_second: Math.round((total / Math.max(last - first, 1)) * 1000),
    // As the server says: nobody depends on the lost one any more, which counts after `settle`; and the push of the lists.
    replace_seconds: secondsOf(began, replaced),
    push_seconds: secondsOf(replaced, withdrawn),
    time_to_replace_seconds: secondsOf(began, withdrawn),
    lists_acknowledged: fleet.holders.filter(({ plan }) => times.acknowledged(plan.n) !== undefined).length,
  };
}

function holdersUnder({ fleet }: RotationStage, keyId: string): number {
  const now = new Date();
  return fleet.holders.filter(({ leaf }) => {
    const fields = leaf?.chain[0].fields;
    return fields !== undefined && fields.extensions.authorityKeyId === keyId && now < fields.notAfter;
  }).length;
}

async function closed({ mesh, signal }: RotationStage) {
  const ask = () => mesh.admin.call("GetIncident", {}, signal);
  let seen = await ask();
  await until(async () => {
    const now = await ask();
    if (now.stage !== seen.stage) say(`incident: ${now.stage}`);
    seen = now;
    return now.stage === "closed";
  }, signal);
  return seen;
}
