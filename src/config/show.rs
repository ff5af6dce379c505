//! The whole configuration as YAML, with everything filled in. Reading it gives an equal configuration, but for
//! credentials that are not shown.

use super::scalar::{show_duration, show_size, show_statuses};
use super::{
    AccessLogTarget, Backend, CertifiedKey, ClientCertificates, ClientPrefixes, Config, ErrorPage, Hsts,
    Http2Limits, HttpProbe, Listener, ListenerLimits, Node, NodeAddress, PerClient, Pool, Probe, ProbeCheck,
    Queue, Rate, ResponseEdits, Route, UpstreamTls, cookie, listeners, persistence, pools, probe, rest,
    roles,
};
use crate::persistence::settings::{CookieSettings, GroupSettings};
use crate::pool::AdminState;
use crate::route::{Action, HostPattern};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// `config` as YAML, every key written out. Paths are absolute, so that the text may be kept anywhere.
///
/// What the environment gave is written out too. Only the credentials of probes (the fields `Authorization`,
/// `Proxy-Authorization` and `Cookie`) are not: their values are `"(not shown)"`, and a configuration that has
/// some does not come back equal from its text.
#[must_use]
pub fn show(config: &Config) -> String {
    let mut out = Lines::default();
    out.line(0, "listeners:");
    config.listeners.iter().for_each(|it| listener(&mut out, it));
    out.line(0, "\nnodes:");
    config.nodes.iter().for_each(|it| node(&mut out, it));
    if !config.groups.is_empty() {
        out.line(0, "\npersistence:");
        let none = Vec::new();
        for (index, it) in config.groups.iter().enumerate() {
            group(&mut out, it, config.key_files.get(index).unwrap_or(&none));
        }
    }
    out.line(0, "\npools:");
    config.pools.iter().for_each(|it| pool(&mut out, it, &config.nodes));
    out.line(0, "\nroutes:");
    config.routes.iter().for_each(|it| route(&mut out, it, config));
    sections(&mut out, config);
    out.0
}

/// Indented lines.
#[derive(Default)]
struct Lines(String);

impl Lines {
    fn line(&mut self, depth: usize, text: &str) {
        if let Some(text) = text.strip_prefix('\n') {
            self.0.push('\n');
            return self.line(depth, text);
        }
        // Writing to a string cannot fail.
        let _ = writeln!(self.0, "{:depth$}{text}", "", depth = depth * 2);
    }
}

fn listener(out: &mut Lines, listener: &Listener) {
    let bind: Vec<String> = listener.bind.iter().map(|address| quoted(&address.to_string())).collect();
    out.line(1, &format!("{}:", quoted(&listener.name)));
    out.line(2, &format!("bind: [{}]", bind.join(", ")));
    match &listener.tls {
        None => out.line(2, "tls: null"),
        Some(tls) => {
            out.line(2, "tls:");
            out.line(3, "certificates:");
            for CertifiedKey { certificate, key } in &tls.certificates {
                let (certificate, key) = (quoted_path(certificate), quoted_path(key));
                out.line(4, &format!("- {{ certificate: {certificate}, key: {key} }}"));
            }
            out.line(3, &format!("min_version: {}", quoted(word(&listeners::TLS_VERSIONS, tls.min_version))));
            client_certificates(out, tls.clients.as_ref());
        }
    }
    out.line(2, &format!("http2: {}", if listener.http2 { "on" } else { "off" }));
    out.line(2, &format!("proxy_protocol: {}", word(&listeners::PROXY_PROTOCOLS, listener.proxy_protocol)));
    let proxies: Vec<String> =
        listener.trusted_proxies.iter().map(|prefix| quoted(&prefix.to_string())).collect();
    out.line(2, &format!("trusted_proxies: [{}]", proxies.join(", ")));
    let client_header = listener.client_header.map(|header| word(&listeners::CLIENT_HEADERS, header));
    out.line(2, &format!("client_header: {}", client_header.unwrap_or("null")));
    out.line(2, &format!("keepalive: {}", show_duration(listener.keepalive)));
    out.line(2, "limits:");
    let connections = listener.limits.connections.map_or("null".into(), |number| number.to_string());
    out.line(3, &format!("connections: {connections}"));
    each_limit(out, 3, &listener.limits);
    error_pages(out, &listener.error_pages);
}

fn client_certificates(out: &mut Lines, clients: Option<&ClientCertificates>) {
    let Some(ClientCertificates { ca, required, subject_header }) = clients else {
        return out.line(3, "client_ca: null");
    };
    out.line(3, &format!("client_ca: {}", quoted_path(ca)));
    out.line(3, &format!("client_certificate: {}", word(&listeners::CLIENT_CERTIFICATES, *required)));
    out.line(3, &format!("client_subject_header: {}", or_null(subject_header.as_deref())));
}

