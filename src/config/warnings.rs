//! What works on a quiet day and fails in a farm: settings that do not go with how Microsoft Identity Manager, its
//! clients and Windows behave. Each is reported at the key that says so.

use super::keys::{group, listener, pool, route as routed};
use super::pools;
use super::relations::Sections;
use super::routes::Read as Route;
use super::scalar::show_duration;
use super::{Listener, Role};
use crate::persistence::settings::{By, FirstChoice, Secure};
use crate::route::{HostPattern, PathPrefix, RouteSpec, RouteTable};
use std::net::IpAddr;
use std::time::Duration;

/// The life of a security context of WCF (`SecurityTokenManager`), which a client uses without signing in anew.
const SECURITY_CONTEXT: Duration = Duration::from_secs(10 * 3600);
/// How long WCF clients of MIM Service are told to wait for an answer.
const CLIENT_PATIENCE: Duration = Duration::from_secs(20 * 60);
/// How long .NET keeps an idle connection (`ServicePointManager.MaxServicePointIdleTime`).
const DOTNET_IDLE: Duration = Duration::from_secs(100);
/// How long http.sys keeps one.
const HTTP_SYS_IDLE: Duration = Duration::from_secs(120);
/// Folders that every page of SharePoint loads from, whatever its own path.
const SHAREPOINT: [&str; 2] = ["/_layouts", "/_vti_bin"];

/// Reports all of them.
pub(super) fn warn(sections: &Sections<'_, '_>) {
    for group in 0..sections.groups.len() {
        sections.warn_of_concentration(group);
        sections.warn_of_forgotten_contexts(group);
        sections.warn_of_divided_families(group);
        sections.warn_of_bare_cookies(group);
    }
    for read in sections.pools {
        warn_of_swapped_ports(read);
        warn_of_impatience(read);
    }
    for route in sections.routes {
        sections.warn_of_swapped_routes(route);
    }
    for listener in 0..sections.listeners.len() {
        sections.warn_of_early_close(listener);
        sections.warn_of_half_a_portal(listener);
    }
}

impl<'s, 'a> Sections<'s, 'a> {
    fn listener(&self, route: &Route<'_>) -> Option<&'s Listener> {
        Some(self.listeners[route.listener?].0)
    }

    fn pool(&self, route: &Route<'_>) -> Option<&'s pools::Read<'a>> {
        self.pools.get(route.pool?)
    }

    fn role(&self, route: &Route<'_>) -> Option<Role> {
        Some(self.pool(route)?.pool.role)
    }

    /// The first of a group's pools that has SOAP clients.
    fn soap_pool(&self, group: usize) -> Option<&'s str> {
        let pools = self.pools_of(group);
        let pool = pools.into_iter().find(|read| read.pool.role.is_soap())?;
        Some(&pool.pool.name)
    }

    fn warn_of_concentration(&self, group: usize) {
        let read = &self.groups[group];
        let alone = read.group.first_choice == FirstChoice::Hash && read.group.static_pins.is_empty();
        if let Some(pool) = self.soap_pool(group).filter(|_| alone && read.group.by != By::Cookie) {
            let why = format!(
                "a few heavy clients, such as portals, can land on one node of pool {pool}: give them a node by static, or choose least_pins"
            );
            read.whole.written(&[&group::FIRST]).warn("hash", &why);
        }
    }

    fn warn_of_forgotten_contexts(&self, group: usize) {
        let read = &self.groups[group];
        let idle = read.group.idle_timeout;
        let short = matches!(read.group.by, By::SourceIp | By::Auto) && idle < SECURITY_CONTEXT;
        if let Some(pool) = self.soap_pool(group).filter(|_| short) {
            let why = format!(
                "WCF clients of pool {pool} use a security context for 10h, and the node that knows it is forgotten before"
            );
            read.whole.written(&[&group::IDLE_TIMEOUT]).warn(&show_duration(idle), &why);
        }
    }

