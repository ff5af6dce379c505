//! Cases of groups, pools, routes and the smaller sections, and of sections that contradict each other.

pub(super) const GROUPS: &str = r##"
- ip: { by: source_ip }
+ ip: {}
7:7: persistence.ip.by: missing, expected source_ip, cookie, auto or none

- by: source_ip
+ by: sourceip
7:13: persistence.ip.by: sourceip, expected source_ip, cookie, auto or none

- ip: { by: source_ip }
+ ip: { by: source_ip, source_ip: { ipv4_prefix: 33, ipv6_prefix: 0, capacity: 0, when_full: drop } }
7:50: persistence.ip.source_ip.ipv4_prefix: 33, expected 1..=32
7:67: persistence.ip.source_ip.ipv6_prefix: 0, expected 1..=128
7:80: persistence.ip.source_ip.capacity: 0, expected 1..=16777216
7:94: persistence.ip.source_ip.when_full: drop, expected evict_oldest or refuse

- ip: { by: source_ip }
+ ip: { by: source_ip, static: { 10.0.0.0/33: a, 10.0.0.1/24: a, 10.0.0.9: c, 10.0.0.8/32: a, 10.0.0.8: b } }
7:47: persistence.ip.static.10.0.0.0/33: 10.0.0.0/33, the prefix length is no number from 0 to 32 (IPv4) or 128 (IPv6); expected a prefix such as 10.20.0.31/32
7:63: persistence.ip.static.10.0.0.1/24: 10.0.0.1/24, bits behind the prefix length are set; expected a prefix such as 10.20.0.31/32
7:76: persistence.ip.static.10.0.0.9: c, no such node; known: a, b
7:105: persistence.ip.static.10.0.0.8: 10.0.0.8/32, expected each prefix once

- ip: { by: source_ip }
+ ip: { by: source_ip, idle_timeout: null, max_age: 1, first_choice: random, unavailable: wait, hold: 2h, after_recovery: go }
7:38: persistence.ip.idle_timeout: null, expected a duration from 1s to 400d, such as 30s
7:53: persistence.ip.max_age: 1, expected a duration from 1s to 400d, such as 30s
7:70: persistence.ip.first_choice: random, expected least_pins, least_requests, round_robin or hash
7:91: persistence.ip.unavailable: wait, expected redispatch or reject
7:103: persistence.ip.hold: 2h, expected a duration from 0s to 1h, such as 30s
7:123: persistence.ip.after_recovery: go, expected stay or return

- ck: { by: cookie, cookie: { keys: [keys.txt] } }
+ ck: { by: cookie }
8:7: persistence.ck.cookie.keys: missing, expected a list of key files; make one with `identity-edge keys new cookie-keys.txt`

- ck: { by: cookie, cookie: { keys: [keys.txt] } }
+ ck: { by: auto, cookie: {} }
8:27: persistence.ck.cookie.keys: missing, expected a list of key files; make one with `identity-edge keys new cookie-keys.txt`

- keys: [keys.txt]
+ keys: [nokeys.txt]
8:38: persistence.ck.cookie.keys[0]: nokeys.txt, no such file; make one with `identity-edge keys new nokeys.txt`

- keys: [keys.txt]
+ keys: [mim.pem]
8:38: persistence.ck.cookie.keys[0]: mim.pem, no key file: line 1: expected <id> <base64 of 32 bytes> <created>

- keys: [keys.txt]
+ keys: [empty.pem]
8:38: persistence.ck.cookie.keys[0]: empty.pem, no key file: no key; make one with `identity-edge keys new`

- keys: [keys.txt]
+ keys: [.]
8:38: persistence.ck.cookie.keys[0]: ., cannot be read: not a file

- keys: [keys.txt]
+ keys: [keys.txt], name: "a b", domain: .example.com, path: "/;", same_site: none
8:55: persistence.ck.cookie.name: a b, expected a token: letters, digits and !#$%&'*+-.^_`|~
8:70: persistence.ck.cookie.domain: .example.com, expected a domain such as example.com, without a leading dot, or null
8:90: persistence.ck.cookie.path: /;, expected a path that starts with a slash, without semicolons and spaces
8:107: persistence.ck.cookie.same_site: none, expected Lax, Strict or None

