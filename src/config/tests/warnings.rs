//! What is legal and fails in a farm of Microsoft Identity Manager: each warning, and its near misses.
//!
//! Cases are written as those of [`super::bad`], as changes to [`MIM`]; where nothing is expected, nothing may be
//! said.

use super::bad::changed;
use super::*;

/// A farm of which there is nothing to say but the advice of which [`ADVICE`] tells.
pub(super) const MIM: &str = r#"listeners:
  service: { bind: ["0.0.0.0:5725", "[::]:5725"] }
  sts: { bind: ["0.0.0.0:5726", "[::]:5726"] }
  web: { bind: "0.0.0.0:443", tls: { certificates: [ { certificate: mim.pem, key: mim.key } ] } }
nodes:
  a: { address: 10.0.0.1 }
  b: { address: 10.0.0.2 }
persistence:
  ip: { by: source_ip }
  ck: { by: cookie, cookie: { keys: [keys.txt] } }
pools:
  service: { role: mim_service, nodes: [a, b] }
  sts: { role: mim_sts, nodes: [a, b] }
  portal: { role: mim_portal, nodes: [a, b] }
routes:
  - { listener: service, pool: service, persistence: ip }
  - { listener: sts, pool: sts, persistence: ip }
  - { listener: web, host: mim.test, pool: portal, persistence: ck }
"#;

/// All tables of cases.
pub(super) const ALL: [&str; 12] = [
    HASH,
    IDLE,
    PORTS,
    FAMILIES,
    PORTALS,
    COOKIES,
    TIMES,
    TRUST,
    SECURITY,
    BOUNDS,
    CERTIFICATES,
    AUTHORITIES,
];

#[test]
fn each_is_said_at_the_key_that_causes_it_and_only_then() {
    let (said, silent) = told(&ALL.concat(), |line| line.starts_with("warning: "));
    assert!(said >= 30 && silent >= 30, "{said} warnings, {silent} near misses: where are the others?");
}

/// What the file cannot tell is no warning: whoever reads it knows whether it is right.
#[test]
fn advice_is_told_apart() {
    let (said, silent) = told(ADVICE, |_| true);
    assert!(said >= 2 && silent >= 3, "{said} times advice, {silent} near misses: where are the others?");
}

