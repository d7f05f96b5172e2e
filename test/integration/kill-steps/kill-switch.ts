import { existsSync, readFileSync } from "node:fs";
import process from "node:process";

/** Names the file whose content is the step at which the process is to die; empty or missing: it lives. */
export const killVariable = "MESHMINT_TEST_KILL_FILE";

/** kill -9 of this very process, when the test has named this step. Nothing that comes after it in the program happens. */
export function dieAt(step: string): void {
  const file = process.env[killVariable] ?? "";
  if (!existsSync(file) || readFileSync(file, "utf8") !== step) return;
  process.kill(process.pid, "SIGKILL");
  for (;;); // the kernel ends us within this very call on Linux; never go on
}

/** The same port with some of its methods replaced; the others go to the port itself. */
export function decorated<Port extends object>(port: Port, replaced: Partial<Port>): Port {
  return new Proxy(port, {
    get(target, name) {
      if (name in replaced) return Reflect.get(replaced, name);
      const found: unknown = Reflect.get(target, name, target);
      return typeof found === "function" ? found.bind(target) : found;
    },
  });
}
