//! `listeners`.

use super::super::shape::{
    File, Key, Lasting, List, Map, Named, NotBuilt, OneOrSeveral, OrNull, Section, Text, optional, required,
};
use super::{DAY, SECOND, socket_address};
use std::net::SocketAddr;

pub(in crate::config) static LISTENERS: Key<Named> = required(
    "listeners",
    Named {
        each: &LISTENER,
        expected: "expected a mapping of at least one listener's name to its bind, tls, keepalive",
    },
    "Names of places where connections are accepted.",
);

pub(in crate::config) static LISTENER: Section = Section {
    name: "listener",
    expected: "expected a mapping with bind, tls, keepalive",
    keys: &[&BIND, &TLS, &HTTP2, &PROXY_PROTOCOL, &TRUSTED_PROXIES, &CLIENT_HEADER, &KEEPALIVE],
};

pub(in crate::config) static BIND: Key<OneOrSeveral<Text<SocketAddr>>> = required(
    "bind",
    OneOrSeveral(socket_address(
        "expected an address and port such as 0.0.0.0:443, or a list of them",
        &["0.0.0.0:443", "[::]:5725"],
    )),
    "Where to listen: an address and port, or a list of them. Port 0 lets the system choose.",
);

pub(in crate::config) static TLS: Key<OrNull<Map>> =
    optional("tls", OrNull(Map(&LISTENER_TLS)), "null", "The listener's certificate; null is plain HTTP.");

pub(in crate::config) static HTTP2: Key<NotBuilt> =
    optional("http2", NotBuilt(&["auto", "off"]), "auto", "HTTP/2: HTTP/1.1 is all that is spoken.");

pub(in crate::config) static PROXY_PROTOCOL: Key<NotBuilt> = optional(
    "proxy_protocol",
    NotBuilt(&["off"]),
    "off",
    "Whether connections begin with the PROXY protocol.",
);

pub(in crate::config) static TRUSTED_PROXIES: Key<NotBuilt> = optional(
    "trusted_proxies",
    NotBuilt(&["[]"]),
    "[]",
    "Who may name the client, by the PROXY protocol or in a header.",
);

pub(in crate::config) static CLIENT_HEADER: Key<NotBuilt> =
    optional("client_header", NotBuilt(&["null"]), "null", "The header that names the client.");

/// .NET clients keep an idle connection for 100 s.
pub(in crate::config) static KEEPALIVE: Key<Lasting> = optional(
    "keepalive",
    Lasting(SECOND..=DAY),
    "120s",
    "How long an idle client connection is kept. .NET clients keep theirs for 100 s.",
);

pub(in crate::config) static LISTENER_TLS: Section = Section {
    name: "listener_tls",
    expected: "expected a mapping with certificates, or null for none",
    keys: &[&CERTIFICATES, &MIN_VERSION, &CLIENT_CA],
};

pub(in crate::config) static CERTIFICATES: Key<List<Map>> = required(
    "certificates",
    List {
        of: Map(&CERTIFIED_KEY),
        most: Some(1),
        expected: "expected a list with one certificate and its key",
    },
    "The certificate and its key, used for every server name. This version has one for each listener.",
);

pub(in crate::config) static MIN_VERSION: Key<NotBuilt> =
    optional("min_version", NotBuilt(&["1.2"]), "1.2", "The lowest version of TLS: 1.2 and 1.3 are spoken.");

pub(in crate::config) static CLIENT_CA: Key<NotBuilt> =
    optional("client_ca", NotBuilt(&["null"]), "null", "The authorities of client certificates.");

pub(in crate::config) static CERTIFIED_KEY: Section = Section {
    name: "certificate",
    expected: "expected a mapping with certificate and key",
    keys: &[&CERTIFICATE, &PRIVATE_KEY],
};

pub(in crate::config) static CERTIFICATE: Key<File> =
    required("certificate", File("expected a PEM file"), "PEM file of the certificates, the leaf first.");

pub(in crate::config) static PRIVATE_KEY: Key<File> =
    required("key", File("expected a PEM file"), "PEM file of the certificate's private key.");
