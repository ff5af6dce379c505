//! The configuration: YAML in, runtime types out, in one pass over a tree that keeps positions.
//!
//! Nothing outside this module sees YAML. References between sections (a route's pool, a pool's nodes) are
//! indices into the vectors of [`Config`], resolved and checked here.

mod admin;
mod certificates;
mod cookie;
mod error;
mod fields;
mod files;
mod keys;
mod limits;
mod listeners;
mod load;
mod nodes;
mod pattern;
mod persistence;
mod pools;
mod probe;
mod read;
mod relations;
mod responses;
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
pub(crate) use files::read_file;
pub use load::{load, load_text};
pub use schema::schema;
pub use show::show;

use crate::client_addr::{ClientPrefixes, IpPrefix};
use crate::persistence::settings::GroupSettings;
use crate::route::{Action, HostPattern, PathPrefix};
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
    /// Whether HTTP/2 is offered to TLS clients.
    pub http2: bool,
    /// Whether connections begin with a PROXY header.
    pub proxy_protocol: ProxyProtocol,
    /// Who may name the client, by PROXY header or in a field.
    pub trusted_proxies: Vec<IpPrefix>,
    /// The field in which they name it.
    pub client_header: Option<ClientHeader>,
    /// How long an idle client connection is kept.
    pub keepalive: Duration,
    /// Bounds on what its clients may take.
    pub limits: ListenerLimits,
    /// Bodies of the edge's own answers, where no route has one for the status.
    pub error_pages: Vec<ErrorPage>,
}

/// Whether connections begin with a PROXY header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyProtocol {
    /// No: one would be taken for a request.
    Off,
    /// They may, where they come from a trusted proxy.
    Accept,
    /// They must, and must come from a trusted proxy.
    Require,
}

/// The field in which a trusted proxy names the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientHeader {
    /// `X-Forwarded-For`, by custom.
    XForwardedFor,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

/// How a listener speaks TLS.
#[derive(Clone, Debug)]
pub struct ListenerTls {
    /// At least one, chosen by server name.
    pub certificates: Vec<CertifiedKey>,
    /// The oldest version that is spoken.
    pub min_version: TlsVersion,
    /// What is asked of clients, if anything.
    pub clients: Option<ClientCertificates>,
}

/// A certificate and its key: PEM files that exist, parse and belong together.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CertifiedKey {
    /// The chain, leaf first.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    /// 1.2 (RFC 5246).
    V12,
    /// 1.3 (RFC 8446).
    V13,
}

/// Certificates of clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificates {
    /// PEM file of the authorities that issue them.
    pub ca: PathBuf,
    /// Whether a client without one is turned away.
    pub required: bool,
    /// The field that tells backends the subject; none tells it to nobody.
    pub subject_header: Option<String>,
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
    /// Requests in flight to each backend; none is no bound.
    pub max_requests: Option<u32>,
    /// Requests that wait for a backend that is full.
    pub queue: Queue,
    /// Whether connections to backends begin with a PROXY header of version 2.
    pub proxy_protocol: bool,
}

/// Requests that wait for a backend that is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Queue {
    /// So many at most, for each backend.
    pub length: usize,
    /// So long at most.
    pub timeout: Duration,
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
    /// The edge's own certificate, shown to backends that ask for one.
    pub identity: Option<CertifiedKey>,
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
    /// What becomes of its requests.
    pub action: Action,
    /// Index into [`Config::groups`]; none places every request anew.
    pub group: Option<usize>,
    /// The largest request body in bytes; none means no limit.
    pub max_body: Option<u64>,
    /// How many requests of one client are taken in a time.
    pub rate: Option<Rate>,
    /// What is changed in its responses.
    pub response: ResponseEdits,
    /// Bodies of the edge's own answers.
    pub error_pages: Vec<ErrorPage>,
}

/// How many requests of one client are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// So many.
    pub requests: u32,
    /// In so long.
    pub per: Duration,
    /// Addresses that share these leading bits are one client: of IPv4 and of IPv6.
    pub prefixes: ClientPrefixes,
}

/// What is changed in a route's responses, the edge's own among them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResponseEdits {
    /// Fields that are taken out, in lower case.
    pub remove: Vec<String>,
    /// Fields that are set; what the backend said under the same name is taken out.
    pub set: Vec<(String, String)>,
    /// `Strict-Transport-Security`, on TLS listeners.
    pub hsts: Option<Hsts>,
}

/// HTTP Strict Transport Security (RFC 6797).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hsts {
    /// How long browsers remember it.
    pub max_age: Duration,
    /// Whether it holds for every name below the host.
    pub include_subdomains: bool,
    /// Whether browsers' makers may put the host on their lists.
    pub preload: bool,
}

/// The body of the edge's own answers with some statuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorPage {
    /// For these.
    pub statuses: RangeInclusive<u16>,
    /// An HTML file of at most 64 KiB, in which `{status}` and `{request_id}` stand for theirs.
    pub file: PathBuf,
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

/// Bounds on what clients may take, on all listeners together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Client connections in all.
    pub connections: usize,
    /// Requests that wait for a node.
    pub waiting: usize,
    /// Bounds for each listener that has none of its own.
    pub each: ListenerLimits,
}

/// Bounds on what the clients of one listener may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListenerLimits {
    /// The largest request head in bytes.
    pub request_header_bytes: usize,
    /// The most field lines in one; at most 128.
    pub request_headers: usize,
    /// How long a whole request head may take.
    pub header_timeout: Duration,
    /// Requests on one connection.
    pub requests_per_connection: u64,
    /// Connections on this listener; none where only [`Limits::connections`] bounds them.
    pub connections: Option<usize>,
    /// Connections of one client.
    pub connections_per_client: Option<PerClient>,
    /// Bytes a second, over some ten seconds, that a body must move at while only the client can move it; zero is no
    /// bound.
    pub body_rate: u64,
    /// HTTP/2.
    pub http2: Http2Limits,
}

/// So many for each client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PerClient {
    /// So many.
    pub limit: usize,
    /// Who is one client.
    pub prefixes: ClientPrefixes,
}

/// Bounds of an HTTP/2 connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Http2Limits {
    /// Requests at once (RFC 9113 section 5.1.2).
    pub streams: u32,
    /// Streams that the client resets within ten seconds.
    pub resets: u32,
    /// Frames within ten seconds that carry neither a request nor part of one: PING, SETTINGS, PRIORITY, empty DATA,
    /// CONTINUATION, needless WINDOW_UPDATE.
    pub control_frames: u32,
}
