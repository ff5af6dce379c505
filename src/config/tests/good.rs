use super::*;
use crate::persistence::settings::{By, GroupSettings, Secure};
use crate::pool::AdminState;
use std::sync::Arc;
use std::time::Duration;

/// Every kind of setting, each other than its default.
pub(super) const EVERYTHING: &str = r#"
listeners:
  web:
    bind: ["127.0.0.1:8443", "[::1]:8443", "127.0.0.1:0"]
    tls:
      certificates: [ { certificate: mim.pem, key: mim.key }, { certificate: other.pem, key: other.key } ]
      min_version: "1.3"
      client_ca: other.pem
      client_certificate: requested
      client_subject_header: X-Subject
    http2: no
    proxy_protocol: require
    trusted_proxies: [10.0.0.0/8, "2001:db8::1"]
    keepalive: 1m
    limits:
      request_header_bytes: 2KiB
      request_headers: 99
      header_timeout: 2s
      connections: 7
      connections_per_client: { limit: 3, ipv4_prefix: 0, ipv6_prefix: 56 }
      requests_per_connection: 3
      body_rate: 1KiB
      http2: { streams: 10, resets: 20, control_frames: 30 }
    error_pages: { "502-504": sorry.html, 404: lost.html }
  plain:
    bind: "0.0.0.0:${PORT}"
    client_header: Forwarded
    trusted_proxies: ["::1"]
    limits: { connections_per_client: null, http2: { resets: 21 } }
  other:
    bind: "127.0.0.1:8444"
    tls: { certificates: [ { certificate: mim.pem, key: mim.key } ], client_ca: mim.pem, client_subject_header: null }
    proxy_protocol: accept
    trusted_proxies: ["127.0.0.0/8"]
    client_header: X-Forwarded-For
  soap: { bind: 0.0.0.0:5725 }
nodes:
  "1": { address: "::ffff:10.0.0.1", weight: 256, state: drain }
  two: { address: Mim2.corp.example.com, backup: Yes, state: maintenance }
persistence:
  ip:
    by: source_ip
    source_ip: { ipv4_prefix: 24, ipv6_prefix: 64, capacity: 5, when_full: refuse }
    static: { "10.9.0.0/16": "1", 2001:db8::/32: two }
    idle_timeout: 5s
    max_age: 1d
    first_choice: hash
    unavailable: reject
    hold: 0s
    after_recovery: return
    return_idle: 90s
    first_requests: 0s
  both:
    by: auto
    cookie:
      name: a$b
      keys: [keys.txt, "${KEYS}", more-keys.txt]
      secure: on
      http_only: off
      same_site: None
      domain: Example.com
      path: /x
  nothing: { by: none }
pools:
  soap: { role: mim_service, nodes: [two, "1"] }
  portal:
    role: mim_portal
    nodes:
      - two
      - { node: "1", port: 8443, tls: { server_name: other.example.com, verify: false, certificate: null, key: null }, probe: { tcp: {}, rise: 9 } }
    tls: { ca: mim.pem, certificate: other.pem, key: other.key }
    probe: { http: { path: /healthy, expect: 204 }, interval: 7s, fast_interval: 10ms, timeout: 1s, fall: 1, start_grace: 0s }
    ejection: { consecutive_failures: 1, for: 1ms }
    timeouts: { connect: 1s, read: 2s, write: 3s, idle: 4s, tunnel: 5s }
    slow_start: 0s
    keepalive_connections: 0
    proxy_protocol: v2
    max_requests: 50
    queue: { length: 6, timeout: 250ms }
  reset: { role: sspr_reset, nodes: ["1"], port: 80 }
  sts: { role: mim_sts, nodes: ["1", two], connection_auth: always, tls: { server_name: 10.0.0.1 } }
  site:
    nodes: [ { node: two, port: 1 }, { node: "1", port: 2 } ]
    tls: null
    probe:
      http:
        method: PUT
        path: "/a?b=${PORT}&c"
        host: site.example.com:8080
        headers: { X-Probe: "\ttwo  words", x_empty: "" }
        body: |
          <Get xmlns="urn:x">
            "$${x}"
          </Get>
        expect: ["200-299", 204, "401-403"]
        contains: "<a \"b\">"