    /// Pins are by address: what reaches one port by IPv6 and the other by IPv4 is two clients.
    fn warn_of_divided_families(&self, group: usize) {
        if !matches!(self.groups[group].group.by, By::SourceIp | By::Auto) {
            return;
        }
        let of_role = |role| self.routes_of(group).filter(move |route| self.role(route) == Some(role));
        let [service, sts] = [Role::MimService, Role::MimSts].map(|role| {
            of_role(role).filter_map(|route| self.listener(route)).map(families).reduce(Families::and)
        });
        let (Some(service), Some(sts)) = (service, sts) else { return };
        for (role, has, other_role, other) in
            [(Role::MimService, service, Role::MimSts, sts), (Role::MimSts, sts, Role::MimService, service)]
        {
            let (only, too) = match (has, other) {
                (Families { v6: false, .. }, Families { v6: true, .. }) => ("IPv4", "IPv6"),
                (Families { v4: false, .. }, Families { v4: true, .. }) => ("IPv6", "IPv4"),
                _ => continue,
            };
            let pool = of_role(other_role).find_map(|route| self.pool(route));
            let listener = of_role(role).find_map(|route| route.listener);
            if let (Some(listener), Some(pool)) = (listener, pool) {
                let why = format!(
                    "pool {} is reachable by {too}, and a client that uses both is two clients, perhaps on two nodes",
                    pool.pool.name
                );
                self.listeners[listener].1.written(&[&listener::BIND]).warn(&format!("{only} only"), &why);
            }
        }
    }

    fn warn_of_bare_cookies(&self, group: usize) {
        let read = &self.groups[group];
        let off = read.group.cookie.as_ref().is_some_and(|cookie| cookie.secure == Secure::Never);
        let mut listeners = self.routes_of(group).filter_map(|route| self.listener(route)).peekable();
        if off && listeners.peek().is_some() && listeners.all(|listener| listener.tls.is_some()) {
            let why = "every listener of the group has TLS, and without Secure browsers send the cookie over plain HTTP too, where others can read it";
            read.cookie.written(&[&group::IS_SECURE]).warn("off", why);
        }
    }

    /// Clients expect MIM Service behind 5725 and its token service behind 5726.
    fn warn_of_swapped_routes(&self, route: &Route<'a>) {
        let (Some(listener), Some(pool)) = (self.listener(route), self.pool(route)) else { return };
        let has = |port| listener.bind.iter().any(|address| address.port() == port);
        let (expected, port) = match (pool.pool.role, has(5725), has(5726)) {
            (Role::MimSts, true, false) => (Role::MimService, 5725),
            (Role::MimService, false, true) => (Role::MimSts, 5726),
            _ => return,
        };
        let is_right =
            |other: &Route<'_>| other.listener == route.listener && self.role(other) == Some(expected);
        if !self.routes.iter().any(is_right) {
            let (expected, found) = (name(expected), name(pool.pool.role));
            let why =
                format!("clients of port {port} expect {expected}, and pool {} is {found}", pool.pool.name);
            route.whole.written(&[&routed::LISTENER]).warn(&listener.name, &why);
        }
    }

    fn warn_of_early_close(&self, index: usize) {
        let (listener, place) = self.listeners[index];
        let is_soap =
            |route: &Route<'_>| route.listener == Some(index) && self.role(route).is_some_and(Role::is_soap);
        if listener.keepalive < DOTNET_IDLE && self.routes.iter().any(is_soap) {
            let why = "clients on .NET keep an idle connection for 100s, and a request that they send while the edge closes it fails";
            place.written(&[&listener::KEEPALIVE]).warn(&show_duration(listener.keepalive), why);
        }
    }

