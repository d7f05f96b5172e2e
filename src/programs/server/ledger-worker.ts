import { parentPort, workerData } from "node:worker_threads";
import type { LedgerThreadData } from "../../backends/ledger-files/ledger-messages.ts";
import { serveLedgerReads } from "../../backends/ledger-files/ledger-reader-thread.ts";
import { serveLedgerWrites } from "../../backends/ledger-files/ledger-writer-thread.ts";

const { role, ...place }: LedgerThreadData = workerData;
if (parentPort) (role === "writer" ? serveLedgerWrites : serveLedgerReads)(parentPort, place);