routes:
  - { listener: soap, pool: soap, persistence: ip, max_body: 1MiB }
  - { listener: soap, path: /STS, pool: sts, persistence: ip, max_body: 1 }
  - { listener: web, host: MIM.example.com, pool: portal, persistence: both, max_body: null }
  - { listener: web, host: "*.example.com", path: /Reset, pool: reset, persistence: null }
  - { name: home, listener: web, host: "[2001:db8::1]", pool: site, persistence: nothing }
  - { listener: plain, host: "*", pool: site, rate: { requests: 5 } }
  - { listener: plain, host: a.test, path: /Old, redirect: https, hsts: null, error_pages: { "400-599": lost.html } }
  - { listener: plain, host: b.test, redirect: { https: 8444 }, persistence: null, max_body: null }
  - listener: other
    pool: site
    rate: { requests: 1000000, per: 1h, ipv4_prefix: 24, ipv6_prefix: 0 }
    response_headers: { remove: [SERVER, X-Powered-By], set: { X-Frame-Options: SAMEORIGIN, x-empty: "", X-Two: "a \t b" } }
    hsts: { max_age: 3650d, include_subdomains: yes, preload: true }
    error_pages: { 503: sorry.html }
  - { listener: other, host: c.test, pool: site, hsts: {} }
log: { access: { to: access.log, format: text }, level: off }
limits:
  request_header_bytes: 65537
  request_headers: 100
  header_timeout: 1500ms
  connections: 1000
  connections_per_client: { limit: 9 }
  requests_per_connection: 2
  body_rate: 0B
  http2: { streams: 11, resets: 22, control_frames: 33 }
  waiting: 0
shutdown: { grace: 0s }
session_store: { enabled: off }
federation: {}
cluster: {}
admin: { bind: "[::]:0", token_file: token.txt }
state: { path: null }
"#;

#[test]
fn a_small_farm_has_every_default() {
    let (config, warnings) = Folder::new().good(FARM);
    assert_eq!(warnings, [""; 0]);
    assert_eq!(config.listeners[0].keepalive, Duration::from_secs(120));
    assert_eq!(config.nodes[0].weight, 1);
    assert_eq!(config.groups[0].idle_timeout, Duration::from_secs(36_000));
    assert_eq!(config.groups[1].idle_timeout, Duration::from_secs(3_600));
    assert_eq!(config.groups[1].cookie.as_ref().unwrap().name, "EDGE-ck");
    assert_eq!(config.routes[1].name, "web:site.test/");
    assert_eq!((config.routes[0].action.pool(), config.routes[0].group), (Some(0), Some(0)));
    assert_eq!(config.limits.each.request_header_bytes, 131_072);
    let listener = &config.listeners[0];
    assert_eq!(listener.limits, config.limits.each);
    let expected = ListenerLimits {
        request_header_bytes: 131_072,
        request_headers: 128,
        header_timeout: Duration::from_secs(10),
        requests_per_connection: 10_000,
        connections: None,
        connections_per_client: None,
        body_rate: 240,
        http2: Http2Limits { streams: 100, resets: 200, control_frames: 1000 },
    };
    assert_eq!((listener.limits, config.limits.connections, config.limits.waiting), (expected, 20_000, 1000));
    assert_eq!(
        (listener.http2, listener.proxy_protocol, listener.client_header),
        (false, ProxyProtocol::Off, None)
    );
    assert!(listener.trusted_proxies.is_empty() && listener.error_pages.is_empty());
    let pool = &config.pools[1];
    assert_eq!((pool.max_requests, pool.proxy_protocol), (None, false));
    assert_eq!(pool.queue, Queue { length: 0, timeout: Duration::ZERO });
    let route = &config.routes[1];
    assert_eq!((route.rate, &route.response, route.max_body), (None, &ResponseEdits::default(), None));
    assert!(route.error_pages.is_empty());
    let ejection = Ejection { consecutive_failures: 5, duration: Duration::from_secs(30) };
    assert_eq!(config.pools[1].ejection, ejection);
    assert_eq!(config.admin, Admin { bind: Some("127.0.0.1:9901".parse().unwrap()), token_file: None });
}

