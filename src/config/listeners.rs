//! The section `listeners`.

use super::fields::{NOT_A_SUBJECT, refusal};
use super::keys::listener as keys;
use super::read::{Mapping, Value};
use super::shape::Scalar as _;
use super::{
    CertifiedKey, ClientCertificates, ClientHeader, Listener, ListenerLimits, ListenerTls, ProxyProtocol,
    TlsVersion, files, limits, pools, responses, routes,
};
use crate::client_addr::{IpPrefix, canonical};
use std::net::SocketAddr;

/// Whether HTTP/2 is offered; none where the routes decide.
pub(super) const HTTP2_OFFERS: [(&str, Option<bool>); 3] =
    [("auto", None), ("on", Some(true)), ("off", Some(false))];
pub(super) const PROXY_PROTOCOLS: [(&str, ProxyProtocol); 3] =
    [("off", ProxyProtocol::Off), ("accept", ProxyProtocol::Accept), ("require", ProxyProtocol::Require)];
pub(super) const CLIENT_HEADERS: [(&str, ClientHeader); 2] =
    [("X-Forwarded-For", ClientHeader::XForwardedFor), ("Forwarded", ClientHeader::Forwarded)];
pub(super) const TLS_VERSIONS: [(&str, TlsVersion); 2] = [("1.2", TlsVersion::V12), ("1.3", TlsVersion::V13)];
/// Whether a client without a certificate is turned away.
pub(super) const CLIENT_CERTIFICATES: [(&str, bool); 2] = [("required", true), ("requested", false)];

/// A listener and where its addresses were written.
pub(super) struct Read<'a> {
    pub(super) listener: Listener,
    pub(super) bind: Vec<Value<'a>>,
    /// Whether HTTP/2 is to be offered; none where the routes decide.
    pub(super) http2: Option<bool>,
    pub(super) whole: Value<'a>,
}

pub(super) fn read<'a>(root: &mut Mapping<'a>, limits: &ListenerLimits) -> Vec<Read<'a>> {
    let entries = root.named(&keys::LISTENERS).into_iter();
    let listeners: Vec<Read<'a>> = entries.map(|(name, value)| listener(name, value, limits)).collect();
    refuse_overlaps(&listeners);
    listeners
}

fn listener<'a>(name: &str, whole: Value<'a>, limits: &ListenerLimits) -> Read<'a> {
    let mut read = Read {
        listener: Listener {
            name: name.to_owned(),
            bind: Vec::new(),
            tls: None,
            http2: false,
            proxy_protocol: keys::PROXY_PROTOCOL.default(),
            trusted_proxies: Vec::new(),
            client_header: keys::CLIENT_HEADER.default(),
            keepalive: keys::KEEPALIVE.default(),
            limits: *limits,
            error_pages: Vec::new(),
        },
        bind: Vec::new(),
        http2: keys::HTTP2.default(),
        whole: whole.clone(),
    };
    whole.mapping(&keys::LISTENER, |mapping| {
        let values =
            mapping.required(&keys::BIND).and_then(|value| value.one_or_several(&keys::BIND.expected()));
        for value in values.unwrap_or_default() {
            if let Some(address) = keys::BIND.shape.0.read(&value) {
                read.listener.bind.push(SocketAddr::new(canonical(address.ip()), address.port()));
                read.bind.push(value);
            }
        }
        read.listener.tls = mapping.or_null(&keys::TLS).flatten().and_then(|value| tls(&value));
        read.http2 = mapping.read(&keys::HTTP2);
        read.listener.proxy_protocol = mapping.read(&keys::PROXY_PROTOCOL);
        if let Some(value) = mapping.value(&keys::TRUSTED_PROXIES) {
            read.listener.trusted_proxies = prefixes(&value);
        }
        read.listener.client_header = mapping.read(&keys::CLIENT_HEADER);
        read.listener.keepalive = mapping.read(&keys::KEEPALIVE);
        if let Some(value) = mapping.value(&keys::LIMITS) {
            limits::of_listener(&value, &mut read.listener.limits);
        }
        read.listener.error_pages = responses::error_pages(mapping, &keys::ERROR_PAGES);
    });
    read
}

