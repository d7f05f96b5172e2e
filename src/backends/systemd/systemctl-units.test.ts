import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { cgroupMount } from "./cgroup-mount.ts";
import { parseProperties, SystemctlUnits } from "./systemctl-units.ts";

const never = new AbortController().signal;
let folder: string;
let nowMs: number;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "meshmint-systemd-"));
  nowMs = 0;
});
afterEach(() => rmSync(folder, { recursive: true }));

/** A command in systemctl's place that does as the script says, and notes what it was asked. */
const unitsBy = (script: string, bootedFolder = folder) => {
  const command = join(folder, "systemctl");
  writeFileSync(command, `#!/bin/sh\necho "$@" >> ${folder}/asked\n${script}\n`);
  chmodSync(command, 0o755);
  return new SystemctlUnits({
    stopwatch: { ms: () => nowMs },
    lifetime: never,
    withinMs: 5000,
    command,
    bootedFolder,
  });
};
const asked = () => readFileSync(join(folder, "asked"), "utf8").split("\n").slice(0, -1);

const answer =
  "echo Id=web.service; echo FragmentPath=/etc/systemd/system/web.service; echo ControlGroup=/system.slice/web.service";

test("what systemctl shows of a unit, asked once while it is fresh", async () => {
  const units = unitsBy(answer);
  const said = {
    id: "web.service",
    fragmentPath: "/etc/systemd/system/web.service",
    controlGroup: "/system.slice/web.service",
  };
  expect(
    await Promise.all([units.describe("web.service", never), units.describe("web.service", never)]),
  ).toEqual([said, said]);
  expect(asked()).toEqual(["show --property=Id,FragmentPath,ControlGroup --no-pager -- web.service"]);
  nowMs = 5001;
  await units.describe("web.service", never);
  expect(asked()).toHaveLength(2);
});

test("a manager that does not answer is trouble that passes", async () => {
  const units = unitsBy(
    '[ -e "$(dirname "$0")/up" ] || { echo "Failed to connect to bus: Connection refused" >&2; exit 1; }\n'.concat(
      answer,
    ),
  );
  await expect(units.describe("web.service", never)).rejects.toMatchObject({
    code: "ATTESTOR_UNAVAILABLE",
    message: "systemctl show web.service: Failed to connect to bus: Connection refused",
  });
  writeFileSync(join(folder, "up"), "");
  expect(await units.describe("web.service", never)).toMatchObject({ id: "web.service" });
});

test("where systemd does not manage the machine, or systemctl is not there, there is nobody to ask", async () => {
  expect(await unitsBy(answer, join(folder, "none")).describe("web.service", never)).toBe("no-manager");
  const options = { stopwatch: { ms: () => 0 }, lifetime: never, withinMs: 5000, bootedFolder: folder };
  const missing = new SystemctlUnits({ ...options, command: join(folder, "none") });
  expect(await missing.describe("web.service", never)).toBe("no-manager");
});

test("properties as they are printed", () => {
  expect(parseProperties("ControlGroup=/a=b\nId=x.service\nFragmentPath=\nnonsense\n")).toEqual({
    id: "x.service",
    fragmentPath: "",
    controlGroup: "/a=b",
  });
});

const hybrid = `31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755
36 31 0:33 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime shared:9 - cgroup cgroup rw,xattr,name=systemd
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
`;

test.each([
  [hybrid, "", "/sys/fs/cgroup/unified"],
  [hybrid, "name=systemd", "/sys/fs/cgroup/systemd"],
  [hybrid, "name=other", undefined],
  [hybrid.replaceAll(" / ", " /docker/a "), "", undefined],
  ["", "", undefined],
])("mounts %#", (mountinfo, hierarchy, expected) => {
  expect(cgroupMount(mountinfo, hierarchy)).toBe(expected);
});

const unified = cgroupMount(readFileSync("/proc/self/mountinfo", "utf8"), "");
const canMakeGroups = (() => {
  const group = join(unified ?? "/none", `meshmint-${process.pid}.slice`);
  try {
    mkdirSync(group);
    rmdirSync(group);
    return process.getuid?.() === 0;
  } catch {
    return false;
  }
})();

test.skipIf(!canMakeGroups)(
  "real control groups: root's own way to a unit counts, a slice of somebody else's does not",
  async () => {
    const slice = `meshmint${process.pid}.slice`;
    const group = join(unified ?? "", slice);
    const place = { unit: "web.service", hierarchy: "", slices: [slice], path: `/${slice}/web.service` };
    const units = unitsBy(answer);
    expect(await units.isRoots(place)).toBe(false); // it is not there
    mkdirSync(group);
    try {
      expect(await units.isRoots(place)).toBe(true);
      chownSync(group, 65_534, 65_534);
      expect(await units.isRoots(place)).toBe(false);
    } finally {
      rmdirSync(group);
    }
  },
);
