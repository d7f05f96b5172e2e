/** Turns of a server's event loop, and how many of them came at most 20 ms late. */
export type LoopTurns = { readonly all: number; readonly within20ms: number };

/** The turns of the server with these metrics while `work` ran. */
export async function turnsDuring(opsUrl: string, work: () => Promise<void>): Promise<LoopTurns> {
  const before = await turnsSoFar(opsUrl);
  await work();
  const after = await turnsSoFar(opsUrl);
  return { all: after.all - before.all, within20ms: after.within20ms - before.within20ms };
}

/** The share of the turns of several stretches, as one sample, that came more than 20 ms late. p99 ≤ 20 ms: it is at most 0.01. */
export function shareOfLate(stretches: readonly LoopTurns[]): number {
  const sum = (pick: (turns: LoopTurns) => number) =>
    stretches.reduce((total, turns) => total + pick(turns), 0);
  return 1 - sum(({ within20ms }) => within20ms) / sum(({ all }) => all);
}

async function turnsSoFar(opsUrl: string): Promise<LoopTurns> {
  const text = await (await fetch(`${opsUrl}/metrics`)).text();
  const upTo = (bound: string) => {
    const after = text.split(`meshmint_event_loop_delay_seconds_bucket{le="${bound}"} `)[1];
    return Number(after?.split("\n")[0] ?? Number.NaN);
  };
  return { all: upTo("+Inf"), within20ms: upTo("0.02") };
}
