//! `pools`.

use super::super::pools::{CONNECTION_AUTH, PROXY_PROTOCOLS, server_name};
use super::super::roles::{ROLES, by_role};
use super::super::scalar::show_duration;
use super::super::shape::{
    Either, File, Key, Lasting, List, Map, Name, Named, Number, OrNull, Section, Switch, Text, Word,
    dependent, number, optional, required, section,
};
use super::super::show::word;
use super::super::{ConnectionAuth, Role, pattern};
use super::probe::PROBE;
use super::{DAY, HOUR, MILLISECOND};
use std::time::Duration;

pub(in crate::config) static POOLS: Key<Named> = required(
    "pools",
    Named { each: &POOL, expected: "expected a mapping of at least one pool's name to its role and nodes" },
    "Names of pools: the backends that serve one purpose. A backend is a node at one pool's port.",
);

pub(in crate::config) static POOL: Section = Section {
    name: "pool",
    expected: "expected a mapping with role and nodes",
    keys: &[
        &ROLE,
        &PORT,
        &TLS,
        &PROXY_PROTOCOL,
        &PROBE_OF_POOL,
        &NODES,
        &EJECTION,
        &AUTH,
        &TIMEOUTS,
        &SLOW_START,
        &MAX_REQUESTS,
        &QUEUE,
        &KEEPALIVE_CONNECTIONS,
    ],
};

pub(in crate::config) static ROLE: Key<Word<Role>> =
    optional("role", Word(&ROLES), "none", "Fills in what Microsoft Identity Manager needs.");

pub(in crate::config) static PORT: Key<Number<u16>> = dependent(
    "port",
    number(1..=65_535),
    || by_role(|role| role.port().map_or("none, so that it is required,".into(), |port| port.to_string())),
    "The nodes' port.",
);

pub(in crate::config) static TLS: Key<OrNull<Map>> = dependent(
    "tls",
    OrNull(Map(&UPSTREAM_TLS)),
    || by_role(|role| if role.is_portal() { "TLS, unless the port is 80," } else { "null" }.to_owned()),
    "TLS towards the nodes; null is plain HTTP.",
);

pub(in crate::config) static PROXY_PROTOCOL: Key<Word<bool>> = optional(
    "proxy_protocol",
    Word(&PROXY_PROTOCOLS),
    "off",
    "Whether connections to the nodes begin with a PROXY header, of version 2, that names the client.",
);

pub(in crate::config) static PROBE_OF_POOL: Key<Map> =
    section("probe", Map(&PROBE), "How the health of the pool's nodes is found out.");

pub(in crate::config) static NODES: Key<List<Either<Name, Map>>> = required(
    "nodes",
    List { of: Either(Name("node"), Map(&POOL_NODE)), expected: "expected a list of nodes" },
    "Names of nodes, or mappings with what is different for a node; each node once.",
);

pub(in crate::config) static EJECTION: Key<Map> =
    section("ejection", Map(&EJECTED), "When failures of requests count as a node being down.");

pub(in crate::config) static AUTH: Key<Word<ConnectionAuth>> = dependent(
    "connection_auth",
    Word(&CONNECTION_AUTH),
    || by_role(|role| word(&CONNECTION_AUTH, role.connection_auth()).to_owned()),
    "Whether an upstream connection belongs to one client connection, as Windows authentication needs it: from its first request, from the first sign of such authentication, or never.",
);

pub(in crate::config) static TIMEOUTS: Key<Map> =
    section("timeouts", Map(&DURATIONS), "How long things may take.");

pub(in crate::config) static SLOW_START: Key<Lasting> = optional(
    "slow_start",
    Lasting(Duration::ZERO..=DAY),
    "30s",
    "A node that came back starts with a tenth of its share of new clients and reaches all of it after so long.",
);

pub(in crate::config) static MAX_REQUESTS: Key<OrNull<Number<u32>>> = optional(
    "max_requests",
    OrNull(number(1..=1_000_000)),
    "null",
    "Requests in flight to each node; null is no bound.",
);

pub(in crate::config) static QUEUE: Key<Map> =
    section("queue", Map(&WAITING), "Requests that wait for a node that is full, by max_requests.");

pub(in crate::config) static KEEPALIVE_CONNECTIONS: Key<Number<usize>> = optional(
    "keepalive_connections",
    number(0..=1_000_000),
    "512",
    "Idle connections kept to each node, divided among the worker threads; 0 for none.",
);

pub(in crate::config) static POOL_NODE: Section = Section {
    name: "pool_node",
    expected: "expected a mapping with node, port, tls, probe",
    keys: &[&NODE, &NODE_PORT, &NODE_TLS, &NODE_PROBE],
};

pub(in crate::config) static NODE: Key<Name> = required("node", Name("node"), "The name of the node.");

pub(in crate::config) static NODE_PORT: Key<Number<u16>> =
    dependent("port", number(1..=65_535), as_in_pool, "The port of this node.");

