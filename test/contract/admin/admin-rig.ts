import { join } from "node:path";
import process from "node:process";
import { Server } from "@grpc/grpc-js";
import { onTestFinished } from "vitest";
import { openLedger } from "../../../src/backends/ledger-files/open-ledger.ts";
import { readPeer } from "../../../src/backends/peer-credentials/peer-credentials.ts";
import { SqlAgentStore } from "../../../src/backends/store/agent-store.ts";
import { SqlEntryStore } from "../../../src/backends/store/entry-store.ts";
import { SqlJoinTokenStore } from "../../../src/backends/store/join-token-store.ts";
import { AgentDirectory } from "../../../src/control/enrolment/agent-directory.ts";
import { Entries } from "../../../src/control/enrolment/entries.ts";
import { JoinTokens } from "../../../src/control/enrolment/join-tokens.ts";
import { Registrations } from "../../../src/control/enrolment/registrations.ts";
import { verifyLedger } from "../../../src/control/ledger/verify-ledger.ts";
import type { JournalLine } from "../../../src/control/signing/signer.ts";
import type { SpiffeId } from "../../../src/domain/identity/spiffe-id.ts";
import type { TrustDomain } from "../../../src/domain/identity/trust-domain.ts";
import { systemClock } from "../../../src/foundation/clock.ts";
import { hours, minutes } from "../../../src/foundation/duration.ts";
import { Fault } from "../../../src/foundation/fault.ts";
import { systemRandom } from "../../../src/foundation/random.ts";
import { runCommandLine } from "../../../src/programs/cli/command-line.ts";
import { registerAgents } from "../../../src/programs/cli/commands/agents.ts";
import { registerEntry } from "../../../src/programs/cli/commands/entry.ts";
import { registerLedger } from "../../../src/programs/cli/commands/ledger.ts";
import { registerSigner } from "../../../src/programs/cli/commands/signer.ts";
import { registerToken } from "../../../src/programs/cli/commands/token.ts";
import { adminService } from "../../../src/protocols/admin/admin-service.ts";
import type { AdminEvent } from "../../../src/protocols/admin/ports.ts";
import { listenOnUnixSocket } from "../../../src/protocols/grpc/unix-listener.ts";
import { AdminService } from "../../../src/wire/admin-api.ts";
import { loneFleet } from "../../fakes/lone-fleet.ts";
import { SoftwareSigner } from "../../fakes/software-signer.ts";
import { ledgerWorker } from "../ledger/temporary-ledger.ts";
import { openStoreIn, temporaryFolder } from "../store/temporary-store.ts";

const trustDomain = "mesh.example" as TrustDomain;
export const roleBearer = "spiffe://mesh.example/ops/alice" as SpiffeId;

const absent = (): never => {
  throw new Fault("INTERNAL", "not part of this test");
};

async function openPorts(folder: string, signal: AbortSignal) {
  const database = await openStoreIn(folder);
  const onFailure = (fault: Error) => {
    throw fault;
  };
  const file = join(folder, "ledger.db");
  const ledger = await openLedger({ file, worker: ledgerWorker, clock: systemClock, onFailure });
  onTestFinished(() => ledger.close());
  const base = { ledger: ledger.writer, clock: systemClock, random: systemRandom };
  const entryStore = new SqlEntryStore({ database });
  const registrations = await Registrations.follow(entryStore, () => {}, signal);
  const rules = { trustDomain, ttlCap: hours(24), roleBearers: new Set([roleBearer]), issuers: [] };
  const agents = await AgentDirectory.load({ ...base, store: new SqlAgentStore({ database }) }, signal);
  const journal = { async *readJournal(): AsyncGenerator<JournalLine> {} };
  const ports = {
    tokens: new JoinTokens({
      ...base,
      store: new SqlJoinTokenStore({ database }),
      anchorSha256: () => "ab".repeat(32),
    }),
    entries: new Entries({ ...base, store: entryStore, registrations, rules: () => rules }),
    registrations,
    agents,
    presence: () => undefined,
    bundle: () => ({ trustDomain, sequence: 1, anchors: [], lists: [] }),
    verifyLedger: (until: AbortSignal) => verifyLedger({ reader: ledger.reader, journal }, until),
    ledgerLog: ledger.log,
    forecast: absent,
    defaultSoak: minutes(10),
    rotation: {
      ...{ status: absent, start: absent, activate: absent, retire: absent },
      ...{ rollback: absent, pause: absent, resume: absent },
      ...{ incident: absent, incidentStatus: absent },
    },
    stock: { standing: absent, plan: absent, count: absent },
    quarantines: { begin: absent, release: absent },
    proxies: absent,
    signers: loneFleet(new SoftwareSigner()),
    status: absent,
    limits: absent,
    now: () => new Date(),
  };
  return { ports, ledger };
}

/** The admin API on a real Unix socket over a real store and ledger, and the command line that asks it. */
export async function raiseAdmin(localUids: readonly number[] = [process.getuid?.() ?? -1]) {
  const folder = temporaryFolder();
  const life = new AbortController();
  const { ports, ledger } = await openPorts(folder, life.signal);
  const events: AdminEvent[] = [];
  const server = new Server();
  const gate = { localUids: new Set(localUids), roles: new Map(), isValid: absent };
  const observer = { saw: (event: AdminEvent) => void events.push(event) };
  server.addService(AdminService.service, adminService({ ports, gate, observer }));
  const path = join(folder, "admin.sock");
  const admits = () => true;
  const listener = await listenOnUnixSocket(server, {
    path,
    mode: 0o660,
    readPeer,
    admits,
    onRefused: absent,
  });
  onTestFinished(async () => {
    await listener.close(0);
    life.abort();
  });
  const cli = async (...argv: string[]) => {
    const out: string[] = [];
    const err: string[] = [];
    const exitCode = await runCommandLine([...argv, "--admin", path, "--output", "json"], {
      registrations: [registerToken, registerEntry, registerAgents, registerLedger, registerSigner],
      streams: { out: (text) => void out.push(text), err: (text) => void err.push(text) },
      signal: life.signal,
      debug: false,
    });
    return {
      exitCode,
      reply: JSON.parse(out.join("") || "null"),
      error: JSON.parse(err.join("") || "null")?.error,
    };
  };
  return { cli, events, ports, ledger, ledgerFile: join(folder, "ledger.db") };
}
