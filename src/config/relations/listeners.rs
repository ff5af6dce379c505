//! What only shows where listeners meet their routes: who may name the client, what HTTP/2 and Windows authentication
//! have to do with each other, and where a redirect or a field leads to nothing.

use super::super::keys::{limits as bounds, listener as keys, response};
use super::super::read::Value;
use super::super::routes::Read as Route;
use super::super::{Listener, ListenerLimits, PerClient, ProxyProtocol};
use super::Sections;

impl<'s, 'a> Sections<'s, 'a> {
    /// Reports what does not fit together on a listener.
    pub(super) fn check_listener(&self, index: usize) {
        let listener = self.listeners[index];
        self.refuse_shared_front_connections(index);
        self.refuse_useless_http2(index);
        check_trust(listener.0, listener.1);
        for route in self.routes.iter().filter(|route| route.listener == Some(index)) {
            check_route(route, listener);
            self.warn_of_shared_cookies(route);
        }
        self.warn_of_unreachable_limits(index);
        self.advise_on_extended_protection(index);
    }

    /// The first route of a listener that leads to Windows authentication.
    fn first_bound(&self, index: usize) -> Option<&'s Route<'a>> {
        self.routes.iter().find(|route| route.listener == Some(index) && route.binds_connections(self.pools))
    }

    fn refuse_shared_front_connections(&self, index: usize) {
        let (listener, place) = self.listeners[index];
        if let Some(route) = self.first_bound(index).filter(|_| listener.client_header.is_some()) {
            let expected = format!(
                "expected null: {} leads to Windows authentication, and a front proxy that shares connections between users would mix them up; use proxy_protocol",
                route.whole.path()
            );
            place.written(&[&keys::CLIENT_HEADER]).error(&expected);
        }
    }

    fn refuse_useless_http2(&self, index: usize) {
        let (_, place) = self.listeners[index];
        let http2 = place.written(&[&keys::HTTP2]);
        if self.http2[index] != Some(true) {
            return;
        }
        if !has_tls(place) {
            http2.error("expected tls beside it, in whose handshake HTTP/2 is offered, or auto");
        } else if let Some(route) = self.first_bound(index) {
            let expected = format!(
                "expected auto or off: {} leads to Windows authentication, which needs HTTP/1.1",
                route.whole.path()
            );
            http2.error(&expected);
        }
    }

    /// A response that is said to be for all may carry the persistence cookie of one.
    fn warn_of_shared_cookies(&self, route: &Route<'_>) {
        let group = route.group.flatten().and_then(|group| self.groups.get(group));
        if group.is_none_or(|read| read.group.cookie.is_none()) {
            return;
        }
        let said = route.response.set.iter().find(|(name, _)| name.eq_ignore_ascii_case("cache-control"));
        let is_kept_apart = |value: &str| {
            let mut directives = value.split([',', ';', '=']).map(str::trim);
            directives
                .any(|word| ["private", "no-store"].iter().any(|known| word.eq_ignore_ascii_case(known)))
        };
        let Some((name, value)) = said.filter(|(_, value)| !is_kept_apart(value)) else { return };
        let why = "a shared cache may hand out the persistence cookie of one user to others; say private or no-store";
        let set = route.whole.written(&[&response::RESPONSE_HEADERS, &response::SET]);
        set.entry(name).unwrap_or(set).warn(value, why);
    }

    /// A bound for each client that is above the one for all is never met.
    fn warn_of_unreachable_limits(&self, index: usize) {
        let (listener, place) = self.listeners[index];
        let ListenerLimits { connections, connections_per_client, .. } = listener.limits;
        let all = self.limits.connections;
        let here = place.written(&[&keys::LIMITS, &bounds::OWN_CONNECTIONS]);
        if let Some(own) = connections.filter(|own| *own > all) {
            here.warn(
                &own.to_string(),
                &format!("limits.connections bounds all listeners together to {all}"),
            );
        }
        let least = connections.unwrap_or(all).min(all);
        let own = place.written(&[&keys::LIMITS, &bounds::OWN_CONNECTIONS_PER_CLIENT, &bounds::LIMIT]);
        let limits = place.written(&[&keys::LIMITS]);
        let is_own = !own.is_same_place(&limits) && !own.is_same_place(place);
        let told_of_all = least == all && !is_own;
        if let Some(PerClient { limit, .. }) =
            connections_per_client.filter(|each| each.limit > least && !told_of_all)
        {
            let value = if is_own { own } else { here };
            let why = format!(
                "all clients together have no more than {least} connections, so that this bounds nobody"
            );
            value.warn(&format!("{limit} connections for each client"), &why);
        }
    }

