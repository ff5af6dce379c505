//! The section `pools`.

use super::read::{Mapping, Value};
use super::roles::{self, ROLES};
use super::scalar::is_host_name;
use super::{Backend, ConnectionAuth, Ejection, Pool, Role, Timeouts, UpstreamTls, files, probe};
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

pub(super) const CONNECTION_AUTH: [(&str, ConnectionAuth); 3] =
    [("auto", ConnectionAuth::Auto), ("always", ConnectionAuth::Always), ("never", ConnectionAuth::Never)];

const MILLISECOND: Duration = Duration::from_millis(1);
const DAY: Duration = Duration::from_secs(86_400);
const PORT: RangeInclusive<u64> = 1..=65_535;
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
    /// Where it was written, or the pool.
    place: Value<'a>,
}

pub(super) fn read<'a>(root: &mut Mapping<'a>, nodes: &[&str]) -> Vec<Read<'a>> {
    let expected = "expected a mapping of at least one pool's name to its role and nodes";
    let entries = root.required("pools", expected, |value| Some(value.named(expected))).unwrap_or_default();
    entries.into_iter().map(|(name, value)| pool(name, value, nodes)).collect()
}

fn pool<'a>(name: &str, whole: Value<'a>, names: &[&str]) -> Read<'a> {
    let mut read = Read {
        pool: defaults(name, Role::None),
        tls: Vec::new(),
        whole: whole.clone(),
        nodes: whole.clone(),
    };
    whole.mapping("expected a mapping with role and nodes", |mapping| {
        let written = mapping.value("role").map(|value| value.word(&ROLES));
        // Where the role or the port is wrong, a missing port is no mistake of its own.
        let spare = if written == Some(None) { WRONG_PORT } else { NO_PORT };
        let role = written.flatten().unwrap_or(Role::None);
        read.pool = defaults(name, role);
        let port = match mapping.value("port") {
            Some(value) => value.number(PORT).unwrap_or(WRONG_PORT),
            None => role.port().unwrap_or(spare),
        };
        let tls = match mapping.value("tls") {
            None => Written::Absent,
            Some(value) if value.is_null() => Written::Null,
            Some(value) => Written::Tls(upstream_tls(&value, None)),
        };
        let mut probe = probe::Draft::new(role);
        if let Some(value) = mapping.value("probe") {
            probe.read(&value);
        }
        let expected = "expected a list of nodes";
        let elements = mapping.required("nodes", expected, |value| {
            read.nodes = value.clone();
            value.list(expected)
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
        slow_start: roles::SLOW_START,
        ejection: roles::EJECTION,
        keepalive_connections: roles::KEEPALIVE_CONNECTIONS,
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
        element.mapping("", |mapping| {
            let node = mapping.required("node", "expected the name of a node", |value| {
                value.reference("node", shared.names)
            });
            if let Some(value) = mapping.value("port") {
                port = value.number(PORT).unwrap_or(WRONG_PORT);
            }
            written = mapping.value("tls");
            if let Some(value) = mapping.value("probe") {
                probe.read(&value);
            }
            node
        })?
    } else {
        element.reference("node", shared.names)
    };
    let base = match shared.tls {
        Written::Tls(tls) => Some(tls),
        Written::Absent | Written::Null => None,
    };
    let tls = match written {
        Some(value) if value.is_null() => None,
        Some(value) => Some(upstream_tls(&value, base)),
        None => match shared.tls {
            Written::Tls(tls) => Some(tls.clone()),
            Written::Null => None,
            Written::Absent => {
                let by_default = shared.role.is_portal() && port != 80;
                by_default.then(|| Tls {
                    server_name: None,
                    ca: None,
                    verify: true,
                    place: shared.pool.clone(),
                })
            }
        },
    };
    Some((Backend { node: node?, port, tls: None, probe: probe.probe }, tls))
}

fn upstream_tls<'a>(value: &Value<'a>, base: Option<&Tls<'a>>) -> Tls<'a> {
    let mut tls = match base {
        Some(base) => Tls { place: value.clone(), ..base.clone() },
        None => Tls { server_name: None, ca: None, verify: true, place: value.clone() },
    };
    value.mapping("expected a mapping with server_name, ca, verify, or null for none", |mapping| {
        if let Some(value) = mapping.value("server_name") {
            let expected = "expected the name in the nodes' certificates, such as mim.example.com";
            let name = value.parsed(expected, |text| {
                (is_host_name(text) || text.parse::<IpAddr>().is_ok()).then(|| text.to_owned())
            });
            // A wrong name was reported; it is not missing too.
            tls.server_name = name.or_else(|| Some("wrong".to_owned()));
        }
        tls.ca = mapping.or_none("ca", tls.ca.take(), |value| Some(files::certificates(&value)?.0));
        tls.verify = mapping.or("verify", tls.verify, |value| {
            let verify = value.boolean();
            if verify == Some(false) {
                value.warn("false", "whoever can stand between the edge and the node reads everything");
            }
            verify
        });
    });
    tls
}

/// The keys that all backends of a pool share.
fn behaviour(mapping: &mut Mapping<'_>, pool: &mut Pool) {
    if let Some(value) = mapping.value("ejection") {
        ejection(&value, &mut pool.ejection);
    }
    if let Some(value) = mapping.value("connection_auth") {
        pool.connection_auth = value.word(&CONNECTION_AUTH).unwrap_or(pool.connection_auth);
        if pool.connection_auth == ConnectionAuth::Never && pool.role.is_windows_authenticated() {
            value.error(
                "expected always or auto: Windows authenticates connections, and one that users share would mix them up",
            );
        }
    }
    if let Some(value) = mapping.value("timeouts") {
        timeouts(&value, &mut pool.timeouts);
    }
    pool.slow_start = mapping.or("slow_start", pool.slow_start, |value| value.duration(Duration::ZERO..=DAY));
    mapping.not_built("max_requests", "null", Value::is_null);
    if let Some(value) = mapping.value("queue") {
        value.mapping("expected a mapping with length and timeout", |mapping| {
            mapping.not_built_unless("length", &["0"]);
            mapping.not_built_unless("timeout", &["0s"]);
        });
    }
    pool.keepalive_connections =
        mapping.or("keepalive_connections", pool.keepalive_connections, |value| value.number(0..=1_000_000));
}

fn ejection(value: &Value<'_>, ejection: &mut Ejection) {
    value.mapping("expected a mapping with consecutive_failures and for", |mapping| {
        ejection.consecutive_failures =
            mapping.or("consecutive_failures", ejection.consecutive_failures, |value| {
                value.number(1..=1_000_000)
            });
        ejection.duration = mapping.or("for", ejection.duration, |value| value.duration(MILLISECOND..=DAY));
    });
}

fn timeouts(value: &Value<'_>, timeouts: &mut Timeouts) {
    value.mapping("expected a mapping with connect, read, write, idle, tunnel", |mapping| {
        for (key, timeout) in [
            ("connect", &mut timeouts.connect),
            ("read", &mut timeouts.read),
            ("write", &mut timeouts.write),
            ("idle", &mut timeouts.idle),
            ("tunnel", &mut timeouts.tunnel),
        ] {
            *timeout = mapping.or(key, *timeout, |value| value.duration(MILLISECOND..=DAY));
        }
    });
}

impl Read<'_> {
    /// Completes TLS, and probes by HTTP, with the one exact host that leads here, if there is one. `complete`
    /// says whether all routes could be read; else a missing name is not worth an error.
    pub(super) fn finish(mut self, host: Option<&str>, complete: bool) -> Pool {
        let mut reported = false;
        for (backend, tls) in self.pool.backends.iter_mut().zip(self.tls) {
            let Some(Tls { server_name, ca, verify, place }) = tls else {
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
            backend.tls = server_name.map(|server_name| UpstreamTls { server_name, ca, verify });
        }
        self.pool
    }
}
