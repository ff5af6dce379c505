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
+ role: none, nodes: [a, b], port: 80, max_requests: 0, queue: { length: -5, timeout: 2h }, slow_start: -1s, keepalive_connections: many
11:62: pools.site.max_requests: 0, expected 1..=1000000
11:82: pools.site.queue.length: -5, expected 0..=1000000
11:95: pools.site.queue.timeout: 2h, expected a duration from 0s to 1h, such as 30s
11:113: pools.site.slow_start: -1s, expected a duration from 0s to 1d, such as 30s
11:141: pools.site.keepalive_connections: many, expected 0..=1000000

- role: none, nodes: [a, b], port: 80
+ role: none, nodes: [a, b], port: 80, proxy_protocol: v1, queue: 5
11:64: pools.site.proxy_protocol: v1, expected off or v2
11:75: pools.site.queue: 5, expected a mapping with length and timeout

- role: none, nodes: [a, b], port: 80
+ role: none, nodes: [a, b], port: 443, tls: { server_name: x.test, certificate: mim.pem, key: other.key }
11:104: pools.site.tls.key: other.key, not the key of the certificate, expected the one it was issued for

- role: none, nodes: [a, b], port: 80
+ role: none, nodes: [a, b], port: 443, tls: { server_name: x.test, certificate: mim.pem }
11:90: pools.site.tls.certificate: mim.pem, expected its key beside it

- role: none, nodes: [a, b], port: 80
+ role: none, nodes: [a, { node: b, tls: { key: mim.key, certificate: null } }], port: 443, tls: { server_name: x.test, certificate: mim.pem, key: mim.key }
11:57: pools.site.nodes[1].tls.key: mim.key, expected its certificate beside it

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
14:5: routes[1].pool: missing, expected the name of a pool, or redirect: https instead of it

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
+ listener: web, host: site.test, redirect: null
14:5: routes[1].pool: missing, expected the name of a pool, or redirect: https instead of it

- listener: web, host: site.test, pool: site, persistence: ck
+ listener: web, host: site.test, pool: site, redirect: https
14:45: routes[1].pool: site, expected either pool or redirect: a redirect goes to no pool

- listener: web, host: site.test, pool: site, persistence: ck
+ listener: web, host: site.test, redirect: https, persistence: ck, max_body: 1MiB
14:69: routes[1].persistence: ck, expected no persistence beside redirect: no node answers these requests
14:83: routes[1].max_body: 1MiB, expected no max_body beside redirect: no node answers these requests

- listener: web, host: site.test, pool: site, persistence: ck
+ listener: web, host: site.test, redirect: http
14:49: routes[1].redirect: http, expected https, { https: PORT } for another port than 443, or null for none

- listener: web, host: site.test, pool: site, persistence: ck
+ listener: web, host: site.test, redirect: { https: 0 }
14:58: routes[1].redirect.https: 0, expected 1..=65535

- listener: web, host: site.test, pool: site, persistence: ck
+ listener: web, host: site.test, redirect: { http: 80 }
14:49: routes[1].redirect.https: missing, expected 1..=65535
14:51: routes[1].redirect.http: unknown key, did you mean https?

- listener: web, host: site.test, pool: site, persistence: ck
+ listener: web, host: SOAP.test, redirect: https
14:5: routes[1]: soap.test/, a tie with routes[0], expected another listener, host or path

- listener: web, host: site.test, pool: site, persistence: ck
+ listener: web, host: site.test, pool: site, rate: { requests: 0, per: 999ms, ipv4_prefix: 33, ipv6_prefix: 129 }
14:69: routes[1].rate.requests: 0, expected 1..=1000000
14:77: routes[1].rate.per: 999ms, expected a duration from 1s to 1h, such as 30s
14:97: routes[1].rate.ipv4_prefix: 33, expected 0..=32
14:114: routes[1].rate.ipv6_prefix: 129, expected 0..=128

- listener: web, host: site.test, pool: site, persistence: ck
+ listener: web, host: site.test, pool: site, rate: { requests: 1000001, per: 61m, burst: 5 }
14:69: routes[1].rate.requests: 1000001, expected 1..=1000000
14:83: routes[1].rate.per: 61m, expected a duration from 1s to 1h, such as 30s
14:88: routes[1].rate.burst: unknown key, expected requests, per, ipv4_prefix or ipv6_prefix

