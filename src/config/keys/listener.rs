//! `listeners`.

use super::super::listeners::{
    CLIENT_CERTIFICATES, CLIENT_HEADERS, HTTP2_OFFERS, PROXY_PROTOCOLS, TLS_VERSIONS,
};
use super::super::shape::{
    Entries, File, Key, Lasting, List, Map, Named, OneOrSeveral, OrNull, Section, Several, Text, Word,
    optional, required, section,
};
use super::super::{ClientHeader, ProxyProtocol, TlsVersion, fields, pattern};
use super::limits::LISTENER_LIMITS;
use super::response::error_pages;
use super::{DAY, SECOND, socket_address};
use crate::client_addr::IpPrefix;
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
    keys: &[
        &BIND,
        &TLS,
        &HTTP2,
        &PROXY_PROTOCOL,
        &TRUSTED_PROXIES,
        &CLIENT_HEADER,
        &KEEPALIVE,
        &LIMITS,
        &ERROR_PAGES,
    ],
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
    optional("tls", OrNull(Map(&LISTENER_TLS)), "null", "The listener's certificates; null is plain HTTP.");

pub(in crate::config) static HTTP2: Key<Word<Option<bool>>> = optional(
    "http2",
    Word(&HTTP2_OFFERS),
    "auto",
    "Whether HTTP/2 is offered to TLS clients. auto: where no route of the listener leads to Windows authentication (by the pool's role, or connection_auth: always), which needs HTTP/1.1.",
);

pub(in crate::config) static PROXY_PROTOCOL: Key<Word<ProxyProtocol>> = optional(
    "proxy_protocol",
    Word(&PROXY_PROTOCOLS),
    "off",
    "Whether connections begin with a PROXY header (version 1 or 2) that names the client. accept: they may, where they come from trusted_proxies. require: they must, and must come from there.",
);

pub(in crate::config) static TRUSTED_PROXIES: Key<Several<Text<IpPrefix>>> = optional(
    "trusted_proxies",
    Several {
        of: Text {
            expected: "expected an address or prefix such as 10.0.0.0/8",
            parse: |text| text.parse().ok(),
            pattern: pattern::prefix,
            examples: &["10.0.0.0/8", "2001:db8::1"],
        },
        expected: "expected a list of addresses or prefixes such as 10.0.0.0/8",
    },
    "[]",
    "Who may name the client, by a PROXY header or in client_header: addresses and prefixes.",
);

pub(in crate::config) static CLIENT_HEADER: Key<OrNull<Word<ClientHeader>>> = optional(
    "client_header",
    OrNull(Word(&CLIENT_HEADERS)),
    "null",
    "The field in which trusted_proxies name the client; null believes none.",
);

/// .NET clients keep an idle connection for 100 s.
pub(in crate::config) static KEEPALIVE: Key<Lasting> = optional(
    "keepalive",
    Lasting(SECOND..=DAY),
    "120s",
    "How long an idle client connection is kept. .NET clients keep theirs for 100 s.",
);

pub(in crate::config) static LIMITS: Key<Map> = section(
    "limits",
    Map(&LISTENER_LIMITS),
    "Bounds on what this listener's clients may take, where they differ from the section limits.",
);

pub(in crate::config) static ERROR_PAGES: Key<Entries<File>> = error_pages(
    "Bodies of the edge's own answers, where the route has none for the status: a status or range to an HTML file.",
);

pub(in crate::config) static LISTENER_TLS: Section = Section {
    name: "listener_tls",
    expected: "expected a mapping with certificates, or null for none",
    keys: &[&CERTIFICATES, &MIN_VERSION, &CLIENT_CA, &CLIENT_CERTIFICATE, &SUBJECT_HEADER],
};

pub(in crate::config) static CERTIFICATES: Key<List<Map>> = required(
    "certificates",
    List { of: Map(&CERTIFIED_KEY), expected: "expected a list of certificates with their keys" },
    "Certificates and their keys, chosen by the server name that the client asks for; the first where none has it.",
);

pub(in crate::config) static MIN_VERSION: Key<Word<TlsVersion>> =
    optional("min_version", Word(&TLS_VERSIONS), "1.2", "The oldest version of TLS that is spoken.");

pub(in crate::config) static CLIENT_CA: Key<OrNull<File>> = optional(
    "client_ca",
    OrNull(File("expected a PEM file of certificates, or null for none")),
    "null",
    "PEM file of the authorities that issue clients' certificates; null asks clients for none.",
);

pub(in crate::config) static CLIENT_CERTIFICATE: Key<Word<bool>> = optional(
    "client_certificate",
    Word(&CLIENT_CERTIFICATES),
    "required",
    "Whether a client without a certificate is turned away. Only with client_ca.",
);

pub(in crate::config) static SUBJECT_HEADER: Key<OrNull<Text<String>>> = optional(
    "client_subject_header",
    OrNull(Text {
        expected: "expected a field's name: letters, digits and !#$%&'*+-.^_`|~, or null for none",
        parse: fields::name,
        pattern: || pattern::field_name_but(fields::NOT_A_SUBJECT.iter().map(|(name, _)| *name)),
        examples: &["X-Client-Cert-Subject"],
    }),
    "X-Client-Cert-Subject",
    "The field that tells nodes the subject of a client's certificate; null tells it to nobody. Only with client_ca.",
);

pub(in crate::config) static CERTIFIED_KEY: Section = Section {
    name: "certificate",
    expected: "expected a mapping with certificate and key",
    keys: &[&CERTIFICATE, &PRIVATE_KEY],
};

pub(in crate::config) static CERTIFICATE: Key<File> =
    required("certificate", File("expected a PEM file"), "PEM file of the certificates, the leaf first.");

pub(in crate::config) static PRIVATE_KEY: Key<File> =
    required("key", File("expected a PEM file"), "PEM file of the certificate's private key.");
