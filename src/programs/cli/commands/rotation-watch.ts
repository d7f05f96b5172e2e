import { type Command, InvalidArgumentError } from "commander";
import type { AdminClient } from "../../../backends/admin-client/admin-client.ts";
import { pause, withDeadline } from "../../../foundation/deadline.ts";
import { asFault } from "../../../foundation/fault.ts";
import { type AdminOptions, asAdminCommand, runAdmin } from "../admin-command.ts";
import type { CommandContext, CommandFrame, Reply } from "../command-frame.ts";
import { printable, textMoment } from "../text-table.ts";
import { WatchTeller } from "./watch-teller.ts";
import type { RotationStatus, WatchView } from "./watch-view.ts";

const guide = `
On a terminal one page, drawn again at each look; else one line for each change, and with --json one JSON object for each. It shows
the phase, how many holders passed by which grade, how many certificates are replaced and how fast, who is behind (node, process, age
of what it uses, last error), and when the phase ends, with how that is known:
  "if the rest goes like …"       measured between looks; says nothing about the last stragglers
  "at the latest …"               what those behind have is over then, by the ledger and rotation.maxClockSkew
  "only the clocks …"             nobody is behind; the new certificates must be valid for every clock
  "not known"                     it is for others to do: nothing is guessed

A pause does not end it: resume or roll-back may follow. While the server does not answer (a restart) it says so and asks on.
Exit code 0: the rotation is done, or none is under way. 1: it was rolled back (or the last one was), watching was ended by Ctrl-C
or a signal before that, or the first look failed.
  meshmint rotation watch
  meshmint rotation watch --json | jq -c '{at, phase: .rotation.phase, end}'`;

type Options = AdminOptions & { every: number; json: boolean };

/** `meshmint rotation watch`: live, until the rotation has ended. */
export function registerWatch(group: Command, frame: CommandFrame): void {
  asAdminCommand(group.command("watch"))
    .description("follow a rotation until it has ended: who passed, who is behind, how fast, until when")
    .option("--every <seconds>", "between two looks, 0.2 to 3600", interval, 1)
    .option("--json", "the same as --output json", false)
    .addHelpText("after", guide)
    .action((options: Options) =>
      runAdmin(frame, options.json ? { ...options, output: "json" } : options, (client, context) =>
        watch(client, context, options.every * 1000),
      ),
    );
}

function interval(text: string): number {
  const seconds = /^\d{1,4}(?:\.\d{1,3})?$/.test(text) ? Number(text) : 0;
  if (seconds >= 0.2 && seconds <= 3600) return seconds;
  throw new InvalidArgumentError("use seconds, 0.2 to 3600");
}

const longestLookMs = 10_000;
/** Looking costs the server at most this share of a thread, however many holders it has. */
const restPerLook = 10;

type Look = () => Promise<RotationStatus>;

async function watch(client: AdminClient, context: CommandContext, everyMs: number): Promise<Reply> {
  const teller = new WatchTeller(context);
  const { signal } = context;
  const look: Look = () =>
    withDeadline(longestLookMs, signal, (until) => client.call("GetRotation", {}, until));
  try {
    // A first look that fails ends it: nobody wants to wait for a socket that is misspelt.
    let status: RotationStatus | undefined = await look();
    let tookMs = 0;
    while (!signal.aborted) {
      if (status !== undefined) teller.saw(status);
      if (status?.phase === "done" || status?.phase === "idle") return endReply(status);
      await pause(Math.max(everyMs, tookMs * restPerLook), signal);
      const askedMs = performance.now();
      status = await orAway(look, teller, signal);
      if (status !== undefined) tookMs = performance.now() - askedMs;
    }
  } catch (thrown) {
    if (!signal.aborted) throw thrown;
  } finally {
    teller.close();
  }
  return stoppedReply(teller.last);
}

/** Undefined when the server is away. Only its absence is lived through: what it refuses, it refuses for good. */
async function orAway(
  look: Look,
  teller: WatchTeller,
  signal: AbortSignal,
): Promise<RotationStatus | undefined> {
  try {
    return await look();
  } catch (thrown) {
    const fault = asFault(thrown);
    if (signal.aborted || (fault.code !== "SERVER_UNAVAILABLE" && fault.code !== "DEADLINE_EXCEEDED"))
      throw thrown;
    teller.away(fault);
    return undefined;
  }
}

/** The change that ended it has been told, so that JSON has nothing to add. */
function endReply(status: RotationStatus): Reply {
  const { trustDomain, phase, sinceMs, rollbackReason, rolledBackBy } = status;
  const ended = `${trustDomain}: ${phase} since ${textMoment(sinceMs)}`;
  if (phase === "idle" && rollbackReason !== "") {
    const text = `${ended}; the last rotation was rolled back by ${rolledBackBy}: ${printable(rollbackReason)}`;
    return { text, json: undefined, exitCode: 1 };
  }
  return { text: phase === "idle" ? `${ended}; no rotation is under way` : ended, json: undefined };
}

function stoppedReply(last: WatchView | undefined): Reply {
  const phase = last === undefined ? "" : ` in phase ${last.status.phase}, and goes on`;
  return { text: `watching was stopped; the rotation is${phase}`, json: undefined, exitCode: 1 };
}
