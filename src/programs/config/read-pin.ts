import { open } from "node:fs/promises";
import { Fault } from "../../foundation/fault.ts";

const longestPin = 256;

/** The PIN in a file, without a newline at its end. The caller wipes it. Throws CONFIG_INVALID, never with its content. */
export async function readPin(file: string): Promise<Uint8Array> {
  const buffer = Buffer.alloc(longestPin + 2);
  try {
    const handle = await open(file, "r");
    try {
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, null);
      return pinIn(buffer.subarray(0, bytesRead), file);
    } finally {
      await handle.close();
    }
  } catch (thrown) {
    if (thrown instanceof Fault) throw thrown;
    throw new Fault("CONFIG_INVALID", `${file}: the PIN file cannot be read: ${(thrown as Error).message}`);
  } finally {
    buffer.fill(0);
  }
}

/** A copy of the PIN in these bytes, without a newline at its end. Throws CONFIG_INVALID that names `where`. */
export function pinIn(bytes: Uint8Array, where: string): Uint8Array {
  const end = lengthWithoutNewline(bytes);
  if (end === 0) throw new Fault("CONFIG_INVALID", `${where}: there is no PIN in it`);
  if (end > longestPin) throw new Fault("CONFIG_INVALID", `${where}: a PIN has at most ${longestPin} bytes`);
  return Uint8Array.from(bytes.subarray(0, end));
}

function lengthWithoutNewline(bytes: Uint8Array): number {
  let end = bytes.length;
  while (end > 0 && (bytes[end - 1] === 0x0a || bytes[end - 1] === 0x0d)) end -= 1;
  return end;
}
