import process from "node:process";
import { AdminClient } from "../../src/backends/admin-client/admin-client.ts";
import { LoadGenerator } from "../../src/programs/demo/load-generator.ts";
import { Envoy } from "./envoy.ts";
import { mtlsCluster, mtlsListener, plainListener, type SdsUse, sdsCluster } from "./envoy-bootstrap.ts";
import { eventually } from "./eventually.ts";
import { freePorts } from "./free-ports.ts";
import { Impostor } from "./impostor.ts";
import { agentId, Mesh, type MeshNode, type MeshOptions } from "./mesh.ts";
import { TrafficLedger } from "./traffic-ledger.ts";

/** An Envoy of the mesh. */
export type Member = {
  readonly name: string;
  /** Whose agent it asks. */
  readonly node: "first" | "second";
  readonly api: SdsUse["api"];
  /** ALL: the SPIFFE validator. ROOTCA: a plain validation context. */
  readonly validation: "ALL" | "ROOTCA";
  /** Who may call it: those with a certificate, or anyone. Undefined: it has no listener, and calls only. */
  readonly door?: "members" | "anyone";
  /** It has no certificate, and verifies only. */
  readonly isBare?: true;
};

/** Both ways of SDS with both validators, on two nodes; everybody calls every door that lets it in. */
export const members: readonly Member[] = [
  { name: "api", node: "first", api: "GRPC", validation: "ALL", door: "members" },
  { name: "store", node: "second", api: "DELTA_GRPC", validation: "ALL", door: "members" },
  { name: "cart", node: "second", api: "GRPC", validation: "ROOTCA", door: "members" },
  { name: "shop", node: "first", api: "DELTA_GRPC", validation: "ROOTCA", door: "anyone" },
  { name: "web", node: "first", api: "DELTA_GRPC", validation: "ROOTCA" },
  { name: "reader", node: "second", api: "GRPC", validation: "ALL", isBare: true },
];

const idOf = (name: string): string => `spiffe://mesh.example/${name}`;
const body = "served\n";
const impostorName = "impostor";
/** Whom the impostor poses as. */
export const posesAs = idOf("api");
const requestsPerSecond = 34;
/** Of a machine that has much else to do; what is slow was not refused. */
const answerWithinMs = 60_000;

type Bootstrap = Readonly<Record<string, unknown>>;
export type MeshOfSixOptions = MeshOptions & {
  /** Changes the bootstrap of the Envoy with this name. */
  readonly adjustEnvoy?: (name: string, bootstrap: Bootstrap) => Bootstrap;
};

/** The programs of a mesh with two nodes, six real Envoys, and the traffic among them: a new TLS connection for each request. */
export class MeshOfSix {
  readonly mesh: Mesh;
  readonly second: MeshNode;
  readonly admin: AdminClient;
  /** By name. */
  readonly envoys: ReadonlyMap<string, Envoy>;
  /** Where each door listens on loopback, by the name of its Envoy. */
  readonly doors: ReadonlyMap<string, number>;
  /** Everything that goes wrong, in one place. */
  readonly ledger: TrafficLedger;
  /** Serves nobody until it is given a certificate. Each Envoy has a listener `to-impostor`. */
  readonly impostor: Impostor;
  readonly #load: LoadGenerator;

  private constructor(
    parts: Pick<MeshOfSix, "mesh" | "second" | "admin" | "envoys" | "doors" | "impostor">,
    load: LoadGenerator,
  ) {
    this.mesh = parts.mesh;
    this.second = parts.second;
    this.admin = parts.admin;
    this.envoys = parts.envoys;
    this.doors = parts.doors;
    this.impostor = parts.impostor;
    this.#load = load;
    this.ledger = new TrafficLedger(parts.envoys, load);
  }

  /** Resolves when everybody has had an answer from everybody whom it calls, and the traffic runs. */
  static async start({ adjustEnvoy = (_, same) => same, ...options }: MeshOfSixOptions): Promise<MeshOfSix> {
    const mesh = await Mesh.start({
      ...options,
      adjust(file, text) {
        const adjusted = options.adjust?.(file, text) ?? text;
        // Here every Envoy runs as the test's user, and asks for its identity by name: see `register`.
        return file === "enrol.sh" ? adjusted.replaceAll(/^entry (?:web|api) .*$/gm, "") : adjusted;
      },
    });
    const admin = new AdminClient(mesh.adminSocket);
    const impostor = await Impostor.open("the impostor's\n");
    const envoys = new Map<string, Envoy>();
    try {
      const second = await mesh.addNode("node-2");
      await register(admin, { first: agentId, second: second.agentId });
      const ports = await freePorts(members.length);
      const doors = new Map(members.map(({ name }, at) => [name, ports[at] ?? 0]));
      const sockets = { first: mesh.agentSocket, second: second.socket };
      const all = { doors: doorsOf(doors), sockets, impostorPort: impostor.port };
      await Promise.all(
        members.map(async (member) => {
          envoys.set(member.name, await Envoy.start(adjustEnvoy(member.name, bootstrapOf(member, all))));
        }),
      );
      const entrances = await entrancesOf(envoys);
      for (const entrance of entrances) await answersRightly(entrance);
      const plan = {
        ports: entrances.map(({ port }) => port),
        perSecond: requestsPerSecond,
        expectedBody: body,
        answerWithinMs,
      };
      const six = new MeshOfSix(
        { mesh, second, admin, envoys, doors: doorsOf(doors), impostor },
        new LoadGenerator(plan),
      );
      await six.ledger.open();
      six.#load.start();
      return six;
    } catch (thrown) {
      for (const envoy of envoys.values()) await envoy.stop();
      admin.close();
      await impostor.close();
      await mesh.stop();
      throw thrown;
    }
  }

