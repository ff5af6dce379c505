//! Cases in which one value is wrong by itself, or the file is no YAML.

pub(super) const YAML: &str = r##"
-   a: { address
+ 	a: { address
4:2: no YAML, tabs disallowed within this context (block indentation)

- [a, b] }
-   site
+ [a, b }
+   site
10:43: no YAML, while parsing a flow sequence, expected ',' or ']'

- web: { bind: "127.0.0.1:8080" }
+ web: &x { bind: "127.0.0.1:8080" }
2:8: listeners.web: an anchor, expected a value without one

- 
- nodes
+ 
+ ---
+ nodes
3:1: a second document, expected one document a file

- a: { address: 10.0.0.1 }
+ a: !node { address: 10.0.0.1 }
4:6: nodes.a: a tag, expected a value without one

"##;

pub(super) const KEYS: &str = r##"
- listeners:
+ listener:
1:1: listeners: missing, expected a mapping of at least one listener's name to its bind, tls, keepalive
1:1: listener: unknown key, did you mean listeners?

- bind:
+ bnid:
2:8: listeners.web.bind: missing, expected an address and port such as 0.0.0.0:443, or a list of them
2:10: listeners.web.bnid: unknown key, did you mean bind?

- bind:
+ zzz:
2:8: listeners.web.bind: missing, expected an address and port such as 0.0.0.0:443, or a list of them
2:10: listeners.web.zzz: unknown key, expected bind, tls, http2, proxy_protocol, trusted_proxies, client_header, keepalive, limits or error_pages

- a: { address: 10.0.0.1 }
+ a: { address: 10.0.0.1, address: 10.0.0.2 }
4:27: nodes.a.address: duplicate key, first given in line 4

- a: { address: 10.0.0.1 }
+ a: { address: 10.0.0.1 }
+   a: { address: 10.0.0.2 }
5:3: nodes.a: duplicate key, first given in line 4

- a: { address: 10.0.0.1 }
+ a b: { address: 10.0.0.1 }
4:3: nodes: a b, expected a name of at most 64 letters, digits, dots, dashes and underscores
10:38: pools.soap.nodes[0]: a, no such node; known: a b, b
11:31: pools.site.nodes[0]: a, no such node; known: a b, b

- routes:
+ routes: []
+ old:
12:9: routes: an empty list, expected a list of at least one route
13:1: old: unknown key, expected listeners, nodes, persistence, pools, routes, admin, log, limits, shutdown, session_store, federation, cluster or state

"##;

pub(super) const KINDS: &str = r##"
- web: { bind: "127.0.0.1:8080" }
+ web: []
2:8: listeners.web: a list, expected a mapping with bind, tls, keepalive

- web: { bind: "127.0.0.1:8080" }
+ web:
2:6: listeners.web: nothing, expected a mapping with bind, tls, keepalive

- 10.0.0.1
+ null
4:17: nodes.a.address: null, expected an IP address or a host name, without a port

- 10.0.0.1
+ []
4:17: nodes.a.address: a list, expected an IP address or a host name, without a port

- [a, b]
+ a
10:37: pools.soap.nodes: a, expected a list of nodes

- [a, b]
+ []
10:37: pools.soap.nodes: an empty list, expected a list of nodes

- [keys.txt]
+ []
8:37: persistence.ck.cookie.keys: an empty list, expected a list of key files; make one with `identity-edge keys new cookie-keys.txt`

- "127.0.0.1:8080"
+ []
2:16: listeners.web.bind: an empty list, expected an address and port such as 0.0.0.0:443, or a list of them

"##;

pub(super) const LISTENERS: &str = r##"
- 127.0.0.1:8080
+ 127.0.0.1
2:16: listeners.web.bind: 127.0.0.1, expected an address and port such as 0.0.0.0:443, or a list of them

- 127.0.0.1:8080
+ localhost:8080
2:16: listeners.web.bind: localhost:8080, expected an address and port such as 0.0.0.0:443, or a list of them

- web: { bind: "127.0.0.1:8080" }
+ web: { bind: "127.0.0.1:8080" }
+   b: { bind: ["0.0.0.0:8080", "[::]:8080", "127.0.0.1:8080"] }
3:15: listeners.b.bind[0]: 0.0.0.0:8080, listener web binds 127.0.0.1:8080 already
3:44: listeners.b.bind[2]: 127.0.0.1:8080, listener web binds 127.0.0.1:8080 already

- web: { bind: "127.0.0.1:8080" }
+ web: { bind: "127.0.0.1:8080", keepalive: 0s }
2:45: listeners.web.keepalive: 0s, expected a duration from 1s to 1d, such as 30s

- web: { bind: "127.0.0.1:8080" }
+ web: { bind: "127.0.0.1:8080", keepalive: 120 }
2:45: listeners.web.keepalive: 120, expected a duration from 1s to 1d, such as 30s

- web: { bind: "127.0.0.1:8080" }
+ web: { bind: "127.0.0.1:8080", http2: always, proxy_protocol: on, client_header: X-Real-IP }
2:41: listeners.web.http2: always, expected auto, on or off
2:65: listeners.web.proxy_protocol: on, expected off, accept or require
2:84: listeners.web.client_header: X-Real-IP, expected X-Forwarded-For or Forwarded

- web: { bind: "127.0.0.1:8080" }
+ web: { bind: "127.0.0.1:8080", trusted_proxies: 10.0.0.0/8 }
2:51: listeners.web.trusted_proxies: 10.0.0.0/8, expected a list of addresses or prefixes such as 10.0.0.0/8

- web: { bind: "127.0.0.1:8080" }
+ web: { bind: "127.0.0.1:8080", trusted_proxies: [10.0.0.1/8, 10.0.0.0/33, lb.example.com, null, 10.0.0.0/8, "::ffff:10.0.0.0/104"] }
2:52: listeners.web.trusted_proxies[0]: 10.0.0.1/8, bits behind the prefix length are set; expected an address or prefix such as 10.0.0.0/8
2:64: listeners.web.trusted_proxies[1]: 10.0.0.0/33, the prefix length is no number from 0 to 32 (IPv4) or 128 (IPv6); expected an address or prefix such as 10.0.0.0/8
2:77: listeners.web.trusted_proxies[2]: lb.example.com, no IP address; expected an address or prefix such as 10.0.0.0/8
2:93: listeners.web.trusted_proxies[3]: null, expected an address or prefix such as 10.0.0.0/8
2:111: listeners.web.trusted_proxies[5]: ::ffff:10.0.0.0/104, expected each prefix once

- web: { bind: "127.0.0.1:8080" }
+ web: { bind: "127.0.0.1:8080", tls: { certificates: [] } }
2:55: listeners.web.tls.certificates: an empty list, expected a list of certificates with their keys

- web: { bind: "127.0.0.1:8080" }
+ web: { bind: "127.0.0.1:8080", tls: { certificates: [ { certificate: mim.pem, key: mim.key }, { certificate: other.pem, key: mim.key } ] } }
2:128: listeners.web.tls.certificates[1].key: mim.key, not the key of the certificate, expected the one it was issued for

- web: { bind: "127.0.0.1:8080" }
+ web: { bind: "127.0.0.1:8080", tls: { certificates: [ { certificate: mim.pem } ] } }
2:57: listeners.web.tls.certificates[0].key: missing, expected a PEM file

- web: { bind: "127.0.0.1:8080" }
+ web: { bind: "127.0.0.1:8080", tls: { certificates: [ { certificate: none.pem, key: none.key } ] } }
2:72: listeners.web.tls.certificates[0].certificate: none.pem, no such file
2:87: listeners.web.tls.certificates[0].key: none.key, no such file

- web: { bind: "127.0.0.1:8080" }
+ web: { bind: "127.0.0.1:8080", tls: { certificates: [ { certificate: empty.pem, key: empty.pem } ] } }
2:72: listeners.web.tls.certificates[0].certificate: empty.pem, no certificate in the file, expected PEM with BEGIN CERTIFICATE
2:88: listeners.web.tls.certificates[0].key: empty.pem, no private key in the file, expected PEM with BEGIN PRIVATE KEY

- web: { bind: "127.0.0.1:8080" }
+ web: { bind: "127.0.0.1:8080", tls: { certificates: [ { certificate: cut.pem, key: mim.pem } ] } }
2:72: listeners.web.tls.certificates[0].certificate: cut.pem, a section without its END line, expected PEM
2:86: listeners.web.tls.certificates[0].key: mim.pem, no private key in the file, expected PEM with BEGIN PRIVATE KEY

- web: { bind: "127.0.0.1:8080" }
+ web: { bind: "127.0.0.1:8080", tls: { certificates: [ { certificate: no-certificate.pem, key: mim.key } ] } }
2:72: listeners.web.tls.certificates[0].certificate: no-certificate.pem, no usable certificate, expected one of X.509 version 3 first in the file

- web: { bind: "127.0.0.1:8080" }
+ web: { bind: "127.0.0.1:8080", tls: { certificates: [ { certificate: mim.pem, key: no-key.pem } ] } }
2:86: listeners.web.tls.certificates[0].key: no-key.pem, no usable key, expected RSA of 2048 bits or more, ECDSA (P-256, P-384) or Ed25519

- web: { bind: "127.0.0.1:8080" }
+ web: { bind: "127.0.0.1:8080", tls: { certificates: [ { certificate: mim.pem, key: other.key } ] } }
2:86: listeners.web.tls.certificates[0].key: other.key, not the key of the certificate, expected the one it was issued for

- web: { bind: "127.0.0.1:8080" }
+ web: { bind: "127.0.0.1:8080", tls: { certificates: [ { certificate: mim.pem, key: mim.key } ], min_version: "1.3", client_ca: ca.pem } }
2:130: listeners.web.tls.client_ca: ca.pem, no such file

- web: { bind: "127.0.0.1:8080" }
+ web: { bind: "127.0.0.1:8080", tls: { certificates: [ { certificate: mim.pem, key: mim.key } ], min_version: 1.1 } }
2:112: listeners.web.tls.min_version: 1.1, expected 1.2 or 1.3

- web: { bind: "127.0.0.1:8080" }
+ web: { bind: "127.0.0.1:8080", tls: { certificates: [ { certificate: mim.pem, key: mim.key } ], client_ca: mim.key, client_certificate: optional, client_subject_header: "a b" } }
2:110: listeners.web.tls.client_ca: mim.key, no certificate in the file, expected PEM with BEGIN CERTIFICATE
2:139: listeners.web.tls.client_certificate: optional, expected required or requested
2:172: listeners.web.tls.client_subject_header: a b, expected a field's name: letters, digits and !#$%&'*+-.^_`|~, or null for none

- web: { bind: "127.0.0.1:8080" }
+ web: { bind: "127.0.0.1:8080", tls: { certificates: [ { certificate: mim.pem, key: mim.key } ], client_certificate: required, client_subject_header: X-Subject } }
2:119: listeners.web.tls.client_certificate: required, expected client_ca beside it: without authorities no client is asked for a certificate
2:152: listeners.web.tls.client_subject_header: X-Subject, expected client_ca beside it: without authorities no client is asked for a certificate

- web: { bind: "127.0.0.1:8080" }
+ web: { bind: "127.0.0.1:8080", tls: { certificates: [ { certificate: mim.pem, key: mim.key } ], client_ca: null, client_certificate: requested, client_subject_header: null } }
2:136: listeners.web.tls.client_certificate: requested, expected client_ca beside it: without authorities no client is asked for a certificate

- web: { bind: "127.0.0.1:8080" }
+ web: { bind: "127.0.0.1:8080", tls: { certificates: [ { certificate: mim.pem, key: mim.key } ], client_ca: mim.pem, client_subject_header: Content-Length } }
2:142: listeners.web.tls.client_subject_header: Content-Length, expected another field: this one is part of how HTTP requests are framed, and the edge sets it

- web: { bind: "127.0.0.1:8080" }
+ web: { bind: "127.0.0.1:8080", tls: { certificates: [ { certificate: mim.pem, key: mim.key } ], client_ca: mim.pem, client_subject_header: x-forwarded-user } }
2:142: listeners.web.tls.client_subject_header: x-forwarded-user, expected another field: this one tells nodes who the client is and what it asked for, and the edge sets it so

- web: { bind: "127.0.0.1:8080" }
+ web: { bind: "127.0.0.1:8080", tls: { certificates: [ { certificate: mim.pem, key: mim.key } ], client_ca: mim.pem, client_subject_header: X_Forwarded_For } }
2:142: listeners.web.tls.client_subject_header: X_Forwarded_For, expected another field: this one tells nodes who the client is and what it asked for, and the edge sets it so

- web: { bind: "127.0.0.1:8080" }
+ web: { bind: "127.0.0.1:8080", tls: { certificates: [ { certificate: mim.pem, key: mim.key } ], client_ca: mim.pem, client_subject_header: Authorization } }
2:142: listeners.web.tls.client_subject_header: Authorization, expected another field: requests have a meaning for this one, and the edge drops what clients send under the name that is given here

- web: { bind: "127.0.0.1:8080" }
+ web: { bind: "127.0.0.1:8080", limits: { request_header_bytes: 1, request_headers: 129, header_timeout: 0s, connections: 0, requests_per_connection: 0, body_rate: fast, waiting: 1 } }
2:66: listeners.web.limits.request_header_bytes: 1, expected a size from 1KiB to 16MiB, such as 64KiB
2:86: listeners.web.limits.request_headers: 129, expected 1..=128
2:107: listeners.web.limits.header_timeout: 0s, expected a duration from 1ms to 1h, such as 30s
2:124: listeners.web.limits.connections: 0, expected 1..=10000000
2:152: listeners.web.limits.requests_per_connection: 0, expected 1..=1000000000
2:166: listeners.web.limits.body_rate: fast, expected a size from 0 to 1GiB, such as 64KiB
2:172: listeners.web.limits.waiting: unknown key, expected request_header_bytes, request_headers, header_timeout, connections, connections_per_client, requests_per_connection, body_rate or http2

- web: { bind: "127.0.0.1:8080" }
+ web: { bind: "127.0.0.1:8080", limits: { connections_per_client: 5, http2: { streams: 0, resets: 0, control_frames: 1000001, pings: 1 } } }
2:68: listeners.web.limits.connections_per_client: 5, expected a mapping with limit, ipv4_prefix, ipv6_prefix, or null for no bound
2:89: listeners.web.limits.http2.streams: 0, expected 1..=1000
2:100: listeners.web.limits.http2.resets: 0, expected 1..=1000000
2:119: listeners.web.limits.http2.control_frames: 1000001, expected 1..=1000000
2:128: listeners.web.limits.http2.pings: unknown key, expected streams, resets or control_frames

- web: { bind: "127.0.0.1:8080" }
+ web: { bind: "127.0.0.1:8080", limits: { connections_per_client: { ipv4_prefix: 33, ipv6_prefix: 129 }, http2: null } }
2:68: listeners.web.limits.connections_per_client.limit: missing, expected 1..=10000000
2:83: listeners.web.limits.connections_per_client.ipv4_prefix: 33, expected 0..=32
2:100: listeners.web.limits.connections_per_client.ipv6_prefix: 129, expected 0..=128
2:114: listeners.web.limits.http2: null, expected a mapping with streams, resets, control_frames

- web: { bind: "127.0.0.1:8080" }
+ web: { bind: "127.0.0.1:8080", error_pages: { 404: none.html, 399: lost.html, 500-600: lost.html, 50x: lost.html, 504-502: lost.html } }
2:54: listeners.web.error_pages.404: none.html, no such file
2:70: listeners.web.error_pages.399: 399, expected a status or a range within 400 to 599, such as 404 or 502-504
2:90: listeners.web.error_pages.500-600: 500-600, expected a status or a range within 400 to 599, such as 404 or 502-504
2:106: listeners.web.error_pages.50x: 50x, expected a status or a range within 400 to 599, such as 404 or 502-504
2:126: listeners.web.error_pages.504-502: 504-502, expected 502-504, the lower status first

- web: { bind: "127.0.0.1:8080" }
+ web: { bind: "127.0.0.1:8080", error_pages: { 500-504: sorry.html, 502: lost.html, 499-500: lost.html, 504-505: none.html, 505: lost.html } }
2:75: listeners.web.error_pages.502: 502, expected one page for each status, and 500-504 has one for some of them
2:95: listeners.web.error_pages.499-500: 499-500, expected one page for each status, and 500-504 has one for some of them
2:115: listeners.web.error_pages.504-505: 504-505, expected one page for each status, and 500-504 has one for some of them

- web: { bind: "127.0.0.1:8080" }
+ web: { bind: "127.0.0.1:8080", error_pages: { 404: blank.html, 500: large.html, 501: bytes.html, 502: ., 503: null, 504: full.html } }
2:54: listeners.web.error_pages.404: blank.html, empty, expected HTML in UTF-8
2:71: listeners.web.error_pages.500: large.html, larger than 64 KiB, expected a smaller page
2:88: listeners.web.error_pages.501: bytes.html, no text, expected HTML in UTF-8
2:105: listeners.web.error_pages.502: ., cannot be read: not a file
2:113: listeners.web.error_pages.503: null, expected an HTML file of at most 64 KiB

- web: { bind: "127.0.0.1:8080" }
+ web: { bind: "127.0.0.1:8080", error_pages: { 404: blank.html } }
2:54: listeners.web.error_pages.404: blank.html, empty, expected HTML in UTF-8

- web: { bind: "127.0.0.1:8080" }
+ web: { bind: "127.0.0.1:8080", error_pages: sorry.html }
2:47: listeners.web.error_pages: sorry.html, expected a mapping of statuses such as 404 or 502-504 to HTML files

"##;

pub(super) const NODES: &str = r##"
- 10.0.0.1
+ 10.0.0.1:80
4:17: nodes.a.address: 10.0.0.1:80, expected an IP address or a host name, without a port

- 10.0.0.1
+ 10.0.0.300
4:17: nodes.a.address: 10.0.0.300, expected an IP address or a host name, without a port

- 10.0.0.1
+ 0.0.0.0
4:17: nodes.a.address: 0.0.0.0, expected an IP address or a host name, without a port

- a: { address: 10.0.0.1 }
+ a: { address: 10.0.0.1, weight: 0 }
4:35: nodes.a.weight: 0, expected 1..=256

- a: { address: 10.0.0.1 }
+ a: { address: 10.0.0.1, weight: 257, backup: maybe, state: off }
4:35: nodes.a.weight: 257, expected 1..=256
4:48: nodes.a.backup: maybe, expected true or false
4:62: nodes.a.state: off, expected ready, drain or maintenance

"##;

pub(super) const ENVIRONMENT: &str = r##"
- 10.0.0.1
+ ${ADDRESS}
4:18: no YAML, while parsing a flow mapping, did not find expected ',' or '}'; a text with ${ needs quotes

- 10.0.0.1
+ "${MISSING}"
4:17: nodes.a.address: ${MISSING}, the environment has no variable MISSING

- 10.0.0.1
+ "${ADDRESS"
4:17: nodes.a.address: ${ADDRESS, expected } behind the variable's name

- 10.0.0.1
+ "${}"
4:17: nodes.a.address: ${}, expected the name of a variable between ${ and }; $${ stands for ${ itself

- 10.0.0.1
+ "${ADDRESS}:80"
4:17: nodes.a.address: 10.0.0.7:80, expected an IP address or a host name, without a port

"##;

pub(super) const PROBES: &str = r##"
- role: none, nodes: [a, b], port: 80
+ role: none, nodes: [a, b], port: 80, probe: { http: { path: / }, tcp: {} }
11:55: pools.site.probe: http and tcp, expected one of them: http asks for an answer, with tcp a connection is enough

- role: none, nodes: [a, b], port: 80
+ role: none, nodes: [a, b], port: 80, probe: { http: { path: x }, tcp: { port: 1 }, interval: 1ms, rise: 0 }
11:55: pools.site.probe: http and tcp, expected one of them: http asks for an answer, with tcp a connection is enough
11:71: pools.site.probe.http.path: x, expected a path of visible ASCII that starts with a slash, perhaps with a query, without a fragment
11:81: pools.site.probe.tcp: a mapping, expected {}
11:104: pools.site.probe.interval: 1ms, expected a duration from 10ms to 1h, such as 30s
11:115: pools.site.probe.rise: 0, expected 1..=100

- role: none, nodes: [a, b], port: 80
+ role: none, nodes: [a, b], port: 80, probe: { http: null, fall: 101 }
11:63: pools.site.probe.http: null, expected a mapping with method, path, host, headers, body, expect, contains
11:75: pools.site.probe.fall: 101, expected 1..=100

- role: none, nodes: [a, b], port: 80
+ role: none, nodes: [a, b], port: 80, probe: { htpt: {} }
11:57: pools.site.probe.htpt: unknown key, did you mean http?

- role: none, nodes: [a, b], port: 80
+ role: none, nodes: [a, b], port: 80, probe: { http: { method: get, pth: /, verb: GET } }
11:73: pools.site.probe.http.method: get, expected a method in capital letters, such as GET, HEAD or POST
11:78: pools.site.probe.http.pth: unknown key, did you mean path?
11:86: pools.site.probe.http.verb: unknown key, expected method, path, host, headers, body, expect or contains

- role: none, nodes: [a, b], port: 80
+ role: none, nodes: [a, b], port: 80, probe: { http: { method: CONNECT, body: x } }
11:73: pools.site.probe.http.method: CONNECT, expected another method, such as GET: this one asks for a tunnel

- role: none, nodes: [a, b], port: 80
+ role: none, nodes: [a, b], port: 80, probe: { http: { method: "", path: "", host: "", contains: "", body: "", headers: [], expect: [] } }
11:73: pools.site.probe.http.method: "", expected a method in capital letters, such as GET, HEAD or POST
11:83: pools.site.probe.http.path: "", expected a path of visible ASCII that starts with a slash, perhaps with a query, without a fragment
11:93: pools.site.probe.http.host: "", expected a host such as mim.example.com or mim.example.com:5725, or null to have it filled in
11:107: pools.site.probe.http.contains: 0 bytes, expected a text of 1 byte to 1KiB, or null for none
11:117: pools.site.probe.http.body: 0 bytes, expected a text of 1 byte to 64KiB, or null for none
11:130: pools.site.probe.http.headers: a list, expected a mapping of fields' names to their values
11:142: pools.site.probe.http.expect: an empty list, expected a status or a range within 200 to 599, such as 204 or "200-399"

- role: none, nodes: [a, b], port: 80
+ role: none, nodes: [a, b], port: 80, probe: { http: { path: "/a b", host: "a b" } }
11:71: pools.site.probe.http.path: /a b, expected a path of visible ASCII that starts with a slash, perhaps with a query, without a fragment
11:85: pools.site.probe.http.host: a b, expected a host such as mim.example.com or mim.example.com:5725, or null to have it filled in

- role: none, nodes: [a, b], port: 80
+ role: none, nodes: [a, b], port: 80, probe: { http: { path: "/a#b", host: "a:0" } }
11:71: pools.site.probe.http.path: /a#b, expected a path of visible ASCII that starts with a slash, perhaps with a query, without a fragment
11:85: pools.site.probe.http.host: a:0, expected a host such as mim.example.com or mim.example.com:5725, or null to have it filled in

- role: none, nodes: [a, b], port: 80
+ role: none, nodes: [a, b], port: 80, probe: { http: { path: http://a/, host: "a:65536" } }
11:71: pools.site.probe.http.path: http://a/, expected a path of visible ASCII that starts with a slash, perhaps with a query, without a fragment
11:88: pools.site.probe.http.host: a:65536, expected a host such as mim.example.com or mim.example.com:5725, or null to have it filled in

- role: none, nodes: [a, b], port: 80
+ role: none, nodes: [a, b], port: 80, probe: { http: { path: "/é", host: "::1" } }
11:71: pools.site.probe.http.path: /é, expected a path of visible ASCII that starts with a slash, perhaps with a query, without a fragment
11:83: pools.site.probe.http.host: ::1, expected a host such as mim.example.com or mim.example.com:5725, or null to have it filled in

- role: none, nodes: [a, b], port: 80
+ role: none, nodes: [a, b], port: 80, probe: { http: { path: null, host: "[::1]:x" } }
11:71: pools.site.probe.http.path: null, expected a path of visible ASCII that starts with a slash, perhaps with a query, without a fragment
11:83: pools.site.probe.http.host: [::1]:x, expected a host such as mim.example.com or mim.example.com:5725, or null to have it filled in

- role: none, nodes: [a, b], port: 80
+ role: none, nodes: [a, b], port: 80, probe: { http: { method: GET, body: "<x/>" } }
11:84: pools.site.probe.http.body: a body with GET, expected method: POST, or no body

- role: none, nodes: [a, b], port: 80
+ role: none, nodes: [a, b], port: 80, probe: { http: { body: "<x/>", method: HEAD, contains: x } }
11:71: pools.site.probe.http.body: a body with HEAD, expected method: POST, or no body
11:103: pools.site.probe.http.contains: a text with HEAD, expected method: GET, or no contains: the answer to HEAD has no body

- role: none, nodes: [a, b], port: 80
+ role: none, nodes: [a, b], port: 80, probe: { http: { method: TRACE, body: "${PORT}" } }
11:86: pools.site.probe.http.body: a body with TRACE, expected method: POST, or no body

- role: none, nodes: [a, b], port: 80
+ role: none, nodes: [a, b], port: 80, probe: { http: { method: HEAD, contains: ok } }
11:89: pools.site.probe.http.contains: a text with HEAD, expected method: GET, or no contains: the answer to HEAD has no body

- role: none, nodes: [a, b], port: 80
+ role: none, nodes: [a, b], port: 80, probe: { http: { headers: { Host: a, content-length: 0, Transfer-Encoding: chunked, connection: close, Upgrade: h2c, EXPECT: 100-continue } } }
11:82: pools.site.probe.http.headers.Host: Host, expected another field: the edge sets this one, from the key host beside headers
11:101: pools.site.probe.http.headers.content-length: content-length, expected another field: the edge sets this one, as the body needs it
11:123: pools.site.probe.http.headers.Transfer-Encoding: Transfer-Encoding, expected another field: the edge sets this one, as the body needs it
11:144: pools.site.probe.http.headers.connection: connection, expected another field: the edge sets this one, as a probe has a connection of its own
11:160: pools.site.probe.http.headers.Upgrade: Upgrade, expected another field: the edge sets this one, as a probe has a connection of its own
11:173: pools.site.probe.http.headers.EXPECT: EXPECT, expected another field: the edge sends a probe's body without asking

- role: none, nodes: [a, b], port: 80
+ role: none, nodes: [a, b], port: 80, probe: { http: { headers: { "a b": x, X-One: 1, x-one: 2, X-Two: "a\nb", X-Three: "é", X-Four: null } } }
11:74: pools.site.probe.http.headers: a b, expected a field's name: letters, digits and !#$%&'*+-.^_`|~
11:103: pools.site.probe.http.headers.x-one: x-one, expected each field once, and X-One is the same
11:113: pools.site.probe.http.headers.X-Two: a\nb, expected visible ASCII characters, spaces and tabs
11:130: pools.site.probe.http.headers.X-Three: é, expected visible ASCII characters, spaces and tabs
11:143: pools.site.probe.http.headers.X-Four: null, expected visible ASCII characters, spaces and tabs

- role: none, nodes: [a, b], port: 80
+ role: none, nodes: [a, b], port: 80, probe: { http: { headers: { authorization: "x\ry", Cookie: ["secret"], Proxy-Authorization: "${MISSING}" } } }
11:91: pools.site.probe.http.headers.authorization: (not shown), expected visible ASCII characters, spaces and tabs
11:107: pools.site.probe.http.headers.Cookie: (not shown), expected visible ASCII characters, spaces and tabs
11:140: pools.site.probe.http.headers.Proxy-Authorization: (not shown), the environment has no variable MISSING

- role: none, nodes: [a, b], port: 80
+ role: none, nodes: [a, b], port: 80, probe: { http: { headers: "Authorization: Basic secret" } }
11:74: pools.site.probe.http.headers: (not shown), expected a mapping of fields' names to their values

- role: none, nodes: [a, b], port: 80
+ role: none, nodes: [a, b], port: 80, probe: { http: { headers: { Authorization: "secret${NO", "Authorization: secret": x } } }
11:74: pools.site.probe.http.headers: Authorization, expected a field's name: letters, digits and !#$%&'*+-.^_`|~
11:91: pools.site.probe.http.headers.Authorization: (not shown), expected } behind the variable's name

- role: none, nodes: [a, b], port: 80
+ role: none, nodes: [a, b], port: 80, probe: { http: { headers: { Authorization: "${LINES}", X-Lines: "${LINES}" } } }
11:91: pools.site.probe.http.headers.Authorization: (not shown), expected visible ASCII characters, spaces and tabs
11:112: pools.site.probe.http.headers.X-Lines: Bearer secret\n, expected visible ASCII characters, spaces and tabs

- role: none, nodes: [a, b], port: 80
+ role: none, nodes: [a, b], port: 80, probe: { http: { expect: 99 } }
11:73: pools.site.probe.http.expect: 99, expected a status or a range within 200 to 599, such as 204 or "200-399"

- role: none, nodes: [a, b], port: 80
+ role: none, nodes: [a, b], port: 80, probe: { http: { expect: 600 } }
11:73: pools.site.probe.http.expect: 600, expected a status or a range within 200 to 599, such as 204 or "200-399"

- role: none, nodes: [a, b], port: 80
+ role: none, nodes: [a, b], port: 80, probe: { http: { expect: ["200-600", 2xx, "200-", -200, "0200", "200 - 299", null, [200]] } }
11:74: pools.site.probe.http.expect[0]: 200-600, expected a status or a range within 200 to 599, such as 204 or "200-399"
11:85: pools.site.probe.http.expect[1]: 2xx, expected a status or a range within 200 to 599, such as 204 or "200-399"
11:90: pools.site.probe.http.expect[2]: 200-, expected a status or a range within 200 to 599, such as 204 or "200-399"
11:98: pools.site.probe.http.expect[3]: -200, expected a status or a range within 200 to 599, such as 204 or "200-399"
11:104: pools.site.probe.http.expect[4]: 0200, expected a status or a range within 200 to 599, such as 204 or "200-399"
11:112: pools.site.probe.http.expect[5]: 200 - 299, expected a status or a range within 200 to 599, such as 204 or "200-399"
11:125: pools.site.probe.http.expect[6]: null, expected a status or a range within 200 to 599, such as 204 or "200-399"
11:131: pools.site.probe.http.expect[7]: a list, expected a status or a range within 200 to 599, such as 204 or "200-399"

- role: none, nodes: [a, b], port: 80
+ role: none, nodes: [a, b], port: 80, probe: { http: { expect: "399-200" } }
11:73: pools.site.probe.http.expect: 399-200, expected 200-399, the lower status first

- role: none, nodes: [a, b], port: 80
+ role: none, nodes: [a, b], port: 80, probe: { http: { expect: [204, "599-200"] } }
11:79: pools.site.probe.http.expect[1]: 599-200, expected 200-599, the lower status first

- role: none, nodes: [a, b], port: 80
+ role: none, nodes: [a, { node: b, probe: { http: { body: x } } }], port: 80, probe: { http: { method: GET, contains: x } }
11:68: pools.site.nodes[1].probe.http.body: a body with GET, expected method: POST, or no body

- role: none, nodes: [a, b], port: 80
+ role: none, nodes: [a, { node: b, probe: { http: { method: HEAD } } }], port: 80, probe: { http: { body: x, contains: x } }
11:70: pools.site.nodes[1].probe.http.method: a body with HEAD, expected method: POST, or no body
11:70: pools.site.nodes[1].probe.http.method: a text with HEAD, expected method: GET, or no contains: the answer to HEAD has no body

- role: none, nodes: [a, b], port: 80
+ role: none, nodes: [a, { node: b, probe: { http: { path: / } } }], port: 80, probe: { http: { method: GET, body: x } }
11:124: pools.site.probe.http.body: a body with GET, expected method: POST, or no body

"##;