/// Addresses and prefixes, each once.
fn prefixes(whole: &Value<'_>) -> Vec<IpPrefix> {
    let mut prefixes = Vec::new();
    for value in whole.items(keys::TRUSTED_PROXIES.shape.expected).unwrap_or_default() {
        let expected = keys::TRUSTED_PROXIES.shape.of.expected;
        let Some(text) = value.text(expected) else { continue };
        match text.parse::<IpPrefix>() {
            Err(error) => value.error(&format!("{error}; {expected}")),
            Ok(prefix) if prefixes.contains(&prefix) => value.error("expected each prefix once"),
            Ok(prefix) => prefixes.push(prefix),
        }
    }
    prefixes
}

fn tls(value: &Value<'_>) -> Option<ListenerTls> {
    let tls = value.mapping(&keys::LISTENER_TLS, |mapping| {
        let list = mapping.required(&keys::CERTIFICATES);
        let list = list.and_then(|value| value.list(keys::CERTIFICATES.shape.expected)).unwrap_or_default();
        let certificates: Vec<CertifiedKey> = list.iter().filter_map(certified_key).collect();
        let min_version = mapping.read(&keys::MIN_VERSION);
        let clients = client_certificates(mapping);
        (!certificates.is_empty()).then_some(ListenerTls { certificates, min_version, clients })
    });
    tls.flatten()
}

fn certified_key(value: &Value<'_>) -> Option<CertifiedKey> {
    let read = value.mapping(&keys::CERTIFIED_KEY, |mapping| {
        let certificate = mapping.required(&keys::CERTIFICATE);
        let key = mapping.required(&keys::PRIVATE_KEY);
        files::certified_key(&certificate?, &key?)
    });
    read.flatten()
}

/// What is asked of clients; the keys that tell how need the one that tells of whom.
fn client_certificates(mapping: &mut Mapping<'_>) -> Option<ClientCertificates> {
    let authorities = mapping.or_null(&keys::CLIENT_CA).flatten();
    let [how, subject] = [mapping.value(&keys::CLIENT_CERTIFICATE), mapping.value(&keys::SUBJECT_HEADER)];
    let required = how.as_ref().and_then(|value| keys::CLIENT_CERTIFICATE.shape.read(value));
    let subject_header = subject.as_ref().and_then(|value| {
        let name = keys::SUBJECT_HEADER.shape.read(value)?;
        if let Some(why) = name.as_ref().and_then(|name| refusal(name, &NOT_A_SUBJECT)) {
            value.error(why);
        }
        Some(name)
    });
    let Some(authorities) = authorities else {
        let idle = [how, subject.filter(|value| !value.is_null())];
        for value in idle.into_iter().flatten() {
            value.error(
                "expected client_ca beside it: without authorities no client is asked for a certificate",
            );
        }
        return None;
    };
    Some(ClientCertificates {
        ca: files::certificates(&authorities)?.0,
        required: required.unwrap_or(keys::CLIENT_CERTIFICATE.default()),
        subject_header: subject_header.unwrap_or(keys::SUBJECT_HEADER.default()),
    })
}

/// Two sockets cannot have one address. An IPv6 socket takes no IPv4 where both are bound, so that `0.0.0.0`
/// and `[::]` go together.
fn refuse_overlaps(listeners: &[Read<'_>]) {
    let mut bound: Vec<(SocketAddr, &str)> = Vec::new();
    for read in listeners {
        for (address, value) in read.listener.bind.iter().zip(&read.bind) {
            if let Some((other, name)) = bound.iter().find(|(other, _)| overlap(*other, *address)) {
                value.error(&format!("listener {name} binds {other} already"));
            }
            bound.push((*address, &read.listener.name));
        }
    }
}

/// Decides where HTTP/2 is offered. Windows authenticates connections, and does so over HTTP/1.1 alone: `auto` leaves
/// HTTP/2 out where that is behind.
pub(super) fn offer_http2(
    listeners: &mut [Read<'_>],
    routes: &[routes::Read<'_>],
    pools: &[pools::Read<'_>],
) {
    for (index, read) in listeners.iter_mut().enumerate() {
        let bound =
            routes.iter().any(|route| route.listener == Some(index) && route.binds_connections(pools));
        read.listener.http2 = read.http2.unwrap_or(!bound) && read.listener.tls.is_some();
    }
}

/// Whether two sockets cannot have these addresses at once.
pub(super) fn overlap(one: SocketAddr, two: SocketAddr) -> bool {
    one.port() == two.port()
        && one.port() != 0
        && one.is_ipv4() == two.is_ipv4()
        && (one.ip() == two.ip() || one.ip().is_unspecified() || two.ip().is_unspecified())
}
