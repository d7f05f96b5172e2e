import { readFileSync } from "node:fs";
import { join } from "node:path";
import { projectRoot } from "../parts/parts.ts";
import type { CorpusFiles } from "./make-corpus.ts";

const uid = "2c48913c-b29f-11e7-9350-020968147796";
const scored = uid.replaceAll("-", "_");
const id = "a1".repeat(32);
const slice = `/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${scored}.slice`;
const folder = `/kubepods/besteffort/pod${uid}/${id}`;

const fixture = (name: string) =>
  readFileSync(join(projectRoot, `test/fixtures/kubelet/${name}.json`), "utf8");

export const workloadCorpus = (): CorpusFiles => ({
  cgroup: {
    "containerd.txt": `0::${slice}/cri-containerd-${id}.scope\n`,
    "neighbour.txt": `0::/../../kubepods-burstable-pod${scored}.slice/crio-${id}.scope/container\n`,
    "mixed.txt": `0::/system.slice/containerd.service/kubepods-burstable-pod${scored}.slice:cri-containerd:${id}\n`,
    "version-1.txt": `12:memory:${folder}\n11:cpu,cpuacct:${folder}\n1:name=systemd:${folder}\n0::/\n`,
    "service.txt": "0::/system.slice/system-foo.slice/foo@bar.service/payload\n",
    "session.txt":
      "1:name=systemd:/user.slice/user-1000.slice/user@1000.service/app.slice/_x.service\n0::/\n",
  },
  "pod-list": {
    "containerd.json": fixture("containerd"),
    "cri-o.json": fixture("cri-o"),
    "docker.json": fixture("docker"),
  },
});
