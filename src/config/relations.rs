//! What only shows where sections meet: groups, their pools and the routes that tie them together.

mod listeners;

use super::read::Value;
use super::{Limits, Listener, Pool, Role, persistence, pools, routes};
use crate::persistence::settings::{By, SameSite, Secure};
use crate::route::HostPattern;
use std::collections::BTreeSet;

/// The sections as they were read.
pub(super) struct Sections<'s, 'a> {
    pub(super) root: &'s Value<'a>,
    pub(super) limits: &'s Limits,
    pub(super) listeners: &'s [(&'s Listener, &'s Value<'a>)],
    /// Whether each is to offer HTTP/2, as it was written.
    pub(super) http2: &'s [Option<bool>],
    pub(super) nodes: &'s [&'s str],
    pub(super) groups: &'s [persistence::Read<'a>],
    pub(super) pools: &'s [pools::Read<'a>],
    pub(super) routes: &'s [routes::Read<'a>],
}

/// Reports what does not fit together, and what does but looks wrong.
pub(super) fn check(sections: &Sections<'_, '_>) {
    for group in 0..sections.groups.len() {
        sections.refuse_different_nodes(group);
        sections.refuse_foreign_static_pins(group);
        sections.refuse_colliding_cookies(group);
        sections.warn_of_lost_cookies(group);
    }
    for listener in 0..sections.listeners.len() {
        sections.check_listener(listener);
    }
    sections.warn_of_unreachable_limit();
    sections.warn_of_cookies_for_soap();
    sections.warn_of_divided_services();
    if sections.routes.iter().all(routes::Read::is_complete) {
        sections.warn_of_unused();
    }
    super::warnings::warn(sections);
}

impl<'s, 'a> Sections<'s, 'a> {
    pub(super) fn routes_of(&self, group: usize) -> impl Iterator<Item = &'s routes::Read<'a>> {
        self.routes.iter().filter(move |route| route.group == Some(Some(group)))
    }

    /// The pools that the routes of a group lead to, each once, in the routes' order.
    pub(super) fn pools_of(&self, group: usize) -> Vec<&'s pools::Read<'a>> {
        let mut seen = BTreeSet::new();
        let indices = self.routes_of(group).filter_map(|route| route.pool).filter(|pool| seen.insert(*pool));
        let indices: Vec<usize> = indices.collect();
        indices.into_iter().map(|pool| &self.pools[pool]).collect()
    }

    fn names(&self, nodes: &BTreeSet<usize>) -> String {
        nodes.iter().map(|node| self.nodes[*node]).collect::<Vec<_>>().join(", ")
    }

    /// A pin names a node for all pools of its group: they must all have it.
    fn refuse_different_nodes(&self, group: usize) {
        let pools = self.pools_of(group);
        let Some((first, others)) = pools.split_first() else { return };
        let wanted = nodes_of(&first.pool);
        for other in others {
            let nodes = nodes_of(&other.pool);
            if nodes != wanted && !nodes.is_empty() && !wanted.is_empty() {
                let expected = format!(
                    "expected {} as in pool {}: both belong to the persistence group {}",
                    self.names(&wanted),
                    first.pool.name,
                    self.groups[group].group.name
                );
                other.nodes.error_about(&self.names(&nodes), &expected);
            }
        }
    }

    fn refuse_foreign_static_pins(&self, group: usize) {
        let nodes: BTreeSet<usize> =
            self.pools_of(group).iter().flat_map(|read| nodes_of(&read.pool)).collect();
        let read = &self.groups[group];
        for ((_, name), place) in read.group.static_pins.iter().zip(&read.statics) {
            if !nodes.is_empty() && !nodes.iter().any(|node| self.nodes[*node] == name) {
                place.error(&format!("not in the group's pools, expected one of: {}", self.names(&nodes)));
            }
        }
    }

    /// The hosts to which browsers send the cookie of a group.
    fn cookie_hosts(&self, group: usize) -> Vec<HostPattern> {
        let domain = self.groups[group].group.cookie.as_ref().and_then(|cookie| cookie.domain.clone());
        match domain {
            Some(domain) => vec![HostPattern::Exact(domain.clone()), HostPattern::Suffix(domain)],
            None => self.routes_of(group).filter_map(|route| route.host.clone()).collect(),
        }
    }

