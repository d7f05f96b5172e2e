// signer-stays-small: through a backend that it has no business with
import { reader } from "../../backends/ledger-files/reader.ts";
export const run = reader;