- listener: web, host: site.test, pool: site, persistence: ck
+ listener: web, host: site.test, pool: site, rate: 100
14:57: routes[1].rate: 100, expected a mapping with requests, per, ipv4_prefix, ipv6_prefix, or null for no limit

- listener: web, host: site.test, pool: site, persistence: ck
+ listener: web, host: site.test, pool: site, rate: {}
14:57: routes[1].rate.requests: missing, expected 1..=1000000

- listener: web, host: site.test, pool: site, persistence: ck
+ listener: web, host: site.test, pool: site, response_headers: { remove: [Content-Length, Proxy-Authenticate, "a b", Set-Cookie, Server, SERVER, X-One, null], set: { x-one: a } }
14:80: routes[1].response_headers.remove[0]: Content-Length, expected another field: it says where the message ends, and the edge sets it as the body needs it
14:96: routes[1].response_headers.remove[1]: Proxy-Authenticate, expected another field: it belongs to one connection, and the edge sets it for each of its own
14:116: routes[1].response_headers.remove[2]: a b, expected a field's name: letters, digits and !#$%&'*+-.^_`|~
14:123: routes[1].response_headers.remove[3]: Set-Cookie, expected another field: it carries the sessions of nodes and the persistence cookie
14:143: routes[1].response_headers.remove[5]: SERVER, expected each field once
14:151: routes[1].response_headers.remove[6]: X-One, expected each field once: x-one is set, which takes out what the node said
14:158: routes[1].response_headers.remove[7]: null, expected a field's name: letters, digits and !#$%&'*+-.^_`|~

- listener: web, host: site.test, pool: site, persistence: ck
+ listener: web, host: site.test, pool: site, response_headers: { remove: Server, set: [], add: {} }
14:79: routes[1].response_headers.remove: Server, expected a list of fields' names
14:92: routes[1].response_headers.set: a list, expected a mapping of fields' names to their values
14:96: routes[1].response_headers.add: unknown key, expected remove or set

- listener: web, host: site.test, pool: site, persistence: ck
+ listener: web, host: site.test, pool: site, response_headers: { set: { Transfer-Encoding: x, connection: x, Keep-Alive: x, Upgrade: x, Trailer: x, TE: x } }
14:97: routes[1].response_headers.set.Transfer-Encoding: Transfer-Encoding, expected another field: it says where the message ends, and the edge sets it as the body needs it
14:112: routes[1].response_headers.set.connection: connection, expected another field: it belongs to one connection, and the edge sets it for each of its own
14:127: routes[1].response_headers.set.Keep-Alive: Keep-Alive, expected another field: it belongs to one connection, and the edge sets it for each of its own
14:139: routes[1].response_headers.set.Upgrade: Upgrade, expected another field: it belongs to one connection, and the edge sets it for each of its own
14:151: routes[1].response_headers.set.Trailer: Trailer, expected another field: it says where the message ends, and the edge sets it as the body needs it
14:158: routes[1].response_headers.set.TE: TE, expected another field: it belongs to one connection, and the edge sets it for each of its own

- listener: web, host: site.test, pool: site, persistence: ck
+ listener: web, host: site.test, pool: site, response_headers: { set: { Date: x, Age: x, Location: x, WWW-Authenticate: x, Authentication-Info: x, Persistent-Auth: x, Set_Cookie: x } }
14:84: routes[1].response_headers.set.Date: Date, expected another field: caches and clients reckon from the time that the node tells in it
14:92: routes[1].response_headers.set.Age: Age, expected another field: caches tell in it how old a response is
14:105: routes[1].response_headers.set.Location: Location, expected another field: redirects lead where it says
14:126: routes[1].response_headers.set.WWW-Authenticate: WWW-Authenticate, expected another field: signing in is made of it, and no user would get in without it as it is
14:150: routes[1].response_headers.set.Authentication-Info: Authentication-Info, expected another field: signing in is made of it, and no user would get in without it as it is
14:170: routes[1].response_headers.set.Persistent-Auth: Persistent-Auth, expected another field: signing in is made of it, and no user would get in without it as it is
14:185: routes[1].response_headers.set.Set_Cookie: Set_Cookie, expected another field: it carries the sessions of nodes and the persistence cookie

