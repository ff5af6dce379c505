//! Every metric: name, labels, and what it says. `docs/metrics.md` explains them for operators.

/// What kind of figure a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Durations in seconds, in buckets.
    Histogram,
}

/// A metric with all its label values.
#[derive(Debug)]
pub struct Family {
    /// Its name.
    pub name: &'static str,
    /// What it says.
    pub help: &'static str,
    /// What kind of figure it is.
    pub kind: Kind,
    /// The names of its labels.
    pub labels: &'static [&'static str],
}

macro_rules! families {
    ($($constant:ident = $kind:ident $name:literal [$($label:literal),*] $help:literal;)*) => {
        $(
            #[doc = $help]
            pub const $constant: Family = Family {
                name: concat!("identity_edge_", $name),
                help: $help,
                kind: Kind::$kind,
                labels: &[$($label),*],
            };
        )*
        /// All of them.
        pub const ALL: &[&Family] = &[$(&$constant),*];
    };
}

families! {
    BUILD_INFO = Gauge "build_info" ["version"]
        "Always 1; the version is a label.";
    READY = Gauge "ready" []
        "1 once every backend's first probe has answered or its start grace is over, 0 before and while stopping.";

    REQUESTS = Counter "requests_total" ["listener", "route", "pool", "node", "status"]
        "Requests that ended, by the class of their status; none if nothing was sent. node is empty where the edge answered itself, route and pool where no route was found.";
    REQUEST_DURATION = Histogram "request_duration_seconds" ["listener", "route", "pool"]
        "From a request's complete head to the end of its response, tunnels apart.";
    REQUEST_BODY_BYTES = Counter "request_body_bytes_total" ["listener", "route", "pool"]
        "Bytes of request bodies sent to backends, framing included.";
    RESPONSE_BODY_BYTES = Counter "response_body_bytes_total" ["listener", "route", "pool"]
        "Bytes of response bodies sent to clients, framing included.";
    REFUSED_REQUESTS = Counter "refused_requests_total" ["listener", "reason"]
        "Requests refused for what they are: heads that cannot be read, no route, bodies too large or too slow.";
    CLIENT_HEADER_FAULTS = Counter "client_header_faults_total" ["listener", "reason"]
        "Requests of trusted proxies that were counted for a proxy, because the field that should name the client does not.";
    REQUEST_FAILURES = Counter "request_failures_total" ["listener", "route", "pool", "reason"]
        "Requests that had a route and failed on the way: no node, a backend that failed, a client that left.";
    RETRIES = Counter "retries_total" ["pool", "node", "reason"]
        "Further attempts at the same request: connect (a failed connect was repeated) or resend (the connection broke and repeating was safe).";
    WAITS = Counter "waits_total" ["pool", "reason"]
        "Requests that waited, once for each reason: hold (for its node that just failed), first_probe (nothing is known yet), connect_retry (between two connects), queue (its backend is full).";
    WAITING_REQUESTS = Gauge "waiting_requests" []
        "Requests that wait now.";
    WAITING_LIMIT = Gauge "waiting_requests_limit" []
        "The bound on them (limits.waiting).";

    PERSISTENCE_OUTCOMES = Counter "persistence_outcomes_total" ["group", "outcome", "reason"]
        "How requests found their node: persisted, fresh, redispatched, returned, unpinned, or refused. reason is the rule that recognised the client, or why it was refused.";
    PINS = Gauge "pins" ["group", "node"]
        "Pins in the stick table that lead to the node.";
    TABLE_ENTRIES = Gauge "stick_table_entries" ["group"]
        "Pins in the stick table.";
    TABLE_CAPACITY = Gauge "stick_table_capacity" ["group"]
        "The most pins it holds (source_ip.capacity).";
    TABLE_BYTES = Gauge "stick_table_bytes" ["group"]
        "Memory the stick table takes.";
    TABLE_EVICTIONS = Counter "stick_table_evictions_total" ["group"]
        "Pins that had to make room for others.";
    TABLE_REFUSALS = Counter "stick_table_refusals_total" ["group"]
        "Clients that found no room.";
    TABLE_EXPIRATIONS = Counter "stick_table_expirations_total" ["group"]
        "Pins that were idle for too long.";
    COOKIES_SET = Counter "cookies_set_total" ["group"]
        "Persistence cookies sent to browsers.";
    COOKIE_REFUSALS = Counter "cookie_refusals_total" ["group", "reason"]
        "Persistence cookies that counted as none.";
    GROUP_NODES = Gauge "group_nodes" ["group"]
        "Nodes of the group.";
    GROUP_WHOLE_NODES = Gauge "group_whole_nodes" ["group"]
        "Nodes that take new clients: ready, and up in all of the group's pools.";
    NODE_SHARE = Gauge "group_node_share" ["group", "node"]
        "The share of new clients the node should get by its weight among those that take any now, 0 to 1; slow start apart.";
    GROUP_POOL = Gauge "group_pool" ["group", "pool"]
        "Always 1: routes of the group lead to the pool.";

    BACKEND_UP = Gauge "backend_up" ["pool", "node"]
        "1 if requests may go there, 0 if it is down, ejected or not known yet.";
    BACKEND_EJECTED = Gauge "backend_ejected" ["pool", "node"]
        "1 while it is ejected for failing requests.";
    BACKEND_HEALTH_CHANGES = Counter "backend_health_changes_total" ["pool", "node", "health"]
        "Changes of a backend's health, by what it became: up or down.";
    BACKEND_EJECTIONS = Counter "backend_ejections_total" ["pool", "node", "reason"]
        "Ejections for failing requests: upstream_closed or upstream_timeout; spared: nothing else of the pool was up.";
    BACKEND_FAILURES = Counter "backend_request_failures_total" ["pool", "node", "reason"]
        "Attempts at requests that the backend failed: upstream_closed, upstream_timeout or bad_response (what it answered is not HTTP as it must be).";
    BACKEND_REQUESTS = Gauge "backend_requests_in_flight" ["pool", "node"]
        "Requests in flight to the backend.";
    BACKEND_REQUESTS_LIMIT = Gauge "backend_requests_limit" ["pool", "node"]
        "The bound on them (pools.max_requests); absent where there is none.";
    BACKEND_QUEUED = Gauge "backend_queued_requests" ["pool", "node"]
        "Requests that wait because the backend has as many in flight as it may; absent where there is no bound.";
    NODE_STATE = Gauge "node_state" ["node", "state"]
        "1 for the operator's will: ready, drain or maintenance.";
    PROBES = Counter "probes_total" ["pool", "node", "result"]
        "Probes by result: ok or failed.";
    PROBE_DURATION = Gauge "probe_duration_seconds" ["pool", "node"]
        "How long the last probe took.";

    DOWNSTREAM_CONNECTIONS = Gauge "downstream_connections" ["listener"]
        "Open connections of clients.";
    DOWNSTREAM_CONNECTIONS_TOTAL = Counter "downstream_connections_total" ["listener"]
        "Connections of clients that were accepted.";
    DOWNSTREAM_CONNECTIONS_REFUSED = Counter "downstream_connections_refused_total" ["listener", "reason"]
        "Connections turned away or ended: for a limit, a TLS handshake, a client's certificate, a PROXY header, because nothing came, or for what the client did on them (http2_resets and others).";
    DOWNSTREAM_CONNECTIONS_LIMIT = Gauge "downstream_connections_limit" []
        "The bound on all listeners together (limits.connections).";
    UPSTREAM_CONNECTIONS = Gauge "upstream_connections" ["pool", "node"]
        "Open connections to the backend: in use, idle, and probes'.";
    UPSTREAM_CONNECTS = Counter "upstream_connects_total" ["pool", "node", "result"]
        "Connection attempts for requests: ok, connection_refused, connect_timeout, connect_failed, tls_failed or name_not_resolved.";
    UPSTREAM_REUSES = Counter "upstream_reuses_total" ["pool", "node"]
        "Requests sent on a connection kept from before.";
    UPSTREAM_CONNECT_DURATION = Histogram "upstream_connect_duration_seconds" ["pool", "node"]
        "How long connects that succeeded took, TLS included.";
    UPSTREAM_FIRST_BYTE = Histogram "upstream_first_byte_seconds" ["pool", "node"]
        "From a request's complete head to the first byte of the backend's response; waiting and connecting included.";

    CERTIFICATE_EXPIRY = Gauge "certificate_expiry_timestamp_seconds" ["listener", "pool", "certificate", "kind"]
        "When a file of certificates needs to be replaced, in seconds since 1970, by the listener or the pool whose it is. kind: certificate (what the edge shows) or ca (whom it trusts).";
    CERTIFICATE_RELOADS = Counter "certificate_reloads_total" ["listener", "pool", "result"]
        "How often changed files of certificates, keys and authorities were taken up: ok, or failed, after which those in use are kept.";
    ACCESS_LOG_LINES = Counter "access_log_lines_total" []
        "Lines handed to the access log's writer.";
    ACCESS_LOG_DROPPED = Counter "access_log_dropped_lines_total" []
        "Lines dropped because the writer did not keep up.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_conventions() {
        for family in ALL {
            let counts = family.name.ends_with("_total");
            assert_eq!(counts, family.kind == Kind::Counter, "{}", family.name);
            if family.kind == Kind::Histogram {
                assert!(family.name.ends_with("_seconds"), "{}", family.name);
            }
            assert!(family.help.ends_with('.'), "{}", family.name);
        }
        let mut names: Vec<_> = ALL.iter().map(|family| family.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ALL.len());
    }
}