    /// Said once for the bounds of all listeners.
    pub(super) fn warn_of_unreachable_limit(&self) {
        let all = self.limits.connections;
        if let Some(PerClient { limit, .. }) =
            self.limits.each.connections_per_client.filter(|each| each.limit > all)
        {
            let why = format!(
                "all clients together have no more than {all} connections, so that this bounds nobody"
            );
            let place =
                self.root.written(&[&bounds::LIMITS, &bounds::CONNECTIONS_PER_CLIENT, &bounds::LIMIT]);
            place.warn(&format!("{limit} connections for each client"), &why);
        }
    }

    /// Channel bindings (RFC 5929 section 4.1) tie a sign-in to the certificate that the client saw. No file tells whether
    /// IIS wants them, nor which certificate the nodes have.
    fn advise_on_extended_protection(&self, index: usize) {
        let (_, place) = self.listeners[index];
        let mut names: Vec<&str> = Vec::new();
        for route in self.routes.iter().filter(|route| route.listener == Some(index)) {
            let Some(read) = route.pool.and_then(|pool| self.pools.get(pool)) else { continue };
            if read.pool.role.is_windows_authenticated() && !names.contains(&read.pool.name.as_str()) {
                names.push(&read.pool.name);
            }
        }
        if !names.is_empty() && has_tls(place) {
            let pools = if names.len() == 1 { "pool" } else { "pools" };
            let why = format!(
                "IIS behind {pools} {} refuses clients that send channel bindings where it requires Extended Protection; nothing to do where it does not, or where the nodes have this certificate and key",
                names.join(", ")
            );
            place.written(&[&keys::TLS]).advise("TLS ends here", &why);
        }
    }
}

/// Whether TLS was written, right or wrong.
fn has_tls(place: &Value<'_>) -> bool {
    let tls = place.written(&[&keys::TLS]);
    !tls.is_same_place(place) && !tls.is_null()
}

/// Whoever names the client must be trusted to, and whoever is trusted should have a way to.
fn check_trust(listener: &Listener, place: &Value<'_>) {
    let trusted = place.written(&[&keys::TRUSTED_PROXIES]);
    let is_there = !trusted.is_same_place(place);
    let (protocol, header) =
        (listener.proxy_protocol != ProxyProtocol::Off, listener.client_header.is_some());
    if !is_there || trusted.is_empty_list() {
        let named = [
            (protocol, place.written(&[&keys::PROXY_PROTOCOL])),
            (header, place.written(&[&keys::CLIENT_HEADER])),
        ];
        for (_, value) in named.into_iter().filter(|(named, _)| *named) {
            value.error(
                "expected trusted_proxies beside it: without them nobody is believed who the client is",
            );
        }
    } else if !protocol && !header {
        trusted.warn("unused", "neither proxy_protocol nor client_header lets them name the client");
    }
    if (protocol || header) && listener.trusted_proxies.iter().any(|prefix| prefix.length() == 0) {
        let why =
            "whoever reaches the listener may take any address, and with it another client's pin and limits";
        trusted.warn("everybody is trusted", why);
    }
}

/// What a route asks of its listener.
fn check_route(route: &Route<'_>, (listener, place): (&Listener, &Value<'_>)) {
    let tls = has_tls(place);
    if route.redirect.is_some() && tls {
        let expected = format!(
            "expected a pool: clients of listener {} speak TLS already, and would be led in a circle",
            listener.name
        );
        route.whole.written(&[&response::REDIRECT]).error_about("a redirect to HTTPS", &expected);
    }
    let Some(hsts) = route.response.hsts else { return };
    let written = route.whole.written(&[&response::HSTS]);
    if !tls {
        let why = format!(
            "listener {} has no TLS, and browsers ignore it there (RFC 6797 section 8.1)",
            listener.name
        );
        written.warn("unused", &why);
    }
    if hsts.preload && (!hsts.include_subdomains || hsts.max_age.as_secs() < 31_536_000) {
        let why = "the lists of browsers take no host without include_subdomains and a max_age of 365d";
        written.written(&[&response::PRELOAD]).warn("true", why);
    }
}
