import fc from "fast-check";
import { expect, test } from "vitest";
import { parseCgroups } from "./cgroup-paths.ts";
import { unitOf } from "./systemd-unit.ts";

const read = (text: string) => {
  const paths = parseCgroups(text);
  return paths.ok ? unitOf(paths.value) : paths;
};
const unit = (text: string) => {
  const found = read(text);
  return found.ok ? found.value?.unit : found.error;
};

test.each([
  ["/system.slice/foo.service", "foo.service"],
  ["/system.slice/system-foo.slice/foo@bar.service", "foo@bar.service"],
  [
    String.raw`/system.slice/system-foo\x2dbar.slice/foo-bar@a\x2db.service`,
    String.raw`foo-bar@a\x2db.service`,
  ],
  ["/init.scope", "init.scope"],
  ["/foo.service", "foo.service"],
  ["/user.slice/user-1000.slice/session-3.scope", "session-3.scope"],
  ["/user.slice/user-1000.slice/user@1000.service/app.slice/foo.service", "user@1000.service"],
  ["/user.slice/user-1000.slice/user@1000.service/init.scope", "user@1000.service"],
  [
    `/system.slice/docker-${"a1".repeat(32)}.scope/system.slice/foo.service`,
    `docker-${"a1".repeat(32)}.scope`,
  ],
  ["/system.slice/foo.service/payload/deeper", "foo.service"],
  ["/system.slice/_memory.service", "memory.service"],
  ["/machine.slice/machine-qemu.slice/vm.scope", "vm.scope"],
  ["/system.slice/dev-hugepages.mount", "dev-hugepages.mount"],
  ["/", undefined],
  ["/system.slice", undefined],
  ["/docker/abc", undefined],
  ["/mine/system.slice/foo.service", undefined],
  ["/kubepods/pod1/x.service", undefined],
  ["/system.slice/-.slice/foo.service", "its control group has slices that systemd would not nest like this"],
  ["/foo-bar.slice/foo.service", "its control group has slices that systemd would not nest like this"],
  [
    "/user.slice/system.slice/foo.service",
    "its control group has slices that systemd would not nest like this",
  ],
  [
    "/../system.slice/foo.service",
    "the agent has a cgroup namespace of its own and does not see the units of its node",
  ],
])("the unit of %s", (path, expected) => {
  expect(unit(`0::${path}\n`)).toBe(expected);
  expect(unit(`5:memory:/\n1:name=systemd:${path}\n0::/system.slice/else.service\n`)).toBe(expected);
});

test("it lies where its path says, slices outermost first", () => {
  expect(read("0::/system.slice/system-foo.slice/foo@1.service/inner\n")).toEqual({
    ok: true,
    value: {
      unit: "foo@1.service",
      hierarchy: "",
      slices: ["system.slice", "system-foo.slice"],
      path: "/system.slice/system-foo.slice/foo@1.service",
    },
  });
});

const name = fc.constantFrom(
  "system.slice",
  "foo.service",
  "app.slice",
  "bar.scope",
  "x",
  "user.slice",
  "init.scope",
);

test("WL7: whatever a user names below its manager, it is that manager's", () => {
  fc.assert(
    fc.property(fc.array(name), (names) => {
      const own = "/user.slice/user-1000.slice/user@1000.service";
      expect(unit(`0::${[own, ...names].join("/")}\n`)).toBe("user@1000.service");
    }),
  );
});