- keys: [keys.txt]
+ keys: [keys.txt], same_site: None, secure: off
8:60: persistence.ck.cookie.same_site: None, expected Lax or Strict, or secure: on: browsers drop such a cookie

- keys: [keys.txt]
+ keys: [keys.txt], name: __Host-edge, secure: on, domain: example.com
8:55: persistence.ck.cookie.name: __Host-edge, expected secure: on, domain: null and path: / with this prefix: browsers drop such a cookie

- keys: [keys.txt]
+ keys: [keys.txt], name: __Secure-edge
8:55: persistence.ck.cookie.name: __Secure-edge, expected secure: on with this prefix: browsers drop such a cookie

- keys: [keys.txt]
+ keys: [keys.txt, shared-keys.txt, keys.txt, none.txt], secret: x
8:75: persistence.ck.cookie.keys[3]: none.txt, no such file; make one with `identity-edge keys new none.txt`
8:86: persistence.ck.cookie.secret: unknown key, did you mean secure?

- keys: [keys.txt]
+ keys: null
8:37: persistence.ck.cookie.keys: null, expected a list of key files; make one with `identity-edge keys new cookie-keys.txt`

"##;

pub(super) const POOLS: &str = r##"
- role: mim_service
+ role: mim
10:17: pools.soap.role: mim, expected mim_service, mim_sts, mim_portal, sspr_registration, sspr_reset or none

- role: none, nodes: [a, b], port: 80
+ role: none, nodes: [a, b]
11:9: pools.site.port: missing, expected the nodes' port: a pool without a role has none of its own

- role: none, nodes: [a, b], port: 80
+ role: none, nodes: [a, b], port: 0
11:44: pools.site.port: 0, expected 1..=65535

- role: none, nodes: [a, b], port: 80
+ role: none, nodes: [a, { node: c }, { port: 1 }, a], port: 80
11:42: pools.site.nodes[1].node: c, no such node; known: a, b
11:47: pools.site.nodes[2].node: missing, expected the name of a node
11:60: pools.site.nodes[3]: a, expected each node once in a pool

- role: none, nodes: [a, b], port: 80
+ role: none, nodes: [a, b], port: 80, max_requests: 10, queue: { length: 5, timeout: 1s }, slow_start: -1s, keepalive_connections: many
11:62: pools.site.max_requests: 10, not supported by this version, expected null
11:83: pools.site.queue.length: 5, not supported by this version, expected 0
11:95: pools.site.queue.timeout: 1s, not supported by this version, expected 0s
11:113: pools.site.slow_start: -1s, expected a duration from 0s to 1d, such as 30s
11:141: pools.site.keepalive_connections: many, expected 0..=1000000

- role: none, nodes: [a, b], port: 80
+ role: none, nodes: [a, b], port: 80, timeouts: { connect: 0s, raed: 1s }, ejection: { for: 0s }
11:69: pools.site.timeouts.connect: 0s, expected a duration from 1ms to 1d, such as 30s
11:73: pools.site.timeouts.raed: unknown key, did you mean read?
11:102: pools.site.ejection.for: 0s, expected a duration from 1ms to 1d, such as 30s

- role: none, nodes: [a, b], port: 80
+ role: mim_portal, nodes: [a, b], connection_auth: never
11:61: pools.site.connection_auth: never, expected always or auto: Windows authenticates connections, and one that users share would mix them up

- role: none, nodes: [a, b], port: 80
+ role: none, nodes: [a, b], port: 80, ejection: { consecutive_failures: 0, for: 2d }
11:82: pools.site.ejection.consecutive_failures: 0, expected 1..=1000000
11:90: pools.site.ejection.for: 2d, expected a duration from 1ms to 1d, such as 30s