    /// Two groups must not read each other's cookies. Cookies know no ports (RFC 6265 section 8.5).
    fn refuse_colliding_cookies(&self, later: usize) {
        let Some(cookie) = &self.groups[later].group.cookie else { return };
        let hosts = self.cookie_hosts(later);
        for earlier in 0..later {
            let Some(other) = &self.groups[earlier].group.cookie else { continue };
            let share =
                || self.cookie_hosts(earlier).iter().any(|one| hosts.iter().any(|two| one.overlaps(two)));
            if cookie.name == other.name && share() {
                let expected = format!(
                    "expected another name than that of group {}: both cookies reach the same hosts",
                    self.groups[earlier].group.name
                );
                self.groups[later]
                    .cookie
                    .error_about(&format!("the cookie's name {}", cookie.name), &expected);
            }
        }
    }

    /// Cookies that browsers drop leave their clients without persistence.
    fn warn_of_lost_cookies(&self, group: usize) {
        let read = &self.groups[group];
        let Some(cookie) = &read.group.cookie else { return };
        for route in self.routes_of(group) {
            if let (Some(domain), Some(HostPattern::Exact(host))) = (&cookie.domain, &route.host)
                && host != domain
                && !HostPattern::Suffix(domain.clone()).overlaps(&HostPattern::Exact(host.clone()))
            {
                let why = format!(
                    "browsers drop a cookie for this domain from the host {host} of {}",
                    route.whole.path()
                );
                read.cookie.warn(&format!("domain {domain}"), &why);
            }
            let plain =
                route.listener.map(|listener| self.listeners[listener].0).filter(|it| it.tls.is_none());
            if let Some(listener) = plain
                && (cookie.same_site, cookie.secure) == (SameSite::None, Secure::Auto)
            {
                let why = format!(
                    "browsers drop such a cookie where it is not Secure, as on listener {} without TLS; write secure: on if TLS ends in front of it",
                    listener.name
                );
                read.cookie.warn("same_site None with secure auto", &why);
            }
        }
    }

    fn warn_of_cookies_for_soap(&self) {
        for route in self.routes {
            let (Some(pool), Some(Some(group))) = (route.pool, route.group) else { continue };
            let (pool, group) = (&self.pools[pool].pool, &self.groups[group].group);
            if pool.role.is_soap() && group.by == By::Cookie {
                let why = format!(
                    "the clients of pool {} are SOAP clients, which send no cookies: use a group by source_ip",
                    pool.name
                );
                route.persistence.warn(&group.name, &why);
            }
        }
    }

    /// A client talks to MIM Service and its STS in turn and expects one node behind both.
    fn warn_of_divided_services(&self) {
        let of_role = |role: Role| {
            self.routes.iter().filter_map(move |route| {
                let pool = &self.pools[route.pool?].pool;
                (pool.role == role).then_some((route, pool, route.group??))
            })
        };
        for (route, sts, group) in of_role(Role::MimSts) {
            let divided = of_role(Role::MimService)
                .find(|(_, service, other)| *other != group && nodes_of(service) == nodes_of(sts));
            let together = of_role(Role::MimService)
                .any(|(_, service, other)| other == group && nodes_of(service) == nodes_of(sts));
            if let Some((_, service, other)) = divided.filter(|_| !together) {
                let why = format!(
                    "pool {} of the same nodes is in group {}: a client can get one node for each, though MIM needs the same",
                    service.name, self.groups[other].group.name
                );
                route.persistence.warn(&self.groups[group].group.name, &why);
            }
        }
    }

    fn warn_of_unused(&self) {
        for (index, (_, place)) in self.listeners.iter().enumerate() {
            if !self.routes.iter().any(|route| route.listener == Some(index)) {
                place.warn("no route", "every request to this listener is answered 404");
            }
        }
        for (index, read) in self.pools.iter().enumerate() {
            if !self.routes.iter().any(|route| route.pool == Some(index)) {
                read.whole.warn("no route", "no request reaches this pool");
            }
        }
        for (index, read) in self.groups.iter().enumerate() {
            if self.routes_of(index).next().is_none() {
                read.whole.warn("no route", "no request belongs to this group");
            }
        }
    }
}

fn nodes_of(pool: &Pool) -> BTreeSet<usize> {
    pool.backends.iter().map(|backend| backend.node).collect()
}
