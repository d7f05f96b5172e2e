import { AdminClient, type AdminReply } from "../../src/backends/admin-client/admin-client.ts";

/**
 * Where the rotation is. For whoever asks again and again: a look by the command line is a process each time, which takes from those
 * that are waited for. The server may have been started anew since the last look.
 */
export async function rotationNow(adminSocket: string): Promise<AdminReply<"GetRotation">> {
  const admin = new AdminClient(adminSocket);
  try {
    return await admin.call("GetRotation", {}, new AbortController().signal);
  } finally {
    admin.close();
  }
}