#[test]
fn roles_fill_in_what_they_need() {
    let folder = Folder::new();
    for (role, port, read, auth, tls, case_sensitive) in [
        ("mim_service", 5725, 1200, ConnectionAuth::Auto, false, true),
        ("mim_sts", 5726, 1200, ConnectionAuth::Auto, false, true),
        ("mim_portal", 443, 300, ConnectionAuth::Always, true, false),
        ("sspr_registration", 443, 120, ConnectionAuth::Always, true, false),
        ("sspr_reset", 443, 120, ConnectionAuth::Auto, true, false),
        ("none, port: 80", 80, 300, ConnectionAuth::Auto, false, true),
    ] {
        let (config, _) = folder
            .good(&farm("role: none, nodes: [a, b], port: 80", &format!("role: {role}, nodes: [a, b]")));
        let pool = &config.pools[1];
        let seconds = |seconds| Duration::from_secs(seconds);
        assert_eq!(pool.backends[1].port, port, "{role}");
        assert_eq!(
            pool.timeouts,
            Timeouts {
                connect: seconds(3),
                read: seconds(read),
                write: seconds(60),
                idle: seconds(60),
                tunnel: seconds(3600)
            },
            "{role}"
        );
        assert_eq!(pool.connection_auth, auth, "{role}");
        let expected =
            UpstreamTls { server_name: "site.test".into(), ca: None, verify: true, identity: None };
        assert_eq!(pool.backends[0].tls, tls.then_some(expected), "{role}");
        assert_eq!(config.routes[1].path.case_sensitive, case_sensitive, "{role}");
    }
}

#[test]
fn portals_are_plain_on_port_80_or_when_told_so() {
    let folder = Folder::new();
    for rest in ["port: 80", "tls: null", "tls: ~, port: 8080"] {
        let role = format!("role: sspr_reset, nodes: [a, b], {rest}");
        let (config, _) = folder.good(&farm("role: none, nodes: [a, b], port: 80", &role));
        assert!(config.pools[1].backends.iter().all(|backend| backend.tls.is_none()), "{rest}");
    }
}

