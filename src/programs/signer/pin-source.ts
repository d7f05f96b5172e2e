import { read } from "node:fs";
import { stat } from "node:fs/promises";
import { promisify } from "node:util";
import { Fault } from "../../foundation/fault.ts";
import { pinIn, readPin } from "../config/read-pin.ts";
import type { SignerConfig } from "./config.ts";

export const pinVariable = "MESHMINT_SIGNER_PIN";

/** Where the worker finds the descriptor that its supervisor hands on: behind stdin, stdout, stderr and the channel. */
const workerPinDescriptor = 4;

export type PinSource = () => Promise<Uint8Array>;

/** Says where no PIN can come from before anything is started. Throws CONFIG_INVALID. */
export function requirePinSource({ token }: SignerConfig, insecurePinEnv: boolean): void {
  if (insecurePinEnv || token.pinFile !== undefined || token.pinDescriptor !== undefined) return;
  throw new Fault(
    "CONFIG_INVALID",
    "token.pinFile: is missing; put the user PIN in a file that only the signer can read, and its path here",
  );
}

/**
 * Reads the PIN anew for each login, so that no copy of it has to be kept. A PIN from the environment has to be, which is one
 * reason more for the flag's name: the other is that it stays readable in /proc/PID/environ.
 */
export function pinSource({ token }: SignerConfig, fromEnvironment: string | undefined): PinSource {
  const { pinFile, pinDescriptor } = token;
  if (fromEnvironment !== undefined) {
    return async () => pinIn(Buffer.from(fromEnvironment, "utf8"), pinVariable);
  }
  if (pinFile !== undefined) return () => readPin(pinFile);
  return () => readDescriptor(pinDescriptor ?? workerPinDescriptor);
}

/** What is wrong with who may read the PIN file; undefined when nothing is, or when there is none. */
export async function pinFileFlaw({ token }: SignerConfig): Promise<string | undefined> {
  if (token.pinFile === undefined) return undefined;
  const mode = await stat(token.pinFile).then(
    (found) => found.mode & 0o777,
    () => 0, // the worker says why it cannot be read
  );
  const others = (mode & 0o077) !== 0;
  return others
    ? `${token.pinFile} has mode 0${mode.toString(8)}: others than the signer can read the PIN`
    : undefined;
}

const readAt = promisify(read);

async function readDescriptor(named: number): Promise<Uint8Array> {
  const buffer = Buffer.alloc(512);
  try {
    const { bytesRead } = await readAt(workerPinDescriptor, buffer, 0, buffer.length, 0);
    return pinIn(buffer.subarray(0, bytesRead), `token.pinDescriptor: ${named}`);
  } catch (thrown) {
    if (thrown instanceof Fault) throw thrown;
    throw new Fault(
      "CONFIG_INVALID",
      `token.pinDescriptor: ${named} cannot be read (${(thrown as Error).message}); open a file on it, not a pipe: ` +
        "`meshmint signer run -c FILE 3< PINFILE`",
    );
  } finally {
    buffer.fill(0);
  }
}