- role: none, nodes: [a, b], port: 80
+ role: none, nodes: [a, b], port: 443, tls: { server_name: "a:b", ca: keys.txt, verify: 2 }
11:69: pools.site.tls.server_name: a:b, expected the name in the nodes' certificates, such as mim.example.com
11:80: pools.site.tls.ca: keys.txt, no certificate in the file, expected PEM with BEGIN CERTIFICATE
11:98: pools.site.tls.verify: 2, expected true or false

"##;

pub(super) const ROUTES: &str = r##"
- listener: web, host: site.test, pool: site, persistence: ck
+ listener: wbe, host: site.test, pool: stie, persistence: cookies
14:17: routes[1].listener: wbe, no such listener; did you mean web? known: web
14:45: routes[1].pool: stie, no such pool; did you mean site? known: soap, site
14:64: routes[1].persistence: cookies, no such persistence group; known: ip, ck

- listener: web, host: site.test, pool: site, persistence: ck
+ host: site.test
14:5: routes[1].listener: missing, expected the name of a listener
14:5: routes[1].pool: missing, expected the name of a pool

- listener: web, host: site.test, pool: site, persistence: ck
+ listener: web, host: "site.test:80", pool: site, persistence: ck
14:28: routes[1].host: site.test:80, expected a host such as mim.example.com, *.example.com or null for any, without a port

- listener: web, host: site.test, pool: site, persistence: ck
+ listener: web, host: site.test, path: x/, pool: site, persistence: ck
14:45: routes[1].path: x/, expected a path that starts with a slash and does not end with one, without a query

- listener: web, host: site.test, pool: site, persistence: ck
+ listener: web, host: site.test, path: /x/, pool: site, max_body: 1MB
14:45: routes[1].path: /x/, expected a path that starts with a slash and does not end with one, without a query
14:72: routes[1].max_body: 1MB, expected a size from 0 to 1024GiB, such as 64KiB

- listener: web, host: site.test, pool: site, persistence: ck
+ listener: web, host: SOAP.test, pool: site, persistence: ck
14:5: routes[1]: soap.test/, a tie with routes[0], expected another listener, host or path

- listener: web, host: site.test, pool: site, persistence: ck
+ listener: web, name: "web:soap.test/", host: site.test, pool: site
14:28: routes[1].name: web:soap.test/, the name of routes[0] already, expected another

"##;

pub(super) const REST: &str = r##"
- nodes:
+ log: { access: { to: [], format: xml }, level: loud }
+ nodes:
3:22: log.access.to: a list, expected stdout, off or a file
3:34: log.access.format: xml, expected json or text
3:48: log.level: loud, expected error, warn, info, debug, trace or off

- nodes:
+ limits: { request_header_bytes: 1, header_timeout: 10, connections: 0, waiting: -1 }
+ nodes:
3:33: limits.request_header_bytes: 1, expected a size from 1KiB to 16MiB, such as 64KiB
3:52: limits.header_timeout: 10, expected a duration from 1ms to 1h, such as 30s
3:69: limits.connections: 0, expected 1..=10000000
3:81: limits.waiting: -1, expected 0..=10000000

- nodes:
+ shutdown: { grace: forever }
+ nodes:
3:20: shutdown.grace: forever, expected a duration from 0s to 1d, such as 30s

- nodes:
+ session_store: { enabled: true, kind: redis }
+ federation: { saml: {} }
+ cluster: { pins: on }
+ nodes:
3:27: session_store.enabled: true, not supported by this version, expected false
3:39: session_store.kind: redis, not supported by this version, expected embedded
4:13: federation: a mapping, not supported by this version, expected {}
5:10: cluster: a mapping, not supported by this version, expected {}

- nodes:
+ state: { path: /x, save_interval: 1s }
+ nodes:
3:16: state.path: /x, not supported by this version, expected null
3:35: state.save_interval: 1s, not supported by this version, expected 10s

"##;

