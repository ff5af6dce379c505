//! The configuration: YAML in, runtime types out, in one pass over a tree that keeps positions.
//!
//! Nothing outside this module sees YAML. References between sections (a route's pool, a pool's nodes) are
//! indices into the vectors of [`Config`], resolved and checked here.

mod admin;
mod cookie;
mod error;
mod files;
mod keys;
mod listeners;
mod load;
mod nodes;
mod pattern;
mod persistence;
mod pools;
mod probe;
mod read;
mod relations;
mod rest;
mod roles;
mod routes;
mod scalar;
mod schema;
mod shape;
mod show;
#[cfg(test)]
mod tests;
mod tree;
mod warnings;

pub use error::{ConfigError, Place, Warning};
pub use load::{load, load_text};
pub use schema::schema;
pub use show::show;

use crate::persistence::settings::GroupSettings;
use crate::route::{HostPattern, PathPrefix};
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

/// A whole, checked configuration with every default filled in.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where connections are accepted.
    pub listeners: Vec<Listener>,
    /// The machines.
    pub nodes: Vec<Node>,
    /// The persistence groups.
    pub groups: Vec<GroupSettings>,
    /// The key files of each group, in the order of [`Config::groups`] and of the ring's keys.
    pub key_files: Vec<Vec<PathBuf>>,
    /// The pools.
    pub pools: Vec<Pool>,
    /// The routes.
    pub routes: Vec<Route>,
    /// The admin interface.
    pub admin: Admin,
    /// The log.
    pub log: Log,
    /// Bounds on what clients may take.
    pub limits: Limits,
    /// How long shutdown waits for requests in flight.
    pub shutdown_grace: Duration,
}

/// Where connections are accepted.
#[derive(Clone, Debug)]
pub struct Listener {
    /// Its name.
    pub name: String,
    /// Its addresses; port 0 lets the system choose.
    pub bind: Vec<SocketAddr>,
    /// TLS, if the listener speaks it.
    pub tls: Option<ListenerTls>,
    /// How long an idle client connection is kept.
    pub keepalive: Duration,
}

/// The certificate of a TLS listener: PEM files that exist, parse and belong together.
#[derive(Clone, Debug)]
pub struct ListenerTls {
    /// The chain, leaf first.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// A machine.
#[derive(Clone, Debug)]
pub struct Node {
    /// Its name, by which pins and cookies know it.
    pub name: String,
    /// Where it is.
    pub address: NodeAddress,
    /// Its share of new clients, 1 to 256.
    pub weight: u16,
    /// Used only when no other node can serve.
    pub backup: bool,
    /// The operator's will at first start.
    pub state: crate::pool::AdminState,
}

/// Where a node is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeAddress {
    /// An address.
    Ip(std::net::IpAddr),
    /// A name, resolved beside the requests' path and again from time to time.
    Name(String),
}

/// What a pool serves; a role fills in what Microsoft Identity Manager needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// MIM Service, port 5725.
    MimService,
    /// MIM Service's security token service, port 5726.
    MimSts,
    /// MIM Portal.
    MimPortal,
    /// Self-service password reset: registration.
    SsprRegistration,
    /// Self-service password reset: reset.
    SsprReset,
    /// Anything else.
    None,
}

/// The backends that serve one purpose.
#[derive(Clone, Debug)]
pub struct Pool {
    /// Its name.
    pub name: String,
    /// Its role.
    pub role: Role,
    /// Its backends.
    pub backends: Vec<Backend>,
    /// Whether an upstream connection belongs to one client connection.
    pub connection_auth: ConnectionAuth,
    /// How long things may take.
    pub timeouts: Timeouts,
    /// How long a node that came back takes to reach its full share.
    pub slow_start: Duration,
    /// When failures of requests count as a node being down.
    pub ejection: Ejection,
    /// Idle upstream connections kept to each backend.
    pub keepalive_connections: usize,
}

/// A node at one pool's port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backend {
    /// Index into [`Config::nodes`].
    pub node: usize,
    /// The port.
    pub port: u16,
    /// TLS towards it, if any.
    pub tls: Option<UpstreamTls>,
    /// How its health is found out.
    pub probe: Probe,
}

/// TLS towards a backend. Verification is on unless `verify: false` was written.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct UpstreamTls {
    /// The name its certificate must carry and that is sent as SNI; never empty.
    pub server_name: String,
    /// PEM file of the authorities to trust; the system's where absent.
    pub ca: Option<PathBuf>,
    /// Whether the certificate is checked.
    pub verify: bool,
}