fn error_pages(out: &mut Lines, pages: &[ErrorPage]) {
    out.line(2, if pages.is_empty() { "error_pages: {}" } else { "error_pages:" });
    for ErrorPage { statuses, file } in pages {
        out.line(3, &format!("{}: {}", quoted(&show_statuses(statuses)), quoted_path(file)));
    }
}

fn each_limit(out: &mut Lines, depth: usize, limits: &ListenerLimits) {
    out.line(depth, &format!("request_header_bytes: {}", show_size(limits.request_header_bytes as u64)));
    out.line(depth, &format!("request_headers: {}", limits.request_headers));
    out.line(depth, &format!("header_timeout: {}", show_duration(limits.header_timeout)));
    let per_client = limits.connections_per_client.map_or("null".into(), |PerClient { limit, prefixes }| {
        format!("{{ limit: {limit}, {} }}", client_prefixes(prefixes))
    });
    out.line(depth, &format!("connections_per_client: {per_client}"));
    out.line(depth, &format!("requests_per_connection: {}", limits.requests_per_connection));
    out.line(depth, &format!("body_rate: {}", show_size(limits.body_rate)));
    let Http2Limits { streams, resets, control_frames } = limits.http2;
    let http2 = format!("streams: {streams}, resets: {resets}, control_frames: {control_frames}");
    out.line(depth, &format!("http2: {{ {http2} }}"));
}

fn client_prefixes(prefixes: ClientPrefixes) -> String {
    format!("ipv4_prefix: {}, ipv6_prefix: {}", prefixes.ipv4, prefixes.ipv6)
}

fn node(out: &mut Lines, node: &Node) {
    let address = match &node.address {
        NodeAddress::Ip(ip) => ip.to_string(),
        NodeAddress::Name(name) => name.clone(),
    };
    out.line(
        1,
        &format!(
            "{}: {{ address: {}, weight: {}, backup: {}, state: {} }}",
            quoted(&node.name),
            quoted(&address),
            node.weight,
            node.backup,
            word(&AdminState::WORDS, node.state)
        ),
    );
}

fn group(out: &mut Lines, group: &GroupSettings, key_files: &[PathBuf]) {
    out.line(1, &format!("{}:", quoted(&group.name)));
    out.line(2, &format!("by: {}", word(&persistence::BY, group.by)));
    let table = &group.source_ip;
    out.line(
        2,
        &format!(
            "source_ip: {{ ipv4_prefix: {}, ipv6_prefix: {}, capacity: {}, when_full: {} }}",
            table.ipv4_prefix,
            table.ipv6_prefix,
            table.capacity,
            word(&persistence::WHEN_FULL, table.when_full)
        ),
    );
    let pins = group
        .static_pins
        .iter()
        .map(|(prefix, node)| format!("{}: {}", quoted(&prefix.to_string()), quoted(node)));
    let pins: Vec<String> = pins.collect();
    out.line(2, &format!("static: {{ {} }}", pins.join(", ")).replace("{  }", "{}"));
    if let Some(settings) = &group.cookie {
        cookie(out, settings, key_files);
    }
    out.line(2, &format!("idle_timeout: {}", show_duration(group.idle_timeout)));
    let max_age = group.max_age.map_or("null".into(), show_duration);
    out.line(2, &format!("max_age: {max_age}"));
    out.line(2, &format!("first_choice: {}", word(&persistence::FIRST_CHOICE, group.first_choice)));
    out.line(2, &format!("unavailable: {}", word(&persistence::UNAVAILABLE, group.unavailable)));
    out.line(2, &format!("hold: {}", show_duration(group.hold)));
    out.line(2, &format!("after_recovery: {}", word(&persistence::AFTER_RECOVERY, group.after_recovery)));
    out.line(2, &format!("return_idle: {}", show_duration(group.return_idle)));
    out.line(2, &format!("first_requests: {}", show_duration(group.first_requests)));
}

fn cookie(out: &mut Lines, settings: &CookieSettings, key_files: &[PathBuf]) {
    let files: Vec<String> = key_files.iter().map(|path| quoted_path(path)).collect();
    out.line(2, "cookie:");
    out.line(3, &format!("name: {}", quoted(&settings.name)));
    out.line(3, &format!("keys: [{}]", files.join(", ")));
    out.line(3, &format!("secure: {}", word(&cookie::SECURE, settings.secure)));
    out.line(3, &format!("http_only: {}", settings.http_only));
    out.line(3, &format!("same_site: {}", word(&cookie::SAME_SITE, settings.same_site)));
    out.line(3, &format!("domain: {}", or_null(settings.domain.as_deref())));
    out.line(3, &format!("path: {}", quoted(&settings.path)));
}