    /// A portal behind a path alone: once for each host of the listener.
    fn warn_of_half_a_portal(&self, index: usize) {
        let routes = || self.routes.iter().filter(move |route| route.listener == Some(index));
        let specs = routes().filter_map(|route| {
            let case_sensitive = route.is_case_sensitive(self.role(route));
            let path = PathPrefix { prefix: route.path.clone()?, case_sensitive };
            Some(RouteSpec { host: route.host.clone()?, path, value: 0 })
        });
        // Ties are errors, and reported as such.
        let Ok(table) = RouteTable::build(specs.collect()) else { return };
        let mut told: Vec<&HostPattern> = Vec::new();
        for route in routes().filter(|route| self.role(route) == Some(Role::MimPortal)) {
            let (Some(host), Some(path)) = (&route.host, &route.path) else { continue };
            let asked = match host {
                HostPattern::Exact(host) => host.clone(),
                // A host for which there is no route of its own.
                HostPattern::Suffix(domain) => format!("*.{domain}"),
                HostPattern::Any => String::new(),
            };
            let missing: Vec<&str> = SHAREPOINT
                .into_iter()
                .filter(|path| table.find(asked.as_bytes(), path.as_bytes()).is_none())
                .collect();
            if missing.is_empty() || told.contains(&host) {
                continue;
            }
            told.push(host);
            let why = format!(
                "SharePoint's pages need {} too, and no route for host {host} leads there: a portal has a host of its own",
                missing.join(" and ")
            );
            route.whole.written(&[&routed::PATH]).warn(path, &why);
        }
    }
}

fn warn_of_swapped_ports(read: &pools::Read<'_>) {
    let other = match read.pool.role {
        Role::MimService => 5726,
        Role::MimSts => 5725,
        _ => return,
    };
    let why = "MIM Service listens on 5725 and its token service on 5726: requests would meet the wrong one";
    let wrong: Vec<bool> = read.pool.backends.iter().map(|backend| backend.port == other).collect();
    if !wrong.contains(&true) {
        return;
    }
    let mut shared = false;
    for (element, _) in read.nodes.list("").unwrap_or_default().iter().zip(wrong).filter(|(_, wrong)| *wrong)
    {
        let own = element.written(&[&pool::NODE_PORT]);
        if own.is_same_place(element) {
            shared = true;
        } else {
            own.warn(&other.to_string(), why);
        }
    }
    if shared {
        read.whole.written(&[&pool::PORT]).warn(&other.to_string(), why);
    }
}

fn warn_of_impatience(read: &pools::Read<'_>) {
    let (role, timeouts) = (read.pool.role, &read.pool.timeouts);
    if role.is_soap() && timeouts.read < CLIENT_PATIENCE {
        let why = "clients of MIM Service wait 20 minutes for an answer, and get a 504 before";
        read.whole.written(&[&pool::TIMEOUTS, &pool::READ]).warn(&show_duration(timeouts.read), why);
    }
    if role != Role::None && timeouts.idle >= HTTP_SYS_IDLE {
        let why = "http.sys closes an idle connection after 120s, and a request that meets the close fails";
        read.whole.written(&[&pool::TIMEOUTS, &pool::IDLE]).warn(&show_duration(timeouts.idle), why);
    }
}

fn name(role: Role) -> &'static str {
    if role == Role::MimService { "MIM Service" } else { "its token service (mim_sts)" }
}

/// By which kinds of addresses a listener is reached.
#[derive(Clone, Copy)]
struct Families {
    v4: bool,
    v6: bool,
}

impl Families {
    fn and(self, other: Self) -> Self {
        Self { v4: self.v4 || other.v4, v6: self.v6 || other.v6 }
    }
}

/// `[::]` takes IPv4 clients too.
fn families(listener: &Listener) -> Families {
    let any = |is: fn(IpAddr) -> bool| listener.bind.iter().any(|address| is(address.ip()));
    Families { v4: any(|ip| ip.is_ipv4() || ip.is_unspecified()), v6: any(|ip| ip.is_ipv6()) }
}
