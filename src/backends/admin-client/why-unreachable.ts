import { connect } from "node:net";

const closesWithinMs = 500;

/** Why no call got through to a Unix socket, with what to do: found out by opening it once more. */
export async function whyUnreachable(socket: string): Promise<string> {
  switch (await outcomeOf(socket)) {
    case "ENOENT":
    case "ENOTDIR":
      return `there is no socket ${socket}: is the server running? --admin or MESHMINT_ADMIN names its admin.socket`;
    case "EACCES":
    case "EPERM":
      return `this user may not open ${socket}: use the server's user, root, or one of the socket's group`;
    case "closed":
      return `the server at ${socket} hung up: is this user's id among its admin.allowedUids?`;
    case "open":
      return `the server at ${socket} does not answer as it should: ask again, and see its log`;
    default:
      return `no server answers at ${socket}: is it running, and is this its admin.socket?`;
  }
}

function outcomeOf(path: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    const waited = (outcome: string) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(outcome);
    };
    const timer = setTimeout(() => waited("open"), closesWithinMs);
    socket.on("error", ({ code = "" }: NodeJS.ErrnoException) => waited(code));
    socket.on("close", () => waited("closed"));
    socket.resume(); // until it is read, an end is not seen
  });
}
