/**
 * Is the program behind `http://…` or behind a Unix socket's path there? Exit code 0 when a request is answered with
 * success, or the socket accepts; 1 otherwise, within two seconds. For container health checks.
 */
import { connect } from "node:net";
import process from "node:process";

const target = process.argv[2] ?? "http://127.0.0.1:8444/live";
const giveUp = setTimeout(() => process.exit(1), 2000);

const accepts = (path) =>
  new Promise((resolve) => {
    const socket = connect(path, () => resolve(true)).on("error", () => resolve(false));
    socket.unref();
  });

const answers = async (url) => (await fetch(url)).ok;

const healthy = await (target.startsWith("/") ? accepts(target) : answers(target)).catch(() => false);
clearTimeout(giveUp);
process.exit(healthy ? 0 : 1);
