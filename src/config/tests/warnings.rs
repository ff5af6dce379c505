//! What is legal and fails in a farm of Microsoft Identity Manager: each warning, and its near misses.
//!
//! Cases are written as those of [`super::bad`], as changes to [`MIM`]; where nothing is expected, nothing may be
//! said.

use super::bad::changed;
use super::*;

/// A farm of which there is nothing to say.
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
pub(super) const ALL: [&str; 7] = [HASH, IDLE, PORTS, FAMILIES, PORTALS, COOKIES, TIMES];

#[test]
fn each_is_said_at_the_key_that_causes_it_and_only_then() {
    let folder = Folder::new();
    assert_eq!(folder.good(MIM).1, [""; 0]);
    let mut wrong = String::new();
    let (mut said, mut silent) = (0, 0);
    for case in ALL.concat().split("\n\n").filter(|case| !case.trim().is_empty()) {
        let (text, expected) = changed(MIM, case);
        let found = folder.good(&text).1.join("\n").replace("edge.yaml:", "");
        *(if expected.is_empty() { &mut silent } else { &mut said }) += 1;
        if found != expected {
            wrong += &format!("{case}\n--- but found\n{found}\n\n");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(said >= 12 && silent >= 15, "{said} warnings, {silent} near misses: where are the others?");
}

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
