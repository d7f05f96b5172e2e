import { giveWord } from "../../backends/state-dir/checkpoint-file.ts";
import { readAgentConfig } from "./config.ts";

/** `meshmint agent accept-restored-ledger`: an operator's word, for the agent with this configuration. */
export async function acceptRestoredLedger(
  configFile: string,
  word: { readonly size: number; readonly root: string },
): Promise<void> {
  const { stateDir } = await readAgentConfig(configFile);
  await giveWord(stateDir, word);
}
