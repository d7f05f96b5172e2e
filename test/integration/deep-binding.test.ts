import { execFileSync } from "node:child_process";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { expect } from "vitest";
import { needs, part, projectRoot } from "../parts/parts.ts";
import { makeSoftHsm } from "../parts/softhsm.ts";

const test = needs("softhsm");

/** What the dynamic linker says of each call from SoftHSM into an OpenSSL: into whose (ld.so(8), LD_DEBUG=bindings). */
function cryptoBindings(program: string): { toNode: number; toLibcrypto: number } {
  const hsm = makeSoftHsm();
  try {
    execFileSync(process.execPath, ["--input-type=module", "--eval", program], {
      cwd: projectRoot,
      env: { ...process.env, LD_DEBUG: "bindings", LD_DEBUG_OUTPUT: join(hsm.folder, "bindings") },
    });
    const text = globSync(join(hsm.folder, "bindings.*")).map((file) => readFileSync(file, "latin1"));
    const lines = text
      .join("")
      .match(/binding file \S*libsofthsm2\.so \[\d+\] to \S+ .*symbol `(?:EVP|BN|EC|OPENSSL)_.*/g);
    const count = (target: RegExp) => lines?.filter((line) => target.test(line)).length ?? 0;
    return { toNode: count(/ to \S*\/node \[/), toLibcrypto: count(/ to \S*libcrypto\.so/) };
  } finally {
    hsm.remove();
  }
}

test("SoftHSM calls its own OpenSSL, not the one that Node exports", () => {
  const ours = cryptoBindings('(await import("./src/backends/pkcs11/module.ts")).openModule().close();');
  expect(ours.toNode).toBe(0);
  expect(ours.toLibcrypto).toBeGreaterThan(0);
});

test("loaded plainly it would call Node's: what the deep binding is for", () => {
  const load = 'const m = (await import("graphene-pk11")).Module.load(MODULE); m.initialize(); m.finalize();';
  const plain = cryptoBindings(load.replace("MODULE", JSON.stringify(part("softhsm"))));
  expect(plain.toNode).toBeGreaterThan(0);
});
