import { connect } from "node:tls";
import { normalSerial } from "./envoy-admin.ts";

const limitMs = 5_000;

/**
 * The serial of the certificate that a TLS server on loopback presents. In TLS 1.3 it is shown before the client's own
 * certificate is asked for, so this probe needs none and verifies nothing.
 */
export function servedSerial(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: "127.0.0.1", port, rejectUnauthorized: false, minVersion: "TLSv1.3" });
    socket.setTimeout(limitMs, () => socket.destroy(new Error(`no TLS answer in ${limitMs} ms`)));
    socket.once("secureConnect", () => {
      const { serialNumber } = socket.getPeerCertificate();
      socket.destroy();
      resolve(normalSerial(serialNumber));
    });
    socket.once("error", reject);
  });
}