pub(in crate::config) static NODE_TLS: Key<OrNull<Map>> =
    dependent("tls", OrNull(Map(&UPSTREAM_TLS)), as_in_pool, "TLS towards this node; null is plain HTTP.");

pub(in crate::config) static NODE_PROBE: Key<Map> =
    dependent("probe", Map(&PROBE), as_in_pool, "How the health of this node is found out.");

fn as_in_pool() -> String {
    "what the pool has".into()
}

pub(in crate::config) static UPSTREAM_TLS: Section = Section {
    name: "upstream_tls",
    expected: "expected a mapping with server_name, ca, verify, or null for none",
    keys: &[&SERVER_NAME, &CA, &VERIFY, &CERTIFICATE, &PRIVATE_KEY],
};

pub(in crate::config) static SERVER_NAME: Key<Text<String>> = dependent(
    "server_name",
    Text {
        expected: "expected the name in the nodes' certificates, such as mim.example.com",
        parse: server_name,
        pattern: pattern::host_or_ip,
        examples: &["mim.example.com"],
    },
    || "the host of the pool's routes, if they name one exact host only; else it is required".into(),
    "The name in the nodes' certificates, also sent as SNI; an IP address is allowed.",
);

pub(in crate::config) static CA: Key<OrNull<File>> = optional(
    "ca",
    OrNull(File("expected a PEM file of certificates")),
    "null",
    "PEM file of the authorities to trust; null is the system's.",
);

pub(in crate::config) static VERIFY: Key<Switch> = optional(
    "verify",
    Switch,
    "true",
    "Whether the nodes' certificates are checked. Without it, whoever can stand between the edge and the node reads everything.",
);

pub(in crate::config) static CERTIFICATE: Key<OrNull<File>> = optional(
    "certificate",
    OrNull(File("expected a PEM file of certificates, or null for none")),
    "null",
    "PEM file of the edge's own certificate, the leaf first, for nodes that ask for one. Only together with key.",
);

pub(in crate::config) static PRIVATE_KEY: Key<OrNull<File>> = optional(
    "key",
    OrNull(File("expected a PEM file of the certificate's private key, or null for none")),
    "null",
    "PEM file of the private key of certificate.",
);

pub(in crate::config) static EJECTED: Section = Section {
    name: "ejection",
    expected: "expected a mapping with consecutive_failures and for",
    keys: &[&CONSECUTIVE_FAILURES, &FOR],
};

pub(in crate::config) static CONSECUTIVE_FAILURES: Key<Number<u32>> = optional(
    "consecutive_failures",
    number(1..=1_000_000),
    "5",
    "So many failures in a row, of any requests, and the backend is down.",
);

pub(in crate::config) static FOR: Key<Lasting> = optional(
    "for",
    Lasting(MILLISECOND..=DAY),
    "30s",
    "How long a backend counts as down whose requests failed.",
);

pub(in crate::config) static DURATIONS: Section = Section {
    name: "timeouts",
    expected: "expected a mapping with connect, read, write, idle, tunnel",
    keys: &[&CONNECT, &READ, &WRITE, &IDLE, &TUNNEL],
};

pub(in crate::config) static CONNECT: Key<Lasting> =
    optional("connect", Lasting(MILLISECOND..=DAY), "3s", "For connecting, TLS included.");

pub(in crate::config) static READ: Key<Lasting> = dependent(
    "read",
    Lasting(MILLISECOND..=DAY),
    || by_role(|role| show_duration(role.timeouts().read)),
    "Between two reads from a node, and from a client that sends a body.",
);

pub(in crate::config) static WRITE: Key<Lasting> =
    optional("write", Lasting(MILLISECOND..=DAY), "60s", "Between two writes, in either direction.");

/// Below the 120 s after which http.sys closes.
pub(in crate::config) static IDLE: Key<Lasting> = optional(
    "idle",
    Lasting(MILLISECOND..=DAY),
    "60s",
    "How long an idle upstream connection is kept. http.sys closes its own after 120 s.",
);

pub(in crate::config) static TUNNEL: Key<Lasting> = optional(
    "tunnel",
    Lasting(MILLISECOND..=DAY),
    "1h",
    "How long an upgraded connection (WebSocket) may be silent.",
);

pub(in crate::config) static WAITING: Section = Section {
    name: "queue",
    expected: "expected a mapping with length and timeout",
    keys: &[&LENGTH, &TIMEOUT],
};

pub(in crate::config) static LENGTH: Key<Number<usize>> = optional(
    "length",
    number(0..=1_000_000),
    "0",
    "The most requests that wait for each node; those beyond are answered 503.",
);

pub(in crate::config) static TIMEOUT: Key<Lasting> = optional(
    "timeout",
    Lasting(Duration::ZERO..=HOUR),
    "0s",
    "How long a request waits; then it is answered 503.",
);