#[test]
fn everything_that_can_be_said_is_understood() {
    let folder = Folder::new();
    let (config, warnings) = folder.good(EVERYTHING);
    let unverified = "pools.portal.nodes[1].tls.verify: false, whoever can stand between the edge and the node reads everything";
    let forgotten = "persistence.ip.idle_timeout: 5s, WCF clients of pool soap use a security context for 10h, and the node that knows it is forgotten before";
    assert!(warnings.len() == 2, "{warnings:?}");
    assert!(warnings[0].ends_with(forgotten) && warnings[1].ends_with(unverified), "{warnings:?}");
    assert_eq!(config.listeners[1].bind, ["0.0.0.0:8080".parse().unwrap()], "from the environment");
    everything_of_listeners(&folder, &config);
    everything_of_routes(&folder, &config);
    assert_eq!(config.listeners[0].tls.as_ref().unwrap().certificates[0].key, folder.path().join("mim.key"));
    assert_eq!(config.nodes[0].address, NodeAddress::Ip("10.0.0.1".parse().unwrap()));
    assert_eq!(config.nodes[1].address, NodeAddress::Name("Mim2.corp.example.com".into()));
    assert_eq!((config.nodes[1].state, config.nodes[1].backup), (AdminState::Maintenance, true));
    let ip = &config.groups[0];
    assert_eq!((ip.static_pins[0].0.to_string(), ip.static_pins[0].1.as_str()), ("10.9.0.0/16".into(), "1"));
    assert_eq!((ip.idle_timeout, ip.max_age), (Duration::from_secs(5), Some(Duration::from_secs(86_400))));
    let both = &config.groups[1];
    let cookie = both.cookie.as_ref().unwrap();
    assert_eq!((both.by, cookie.secure, cookie.http_only), (By::Auto, Secure::Always, false));
    assert_eq!(cookie.domain.as_deref(), Some("example.com"));
    assert_eq!(cookie.keys.keys().len(), 2, "a file given twice adds no key");
    let keys = ["keys.txt", "keys.txt", "more-keys.txt"].map(|name| folder.path().join(name));
    assert_eq!(config.key_files, [vec![], keys.to_vec(), vec![]]);
    let [one, two] = &config.pools[1].backends[..] else { panic!("two backends") };
    assert_eq!((one.port, two.port, one.probe.rise, two.probe.rise, two.probe.fall), (443, 8443, 2, 9, 1));
    let ca = Some(folder.path().join("mim.pem"));
    let identity = Some(certified(&folder, "other"));
    let tls = |server_name: &str, verify, identity: Option<CertifiedKey>| {
        Some(UpstreamTls { server_name: server_name.into(), ca: ca.clone(), verify, identity })
    };
    assert_eq!(one.tls, tls("mim.example.com", true, identity), "the name of the only host");
    assert_eq!(two.tls, tls("other.example.com", false, None), "the pool's authorities");
    let portal = &config.pools[1];
    assert_eq!((portal.max_requests, portal.proxy_protocol), (Some(50), true));
    assert_eq!(portal.queue, Queue { length: 6, timeout: Duration::from_millis(250) });
    assert_eq!(config.routes[2].host, HostPattern::Exact("mim.example.com".into()));
    assert_eq!(config.routes[3].host, HostPattern::Suffix("example.com".into()));
    let names: Vec<&str> = config.routes.iter().map(|route| route.name.as_str()).collect();
    let expected =
        ["soap:*/", "soap:*/STS", "web:mim.example.com/", "web:*.example.com/Reset", "home", "plain:*/"];
    assert_eq!(names[..6], expected);
    let ProbeCheck::Http(probe) = &one.probe.check else { panic!("asks for a page") };
    assert_eq!((probe.path.as_str(), &probe.expect[..]), ("/healthy", &[204..=204][..]));
    assert_eq!((probe.host.as_deref(), &two.probe.check), (Some("mim.example.com"), &ProbeCheck::Tcp));
    let expected = HttpProbe {
        method: "PUT".into(),
        path: "/a?b=8080&c".into(),
        host: Some("site.example.com:8080".into()),
        headers: vec![("X-Probe".into(), "\ttwo  words".into()), ("x_empty".into(), String::new())],
        body: Some("<Get xmlns=\"urn:x\">\n  \"${x}\"\n</Get>\n".into()),
        expect: vec![200..=299, 204..=204, 401..=403],
        contains: Some("<a \"b\">".into()),
    };
    assert_eq!(config.pools[4].backends[1].probe.check, ProbeCheck::Http(expected));
    let ejection = Ejection { consecutive_failures: 1, duration: Duration::from_millis(1) };
    assert_eq!(config.pools[1].ejection, ejection);
    let token_file = Some(folder.path().join("token.txt"));
    assert_eq!(config.admin, Admin { bind: Some("[::]:0".parse().unwrap()), token_file });
    assert_eq!(config.log.access.to, AccessLogTarget::File(folder.path().join("access.log")));
    assert_eq!(config.log.level, log::LevelFilter::Off);
}

fn certified(folder: &Folder, name: &str) -> CertifiedKey {
    let file = |ending: &str| folder.path().join(format!("{name}.{ending}"));
    CertifiedKey { certificate: file("pem"), key: file("key") }
}

fn everything_of_listeners(folder: &Folder, config: &Config) {
    let [web, plain, other, _] = &config.listeners[..] else { panic!("four listeners") };
    let tls = web.tls.as_ref().unwrap();
    assert_eq!(tls.certificates, [certified(folder, "mim"), certified(folder, "other")]);
    assert_eq!(tls.min_version, TlsVersion::V13);
    let clients = |ca: &str, required, header: Option<&str>| {
        let subject_header = header.map(str::to_owned);
        Some(ClientCertificates { ca: folder.path().join(ca), required, subject_header })
    };
    assert_eq!(tls.clients, clients("other.pem", false, Some("X-Subject")));
    assert_eq!(other.tls.as_ref().unwrap().clients, clients("mim.pem", true, None));
    assert_eq!([web.http2, plain.http2, other.http2], [false, false, true]);
    let protocols = [ProxyProtocol::Require, ProxyProtocol::Off, ProxyProtocol::Accept];
    assert_eq!([web, plain, other].map(|it| it.proxy_protocol), protocols);
    let headers = [None, Some(ClientHeader::Forwarded), Some(ClientHeader::XForwardedFor)];
    assert_eq!([web, plain, other].map(|it| it.client_header), headers);
    assert_eq!(web.trusted_proxies, ["10.0.0.0/8", "2001:db8::1"].map(|text| text.parse().unwrap()));
    let expected = ListenerLimits {
        request_header_bytes: 2048,
        request_headers: 99,
        header_timeout: Duration::from_secs(2),
        requests_per_connection: 3,
        connections: Some(7),
        connections_per_client: Some(PerClient { limit: 3, prefixes: ClientPrefixes { ipv4: 0, ipv6: 56 } }),
        body_rate: 1024,
        http2: Http2Limits { streams: 10, resets: 20, control_frames: 30 },
    };
    assert_eq!(web.limits, expected);
    let all = ListenerLimits {
        request_header_bytes: 65_537,
        request_headers: 100,
        header_timeout: Duration::from_millis(1500),
        requests_per_connection: 2,
        connections: None,
        connections_per_client: Some(PerClient { limit: 9, prefixes: ClientPrefixes { ipv4: 32, ipv6: 64 } }),
        body_rate: 0,
        http2: Http2Limits { streams: 11, resets: 22, control_frames: 33 },
    };
    assert_eq!((config.limits.each, other.limits), (all, all), "a listener has what all have");
    let http2 = Http2Limits { resets: 21, ..all.http2 };
    assert_eq!(plain.limits, ListenerLimits { connections_per_client: None, http2, ..all });
    let page = |statuses, name: &str| ErrorPage { statuses, file: folder.path().join(name) };
    assert_eq!(web.error_pages, [page(502..=504, "sorry.html"), page(404..=404, "lost.html")]);
}