- listener: web, host: site.test, pool: site, persistence: ck
+ listener: web, host: site.test, pool: site, response_headers: { set: { Content-Type: x, Content-Encoding: x, Vary: x, Sec-WebSocket-Accept: x, HTTP2-Settings: x } }
14:92: routes[1].response_headers.set.Content-Type: Content-Type, expected another field: it tells what the node's body is, which the edge passes as it is
14:113: routes[1].response_headers.set.Content-Encoding: Content-Encoding, expected another field: it tells what the node's body is, which the edge passes as it is
14:122: routes[1].response_headers.set.Vary: Vary, expected another field: without what the node says in it, caches mix up the responses of users
14:147: routes[1].response_headers.set.Sec-WebSocket-Accept: Sec-WebSocket-Accept, expected another field: a WebSocket opens with what the node says here
14:166: routes[1].response_headers.set.HTTP2-Settings: HTTP2-Settings, expected another field: it belongs to one connection, and the edge sets it for each of its own

- listener: web, host: site.test, pool: site, persistence: ck
+ listener: web, host: site.test, pool: site, response_headers: { set: { strict-transport-security: max-age=1 } }
14:105: routes[1].response_headers.set.strict-transport-security: strict-transport-security, expected hsts beside response_headers, which says the same to TLS clients alone

- listener: web, host: site.test, pool: site, persistence: ck
+ listener: web, host: site.test, pool: site, response_headers: { set: { "X: y": a, X-One: "a\nb", X-Two: "é", X-Three: " a", X-Four: "a\t", X-Five: null, X-Six: a, x-six: b } }
14:76: routes[1].response_headers.set: X: y, expected a field's name: letters, digits and !#$%&'*+-.^_`|~
14:96: routes[1].response_headers.set.X-One: a\nb, expected visible ASCII characters, with spaces and tabs only between them
14:111: routes[1].response_headers.set.X-Two: é, expected visible ASCII characters, with spaces and tabs only between them
14:125: routes[1].response_headers.set.X-Three:  a, expected visible ASCII characters, with spaces and tabs only between them
14:139: routes[1].response_headers.set.X-Four: a\t, expected visible ASCII characters, with spaces and tabs only between them
14:154: routes[1].response_headers.set.X-Five: null, expected visible ASCII characters, with spaces and tabs only between them
14:177: routes[1].response_headers.set.x-six: x-six, expected each field once, and X-Six is the same

- listener: web, host: site.test, pool: site, persistence: ck
+ listener: web, host: site.test, pool: site, hsts: { max_age: 3651d, include_subdomains: maybe, preload: 2 }
14:68: routes[1].hsts.max_age: 3651d, expected a duration from 0s to 3650d, such as 30s
14:95: routes[1].hsts.include_subdomains: maybe, expected true or false
14:111: routes[1].hsts.preload: 2, expected true or false

- listener: web, host: site.test, pool: site, persistence: ck
+ listener: web, host: site.test, pool: site, hsts: { max_age: 1500ms }
14:68: routes[1].hsts.max_age: 1500ms, expected whole seconds, such as 365d

- listener: web, host: site.test, pool: site, persistence: ck
+ listener: web, host: site.test, pool: site, hsts: true
14:57: routes[1].hsts: true, expected a mapping with max_age, include_subdomains, preload, or null for none

- listener: web, host: site.test, pool: site, persistence: ck
+ listener: web, host: site.test, pool: site, error_pages: { 200: lost.html, 404: none.html }
14:71: routes[1].error_pages.200: 200, expected a status or a range within 400 to 599, such as 404 or 502-504
14:87: routes[1].error_pages.404: none.html, no such file

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
+ limits: { request_headers: 0, body_rate: 2GiB, connections_per_client: { limit: 0 }, http2: { streams: 1001, resets: -1, control_frames: many } }
+ nodes:
3:28: limits.request_headers: 0, expected 1..=128
3:42: limits.body_rate: 2GiB, expected a size from 0 to 1GiB, such as 64KiB
3:81: limits.connections_per_client.limit: 0, expected 1..=10000000
3:104: limits.http2.streams: 1001, expected 1..=1000
3:118: limits.http2.resets: -1, expected 1..=1000000
3:138: limits.http2.control_frames: many, expected 1..=1000000

- nodes:
+ limits: { connections_per_client: {}, requests_per_connection: 0, http2: on }
+ nodes:
3:35: limits.connections_per_client.limit: missing, expected 1..=10000000
3:64: limits.requests_per_connection: 0, expected 1..=1000000000
3:74: limits.http2: on, expected a mapping with streams, resets, control_frames

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
