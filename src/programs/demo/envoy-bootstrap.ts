/**
 * Bootstraps for the demo's Envoys. Both ways of SDS and both validators are in use: `api` takes the SPIFFE validator
 * (secret `ALL`) over state of the world, each `web` plain anchors (secret `ROOTCA`) over Delta. Sessions are never
 * resumed and connections have a bounded age, so that every new connection proves the certificates of now.
 */
const ext = "type.googleapis.com/envoy.extensions";

export type ProxyPlan = {
  readonly name: string;
  readonly spiffeId: string;
  readonly adminPort: number;
  readonly listenPort: number;
  readonly agentSocket: string;
};

export type WebPlan = ProxyPlan & { readonly api: { readonly spiffeId: string; readonly port: number } };

type SdsUse = {
  readonly api: "GRPC" | "DELTA_GRPC";
  readonly leaf: string;
  readonly validation: "ALL" | "ROOTCA";
  /** URI SANs accepted of the peer. */
  readonly peers: readonly object[];
};

/** Answers every request with its own name, over mTLS only, to any member of the trust domain. */
export function apiBootstrap(plan: ProxyPlan, trustDomain: string): object {
  const use: SdsUse = {
    api: "GRPC",
    leaf: plan.spiffeId,
    validation: "ALL",
    peers: [{ prefix: `spiffe://${trustDomain}/` }],
  };
  const transportSocket = {
    name: "envoy.transport_sockets.tls",
    typed_config: {
      "@type": `${ext}.transport_sockets.tls.v3.DownstreamTlsContext`,
      require_client_certificate: true,
      disable_stateless_session_resumption: true,
      disable_stateful_session_resumption: true,
      common_tls_context: tlsContext(use),
    },
  };
  const answer = { direct_response: { status: 200, body: { inline_string: plan.name } } };
  const listener = listenerOn(plan, "mtls_in", {
    transport_socket: transportSocket,
    filters: [http("in", answer)],
  });
  return bootstrap(plan, { listeners: [listener], clusters: [sdsCluster(plan.agentSocket)] });
}

/** Takes plaintext requests on loopback and sends them to `api` over mTLS, on connections that are always new. */
export function webBootstrap(plan: WebPlan): object {
  const use: SdsUse = {
    api: "DELTA_GRPC",
    leaf: plan.spiffeId,
    validation: "ROOTCA",
    peers: [{ exact: plan.api.spiffeId }],
  };
  const listener = listenerOn(plan, "plain_in", { filters: [http("plain", { route: { cluster: "api" } })] });
  return bootstrap(plan, {
    listeners: [listener],
    clusters: [sdsCluster(plan.agentSocket), apiCluster(plan.api.port, use)],
  });
}

const bootstrap = ({ name, adminPort }: ProxyPlan, resources: object): object => ({
  node: { id: name, cluster: "meshmint-demo" },
  admin: { address: loopback(adminPort) },
  static_resources: resources,
});

const loopback = (port: number): object => ({ socket_address: { address: "127.0.0.1", port_value: port } });

/** An agent that was away is asked again within seconds; otherwise only after up to 30. */
const comeBackSoon = { retry_back_off: { base_interval: "0.5s", max_interval: "5s" } };

/** Envoy opens one stream per (name, bytes of this message): keep it the same everywhere. */
const sdsConfig = (api: SdsUse["api"]): object => ({
  resource_api_version: "V3",
  initial_fetch_timeout: "5s",
  api_config_source: {
    api_type: api,
    transport_api_version: "V3",
    set_node_on_first_message_only: true,
    grpc_services: [{ envoy_grpc: { cluster_name: "sds", retry_policy: comeBackSoon } }],
  },
});

const tlsContext = ({ api, leaf, validation, peers }: SdsUse): object => ({
  tls_params: { tls_minimum_protocol_version: "TLSv1_3", tls_maximum_protocol_version: "TLSv1_3" },
  tls_certificate_sds_secret_configs: [{ name: leaf, sds_config: sdsConfig(api) }],
  combined_validation_context: {
    default_validation_context: {
      match_typed_subject_alt_names: peers.map((matcher) => ({ san_type: "URI", matcher })),
    },
    validation_context_sds_secret_config: { name: validation, sds_config: sdsConfig(api) },
  },
});

const listenerOn = ({ listenPort }: ProxyPlan, name: string, filterChain: object): object => ({
  name,
  address: loopback(listenPort),
  filter_chains: [filterChain],
});

const http = (statPrefix: string, action: object): object => ({
  name: "envoy.filters.network.http_connection_manager",
  typed_config: {
    "@type": `${ext}.filters.network.http_connection_manager.v3.HttpConnectionManager`,
    stat_prefix: statPrefix,
    common_http_protocol_options: { max_connection_duration: "3600s" },
    route_config: {
      virtual_hosts: [{ name: "all", domains: ["*"], routes: [{ match: { prefix: "/" }, ...action }] }],
    },
    http_filters: [
      {
        name: "envoy.filters.http.router",
        typed_config: { "@type": `${ext}.filters.http.router.v3.Router` },
      },
    ],
  },
});

const sdsCluster = (agentSocket: string): object => ({
  name: "sds",
  type: "STATIC",
  connect_timeout: "1s",
  typed_extension_protocol_options: {
    "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
      "@type": `${ext}.upstreams.http.v3.HttpProtocolOptions`,
      explicit_http_config: {
        http2_protocol_options: { connection_keepalive: { interval: "30s", timeout: "5s" } },
      },
    },
  },
  load_assignment: endpoint("sds", { pipe: { path: agentSocket } }),
});

/**
 * The side that opens a connection also ends it, after five requests or ten seconds: an upstream that closed first could
 * take a request with it, and nothing here is retried.
 */
const apiCluster = (port: number, use: SdsUse): object => ({
  name: "api",
  type: "STATIC",
  connect_timeout: "2s",
  typed_extension_protocol_options: {
    "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
      "@type": `${ext}.upstreams.http.v3.HttpProtocolOptions`,
      common_http_protocol_options: { max_requests_per_connection: 5, max_connection_duration: "10s" },
      explicit_http_config: { http_protocol_options: {} },
    },
  },
  transport_socket: {
    name: "envoy.transport_sockets.tls",
    typed_config: {
      "@type": `${ext}.transport_sockets.tls.v3.UpstreamTlsContext`,
      max_session_keys: 0,
      common_tls_context: tlsContext(use),
    },
  },
  load_assignment: endpoint("api", loopback(port)),
});

const endpoint = (cluster: string, address: object): object => ({
  cluster_name: cluster,
  endpoints: [{ lb_endpoints: [{ endpoint: { address } }] }],
});