  envoy(name: string): Envoy {
    const found = this.envoys.get(name);
    if (found === undefined) throw new Error(`no Envoy is called ${name}`);
    return found;
  }

  /** The serials of everybody's own certificates, as really loaded, by name. */
  async serials(): Promise<ReadonlyMap<string, string>> {
    return await this.#ofEach(async (envoy) => serialsIn(await envoy.leaves()));
  }

  /** The serials of everybody's trust anchors, as really loaded, by name. */
  async roots(): Promise<ReadonlyMap<string, string>> {
    return await this.#ofEach(async (envoy) => serialsIn(await envoy.anchors()));
  }

  /** What the Envoy with this name gets from the impostor: the HTTP status. */
  async callsImpostor(name: string): Promise<number> {
    const response = await fetch(`http://127.0.0.1:${await this.envoy(name).port(`to-${impostorName}`)}/`);
    await response.arrayBuffer();
    return response.status;
  }

  /** Ends the traffic once what is under way has been answered; the Envoys go on. */
  async stopTraffic(): Promise<void> {
    await this.#load.stop();
  }

  async stop(): Promise<void> {
    await this.#load.stop();
    for (const envoy of this.envoys.values()) await envoy.stop();
    this.admin.close();
    await this.impostor.close();
    await this.mesh.stop();
  }

  async #ofEach<T>(ask: (envoy: Envoy) => Promise<T>): Promise<ReadonlyMap<string, T>> {
    const asked = [...this.envoys].map(async ([name, envoy]) => [name, await ask(envoy)] as const);
    return new Map(await Promise.all(asked));
  }
}

const serialsIn = (loaded: readonly { readonly serial_number: string }[]): string =>
  [...new Set(loaded.map(({ serial_number }) => serial_number))].toSorted().join();

const doorsOf = (ports: ReadonlyMap<string, number>): ReadonlyMap<string, number> =>
  new Map(members.flatMap(({ name, door }) => (door === undefined ? [] : [[name, ports.get(name) ?? 0]])));

async function register(admin: AdminClient, agents: Readonly<Record<Member["node"], string>>): Promise<void> {
  const selectors = [`unix:uid:${process.getuid?.()}`];
  for (const { name, node, isBare } of members) {
    if (isBare) continue; // its user is known to the agent by the others, which is enough for the roots
    const entry = { spiffeId: idOf(name), parentId: agents[node], selectors, labels: { node } };
    await admin.call("CreateEntry", { entry }, new AbortController().signal);
  }
}

type Surroundings = {
  readonly doors: ReadonlyMap<string, number>;
  readonly sockets: Readonly<Record<Member["node"], string>>;
  readonly impostorPort: number;
};

function bootstrapOf(member: Member, { doors, sockets, impostorPort }: Surroundings): Bootstrap {
  const { name, node, api, validation, isBare } = member;
  const own = { api, validation, leaf: isBare ? undefined : idOf(name) };
  const called = callees(member).map(({ name: callee }) => ({
    ...{ callee, port: doors.get(callee) ?? 0, peers: [idOf(callee)] },
  }));
  const everyone = [...called, { callee: impostorName, port: impostorPort, peers: [posesAs] }];
  const port = doors.get(name);
  // A matcher of names would demand a certificate, whatever the listener says.
  const letsIn = member.door === "anyone" ? { isOpen: true, peers: [] } : {};
  const door = port === undefined ? [] : [mtlsListener("door", body, { ...own, port, ...letsIn })];
  return {
    node: { id: name, cluster: "mesh" },
    static_resources: {
      listeners: [...door, ...everyone.map(({ callee }) => plainListener(`to-${callee}`, callee))],
      clusters: [
        sdsCluster(sockets[node]),
        ...everyone.map(({ callee, port: to, peers }) => mtlsCluster(callee, to, { ...own, peers })),
      ],
    },
  };
}

const callees = (caller: Member): readonly Member[] =>
  members.filter(({ name, door }) => name !== caller.name && (door === "anyone" || (door && !caller.isBare)));

type Entrance = { readonly caller: string; readonly callee: string; readonly port: number };

/** The port in the clear for each pair of caller and door. */
const entrancesOf = (envoys: ReadonlyMap<string, Envoy>): Promise<Entrance[]> =>
  Promise.all(
    members.flatMap((caller) =>
      callees(caller).map(async ({ name: callee }) => {
        const port = (await envoys.get(caller.name)?.port(`to-${callee}`)) ?? 0;
        return { caller: caller.name, callee, port };
      }),
    ),
  );

async function answersRightly({ caller, callee, port }: Entrance): Promise<void> {
  let last = "";
  const ask = async (): Promise<boolean> => {
    const response = await fetch(`http://127.0.0.1:${port}/`);
    last = `HTTP ${response.status}: ${await response.text()}`;
    return last === `HTTP 200: ${body}`;
  };
  const heard = () =>
    ask().catch((thrown: Error) => {
      last = thrown.message; // Envoy binds a listener before it takes connections
      return false;
    });
  await eventually(`${caller} to reach ${callee}`, heard).catch((thrown: Error) => {
    throw new Error(`${thrown.message}; ${last}`);
  });
}