fn pool(out: &mut Lines, pool: &Pool, nodes: &[Node]) {
    out.line(1, &format!("{}:", quoted(&pool.name)));
    out.line(2, &format!("role: {}", word(&roles::ROLES, pool.role)));
    let alike = |backend: &Backend| {
        pool.backends.first().is_some_and(|first| Backend { node: first.node, ..backend.clone() } == *first)
    };
    if pool.backends.iter().all(alike) {
        let names: Vec<String> =
            pool.backends.iter().map(|backend| quoted(&nodes[backend.node].name)).collect();
        out.line(2, &format!("nodes: [{}]", names.join(", ")));
        if let Some(backend) = pool.backends.first() {
            backend_settings(out, 2, backend);
        }
    } else {
        out.line(2, "nodes:");
        for backend in &pool.backends {
            out.line(3, &format!("- node: {}", quoted(&nodes[backend.node].name)));
            backend_settings(out, 4, backend);
        }
    }
    let ejection = &pool.ejection;
    out.line(
        2,
        &format!(
            "ejection: {{ consecutive_failures: {}, for: {} }}",
            ejection.consecutive_failures,
            show_duration(ejection.duration)
        ),
    );
    out.line(2, &format!("connection_auth: {}", word(&pools::CONNECTION_AUTH, pool.connection_auth)));
    let timeouts = &pool.timeouts;
    let [connect, read, write, idle, tunnel] =
        [timeouts.connect, timeouts.read, timeouts.write, timeouts.idle, timeouts.tunnel].map(show_duration);
    out.line(
        2,
        &format!(
            "timeouts: {{ connect: {connect}, read: {read}, write: {write}, idle: {idle}, tunnel: {tunnel} }}"
        ),
    );
    out.line(2, &format!("slow_start: {}", show_duration(pool.slow_start)));
    out.line(2, &format!("proxy_protocol: {}", word(&pools::PROXY_PROTOCOLS, pool.proxy_protocol)));
    let max_requests = pool.max_requests.map_or("null".into(), |number| number.to_string());
    out.line(2, &format!("max_requests: {max_requests}"));
    let Queue { length, timeout } = pool.queue;
    out.line(2, &format!("queue: {{ length: {length}, timeout: {} }}", show_duration(timeout)));
    out.line(2, &format!("keepalive_connections: {}", pool.keepalive_connections));
}

/// What may differ from node to node.
fn backend_settings(out: &mut Lines, depth: usize, backend: &Backend) {
    out.line(depth, &format!("port: {}", backend.port));
    match &backend.tls {
        None => out.line(depth, "tls: null"),
        Some(UpstreamTls { server_name, ca, verify, identity }) => {
            out.line(depth, "tls:");
            let file = |path: Option<&Path>| path.map_or("null".into(), quoted_path);
            out.line(depth + 1, &format!("server_name: {}", quoted(server_name)));
            out.line(depth + 1, &format!("ca: {}", file(ca.as_deref())));
            out.line(depth + 1, &format!("verify: {verify}"));
            let identity = identity.as_ref();
            let certificate = file(identity.map(|identity| identity.certificate.as_path()));
            out.line(depth + 1, &format!("certificate: {certificate}"));
            out.line(depth + 1, &format!("key: {}", file(identity.map(|identity| identity.key.as_path()))));
        }
    }
    let Probe { check, interval, fast_interval, timeout, rise, fall, start_grace } = &backend.probe;
    out.line(depth, "probe:");
    match check {
        ProbeCheck::Tcp => out.line(depth + 1, "tcp: {}"),
        ProbeCheck::Http(http) => http_probe(out, depth + 1, http),
    }
    out.line(depth + 1, &format!("interval: {}", show_duration(*interval)));
    out.line(depth + 1, &format!("fast_interval: {}", show_duration(*fast_interval)));
    out.line(depth + 1, &format!("timeout: {}", show_duration(*timeout)));
    out.line(depth + 1, &format!("rise: {rise}"));
    out.line(depth + 1, &format!("fall: {fall}"));
    out.line(depth + 1, &format!("start_grace: {}", show_duration(*start_grace)));
}

fn http_probe(out: &mut Lines, depth: usize, http: &HttpProbe) {
    let HttpProbe { method, path, host, headers, body, expect, contains } = http;
    out.line(depth, "http:");
    let depth = depth + 1;
    out.line(depth, &format!("method: {}", quoted(method)));
    out.line(depth, &format!("path: {}", quoted(path)));
    out.line(depth, &format!("host: {}", or_null(host.as_deref())));
    out.line(depth, if headers.is_empty() { "headers: {}" } else { "headers:" });
    for (name, value) in headers {
        let value = if probe::is_credential(name) { probe::NOT_SHOWN } else { value };
        out.line(depth + 1, &format!("{}: {}", quoted(name), quoted(value)));
    }
    out.line(depth, &format!("body: {}", or_null(body.as_deref())));
    let expect: Vec<String> = expect.iter().map(|range| quoted(&show_statuses(range))).collect();
    out.line(depth, &format!("expect: [{}]", expect.join(", ")));
    out.line(depth, &format!("contains: {}", or_null(contains.as_deref())));
}