fn everything_of_routes(folder: &Folder, config: &Config) {
    let [plain, old, moved, other, last] = &config.routes[5..] else { panic!("ten routes") };
    let rate = |requests, seconds, ipv4, ipv6| {
        let per = Duration::from_secs(seconds);
        Some(Rate { requests, per, prefixes: ClientPrefixes { ipv4, ipv6 } })
    };
    assert_eq!((plain.rate, old.rate), (rate(5, 1, 32, 64), None));
    assert_eq!(other.rate, rate(1_000_000, 3600, 24, 0));
    assert_eq!((old.action, old.path.case_sensitive), (Action::RedirectToHttps(443), false));
    assert_eq!((moved.action, moved.group), (Action::RedirectToHttps(8444), None));
    assert_eq!(old.error_pages[0].statuses, 400..=599);
    let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let hsts = |days: u64, include_subdomains, preload| {
        Some(Hsts { max_age: Duration::from_secs(86_400 * days), include_subdomains, preload })
    };
    let expected = ResponseEdits {
        remove: vec!["server".into(), "x-powered-by".into()],
        set: vec![field("X-Frame-Options", "SAMEORIGIN"), field("x-empty", ""), field("X-Two", "a \t b")],
        hsts: hsts(3650, true, true),
    };
    assert_eq!(other.response, expected);
    assert_eq!(last.response, ResponseEdits { hsts: hsts(365, false, false), ..ResponseEdits::default() });
    assert_eq!(
        other.error_pages,
        [ErrorPage { statuses: 503..=503, file: folder.path().join("sorry.html") }]
    );
}

/// Windows authentication needs HTTP/1.1, and a listener has one answer for all of its hosts.
#[test]
fn http2_is_offered_where_tls_is_spoken_and_no_connection_belongs_to_a_user() {
    let folder = Folder::new();
    const PLAIN: &str = "web: { bind: \"127.0.0.1:8080\" }";
    const TLS: &str = "tls: { certificates: [ { certificate: mim.pem, key: mim.key } ] }";
    const SITE: &str = "role: none, nodes: [a, b], port: 80";
    for (tls, http2, pool, offered) in [
        (false, "", SITE, false),
        (false, ", http2: auto", SITE, false),
        (true, "", SITE, true),
        (true, ", http2: auto", SITE, true),
        (true, ", http2: on", SITE, true),
        (true, ", http2: off", SITE, false),
        (true, "", "role: mim_portal, nodes: [a, b]", false),
        (true, "", "role: mim_portal, nodes: [a, b], connection_auth: auto", false),
        (true, "", "role: sspr_registration, nodes: [a, b]", false),
        (true, "", "role: sspr_reset, nodes: [a, b]", true),
        (true, "", "role: none, nodes: [a, b], port: 80, connection_auth: always", false),
        (true, "", "role: none, nodes: [a, b], port: 80, connection_auth: never", true),
    ] {
        let listener = format!(
            "web: {{ bind: \"127.0.0.1:8080\"{http2}{} }}",
            if tls { format!(", {TLS}") } else { String::new() }
        );
        let text = farm(PLAIN, &listener).replacen(SITE, pool, 1);
        let (config, _) = folder.good(&text);
        assert_eq!(config.listeners[0].http2, offered, "{tls} {http2} {pool}");
        assert_eq!(folder.good(&show(&config)).0.listeners[0].http2, offered, "{tls} {http2} {pool}");
    }
}

