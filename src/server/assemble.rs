//! From configured values to the objects that requests meet.

use super::responses;
use super::tls::{Origins, PoolTls, Secured, TlsListener};
use crate::client_addr::forwarded::Kind;
use crate::config::{
    ClientHeader, Config, ConnectionAuth, NodeAddress, Pool as PoolConfig, ProbeCheck, Rate,
};
use crate::engine::upstream::{Origin, Patience};
use crate::health::{Check, HttpCheck, Observed, Probe, Thresholds};
use crate::id::{Interner, TooManyNames};
use crate::metrics::PerWorker;
use crate::metrics::tally::{BackendTally, GroupTally, ListenerTally, PoolTally, RouteTally};
use crate::persistence::client_class::Why;
use crate::persistence::cookie::CookieRefusal;
use crate::persistence::settings::{By, GroupSettings};
use crate::persistence::{Outcome, Selector, SelectorLive};
use crate::pool::{Backend, BackendLive, Node, NodeLive, Pool};
use crate::route::{RouteSpec, RouteTable};
use crate::snapshot::{
    Address, Binds, Endpoint, EndpointRules, GroupTraffic, ListenerRoutes, Naming, PoolTargets, RateLimit,
    Route, RouteGroup, Slots, Snapshot,
};
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::Duration;

/// Between the first probes of two backends.
const FIRST_PROBES_APART: Duration = Duration::from_millis(2);
/// Between those of the first and the last, at most.
const FIRST_PROBES_WITHIN: Duration = Duration::from_millis(200);

/// What outlives a configuration: everything by name.
#[derive(Debug, Default)]
pub struct LiveState {
    names: Interner,
    selector: SelectorLive,
}

/// Part of a checked configuration cannot be put to work.
#[derive(Debug)]
pub enum AssemblyError {
    /// TLS material: what of, and why.
    Tls(String, String),
    /// Too many node names.
    Names(TooManyNames),
    /// An error page: its file, and why.
    Page(String, String),
    /// Two routes match the same requests equally well.
    Routes(String),
}

impl std::fmt::Display for AssemblyError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tls(what, why) | Self::Page(what, why) => write!(formatter, "{what}: {why}"),
            Self::Names(error) => error.fmt(formatter),
            Self::Routes(listener) => {
                write!(formatter, "routes of listener {listener} match the same requests equally well")
            }
        }
    }
}

impl std::error::Error for AssemblyError {}

/// Everything that runs.
pub(super) struct Assembled {
    pub(super) snapshot: Snapshot,
    /// Backends to probe, each with its start grace.
    pub(super) observed: Vec<(Observed, Duration)>,
    /// Addresses to keep resolved.
    pub(super) addresses: Vec<Arc<Address>>,
    /// The pools that are reached over TLS.
    pub(super) secured: Vec<Arc<dyn Secured>>,
}

pub(super) fn assemble(
    config: &Config,
    live: &LiveState,
    workers: usize,
) -> Result<Assembled, AssemblyError> {
    let mut nodes = Vec::new();
    let mut addresses = Vec::new();
    for node in &config.nodes {
        let id = live.names.intern(&node.name).map_err(AssemblyError::Names)?;
        let state = Arc::new(NodeLive::new(node.state));
        nodes.push(Arc::new(Node::new(id, &node.name, node.weight, node.backup, state)));
        addresses.push(Arc::new(match &node.address {
            NodeAddress::Ip(ip) => Address::fixed(*ip),
            NodeAddress::Name(name) => Address::named(name),
        }));
    }
    let mut pools = Vec::new();
    let mut observed = Vec::new();
    let mut origins = Origins::default();
    let mut secured: Vec<Arc<dyn Secured>> = Vec::new();
    for (index, pool) in config.pools.iter().enumerate() {
        let (targets, probes) = assemble_pool(index, pool, &nodes, &addresses, workers, &mut origins)?;
        secured.extend(secured_pool(pool, &targets, &mut origins)?);
        pools.push(targets);
        observed.extend(probes);
    }
    spread(&mut observed);
    let groups = config.groups.iter().enumerate().map(|(index, settings)| {
        let mut used: Vec<usize> = config
            .routes
            .iter()
            .filter(|route| route.group == Some(index))
            .filter_map(|route| route.action.pool())
            .collect();
        used.sort_unstable();
        used.dedup();
        (settings.clone(), used)
    });
    let selector = Selector::new(
        nodes,
        pools.iter().map(|targets| targets.pool.clone()).collect(),
        groups.collect(),
        &live.selector,
    );
    let listeners = listener_routes(config, workers)?;
    let snapshot = Snapshot {
        routes: routes(config, &listeners, workers)?,
        listeners,
        groups: groups_traffic(config, workers),
        pools,
        selector,
        own_fields: own_fields(config),
    };
    Ok(Assembled { snapshot, observed, addresses, secured })
}

