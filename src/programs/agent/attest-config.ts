import { z } from "zod";
import { hours, minutes, seconds } from "../../foundation/duration.ts";
import { durationWithin, type FilePieces, hostPort } from "../config/config-pieces.ts";

/** `/`, or the path of a control group below the hierarchies' top, as /proc/PID/cgroup has it; its parts. */
const cgroupPath = z
  .string()
  .regex(/^\/$|^(\/(?!\.{1,2}(\/|$))[^/\n]+)+$/, "is not the path of a control group, such as /docker/4f1c")
  .transform((text) => text.split("/").filter((part) => part !== ""));

const kubernetes = (path: FilePieces["path"]) =>
  z
    .strictObject({
      /** The node's kubelet, on the node itself. */
      kubelet: hostPort.prefault("127.0.0.1:10250"),
      /** PEM: whoever signed the kubelet's serving certificate, or that itself. */
      caFile: path.optional(),
      /** Name in that certificate; the host of `kubelet` when left out. */
      serverName: z.string().min(1).max(253).optional(),
      /** What the agent shows: a token that is renewed in this file, or a client certificate. */
      tokenFile: path.optional(),
      certificateFile: path.optional(),
      keyFile: path.optional(),
      /** Ask without TLS and proof, at the kubelet's read-only port. */
      readOnlyPort: z.boolean().default(false),
      /** How old the kubelet's answer may be. */
      maxAge: durationWithin(seconds(1), minutes(5)).prefault("5s"),
      /** The kubelet's own control group, where it is not the machine's. */
      cgroupRoot: cgroupPath.prefault("/"),
    })
    .refine(({ readOnlyPort, caFile }) => readOnlyPort || caFile !== undefined, {
      path: ["caFile"],
      message:
        "is missing; any local program could answer in the kubelet's place (or set readOnlyPort: true)",
    })
    .refine(
      ({ readOnlyPort: isOpen, tokenFile: token, certificateFile: certificate, keyFile: key }) =>
        isOpen || (token === undefined ? certificate && key : !certificate && !key),
      { path: ["tokenFile"], message: "set tokenFile, or certificateFile and keyFile, and not both" },
    )
    .refine(
      ({ readOnlyPort, ...given }) => !readOnlyPort || proofs.every((key) => given[key] === undefined),
      {
        path: ["readOnlyPort"],
        message:
          "neither proves the kubelet nor the agent; leave out caFile, tokenFile and the like, or this",
      },
    );

const proofs = ["caFile", "serverName", "tokenFile", "certificateFile", "keyFile"] as const;

/** How local processes are known, besides by what the kernel says of each. */
export const attestSchema = (path: FilePieces["path"]) =>
  z.strictObject({
    /** How long one attestor may take for one process. */
    timeout: durationWithin(seconds(1), seconds(30)).prefault("3s"),
    /** How long what an attestor said of a process stays in force while it fails for it. */
    keepFor: durationWithin(seconds(0), hours(24)).prefault("1h"),
    /** How often processes with an open stream are looked at again. */
    recheckEvery: durationWithin(seconds(1), hours(1)).prefault("30s"),
    /** Ask for the systemd unit of a process. */
    systemd: z.boolean().default(false),
    /** Ask the kubelet for the pod of a process. */
    kubernetes: kubernetes(path).optional(),
  });
