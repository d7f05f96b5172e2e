import { spawnSync } from "node:child_process";
import { defineBench, numbersOf, type Row, rounded } from "./parts/bench.ts";
import { cheapestOf, type FloorCosts, FloorMeter, floorMicros } from "./parts/floor-meter.ts";

export const bench = defineBench({
  question: "What does the bare cryptography of one leaf cost here and now?",
  flags: {
    sessions: { help: "sessions with which the token's ceiling is measured", default: "1,2,4,8" },
  },
  async run({ sessions }) {
    const meter = new FloorMeter();
    try {
      const costs = await meter.costs();
      const rows = [...costRows(costs), ...opensslRows()];
      for (const count of numbersOf(sessions)) {
        const { perSecond, cpuMicros } = await meter.ceiling(count);
        const what = `token, ${count} session${count > 1 ? "s" : ""}`;
        rows.push({ what, cpu_us: rounded(cpuMicros), per_second: Math.round(perSecond), floor: "" });
      }
      return rows;
    } finally {
      meter.close();
    }
  },
});

function costRows(costs: FloorCosts): Row[] {
  const rows = [costs.csr, costs.sign, costs.own].flatMap((group) =>
    Object.entries(group).map(([what, micros]) => ({
      what,
      cpu_us: rounded(micros),
      per_second: Math.round(1e6 / micros),
      floor: what === cheapestOf(group) ? "counts" : "",
    })),
  );
  const sum = floorMicros(costs);
  rows.push({
    what: "floor of one leaf",
    cpu_us: rounded(sum),
    per_second: Math.round(1e6 / sum),
    floor: "sum",
  });
  return rows;
}

/** What OpenSSL says of itself on one thread; the system's version, which need not be Node's. */
function opensslRows(): Row[] {
  const { stdout } = spawnSync("openssl", ["speed", "-seconds", "1", "ecdsap256"], { encoding: "utf8" });
  const found = /nistp256\)\s+\S+\s+\S+\s+([\d.]+)\s+([\d.]+)/.exec(stdout ?? "");
  if (found === null)
    return [{ what: "openssl speed ecdsap256", cpu_us: "", per_second: "not found", floor: "" }];
  return [found[1], found[2]].map((perSecond, at) => ({
    what: `openssl speed, ${at === 0 ? "sign" : "verify"}`,
    cpu_us: rounded(1e6 / Number(perSecond)),
    per_second: Math.round(Number(perSecond)),
    floor: "",
  }));
}