/// How health is found out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// What a backend is asked.
    pub check: ProbeCheck,
    /// Time between probes.
    pub interval: Duration,
    /// The same while the state is changing.
    pub fast_interval: Duration,
    /// How long a probe may take.
    pub timeout: Duration,
    /// Successes in a row that make a node up.
    pub rise: u32,
    /// Failures in a row that make it down.
    pub fall: u32,
    /// After so long without a first answer a backend counts as up.
    pub start_grace: Duration,
}

/// What a probe asks of a backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProbeCheck {
    /// A connection is enough, TLS included where the backend has it.
    Tcp,
    /// A request, and an answer that is as expected.
    Http(HttpProbe),
}

/// A request that asks how a backend is, and the answers that mean it is well.
///
/// Its `Debug` output does not have the values of fields that carry credentials.
#[derive(Clone, PartialEq, Eq)]
pub struct HttpProbe {
    /// The method, in capital letters; never one of GET, HEAD and TRACE together with a body.
    pub method: String,
    /// The path, with a query if there is one: visible ASCII that starts with a slash.
    pub path: String,
    /// The field `Host`, with a port if one was written; none means the node's address and port.
    pub host: Option<String>,
    /// More fields in the file's order, each once; none that the edge sets itself.
    pub headers: Vec<(String, String)>,
    /// The body, at most 64 KiB.
    pub body: Option<String>,
    /// The statuses that are accepted, within 200 to 599; never empty.
    pub expect: Vec<RangeInclusive<u16>>,
    /// A text that the answer's body must have in its first 64 KiB: 1 byte to 1 KiB.
    pub contains: Option<String>,
}

/// Whether an upstream connection belongs to one client connection (NTLM, Negotiate).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionAuth {
    /// As soon as a request or response shows that authentication is bound to the connection.
    Auto,
    /// From the first request.
    Always,
    /// Never.
    Never,
}

/// How long things may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Connecting, TLS included.
    pub connect: Duration,
    /// Between two reads from a backend, and from a client that sends a body.
    pub read: Duration,
    /// Between two writes, in either direction.
    pub write: Duration,
    /// How long an idle upstream connection is kept.
    pub idle: Duration,
    /// How long an upgraded connection may be silent.
    pub tunnel: Duration,
}

/// When failures of requests count as a node being down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ejection {
    /// So many in a row, of connects or of requests whose connection broke or timed out.
    pub consecutive_failures: u32,
    /// How long a backend counts as down whose requests failed.
    pub duration: Duration,
}

/// What goes to which pool.
#[derive(Clone, Debug)]
pub struct Route {
    /// Its name, for logs and metrics.
    pub name: String,
    /// Index into [`Config::listeners`].
    pub listener: usize,
    /// The hosts it serves.
    pub host: HostPattern,
    /// The paths it serves.
    pub path: PathPrefix,
    /// Index into [`Config::pools`].
    pub pool: usize,
    /// Index into [`Config::groups`]; none places every request anew.
    pub group: Option<usize>,
    /// The largest request body in bytes; none means no limit.
    pub max_body: Option<u64>,
}

/// The admin interface: metrics, health of the edge, states of nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admin {
    /// Its address; port 0 lets the system choose. None turns it off.
    pub bind: Option<SocketAddr>,
    /// A readable file whose whole content, without the white space around it, is the token that clients send:
    /// 16 to 256 visible ASCII characters. Without it the address is a loopback address.
    pub token_file: Option<PathBuf>,
}

/// The log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// The access log.
    pub access: AccessLog,
    /// The least severe message that is written.
    pub level: log::LevelFilter,
}

/// Where the access log goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessLog {
    /// Its target.
    pub to: AccessLogTarget,
    /// Its form.
    pub format: LogFormat,
}

/// A target of the access log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccessLogTarget {
    /// Nowhere.
    Off,
    /// Standard output.
    Stdout,
    /// A file, appended to.
    File(PathBuf),
}

/// How a line of the access log looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// `key=value` pairs.
    Text,
}

/// Bounds on what clients may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The largest request head in bytes.
    pub request_header_bytes: usize,
    /// How long a whole request head may take.
    pub header_timeout: Duration,
    /// Client connections in all.
    pub connections: usize,
    /// Requests on one connection.
    pub requests_per_connection: u64,
    /// Requests that wait for a node.
    pub waiting: usize,
}