fn assemble_pool(
    index: usize,
    config: &PoolConfig,
    nodes: &[Arc<Node>],
    addresses: &[Arc<Address>],
    workers: usize,
    origins: &mut Origins,
) -> Result<(PoolTargets, Vec<(Observed, Duration)>), AssemblyError> {
    let timeouts = &config.timeouts;
    let patience = Patience {
        connect: timeouts.connect,
        read: timeouts.read,
        write: timeouts.write,
        idle: timeouts.idle,
        tunnel: timeouts.tunnel,
    };
    let name: Arc<str> = config.name.as_str().into();
    let mut endpoints = Vec::new();
    let mut observed = Vec::new();
    for backend in &config.backends {
        let node = nodes[backend.node].clone();
        let tls = match &backend.tls {
            None => None,
            Some(settings) => {
                let what = || format!("pool {}, node {}", config.name, node.name);
                Some(origins.get(settings).map_err(|why| AssemblyError::Tls(what(), why))?)
            }
        };
        let keep_idle = config.keepalive_connections.div_ceil(workers);
        let check = check(&backend.probe.check);
        let rules = EndpointRules {
            eject_after: config.ejection.consecutive_failures,
            eject_for: config.ejection.duration,
            connect_proves: matches!(check, Check::Connect),
        };
        let endpoint = Endpoint::new(
            &config.name,
            Arc::new(Backend {
                node,
                pool: index,
                port: backend.port,
                slow_start: config.slow_start,
                live: Arc::new(BackendLive::new()),
            }),
            Arc::new(Origin::new(tls, patience, keep_idle).announcing(config.proxy_protocol)),
            addresses[backend.node].clone(),
            rules,
        );
        let endpoint = Arc::new(match config.max_requests {
            Some(most) => endpoint.bounded(Slots::new(most, config.queue.length, config.queue.timeout)),
            None => endpoint,
        });
        let probe = Probe {
            check,
            interval: backend.probe.interval,
            fast_interval: backend.probe.fast_interval,
            timeout: backend.probe.timeout,
            thresholds: Thresholds { rise: backend.probe.rise, fall: backend.probe.fall },
        };
        let watched = Observed { endpoint: endpoint.clone(), probe, first_after: Duration::ZERO };
        observed.push((watched, backend.probe.start_grace));
        endpoints.push(endpoint);
    }
    let backends = endpoints.iter().map(|endpoint| endpoint.backend.clone()).collect();
    let pool = Arc::new(Pool::new(index, &config.name, backends));
    let binds = match config.connection_auth {
        ConnectionAuth::Auto => Binds::OnSight,
        ConnectionAuth::Always => Binds::Always,
        ConnectionAuth::Never => Binds::Never,
    };
    let traffic =
        endpoints.iter().map(|_| Arc::new(PerWorker::new(workers, BackendTally::default))).collect();
    let tally = Arc::new(PerWorker::new(workers, PoolTally::default));
    let ejecting = Mutex::default();
    Ok((PoolTargets { pool, name, endpoints, traffic, tally, binds, ejecting }, observed))
}

/// What is to be made anew when the files of a pool change; none without TLS.
fn secured_pool(
    config: &PoolConfig,
    targets: &PoolTargets,
    origins: &mut Origins,
) -> Result<Option<Arc<dyn Secured>>, AssemblyError> {
    let backends = config.backends.iter().zip(&targets.endpoints);
    let secured: Vec<_> =
        backends.filter_map(|(backend, endpoint)| Some((backend.tls.clone()?, endpoint.clone()))).collect();
    if secured.is_empty() {
        return Ok(None);
    }
    let pool = PoolTls::new(&config.name, secured, origins)
        .map_err(|why| AssemblyError::Tls(format!("pool {}", config.name), why))?;
    Ok(Some(Arc::new(pool)))
}

fn check(configured: &ProbeCheck) -> Check {
    match configured {
        ProbeCheck::Tcp => Check::Connect,
        ProbeCheck::Http(http) => Check::Http(Box::new(HttpCheck {
            method: http.method.clone(),
            path: http.path.clone(),
            host: http.host.clone(),
            headers: http.headers.clone(),
            body: http.body.clone(),
            expect: http.expect.clone(),
            contains: http.contains.clone(),
        })),
    }
}

