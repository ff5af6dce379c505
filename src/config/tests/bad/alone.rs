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
2:10: listeners.web.zzz: unknown key, expected bind, tls, http2, proxy_protocol, trusted_proxies, client_header or keepalive

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
13:1: old: unknown key, expected listeners, nodes, persistence, pools, routes, log, limits, shutdown, session_store, federation, cluster, admin or state

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
+ web: { bind: "127.0.0.1:8080", http2: on }
2:41: listeners.web.http2: on, not supported by this version, expected auto or off

- web: { bind: "127.0.0.1:8080" }
+ web: { bind: "127.0.0.1:8080", proxy_protocol: accept, trusted_proxies: [10.0.0.0/8], client_header: Forwarded }
2:50: listeners.web.proxy_protocol: accept, not supported by this version, expected off
2:75: listeners.web.trusted_proxies: a list, not supported by this version, expected []
2:104: listeners.web.client_header: Forwarded, not supported by this version, expected null

- web: { bind: "127.0.0.1:8080" }
+ web: { bind: "127.0.0.1:8080", tls: { certificates: [] } }
2:55: listeners.web.tls.certificates: an empty list, expected a list with one certificate and its key

- web: { bind: "127.0.0.1:8080" }
+ web: { bind: "127.0.0.1:8080", tls: { certificates: [ { certificate: mim.pem, key: mim.key }, { certificate: other.pem, key: other.key } ] } }
2:55: listeners.web.tls.certificates: several certificates, not supported by this version, expected one

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
2:112: listeners.web.tls.min_version: 1.3, not supported by this version, expected 1.2
2:130: listeners.web.tls.client_ca: ca.pem, not supported by this version, expected null

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
