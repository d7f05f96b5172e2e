import { rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { threadId } from "node:worker_threads";
import { parseCerts } from "../../../src/backends/envoy-admin/parse-certs.ts";
import { parseListeners } from "../../../src/backends/envoy-admin/parse-listeners.ts";
import { parseHandshakeStats } from "../../../src/backends/envoy-admin/parse-stats.ts";
import { parseLine, printLine } from "../../../src/backends/signer-journal/journal-line.ts";
import { decodePem, encodePem } from "../../../src/domain/certificate/pem.ts";
import { formatJoinToken, parseJoinToken } from "../../../src/domain/identity/join-token.ts";
import { parseSpiffeId, pathOf, trustDomainOf } from "../../../src/domain/identity/spiffe-id.ts";
import { selectorFlaws } from "../../../src/domain/policy/selector.ts";
import { parseSecretName } from "../../../src/domain/subscription/secret-name.ts";
import type { HolderRecord } from "../../../src/domain/trust/holder-record.ts";
import { toHolderRecord } from "../../../src/domain/trust/holder-record.ts";
import { serialKey } from "../../../src/domain/trust/loaded-contexts.ts";
import { parseHolder } from "../../../src/domain/trust/parse-holder.ts";
import { formatDuration, parseDuration } from "../../../src/foundation/duration.ts";
import { Fault } from "../../../src/foundation/fault.ts";
import { readAgentConfig } from "../../../src/programs/agent/config.ts";
import { readCeremonyConfig } from "../../../src/programs/ceremony/config.ts";
import { programOf } from "../../../src/programs/config/read-config.ts";
import { readServerConfig } from "../../../src/programs/server/config.ts";
import { readSignerConfig } from "../../../src/programs/signer/config.ts";
import { type FuzzTarget, mustHold } from "../target.ts";

const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("utf8");

const pem: FuzzTarget = {
  name: "pem",
  format: "text",
  weight: 10,
  run(bytes) {
    const read = decodePem(textOf(bytes));
    if (!read.ok) return false;
    const again = decodePem(read.value.map(({ label, der }) => encodePem(label, der)).join(""));
    mustHold(
      again.ok && again.value.length === read.value.length,
      "what is read can be written and read again",
    );
    return read.value.length > 0;
  },
};

const spiffeId: FuzzTarget = {
  name: "spiffe-id",
  format: "text",
  weight: 10,
  run(bytes) {
    const read = parseSpiffeId(textOf(bytes));
    parseSecretName(textOf(bytes));
    if (!read.ok) return false;
    const id = read.value;
    mustHold(id === `spiffe://${trustDomainOf(id)}${pathOf(id)}`, "an ID is its trust domain and its path");
    mustHold(/^[\x21-\x7e]{10,2048}$/.test(id), "an ID is printable ASCII of at most 2048 bytes");
    return true;
  },
};

const joinToken: FuzzTarget = {
  name: "join-token",
  format: "text",
  weight: 10,
  run(bytes) {
    const text = textOf(bytes);
    const read = parseJoinToken(text);
    if (!read.ok) return false;
    mustHold(formatJoinToken(read.value) === text, "a token has one text");
    return true;
  },
};

const words: FuzzTarget = {
  name: "words",
  format: "text",
  weight: 5,
  run(bytes) {
    const text = textOf(bytes);
    const span = parseDuration(text);
    if (span.ok) {
      const again = parseDuration(formatDuration(span.value));
      mustHold(again.ok && again.value === span.value, "a duration is printed as it reads");
    }
    return span.ok || selectorFlaws([text]).length === 0;
  },
};

const journalLine: FuzzTarget = {
  name: "journal-line",
  format: "text",
  weight: 5,
  run(bytes) {
    const text = Buffer.from(bytes).toString("latin1");
    const line = parseLine(text);
    if (line === undefined) return false;
    mustHold(printLine(line) === text, "a line is printed as it reads");
    return true;
  },
};

const holder: FuzzTarget = {
  name: "holder",
  format: "text",
  weight: 10,
  run(bytes) {
    let record: unknown;
    try {
      record = JSON.parse(textOf(bytes));
    } catch {
      return false;
    }
    if (typeof record !== "object" || record === null) return false; // what reads the store gives objects
    const read = parseHolder(record as HolderRecord);
    if (!read.ok) return false;
    const again = parseHolder(toHolderRecord(read.value));
    mustHold(again.ok, `a holder can be written and read again: ${again.ok ? "" : again.error}`);
    return true;
  },
};

/** What an Envoy's admin interface answers: the process behind it may be anybody's. */
const proxyAdmin: FuzzTarget = {
  name: "proxy-admin",
  format: "text",
  weight: 10,
  run(bytes) {
    const counted = parseHandshakeStats(textOf(bytes));
    if (counted.ok) {
      const { done, failed } = counted.value;
      mustHold(
        [done, ...Object.values(failed)].every((count) => count >= 0),
        "nothing is counted below zero",
      );
      return true;
    }
    const reached = parseListeners(textOf(bytes));
    const isNear = ({ host, port }: { host: string; port: number }) => /^(127\.|::1$)/.test(host) && port > 0;
    mustHold(!reached.ok || reached.value.every(isNear), "nobody sends the agent away from its node");
    const read = parseCerts(textOf(bytes));
    if (!read.ok) {
      mustHold(read.error.length < 200, "a refusal is a sentence, not the answer");
      return false;
    }
    const serials = read.value.flatMap(({ leaves, anchors }) => [
      ...leaves.map(({ serial }) => serial),
      ...anchors,
    ]);
    mustHold(
      serials.every((serial) => serialKey(serial) === serial),
      "serial numbers have one form",
    );
    return true;
  },
};

const readers = {
  server: readServerConfig,
  signer: readSignerConfig,
  agent: readAgentConfig,
  ceremony: readCeremonyConfig,
} as const;

/** A configuration file of any program: read, or refused as CONFIG_INVALID. */
const configuration = (): FuzzTarget => {
  const file = join(tmpdir(), `meshmint-fuzz-${process.pid}-${threadId}.yaml`);
  return {
    name: "configuration",
    format: "text",
    weight: 1,
    async run(bytes) {
      writeFileSync(file, bytes);
      try {
        await readers[await programOf(file)](file);
        return true;
      } catch (thrown) {
        if (thrown instanceof Fault && thrown.code === "CONFIG_INVALID") return false;
        throw thrown;
      } finally {
        rmSync(file);
      }
    },
  };
};

export const textTargets = (): FuzzTarget[] => [
  pem,
  spiffeId,
  joinToken,
  words,
  journalLine,
  holder,
  proxyAdmin,
  configuration(),
];