/// Gives the first probes a little distance: two milliseconds each, and all of them together start within a
/// fifth of a second.
fn spread(observed: &mut [(Observed, Duration)]) {
    let count = u32::try_from(observed.len()).unwrap_or(u32::MAX).max(1);
    let step = FIRST_PROBES_APART.min(FIRST_PROBES_WITHIN / count);
    for (place, (observed, _)) in (0..).zip(observed) {
        observed.first_after = step.saturating_mul(place);
    }
}

fn routes(
    config: &Config,
    listeners: &[ListenerRoutes],
    workers: usize,
) -> Result<Vec<Route>, AssemblyError> {
    let make = |route: &crate::config::Route, error_pages| Route {
        name: route.name.as_str().into(),
        action: route.action,
        group: route.group.map(|index| RouteGroup {
            index,
            name: config.groups[index].name.as_str().into(),
            idle_timeout: config.groups[index].idle_timeout,
            hold: config.groups[index].hold,
            by_class: config.groups[index].by == By::Auto,
        }),
        listener: route.listener,
        max_body: route.max_body,
        response: responses::rules(&route.response, config.listeners[route.listener].tls.is_some()),
        error_pages,
        rate: route.rate.as_ref().map(rate_limit),
        tally: Arc::new(PerWorker::new(workers, || {
            RouteTally::new(route.action.pool().map_or(0, |pool| config.pools[pool].backends.len()))
        })),
    };
    let route = |route: &crate::config::Route| {
        let pages = responses::pages(&route.error_pages)?;
        Ok(make(route, pages.or(&listeners[route.listener].error_pages)))
    };
    config.routes.iter().map(route).collect()
}

fn rate_limit(rate: &Rate) -> Box<RateLimit> {
    Box::new(RateLimit::new(rate.requests, rate.per, rate.prefixes))
}

fn groups_traffic(config: &Config, workers: usize) -> Vec<GroupTraffic> {
    let make = || GroupTally::new(Outcome::ALL.len(), Why::ALL.len(), CookieRefusal::ALL.len());
    let group = |settings: &GroupSettings| GroupTraffic {
        name: settings.name.as_str().into(),
        by: settings.by,
        has_static: !settings.static_pins.is_empty(),
        tally: Arc::new(PerWorker::new(workers, make)),
    };
    config.groups.iter().map(group).collect()
}

fn listener_routes(config: &Config, workers: usize) -> Result<Vec<ListenerRoutes>, AssemblyError> {
    let mut listeners = Vec::new();
    for (index, listener) in config.listeners.iter().enumerate() {
        let specs =
            config.routes.iter().enumerate().filter(|(_, route)| route.listener == index).map(
                |(value, route)| RouteSpec { host: route.host.clone(), path: route.path.clone(), value },
            );
        let table =
            RouteTable::build(specs.collect()).map_err(|_| AssemblyError::Routes(listener.name.clone()))?;
        let tally = Arc::new(PerWorker::new(workers, ListenerTally::default));
        listeners.push(ListenerRoutes {
            name: listener.name.as_str().into(),
            table,
            naming: listener.client_header.map(|header| Naming {
                kind: match header {
                    ClientHeader::XForwardedFor => Kind::XForwardedFor,
                    ClientHeader::Forwarded => Kind::Forwarded,
                },
                trusted: listener.trusted_proxies.clone(),
            }),
            error_pages: responses::pages(&listener.error_pages)?,
            subject_header: subject_header(listener).map(Box::from),
            tally,
        });
    }
    Ok(listeners)
}

fn subject_header(listener: &crate::config::Listener) -> Option<&str> {
    listener.tls.as_ref()?.clients.as_ref()?.subject_header.as_deref()
}

/// The fields of all listeners: two of them may lead to the same backend, which cannot tell by which a request came.
fn own_fields(config: &Config) -> Vec<Box<str>> {
    let mut fields: Vec<Box<str>> = config
        .listeners
        .iter()
        .filter_map(subject_header)
        .map(|name| name.to_ascii_lowercase().into())
        .collect();
    fields.sort_unstable();
    fields.dedup();
    fields
}

/// What accepts TLS on the listeners that speak it.
pub(super) fn acceptors(config: &Config) -> Result<Vec<Option<Arc<TlsListener>>>, AssemblyError> {
    let make = |listener: &crate::config::Listener| match &listener.tls {
        None => Ok(None),
        Some(tls) => TlsListener::new(listener, tls)
            .map(|made| Some(Arc::new(made)))
            .map_err(|why| AssemblyError::Tls(format!("listener {}", listener.name), why)),
    };
    config.listeners.iter().map(make).collect()
}
