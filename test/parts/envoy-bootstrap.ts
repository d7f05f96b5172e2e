/** Pieces of Envoy bootstraps, as plain objects: an SDS cluster on a Unix socket, and what takes its secrets from it. */

const ext = "type.googleapis.com/envoy.extensions";

export type SdsUse = {
  /** GRPC is state of the world, DELTA_GRPC is Delta. */
  readonly api: "GRPC" | "DELTA_GRPC";
  /** Resource names: the own certificate (none: it only verifies others), and what peers are verified with. */
  readonly leaf?: string | undefined;
  readonly validation: string;
  /** Accepted peers, as prefixes of their URI SAN; default any SPIFFE ID. */
  readonly peers?: readonly string[];
};

/** To an agent that was away: without this Envoy waits up to 30 s before it asks again. */
const comeBackSoon = { retry_back_off: { base_interval: "0.1s", max_interval: "0.5s" } };

/** Envoy opens one stream per (name, config source bytes): keep it the same everywhere. */
const sdsConfig = (api: SdsUse["api"]) => ({
  resource_api_version: "V3",
  initial_fetch_timeout: "5s",
  api_config_source: {
    api_type: api,
    transport_api_version: "V3",
    set_node_on_first_message_only: true,
    grpc_services: [{ envoy_grpc: { cluster_name: "sds", retry_policy: comeBackSoon } }],
  },
});

const tlsContext = ({ api, leaf, validation, peers = ["spiffe://"] }: SdsUse) => ({
  tls_params: { tls_minimum_protocol_version: "TLSv1_3", tls_maximum_protocol_version: "TLSv1_3" },
  tls_certificate_sds_secret_configs: leaf === undefined ? [] : [{ name: leaf, sds_config: sdsConfig(api) }],
  combined_validation_context: {
    default_validation_context: {
      match_typed_subject_alt_names: peers.map((prefix) => ({ san_type: "URI", matcher: { prefix } })),
    },
    validation_context_sds_secret_config: { name: validation, sds_config: sdsConfig(api) },
  },
});

/** The static cluster `sds`: an agent's Unix socket. */
export const sdsCluster = (socketPath: string) => ({
  name: "sds",
  type: "STATIC",
  connect_timeout: "1s",
  typed_extension_protocol_options: {
    "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
      "@type": `${ext}.upstreams.http.v3.HttpProtocolOptions`,
      explicit_http_config: { http2_protocol_options: {} },
    },
  },
  load_assignment: {
    cluster_name: "sds",
    endpoints: [{ lb_endpoints: [{ endpoint: { address: { pipe: { path: socketPath } } } }] }],
  },
});

export type DoorUse = SdsUse & {
  /** On loopback; an ephemeral one when left out. */
  readonly port?: number;
  /** Callers need no certificate; one that is shown is verified all the same. */
  readonly isOpen?: boolean;
};

/** A TLS listener on loopback that demands a certificate and answers every request with 200 and `body`. */
export const mtlsListener = (name: string, body: string, { port = 0, isOpen = false, ...use }: DoorUse) => ({
  name,
  stat_prefix: name,
  address: { socket_address: { address: "127.0.0.1", port_value: port } },
  filter_chains: [
    {
      transport_socket: {
        name: "envoy.transport_sockets.tls",
        typed_config: {
          "@type": `${ext}.transport_sockets.tls.v3.DownstreamTlsContext`,
          require_client_certificate: !isOpen,
          disable_stateless_session_resumption: true,
          disable_stateful_session_resumption: true,
          common_tls_context: tlsContext(use),
        },
      },
      filters: [httpFilter(name, { direct_response: { status: 200, body: { inline_string: body } } })],
    },
  ],
});

/** A cluster of one port on loopback that is called over TLS, with a new connection and a full handshake for each request. */
export const mtlsCluster = (name: string, port: number, use: SdsUse) => ({
  name,
  type: "STATIC",
  connect_timeout: "30s",
  typed_extension_protocol_options: {
    "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
      "@type": `${ext}.upstreams.http.v3.HttpProtocolOptions`,
      common_http_protocol_options: { max_requests_per_connection: 1 },
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
  load_assignment: {
    cluster_name: name,
    endpoints: [
      {
        lb_endpoints: [
          { endpoint: { address: { socket_address: { address: "127.0.0.1", port_value: port } } } },
        ],
      },
    ],
  },
});

/** A plaintext listener on an ephemeral loopback port that sends everything to `cluster`. */
export const plainListener = (name: string, cluster: string) => ({
  name,
  address: { socket_address: { address: "127.0.0.1", port_value: 0 } },
  filter_chains: [{ filters: [httpFilter(name, { route: { cluster } })] }],
});

/** The one network filter of a listener: every request gets `action`. */
export const httpFilter = (statPrefix: string, action: object) => ({
  name: "envoy.filters.network.http_connection_manager",
  typed_config: {
    "@type": `${ext}.filters.network.http_connection_manager.v3.HttpConnectionManager`,
    stat_prefix: statPrefix,
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