fn route(out: &mut Lines, route: &Route, config: &Config) {
    let host = match &route.host {
        HostPattern::Any => None,
        host => Some(host.to_string()),
    };
    out.line(1, &format!("- name: {}", quoted(&route.name)));
    out.line(2, &format!("listener: {}", quoted(&config.listeners[route.listener].name)));
    out.line(2, &format!("host: {}", or_null(host.as_deref())));
    out.line(2, &format!("path: {}", quoted(&route.path.prefix)));
    match route.action {
        Action::Forward(pool) => {
            out.line(2, &format!("pool: {}", quoted(&config.pools[pool].name)));
            out.line(2, "redirect: null");
        }
        Action::RedirectToHttps(port) => out.line(2, &format!("redirect: {{ https: {port} }}")),
    }
    let group = route.group.map(|group| config.groups[group].name.as_str());
    out.line(2, &format!("persistence: {}", or_null(group)));
    out.line(2, &format!("max_body: {}", route.max_body.map_or("null".into(), show_size)));
    let rate = route.rate.map_or("null".into(), |Rate { requests, per, prefixes }| {
        let per = show_duration(per);
        format!("{{ requests: {requests}, per: {per}, {} }}", client_prefixes(prefixes))
    });
    out.line(2, &format!("rate: {rate}"));
    response(out, &route.response);
    error_pages(out, &route.error_pages);
}

fn response(out: &mut Lines, ResponseEdits { remove, set, hsts }: &ResponseEdits) {
    out.line(2, "response_headers:");
    let remove: Vec<String> = remove.iter().map(|name| quoted(name)).collect();
    out.line(3, &format!("remove: [{}]", remove.join(", ")));
    out.line(3, if set.is_empty() { "set: {}" } else { "set:" });
    for (name, value) in set {
        out.line(4, &format!("{}: {}", quoted(name), quoted(value)));
    }
    let hsts = hsts.map_or("null".into(), |Hsts { max_age, include_subdomains, preload }| {
        let max_age = show_duration(max_age);
        format!("{{ max_age: {max_age}, include_subdomains: {include_subdomains}, preload: {preload} }}")
    });
    out.line(2, &format!("hsts: {hsts}"));
}

fn sections(out: &mut Lines, config: &Config) {
    out.line(0, "\nsession_store: { enabled: false, kind: embedded, path: /var/lib/identity-edge }");
    out.line(0, "federation: {}");
    out.line(0, "cluster: {}");
    let admin = &config.admin;
    let bind = admin.bind.map(|address| address.to_string());
    let token_file = admin.token_file.as_deref().map_or("null".into(), quoted_path);
    out.line(0, &format!("admin: {{ bind: {}, token_file: {token_file} }}", or_null(bind.as_deref())));
    out.line(0, "state: { path: null, save_interval: 10s }");
    let to = match &config.log.access.to {
        AccessLogTarget::Off => "off".into(),
        AccessLogTarget::Stdout => "stdout".into(),
        AccessLogTarget::File(path) => quoted_path(path),
    };
    let format = word(&rest::FORMATS, config.log.access.format);
    let level = word(&rest::LEVELS, config.log.level);
    out.line(0, &format!("log: {{ access: {{ to: {to}, format: {format} }}, level: {level} }}"));
    let limits = &config.limits;
    out.line(0, "limits:");
    out.line(1, &format!("connections: {}", limits.connections));
    each_limit(out, 1, &limits.each);
    out.line(1, &format!("waiting: {}", limits.waiting));
    out.line(0, &format!("shutdown: {{ grace: {} }}", show_duration(config.shutdown_grace)));
}

/// The word for a value of a table that has every value.
pub(super) fn word<T: PartialEq>(words: &[(&'static str, T)], value: T) -> &'static str {
    words.iter().find(|(_, meaning)| *meaning == value).map_or("null", |(word, _)| word)
}

fn or_null(text: Option<&str>) -> String {
    text.map_or("null".into(), quoted)
}

fn quoted_path(path: &Path) -> String {
    quoted(&path.to_string_lossy())
}

/// `text` as a double-quoted scalar (YAML 1.2.2 section 7.3.1) without variables of the environment.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.replace("${", "$${").chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
