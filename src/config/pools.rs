//! The section `pools`.

use super::keys::pool as keys;
use super::read::{Mapping, Value};
use super::scalar::is_host_name;
use super::shape::Scalar as _;
use super::{
    Backend, CertifiedKey, ConnectionAuth, Ejection, Pool, Queue, Role, Timeouts, UpstreamTls, files, probe,
};
use std::net::IpAddr;
use std::path::PathBuf;

pub(super) const CONNECTION_AUTH: [(&str, ConnectionAuth); 3] =
    [("auto", ConnectionAuth::Auto), ("always", ConnectionAuth::Always), ("never", ConnectionAuth::Never)];

/// Whether connections begin with a PROXY header.
pub(super) const PROXY_PROTOCOLS: [(&str, bool); 2] = [("off", false), ("v2", true)];

/// Stands for a port that nobody gave, until that is reported.
const NO_PORT: u16 = 0;
/// Stands for one that was reported already.
const WRONG_PORT: u16 = 1;

/// A pool that still lacks what only its routes know.
pub(super) struct Read<'a> {
    /// Its backends have no TLS yet.
    pub(super) pool: Pool,
    /// TLS of each backend.
    tls: Vec<Option<Tls<'a>>>,
    pub(super) whole: Value<'a>,
    /// Where the nodes were written, or the pool.
    pub(super) nodes: Value<'a>,
}

/// TLS whose server name may have to come from a route.
#[derive(Clone)]
struct Tls<'a> {
    server_name: Option<String>,
    ca: Option<PathBuf>,
    verify: bool,
    identity: Option<CertifiedKey>,
    /// Where it was written, or the pool.
    place: Value<'a>,
}

impl<'a> Tls<'a> {
    /// TLS that was told nothing.
    fn at(place: &Value<'a>) -> Self {
        Self {
            server_name: None,
            ca: None,
            verify: keys::VERIFY.default(),
            identity: None,
            place: place.clone(),
        }
    }
}

pub(super) fn read<'a>(root: &mut Mapping<'a>, nodes: &[&str]) -> Vec<Read<'a>> {
    root.named(&keys::POOLS).into_iter().map(|(name, value)| pool(name, value, nodes)).collect()
}

fn pool<'a>(name: &str, whole: Value<'a>, names: &[&str]) -> Read<'a> {
    let mut read = Read {
        pool: defaults(name, Role::None),
        tls: Vec::new(),
        whole: whole.clone(),
        nodes: whole.clone(),
    };
    whole.mapping(&keys::POOL, |mapping| {
        let written = mapping.value(&keys::ROLE).map(|value| keys::ROLE.shape.read(&value));
        // Where the role or the port is wrong, a missing port is no mistake of its own.
        let spare = if written == Some(None) { WRONG_PORT } else { NO_PORT };
        let role = written.flatten().unwrap_or(keys::ROLE.default());
        read.pool = defaults(name, role);
        let port = match mapping.value(&keys::PORT) {
            Some(value) => keys::PORT.shape.read(&value).unwrap_or(WRONG_PORT),
            None => role.port().unwrap_or(spare),
        };
        let tls = match mapping.or_null(&keys::TLS) {
            None => Written::Absent,
            Some(None) => Written::Null,
            Some(Some(value)) => Written::Tls(upstream_tls(&value, None)),
        };
        let mut probe = probe::Draft::new(role);
        if let Some(value) = mapping.value(&keys::PROBE_OF_POOL) {
            probe.read(&value);
        }
        let elements = mapping.required(&keys::NODES).and_then(|value| {
            read.nodes = value.clone();
            value.list(&keys::NODES.expected())
        });
        for element in elements.unwrap_or_default() {
            let shared = Shared { names, role, port, tls: &tls, probe: &probe, pool: mapping.whole() };
            let Some((backend, tls)) = backend(&element, &shared) else { continue };
            if read.pool.backends.iter().any(|known| known.node == backend.node) {
                element.error_about(names[backend.node], "expected each node once in a pool");
                continue;
            }
            read.pool.backends.push(backend);
            read.tls.push(tls);
        }
        if read.pool.backends.iter().any(|backend| backend.port == NO_PORT) {
            whole.missing("port", "expected the nodes' port: a pool without a role has none of its own");
        }
        behaviour(mapping, &mut read.pool);
    });
    read
}

