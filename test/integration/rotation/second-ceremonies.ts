import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Mesh } from "../../parts/mesh.ts";

/** A second root with intermediates and a cross-certificate, in a folder of their own, which is returned. */
export function holdSecondCeremonies(mesh: Mesh, intermediates = 1): string {
  const folder = join(mesh.folder, "state/ceremony-2");
  const first = readFileSync(join(mesh.folder, "etc/ceremony.yaml"), "utf8");
  const config = join(mesh.folder, "etc/ceremony-2.yaml");
  const second = first
    .replace(/^outputFolder: .*$/m, `outputFolder: ${folder}`)
    .replace("root-1", "root-2")
    .replace(/^intermediate: .*$/m, `intermediate: { label: issuing-2, count: ${intermediates} }`);
  writeFileSync(config, `${second}cross: { oldRootLabel: root-1 }\n`);
  for (const ceremony of ["root", "intermediate", "cross"]) mesh.cli("ceremony", ceremony, "-c", config);
  return folder;
}

/**
 * Two more intermediates under the second root, in a folder of their own, which is returned: for the time after the incident in which
 * the lists in this file of the second ceremonies take an intermediate away.
 */
export function holdCeremonyAfter(mesh: Mesh, listsInForce: string): string {
  const folder = join(mesh.folder, "state/ceremony-3");
  const config = join(mesh.folder, "etc/ceremony-3.yaml");
  const second = readFileSync(join(mesh.folder, "etc/ceremony-2.yaml"), "utf8");
  const intermediate = { label: "issuing-3", count: 2, listInForce: listsInForce };
  const third = second
    .replace(/^outputFolder: .*$/m, `outputFolder: ${folder}`)
    .replace(/^intermediate: .*$/m, `intermediate: ${JSON.stringify(intermediate)}`);
  writeFileSync(config, third);
  mesh.cli("ceremony", "intermediate", "-c", config);
  return folder;
}

/** What `rotation start` is to be given of the second ceremonies. */
export const offerOf = (folder: string): string[] => [
  ...["--root", join(folder, "root.pem")],
  ...["--intermediate", join(folder, "issuing-2-1.pem")],
  ...["--cross", join(folder, "cross.pem")],
];
