import { readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { parse } from "yaml";
import { Envoy } from "./envoy.ts";
import { eventually } from "./eventually.ts";
import { Mesh, type MeshOptions } from "./mesh.ts";

/** The two Envoys of deploy/compose beside a mesh: `web` calls `api` over mTLS. */
export type EnvoyPair = {
  readonly mesh: Mesh;
  readonly web: Envoy;
  readonly api: Envoy;
  /** Where web takes requests in the clear; api answers them with `hello from api`. */
  readonly port: number;
  stop(): Promise<void>;
};

/** Resolves when the first request came through both. Every request opens a new connection between them. */
export async function startEnvoyPair(options: MeshOptions = {}): Promise<EnvoyPair> {
  const own = String(process.getuid?.());
  const mesh = await Mesh.start({
    ...options,
    adjust(file, text) {
      const adjusted = options.adjust?.(file, text) ?? text;
      // Here both Envoys run as the test's user, and ask for their identities by name.
      return file === "enrol.sh" ? adjusted.replaceAll(/\b200[12]\b/g, own) : adjusted;
    },
  });
  const envoys: Envoy[] = [];
  const stop = async () => {
    for (const envoy of envoys) await envoy.stop();
    await mesh.stop();
  };
  try {
    const [api, web] = [await Envoy.start(bootstrap(mesh, "api")), await Envoy.start(bootstrap(mesh, "web"))];
    envoys.push(api, web);
    const port = await web.port("outbound");
    await eventually("a first answer from api through both Envoys", () =>
      fetch(`http://127.0.0.1:${port}/`).then(
        async (response) => (await response.text()) === "hello from api\n",
        () => false, // Envoy binds a listener before it takes connections
      ),
    );
    return { mesh, api, web, port, stop };
  } catch (thrown) {
    await stop();
    throw thrown;
  }
}

type Bootstrap = {
  static_resources: { clusters: { name: string; typed_extension_protocol_options?: object }[] };
};

function bootstrap(mesh: Mesh, name: string): Record<string, unknown> {
  const parsed = parse(readFileSync(join(mesh.folder, `etc/${name}.envoy.yaml`), "utf8")) as Bootstrap;
  const upstream = parsed.static_resources.clusters.find((cluster) => cluster.name === "api");
  if (upstream) {
    const type = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
    upstream.typed_extension_protocol_options = {
      [type]: {
        "@type": `type.googleapis.com/${type}`,
        common_http_protocol_options: { max_requests_per_connection: 1 },
        explicit_http_config: { http_protocol_options: {} },
      },
    };
  }
  return parsed;
}