fn defaults(name: &str, role: Role) -> Pool {
    Pool {
        name: name.to_owned(),
        role,
        backends: Vec::new(),
        connection_auth: role.connection_auth(),
        timeouts: role.timeouts(),
        slow_start: keys::SLOW_START.default(),
        ejection: Ejection {
            consecutive_failures: keys::CONSECUTIVE_FAILURES.default(),
            duration: keys::FOR.default(),
        },
        keepalive_connections: keys::KEEPALIVE_CONNECTIONS.default(),
        max_requests: keys::MAX_REQUESTS.default(),
        queue: Queue { length: keys::LENGTH.default(), timeout: keys::TIMEOUT.default() },
        proxy_protocol: keys::PROXY_PROTOCOL.default(),
    }
}

/// What was written for a key `tls`.
enum Written<'a> {
    Absent,
    Null,
    Tls(Tls<'a>),
}

/// What the backends of a pool share unless they say otherwise.
struct Shared<'p, 'a> {
    names: &'p [&'p str],
    role: Role,
    port: u16,
    tls: &'p Written<'a>,
    probe: &'p probe::Draft,
    pool: &'p Value<'a>,
}

fn backend<'a>(element: &Value<'a>, shared: &Shared<'_, 'a>) -> Option<(Backend, Option<Tls<'a>>)> {
    let mut port = shared.port;
    let mut probe = shared.probe.clone();
    let mut written = None;
    let node = if element.is_mapping() {
        element.mapping(&keys::POOL_NODE, |mapping| {
            let node = mapping.required_reference(&keys::NODE, shared.names);
            if let Some(value) = mapping.value(&keys::NODE_PORT) {
                port = keys::NODE_PORT.shape.read(&value).unwrap_or(WRONG_PORT);
            }
            written = mapping.or_null(&keys::NODE_TLS);
            if let Some(value) = mapping.value(&keys::NODE_PROBE) {
                probe.read(&value);
            }
            node
        })?
    } else {
        element.reference(&keys::NODE.shape, shared.names)
    };
    let base = match shared.tls {
        Written::Tls(tls) => Some(tls),
        Written::Absent | Written::Null => None,
    };
    let tls = match written {
        Some(None) => None,
        Some(Some(value)) => Some(upstream_tls(&value, base)),
        None => match shared.tls {
            Written::Tls(tls) => Some(tls.clone()),
            Written::Null => None,
            Written::Absent => {
                let by_default = shared.role.is_portal() && port != 80;
                by_default.then(|| Tls::at(shared.pool))
            }
        },
    };
    Some((Backend { node: node?, port, tls: None, probe: probe.probe }, tls))
}

fn upstream_tls<'a>(value: &Value<'a>, base: Option<&Tls<'a>>) -> Tls<'a> {
    let mut tls = match base {
        Some(base) => Tls { place: value.clone(), ..base.clone() },
        None => Tls::at(value),
    };
    value.mapping(&keys::UPSTREAM_TLS, |mapping| {
        if let Some(value) = mapping.value(&keys::SERVER_NAME) {
            let name = keys::SERVER_NAME.shape.read(&value);
            // A wrong name was reported; it is not missing too.
            tls.server_name = name.or_else(|| Some("wrong".to_owned()));
        }
        if let Some(value) = mapping.or_null(&keys::CA) {
            tls.ca = value.and_then(|value| Some(files::certificates(&value)?.0));
        }
        if let Some(value) = mapping.value(&keys::VERIFY) {
            let verify = keys::VERIFY.shape.read(&value);
            if verify == Some(false) {
                value.warn("false", "whoever can stand between the edge and the node reads everything");
            }
            tls.verify = verify.unwrap_or(tls.verify);
        }
        let [certificate, key] = [mapping.or_null(&keys::CERTIFICATE), mapping.or_null(&keys::PRIVATE_KEY)];
        tls.identity = match (certificate, key) {
            (None, None) => tls.identity.take(),
            (Some(Some(certificate)), Some(Some(key))) => files::certified_key(&certificate, &key),
            (Some(Some(certificate)), _) => {
                certificate.error("expected its key beside it");
                None
            }
            (_, Some(Some(key))) => {
                key.error("expected its certificate beside it");
                None
            }
            (Some(None), _) | (_, Some(None)) => None,
        };
    });
    tls
}