#[test]
fn what_is_shown_loads_to_the_same_configuration() {
    let folder = Folder::new();
    for text in [FARM, EVERYTHING] {
        let (config, _) = folder.good(text);
        let shown = show(&config);
        // Read from another folder: the paths are absolute.
        let elsewhere = tempfile::tempdir().unwrap();
        let again = load_text(&elsewhere.path().join("x.yaml"), &shown, &|_| None);
        let again = again.unwrap_or_else(|errors| panic!("{errors:#?}\n{shown}")).0;
        assert_eq!(format!("{again:#?}"), format!("{config:#?}"), "{shown}");
        assert_eq!(show(&again), shown);
    }
}

#[test]
fn the_environment_is_put_into_quoted_texts() {
    let folder = Folder::new();
    let path = |text: &str| {
        let (config, _) = folder.good(&farm("keys: [keys.txt]", &format!("keys: [keys.txt], path: {text}")));
        config.groups[1].cookie.as_ref().unwrap().path.clone()
    };
    assert_eq!(path(r#""/${PORT}""#), "/8080");
    assert_eq!(path("'/${PORT}${PORT}x'"), "/80808080x");
    assert_eq!(path(r#""/$${PORT}""#), "/${PORT}", "two dollars stand for one");
    assert_eq!(path(r#""/${DOLLAR}${PORT}""#), "/$8080", "a dollar from the environment is only that");
    assert_eq!(path(r#""/$PORT$""#), "/$PORT$");
    let shown = folder.good(&farm("keys: [keys.txt]", r#"keys: [keys.txt], path: "/$${PORT}""#)).0;
    assert_eq!(folder.good(&show(&shown)).0.groups[1].cookie.as_ref().unwrap().path, "/${PORT}");
}

#[test]
fn what_is_legal_but_looks_wrong_is_a_warning() {
    let folder = Folder::new();
    const SITE: &str = "role: none, nodes: [a, b], port: 80";
    const ROUTE: &str = "host: site.test, pool: site, persistence: ck";
    const KEYS: &str = "keys: [keys.txt]";
    for (changes, expected) in [
        (
            &[
                ("persistence: ip", "persistence: ck"),
                (ROUTE, "host: site.test, pool: site, persistence: ip"),
            ][..],
            &[
                "13:64: routes[0].persistence: ck, the clients of pool soap are SOAP clients, which send no cookies: use a group by source_ip",
            ][..],
        ),
        (
            &[(SITE, "role: mim_sts, nodes: [b, a]"), ("by: cookie", "by: auto")],
            &[
                "14:64: routes[1].persistence: ck, pool soap of the same nodes is in group ip: a client can get one node for each, though MIM needs the same",
            ],
        ),
        (
            &[(KEYS, "keys: [shared-keys.txt]")],
            &[
                "8:38: persistence.ck.cookie.keys[0]: the file's mode is 0644, other users may use the keys that protect the cookies; make it 0600",
            ],
        ),
        (
            &[("by: cookie", "by: source_ip")],
            &["8:32: persistence.ck.cookie: unused, the group's clients are recognised by something else"],
        ),
        (
            &[(KEYS, "keys: [keys.txt], same_site: None")],
            &[
                "8:29: persistence.ck.cookie: same_site None with secure auto, browsers drop such a cookie where it is not Secure, as on listener web without TLS; write secure: on if TLS ends in front of it",
            ],
        ),
        (
            &[(KEYS, "keys: [keys.txt], domain: example.com")],
            &[
                "8:29: persistence.ck.cookie: domain example.com, browsers drop a cookie for this domain from the host site.test of routes[1]",
            ],
        ),
        (
            &[
                ("nodes:\n", "  more: { bind: \"127.0.0.1:0\" }\nnodes:\n"),
                (ROUTE, "host: site.test, pool: soap"),
            ],
            &[
                "3:9: listeners.more: no route, every request to this listener is answered 404",
                "9:7: persistence.ck: no route, no request belongs to this group",
                "12:9: pools.site: no route, no request reaches this pool",
            ],
        ),
    ] {
        let mut text = FARM.to_owned();
        for (from, to) in changes {
            assert!(text.contains(from), "{from}");
            text = text.replacen(from, to, 1);
        }
        let expected: Vec<String> =
            expected.iter().map(|line| format!("warning: edge.yaml:{line}")).collect();
        assert_eq!(folder.good(&text).1, expected, "{text}");
    }
}

#[test]
fn the_files_that_ship_are_good() {
    let folder = Folder::new();
    folder.write("corp-ca.pem", &std::fs::read_to_string(folder.path().join("mim.pem")).unwrap());
    std::fs::copy(folder.path().join("keys.txt"), folder.path().join("cookie-keys.txt")).unwrap();
    for name in ["minimal", "edge", "demo"] {
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("conf/{name}.yaml"));
        let text = std::fs::read_to_string(shipped).unwrap().replace("DEMO_KEYS", "KEYS");
        let (config, warnings) = folder.good(&text);
        assert_eq!(warnings, [""; 0], "{name}");
        let again = folder.good(&show(&config)).0;
        assert_eq!(format!("{again:?}"), format!("{config:?}"), "{name}");
    }
}

#[test]
fn the_portal_is_a_few_lines_more() {
    let folder = Folder::new();
    std::fs::copy(folder.path().join("keys.txt"), folder.path().join("cookie-keys.txt")).unwrap();
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("conf/minimal.yaml");
    let text = std::fs::read_to_string(shipped).unwrap().replace("\n# ", "\n  ");
    let text = text.replacen("  Clients address", "# Clients address", 1);
    let (config, warnings) = folder.good(&text);
    assert_eq!((config.listeners.len(), config.pools.len(), config.routes.len()), (3, 3, 3));
    assert_eq!(warnings, [""; 0]);
}

/// The annotated file says which values are defaults: leaving those lines out changes nothing.
/// Who embeds the selector gets what the page says, too.
#[test]
fn a_group_that_is_told_nothing_is_the_librarys() {
    let groups = "  ip: { by: source_ip }\n  ck: { by: cookie, cookie: { keys: [keys.txt] } }\n";
    let more = "  both: { by: auto, cookie: { keys: [keys.txt] } }\n  nothing: { by: none }\n";
    let (config, _) = Folder::new().good(&farm(groups, &format!("{groups}{more}")));
    for group in &config.groups {
        let (name, keys) =
            (group.name.as_str(), group.cookie.as_ref().map(|cookie| Arc::clone(&cookie.keys)));
        let wanted = match (group.by, keys) {
            (By::SourceIp, None) => GroupSettings::by_source_ip(name),
            (By::Cookie, Some(keys)) => GroupSettings::by_cookie(name, keys),
            (By::Auto, Some(keys)) => GroupSettings::auto(name, keys),
            (By::None, None) => GroupSettings::unpinned(name),
            other => panic!("{other:?}"),
        };
        assert_eq!(format!("{group:?}"), format!("{wanted:?}"));
    }
    assert_eq!(config.groups.len(), 4);
}

#[test]
fn the_annotated_file_tells_the_truth_about_defaults() {
    let folder = Folder::new();
    folder.write("corp-ca.pem", &std::fs::read_to_string(folder.path().join("mim.pem")).unwrap());
    std::fs::copy(folder.path().join("keys.txt"), folder.path().join("cookie-keys.txt")).unwrap();
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("conf/edge.yaml");
    let text = std::fs::read_to_string(shipped).unwrap();
    let config = format!("{:?}", folder.good(&text).0);
    let lines: Vec<&str> = text.lines().collect();
    for (index, line) in lines.iter().enumerate() {
        let marked =
            line.split_once("# default").is_some_and(|(_, rest)| rest.is_empty() || rest.starts_with(';'));
        if marked && !line.trim_start().starts_with("- ") {
            let without: Vec<&str> =
                lines.iter().enumerate().filter(|(at, _)| *at != index).map(|(_, it)| *it).collect();
            let (left, _) = folder.good(&without.join("\n"));
            assert_eq!(format!("{left:?}"), config, "{line}");
        }
    }
}