pub(super) const ADMIN: &str = r##"
- nodes:
+ admin: on
+ nodes:
3:8: admin: on, expected a mapping with bind and token_file, or null for none

- nodes:
+ admin: { port: 1, tken_file: t }
+ nodes:
3:10: admin.port: unknown key, expected bind or token_file
3:19: admin.tken_file: unknown key, did you mean token_file?

- nodes:
+ admin: { bind: localhost:9901 }
+ nodes:
3:16: admin.bind: localhost:9901, expected an address and port such as 127.0.0.1:9901, or null for none

- nodes:
+ admin: { bind: ["127.0.0.1:9901"] }
+ nodes:
3:16: admin.bind: a list, expected an address and port such as 127.0.0.1:9901, or null for none

- nodes:
+ admin: { bind: "0.0.0.0:9901" }
+ nodes:
3:16: admin.bind: 0.0.0.0:9901, set token_file, or bind to 127.0.0.1 or [::1]: without a token whoever reaches it sees the whole farm

- nodes:
+ admin: { bind: "10.20.0.1:0", token_file: null }
+ nodes:
3:16: admin.bind: 10.20.0.1:0, set token_file, or bind to 127.0.0.1 or [::1]: without a token whoever reaches it sees the whole farm

- nodes:
+ admin: { bind: "[::]:9901", token_file: none.txt }
+ nodes:
3:41: admin.token_file: none.txt, no such file; make one with `openssl rand -hex 32 > none.txt`

- nodes:
+ admin: { bind: "127.0.0.1:8080" }
+ nodes:
3:16: admin.bind: 127.0.0.1:8080, listener web binds 127.0.0.1:8080 already

- nodes:
+ admin: { bind: "0.0.0.0:8080", token_file: token.txt }
+ nodes:
3:16: admin.bind: 0.0.0.0:8080, listener web binds 127.0.0.1:8080 already

- 127.0.0.1:8080
+ 0.0.0.0:9901
2:16: listeners.web.bind: 0.0.0.0:9901, the admin interface binds 127.0.0.1:9901 by default; expected another port, or admin.bind to be set

- 127.0.0.1:8080
+ 127.0.0.1:9901
- nodes:
+ admin: { token_file: empty.pem }
+ nodes:
2:16: listeners.web.bind: 127.0.0.1:9901, the admin interface binds 127.0.0.1:9901 by default; expected another port, or admin.bind to be set
3:22: admin.token_file: empty.pem, no token: 0 characters, expected 16 to 256

- nodes:
+ admin: { bind: null, token_file: "" }
+ nodes:
3:34: admin.token_file: "", expected a file with a token, or null for none

- nodes:
+ admin: { token_file: . }
+ nodes:
3:22: admin.token_file: ., cannot be read: not a file

- nodes:
+ admin: { token_file: short-token.txt }
+ nodes:
3:22: admin.token_file: short-token.txt, no token: 15 characters, expected 16 to 256

- nodes:
+ admin: { token_file: long-token.txt }
+ nodes:
3:22: admin.token_file: long-token.txt, no token: 257 characters, expected 16 to 256

- nodes:
+ admin: { token_file: two-tokens.txt }
+ nodes:
3:22: admin.token_file: two-tokens.txt, no token: expected one word of visible ASCII characters, such as `openssl rand -hex 32` makes

"##;

