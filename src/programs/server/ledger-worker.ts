import { parentPort, workerData } from "node:worker_threads";
import { serveLedgerArchiving } from "../../backends/ledger-files/ledger-archiver-thread.ts";
import type { LedgerThreadData } from "../../backends/ledger-files/ledger-messages.ts";
import { serveLedgerReads } from "../../backends/ledger-files/ledger-reader-thread.ts";
import { serveLedgerWrites } from "../../backends/ledger-files/ledger-writer-thread.ts";

const { role, ...place }: LedgerThreadData = workerData;
const serve = { writer: serveLedgerWrites, reader: serveLedgerReads, archiver: serveLedgerArchiving };
if (parentPort) serve[role](parentPort, place);