/// Holds the lines of `cases` that `count` against what is said; the number of cases with and without any.
fn told(cases: &str, count: fn(&str) -> bool) -> (usize, usize) {
    let folder = Folder::new();
    let mut wrong = String::new();
    let (mut said, mut silent) = (0, 0);
    for case in cases.split("\n\n").filter(|case| !case.trim().is_empty()) {
        let (text, expected) = changed(MIM, case);
        let found: Vec<String> = folder.good(&text).1.into_iter().filter(|line| count(line)).collect();
        let found = found.join("\n").replace("edge.yaml:", "");
        *(if expected.is_empty() { &mut silent } else { &mut said }) += 1;
        if found != expected {
            wrong += &format!("{case}\n--- but found\n{found}\n\n");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    (said, silent)
}

pub(super) const ADVICE: &str = r#"
-   portal: { role: mim_portal, nodes: [a, b] }
+   portal: { role: mim_portal, nodes: [a, b] }
advice: 4:36: listeners.web.tls: TLS ends here, IIS behind pool portal refuses clients that send channel bindings where it requires Extended Protection; nothing to do where it does not, or where the nodes have this certificate and key

-   portal: { role: mim_portal, nodes: [a, b] }
+   portal: { role: mim_portal, nodes: [a, b] }
+   enrol: { role: sspr_registration, nodes: [a, b] }
- { listener: web, host: mim.test, pool: portal, persistence: ck }
+ { listener: web, host: mim.test, pool: portal, persistence: ck }
+   - { listener: web, host: enrol.test, pool: enrol, persistence: ck }
advice: 4:36: listeners.web.tls: TLS ends here, IIS behind pools portal, enrol refuses clients that send channel bindings where it requires Extended Protection; nothing to do where it does not, or where the nodes have this certificate and key

- portal: { role: mim_portal, nodes: [a, b] }
+ portal: { role: sspr_reset, nodes: [a, b] }

- portal: { role: mim_portal, nodes: [a, b] }
+ portal: { role: none, port: 80, connection_auth: always, nodes: [a, b] }

- web: { bind: "0.0.0.0:443", tls: { certificates: [ { certificate: mim.pem, key: mim.key } ] } }
+ web: { bind: "0.0.0.0:443", tls: null }

"#;

const TRUST: &str = r#"
- web: { bind: "0.0.0.0:443",
+ web: { bind: "0.0.0.0:443", trusted_proxies: [10.0.0.0/8],
warning: 4:48: listeners.web.trusted_proxies: unused, neither proxy_protocol nor client_header lets them name the client

- web: { bind: "0.0.0.0:443",
+ web: { bind: "0.0.0.0:443", proxy_protocol: require, trusted_proxies: [10.0.0.0/8, "::/0"],
warning: 4:73: listeners.web.trusted_proxies: everybody is trusted, whoever reaches the listener may take any address, and with it another client's pin and limits

- web: { bind: "0.0.0.0:443",
+ web: { bind: "0.0.0.0:443", proxy_protocol: require, trusted_proxies: [10.0.0.0/8, "::1"],

- web: { bind: "0.0.0.0:443",
+ web: { bind: "0.0.0.0:443", trusted_proxies: [],

- sts: { bind: ["0.0.0.0:5726", "[::]:5726"] }
+ sts: { bind: ["0.0.0.0:5726", "[::]:5726"], client_header: Forwarded, trusted_proxies: [10.0.0.9] }

"#;

const SECURITY: &str = r#"
- { listener: sts, pool: sts, persistence: ip }
+ { listener: sts, pool: sts, persistence: ip, hsts: {} }
warning: 17:56: routes[1].hsts: unused, listener sts has no TLS, and browsers ignore it there (RFC 6797 section 8.1)

- { listener: web, host: mim.test, pool: portal, persistence: ck }
+ { listener: web, host: mim.test, pool: portal, persistence: ck, hsts: {} }

- { listener: web, host: mim.test, pool: portal, persistence: ck }
+ { listener: web, host: mim.test, pool: portal, persistence: ck, hsts: { preload: true } }
warning: 18:86: routes[2].hsts.preload: true, the lists of browsers take no host without include_subdomains and a max_age of 365d

- { listener: web, host: mim.test, pool: portal, persistence: ck }
+ { listener: web, host: mim.test, pool: portal, persistence: ck, hsts: { preload: true, include_subdomains: true, max_age: 364d } }
warning: 18:86: routes[2].hsts.preload: true, the lists of browsers take no host without include_subdomains and a max_age of 365d

- { listener: web, host: mim.test, pool: portal, persistence: ck }
+ { listener: web, host: mim.test, pool: portal, persistence: ck, hsts: { preload: true, include_subdomains: true } }

- { listener: sts, pool: sts, persistence: ip }
+ { listener: sts, pool: sts, persistence: ip, hsts: null }

- { listener: web, host: mim.test, pool: portal, persistence: ck }
+ { listener: web, host: mim.test, pool: portal, persistence: ck, response_headers: { set: { cache-control: "max-age=60" } } }
warning: 18:111: routes[2].response_headers.set.cache-control: max-age=60, a shared cache may hand out the persistence cookie of one user to others; say private or no-store

- { listener: web, host: mim.test, pool: portal, persistence: ck }
+ { listener: web, host: mim.test, pool: portal, persistence: ck, response_headers: { set: { Cache-Control: "Private, max-age=60" } } }

- { listener: sts, pool: sts, persistence: ip }
+ { listener: sts, pool: sts, persistence: ip, response_headers: { set: { Cache-Control: "max-age=60" } } }

- { listener: sts, pool: sts, persistence: ip }
+ { listener: sts, pool: sts, persistence: ip }
+   - { listener: sts, path: /old, redirect: https }

- { listener: web, host: mim.test, pool: portal, persistence: ck }
+ { listener: web, host: mim.test, pool: portal, path: /IdentityManagement, persistence: ck }
+   - { listener: sts, host: mim.test, redirect: https }
warning: 18:58: routes[2].path: /IdentityManagement, SharePoint's pages need /_layouts and /_vti_bin too, and no route for host mim.test leads there: a portal has a host of its own

"#;

const BOUNDS: &str = r#"
- nodes:
+ limits: { connections: 100, connections_per_client: { limit: 101 } }
+ nodes:
warning: 5:62: limits.connections_per_client.limit: 101 connections for each client, all clients together have no more than 100 connections, so that this bounds nobody

- nodes:
+ limits: { connections: 100, connections_per_client: { limit: 100 } }
+ nodes:

- web: { bind: "0.0.0.0:443",
+ web: { bind: "0.0.0.0:443", limits: { connections_per_client: { limit: 20001 } },
warning: 4:74: listeners.web.limits.connections_per_client.limit: 20001 connections for each client, all clients together have no more than 20000 connections, so that this bounds nobody

- web: { bind: "0.0.0.0:443",
+ web: { bind: "0.0.0.0:443", limits: { connections: 10, connections_per_client: { limit: 11 } },
warning: 4:91: listeners.web.limits.connections_per_client.limit: 11 connections for each client, all clients together have no more than 10 connections, so that this bounds nobody

- web: { bind: "0.0.0.0:443",
+ web: { bind: "0.0.0.0:443", limits: { connections: 10 },
- nodes:
+ limits: { connections_per_client: { limit: 11 } }
+ nodes:
warning: 4:54: listeners.web.limits.connections: 11 connections for each client, all clients together have no more than 10 connections, so that this bounds nobody

- web: { bind: "0.0.0.0:443",
+ web: { bind: "0.0.0.0:443", limits: { connections: 20001 },
warning: 4:54: listeners.web.limits.connections: 20001, limits.connections bounds all listeners together to 20000

- web: { bind: "0.0.0.0:443",
+ web: { bind: "0.0.0.0:443", limits: { connections: 20000, connections_per_client: { limit: 20000 } },

- web: { bind: "0.0.0.0:443",
+ web: { bind: "0.0.0.0:443", limits: { connections: 10, connections_per_client: null },
- nodes:
+ limits: { connections_per_client: { limit: 11 } }
+ nodes:

"#;

const CERTIFICATES: &str = r#"
- { certificate: mim.pem, key: mim.key }
+ { certificate: soon.pem, key: soon.key }
warning: 4:69: listeners.web.tls.certificates[0].certificate: expires on 2026-01-30, clients refuse it from then on: renew it

- { certificate: mim.pem, key: mim.key }
+ { certificate: gone.pem, key: gone.key }
warning: 4:69: listeners.web.tls.certificates[0].certificate: expired on 2025-12-31, clients refuse it from then on: renew it

- { certificate: mim.pem, key: mim.key }
+ { certificate: later.pem, key: later.key }

- { certificate: mim.pem, key: mim.key }
+ { certificate: nameless.pem, key: nameless.key }
warning: 4:69: listeners.web.tls.certificates[0].certificate: no DNS name and no IP address in it, clients believe no certificate without subjectAltName; its common name counts for nothing

- { certificate: mim.pem, key: mim.key }
+ { certificate: address.pem, key: address.key }

- { certificate: mim.pem, key: mim.key }
+ { certificate: mim.pem, key: mim.key }, { certificate: ed25519.pem, key: ed25519.key }, { certificate: other.pem, key: other.key }

"#;

const AUTHORITIES: &str = r#"
- { certificate: mim.pem, key: mim.key } ] } }
+ { certificate: mim.pem, key: mim.key } ], client_ca: authorities.pem } }
warning: 4:107: listeners.web.tls.client_ca: expires on 2026-01-30, what it issued does not outlast it: put its successor into the file too

- { certificate: mim.pem, key: mim.key } ] } }
+ { certificate: mim.pem, key: mim.key } ], client_ca: later.pem } }

- portal: { role: mim_portal, nodes: [a, b] }
+ portal: { role: mim_portal, nodes: [a, b], tls: { ca: gone.pem, certificate: soon.pem, key: soon.key } }
warning: 14:57: pools.portal.tls.ca: expired on 2025-12-31, what it issued does not outlast it: put its successor into the file too
warning: 14:80: pools.portal.tls.certificate: expires on 2026-01-30, nodes refuse it from then on: renew it

- portal: { role: mim_portal, nodes: [a, b] }
+ portal: { role: mim_portal, nodes: [a, b], tls: { ca: later.pem, certificate: nameless.pem, key: nameless.key } }

"#;

const HASH: &str = r#"
- ip: { by: source_ip }
+ ip: { by: source_ip, first_choice: hash }
warning: 9:38: persistence.ip.first_choice: hash, a few heavy clients, such as portals, can land on one node of pool service: give them a node by static, or choose least_pins

- ip: { by: source_ip }
+ ip: { by: source_ip, first_choice: hash, static: { 10.9.0.1: a } }

- ip: { by: source_ip }
+ ip: { by: source_ip, first_choice: round_robin }

- ck: { by: cookie, cookie: { keys: [keys.txt] } }
+ ck: { by: cookie, cookie: { keys: [keys.txt] }, first_choice: hash }

"#;

const IDLE: &str = r#"
- ip: { by: source_ip }
+ ip: { by: source_ip, idle_timeout: 599m }
warning: 9:38: persistence.ip.idle_timeout: 599m, WCF clients of pool service use a security context for 10h, and the node that knows it is forgotten before

- ip: { by: source_ip }
+ ip: { by: auto, cookie: { keys: [keys.txt] }, idle_timeout: 3600s }
warning: 9:63: persistence.ip.idle_timeout: 1h, WCF clients of pool service use a security context for 10h, and the node that knows it is forgotten before

- ip: { by: source_ip }
+ ip: { by: source_ip, idle_timeout: 600m }

- ck: { by: cookie, cookie: { keys: [keys.txt] } }
+ ck: { by: cookie, cookie: { keys: [keys.txt] }, idle_timeout: 5m }

"#;

const PORTS: &str = r#"
- service: { role: mim_service, nodes: [a, b] }
+ service: { role: mim_service, nodes: [a, b], port: 5726 }
- sts: { role: mim_sts, nodes: [a, b] }
+ sts: { role: mim_sts, nodes: [a, { node: b, port: 5725 }] }
warning: 12:54: pools.service.port: 5726, MIM Service listens on 5725 and its token service on 5726: requests would meet the wrong one
warning: 13:53: pools.sts.nodes[1].port: 5725, MIM Service listens on 5725 and its token service on 5726: requests would meet the wrong one

- sts: { role: mim_sts, nodes: [a, b] }
+ sts: { role: mim_sts, nodes: [a, { node: b, port: 5726 }], port: 5725 }
warning: 13:68: pools.sts.port: 5725, MIM Service listens on 5725 and its token service on 5726: requests would meet the wrong one

- service: { role: mim_service, nodes: [a, b] }
+ service: { role: mim_service, nodes: [{ node: a, port: 15726 }, b], port: 5725 }

- portal: { role: mim_portal, nodes: [a, b] }
+ portal: { role: none, nodes: [a, b], port: 5726 }

- { listener: service, pool: service, persistence: ip }
+ { listener: sts, pool: service, persistence: ip }
- { listener: sts, pool: sts, persistence: ip }
+ { listener: service, pool: sts, persistence: ip }
warning: 16:17: routes[0].listener: sts, clients of port 5726 expect its token service (mim_sts), and pool service is MIM Service
warning: 17:17: routes[1].listener: service, clients of port 5725 expect MIM Service, and pool sts is its token service (mim_sts)

- { listener: sts, pool: sts, persistence: ip }
+ { listener: sts, pool: sts, persistence: ip }
+   - { listener: service, path: /STS, pool: sts, persistence: ip }

- service: { bind: ["0.0.0.0:5725", "[::]:5725"] }
+ service: { bind: ["0.0.0.0:5725", "0.0.0.0:5726"] }
- sts: { bind: ["0.0.0.0:5726", "[::]:5726"] }
+ sts: { bind: "0.0.0.0:5727" }
- { listener: sts, pool: sts, persistence: ip }
+ { listener: service, host: sts.test, pool: sts, persistence: ip }
+   - { listener: sts, pool: sts, persistence: ip }

"#;

const FAMILIES: &str = r#"
- sts: { bind: ["0.0.0.0:5726", "[::]:5726"] }
+ sts: { bind: "0.0.0.0:5726" }
warning: 3:16: listeners.sts.bind: IPv4 only, pool service is reachable by IPv6, and a client that uses both is two clients, perhaps on two nodes

- service: { bind: ["0.0.0.0:5725", "[::]:5725"] }
+ service: { bind: ["10.0.0.9:5725"] }
warning: 2:20: listeners.service.bind: IPv4 only, pool sts is reachable by IPv6, and a client that uses both is two clients, perhaps on two nodes

- service: { bind: ["0.0.0.0:5725", "[::]:5725"] }
+ service: { bind: "[2001:db8::1]:5725" }
- sts: { bind: ["0.0.0.0:5726", "[::]:5726"] }
+ sts: { bind: "10.0.0.9:5726" }
warning: 2:20: listeners.service.bind: IPv6 only, pool sts is reachable by IPv4, and a client that uses both is two clients, perhaps on two nodes
warning: 3:16: listeners.sts.bind: IPv4 only, pool service is reachable by IPv6, and a client that uses both is two clients, perhaps on two nodes

- sts: { bind: ["0.0.0.0:5726", "[::]:5726"] }
+ sts: { bind: "[::]:5726" }

- service: { bind: ["0.0.0.0:5725", "[::]:5725"] }
+ service: { bind: "0.0.0.0:5725" }
- sts: { bind: ["0.0.0.0:5726", "[::]:5726"] }
+ sts: { bind: "0.0.0.0:5726" }

- sts: { bind: ["0.0.0.0:5726", "[::]:5726"] }
+ sts: { bind: "0.0.0.0:5726" }
+   more: { bind: "[2001:db8::1]:5726" }
- { listener: sts, pool: sts, persistence: ip }
+ { listener: sts, pool: sts, persistence: ip }
+   - { listener: more, pool: sts, persistence: ip }

"#;

const PORTALS: &str = r#"
- { listener: web, host: mim.test, pool: portal, persistence: ck }
+ { listener: web, host: mim.test, path: /IdentityManagement, pool: portal, persistence: ck }
warning: 18:44: routes[2].path: /IdentityManagement, SharePoint's pages need /_layouts and /_vti_bin too, and no route for host mim.test leads there: a portal has a host of its own

- { listener: web, host: mim.test, pool: portal, persistence: ck }
+ { listener: web, host: mim.test, path: /IdentityManagement, pool: portal, persistence: ck }
+   - { listener: web, host: mim.test, path: /_Layouts, pool: portal, persistence: ck }
warning: 18:44: routes[2].path: /IdentityManagement, SharePoint's pages need /_vti_bin too, and no route for host mim.test leads there: a portal has a host of its own

- { listener: web, host: mim.test, pool: portal, persistence: ck }
+ { listener: web, host: "*.test", path: /a, pool: portal, persistence: ck }
+   - { listener: web, host: x.test, pool: portal, persistence: ck }
- portal: { role: mim_portal, nodes: [a, b] }
+ portal: { role: mim_portal, nodes: [a, b], tls: null }
warning: 18:44: routes[2].path: /a, SharePoint's pages need /_layouts and /_vti_bin too, and no route for host *.test leads there: a portal has a host of its own

- { listener: web, host: mim.test, pool: portal, persistence: ck }
+ { listener: web, host: mim.test, path: /IdentityManagement, pool: portal, persistence: ck }
+   - { listener: web, pool: portal, persistence: ck }
- portal: { role: mim_portal, nodes: [a, b] }
+ portal: { role: mim_portal, nodes: [a, b], tls: null }

- { listener: web, host: mim.test, pool: portal, persistence: ck }
+ { listener: web, host: mim.test, path: /IdentityManagement, pool: portal, persistence: ck }
+   - { listener: web, host: mim.test, path: /_layouts, pool: portal, persistence: ck }
+   - { listener: web, host: mim.test, path: /_vti_bin, pool: portal, persistence: ck }

- portal: { role: mim_portal, nodes: [a, b] }
+ portal: { role: sspr_reset, nodes: [a, b] }
- { listener: web, host: mim.test, pool: portal, persistence: ck }
+ { listener: web, host: mim.test, path: /PasswordReset, pool: portal, persistence: ck }

"#;

const COOKIES: &str = r#"
- ck: { by: cookie, cookie: { keys: [keys.txt] } }
+ ck: { by: cookie, cookie: { keys: [keys.txt], secure: off } }
warning: 10:57: persistence.ck.cookie.secure: off, every listener of the group has TLS, and without Secure browsers send the cookie over plain HTTP too, where others can read it

- ck: { by: cookie, cookie: { keys: [keys.txt] } }
+ ck: { by: cookie, cookie: { keys: [keys.txt], secure: off } }
- { listener: web, host: mim.test, pool: portal, persistence: ck }
+ { listener: web, host: mim.test, pool: portal, persistence: ck }
+   - { listener: service, host: mim.test, pool: portal, persistence: ck }

- ck: { by: cookie, cookie: { keys: [keys.txt] } }
+ ck: { by: cookie, cookie: { keys: [keys.txt], secure: on } }

"#;

const TIMES: &str = r#"
- service: { role: mim_service, nodes: [a, b] }
+ service: { role: mim_service, nodes: [a, b], timeouts: { read: 1199s } }
- sts: { role: mim_sts, nodes: [a, b] }
+ sts: { role: mim_sts, nodes: [a, b], timeouts: { read: 5m } }
warning: 12:66: pools.service.timeouts.read: 1199s, clients of MIM Service wait 20 minutes for an answer, and get a 504 before
warning: 13:58: pools.sts.timeouts.read: 5m, clients of MIM Service wait 20 minutes for an answer, and get a 504 before

- service: { role: mim_service, nodes: [a, b] }
+ service: { role: mim_service, nodes: [a, b], timeouts: { read: 20m } }
- portal: { role: mim_portal, nodes: [a, b] }
+ portal: { role: mim_portal, nodes: [a, b], timeouts: { read: 5s } }

- service: { bind: ["0.0.0.0:5725", "[::]:5725"] }
+ service: { bind: ["0.0.0.0:5725", "[::]:5725"], keepalive: 99s }
-   web: { bind: "0.0.0.0:443",
+   web: { bind: "0.0.0.0:443", keepalive: 10s,
warning: 2:62: listeners.service.keepalive: 99s, clients on .NET keep an idle connection for 100s, and a request that they send while the edge closes it fails

- sts: { bind: ["0.0.0.0:5726", "[::]:5726"] }
+ sts: { bind: ["0.0.0.0:5726", "[::]:5726"], keepalive: 100s }

- sts: { role: mim_sts, nodes: [a, b] }
+ sts: { role: mim_sts, nodes: [a, b], timeouts: { idle: 120s } }
- portal: { role: mim_portal, nodes: [a, b] }
+ portal: { role: mim_portal, nodes: [a, b], timeouts: { idle: 1h } }
warning: 13:58: pools.sts.timeouts.idle: 2m, http.sys closes an idle connection after 120s, and a request that meets the close fails
warning: 14:64: pools.portal.timeouts.idle: 1h, http.sys closes an idle connection after 120s, and a request that meets the close fails

- service: { role: mim_service, nodes: [a, b] }
+ service: { role: mim_service, nodes: [a, b], timeouts: { idle: 119s } }
- portal: { role: mim_portal, nodes: [a, b] }
+ portal: { role: none, nodes: [a, b], port: 80, timeouts: { idle: 1h } }

"#;