/// The name of a certificate: one of the DNS, or an address.
pub(super) fn server_name(text: &str) -> Option<String> {
    (is_host_name(text) || text.parse::<IpAddr>().is_ok()).then(|| text.to_owned())
}

/// The keys that all backends of a pool share.
fn behaviour(mapping: &mut Mapping<'_>, pool: &mut Pool) {
    if let Some(value) = mapping.value(&keys::EJECTION) {
        ejection(&value, &mut pool.ejection);
    }
    if let Some(value) = mapping.value(&keys::AUTH) {
        pool.connection_auth = keys::AUTH.shape.read(&value).unwrap_or(pool.connection_auth);
        if pool.connection_auth == ConnectionAuth::Never && pool.role.is_windows_authenticated() {
            value.error(
                "expected always or auto: Windows authenticates connections, and one that users share would mix them up",
            );
        }
    }
    if let Some(value) = mapping.value(&keys::TIMEOUTS) {
        timeouts(&value, &mut pool.timeouts);
    }
    pool.slow_start = mapping.read(&keys::SLOW_START);
    pool.proxy_protocol = mapping.read(&keys::PROXY_PROTOCOL);
    pool.max_requests = mapping.read(&keys::MAX_REQUESTS);
    if let Some(value) = mapping.value(&keys::QUEUE) {
        value.mapping(&keys::WAITING, |mapping| {
            pool.queue.length = mapping.read(&keys::LENGTH);
            pool.queue.timeout = mapping.read(&keys::TIMEOUT);
        });
    }
    pool.keepalive_connections = mapping.read(&keys::KEEPALIVE_CONNECTIONS);
}

fn ejection(value: &Value<'_>, ejection: &mut Ejection) {
    value.mapping(&keys::EJECTED, |mapping| {
        ejection.consecutive_failures = mapping.read(&keys::CONSECUTIVE_FAILURES);
        ejection.duration = mapping.read(&keys::FOR);
    });
}

fn timeouts(value: &Value<'_>, timeouts: &mut Timeouts) {
    value.mapping(&keys::DURATIONS, |mapping| {
        timeouts.connect = mapping.read(&keys::CONNECT);
        timeouts.read = mapping.read_or(&keys::READ, timeouts.read);
        timeouts.write = mapping.read(&keys::WRITE);
        timeouts.idle = mapping.read(&keys::IDLE);
        timeouts.tunnel = mapping.read(&keys::TUNNEL);
    });
}

impl Read<'_> {
    /// Completes TLS, and probes by HTTP, with the one exact host that leads here, if there is one. `complete`
    /// says whether all routes could be read; else a missing name is not worth an error.
    pub(super) fn finish(mut self, host: Option<&str>, complete: bool) -> Pool {
        let mut reported = false;
        for (backend, tls) in self.pool.backends.iter_mut().zip(self.tls) {
            let Some(Tls { server_name, ca, verify, identity, place }) = tls else {
                probe::fill_in_host(&mut backend.probe, host);
                continue;
            };
            let server_name = server_name.or_else(|| host.map(str::to_owned));
            if server_name.is_none() && complete && !reported {
                let key = if place.is_same_place(&self.whole) { "tls.server_name" } else { "server_name" };
                place.missing(
                    key,
                    "expected the name in the nodes' certificates, as no single exact host leads here",
                );
                reported = true;
            }
            probe::fill_in_host(&mut backend.probe, server_name.as_deref());
            backend.tls = server_name.map(|server_name| UpstreamTls { server_name, ca, verify, identity });
        }
        self.pool
    }
}