pub(super) const RELATIONS: &str = r##"
- listener: web, host: site.test, pool: site, persistence: ck
+ listener: web, host: site.test, pool: site, persistence: ip }
+   - { listener: web, pool: more, persistence: ip
15:28: routes[2].pool: more, no such pool; known: soap, site

- role: none, nodes: [a, b], port: 80
+ role: mim_portal, nodes: [a, b] }
+   more: { role: sspr_reset, nodes: [a, b], tls: {} }
+   plain: { role: sspr_reset, nodes: [a, { node: b, port: 81 }], port: 80
12:49: pools.more.tls.server_name: missing, expected the name in the nodes' certificates, as no single exact host leads here
13:10: pools.plain.tls.server_name: missing, expected the name in the nodes' certificates, as no single exact host leads here

- ip: { by: source_ip }
+ ip: { by: source_ip, static: { 10.9.0.0/16: c } }
7:47: persistence.ip.static.10.9.0.0/16: c, no such node; known: a, b

- role: none, nodes: [a, b], port: 80
+ role: none, nodes: [a], port: 80 }
+   more: { role: none, nodes: [b, a], port: 81
- listener: web, host: site.test, pool: site, persistence: ck
+ listener: web, host: site.test, pool: site, persistence: ck }
+   - { listener: web, pool: more, persistence: ck
12:30: pools.more.nodes: a, b, expected a as in pool site: both belong to the persistence group ck

- role: none, nodes: [a, b], port: 80
+ role: none, nodes: [a], port: 80
- ck: { by: cookie, cookie: { keys: [keys.txt] } }
+ ck: { by: cookie, cookie: { keys: [keys.txt] }, static: { 10.9.0.0/16: a, 10.8.0.0/16: b } }
8:90: persistence.ck.static.10.8.0.0/16: b, not in the group's pools, expected one of: a

- ck: { by: cookie, cookie: { keys: [keys.txt] } }
+ ck: { by: cookie, cookie: { keys: [keys.txt], name: X } }
+   dk: { by: auto, cookie: { keys: [keys.txt], name: X } }
- listener: web, host: site.test, pool: site, persistence: ck
+ listener: web, host: site.test, pool: site, persistence: ck }
+   - { listener: web, host: "*.test", path: /x, pool: site, persistence: dk
9:27: persistence.dk.cookie: the cookie's name X, expected another name than that of group ck: both cookies reach the same hosts

- ck: { by: cookie, cookie: { keys: [keys.txt] } }
+ ck: { by: cookie, cookie: { keys: [keys.txt], name: X, domain: test } }
+   dk: { by: auto, cookie: { keys: [keys.txt], name: X } }
- listener: web, host: site.test, pool: site, persistence: ck
+ listener: web, host: site.test, pool: site, persistence: ck }
+   - { listener: web, host: a.b.test, path: /x, pool: site, persistence: dk
9:27: persistence.dk.cookie: the cookie's name X, expected another name than that of group ck: both cookies reach the same hosts

- role: none, nodes: [a, b], port: 80
+ role: mim_portal, nodes: [a, b]
- listener: web, host: site.test, pool: site, persistence: ck
+ listener: web, pool: site, persistence: ck
11:9: pools.site.tls.server_name: missing, expected the name in the nodes' certificates, as no single exact host leads here

- role: none, nodes: [a, b], port: 80
+ role: mim_portal, nodes: [a, b], tls: { verify: false }
- listener: web, host: site.test, pool: site, persistence: ck
+ listener: web, host: x.test, pool: site, persistence: ck }
+   - { listener: web, host: y.test, pool: site, persistence: ck
11:49: pools.site.tls.server_name: missing, expected the name in the nodes' certificates, as no single exact host leads here

- role: none, nodes: [a, b], port: 80
+ role: sspr_reset, nodes: [a, b]
- listener: web, host: site.test, pool: site, persistence: ck
+ listener: web, host: x.test, path: /Reset, pool: site }
+   - { listener: web, host: x.test, path: /reset, pool: soap
15:5: routes[2]: x.test/reset, a tie with routes[1], expected another listener, host or path

- web: { bind: "127.0.0.1:8080" }
+ web: { bind: nowhere, tls: yes }
- listener: web, host: site.test, pool: site, persistence: ck
+ lisener: web, pool: sit
2:16: listeners.web.bind: nowhere, expected an address and port such as 0.0.0.0:443, or a list of them
2:30: listeners.web.tls: yes, expected a mapping with certificates, or null for none
14:5: routes[1].listener: missing, expected the name of a listener
14:7: routes[1].lisener: unknown key, did you mean listener?
14:27: routes[1].pool: sit, no such pool; did you mean site? known: soap, site

"##;
