//! The section `listeners`.

use super::keys::listener as keys;
use super::read::{Mapping, Value};
use super::shape::Scalar as _;
use super::{Listener, ListenerLimits, ListenerTls, ProxyProtocol, TlsVersion, files};
use crate::client_addr::canonical;
use std::net::SocketAddr;

/// A listener and where its addresses were written.
pub(super) struct Read<'a> {
    pub(super) listener: Listener,
    pub(super) bind: Vec<Value<'a>>,
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
            proxy_protocol: ProxyProtocol::Off,
            trusted_proxies: Vec::new(),
            client_header: None,
            keepalive: keys::KEEPALIVE.default(),
            limits: *limits,
            error_pages: Vec::new(),
        },
        bind: Vec::new(),
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
        mapping.not_built(&keys::HTTP2);
        mapping.not_built(&keys::PROXY_PROTOCOL);
        mapping.not_built(&keys::TRUSTED_PROXIES);
        mapping.not_built(&keys::CLIENT_HEADER);
        read.listener.keepalive = mapping.read(&keys::KEEPALIVE);
    });
    read
}

fn tls(value: &Value<'_>) -> Option<ListenerTls> {
    let tls = value.mapping(&keys::LISTENER_TLS, |mapping| {
        let certificates = mapping.required(&keys::CERTIFICATES).and_then(|value| {
            let list = value.list(&keys::CERTIFICATES.expected())?;
            if keys::CERTIFICATES.shape.most.is_some_and(|most| list.len() as u64 > most) {
                value.error_about("several certificates", "not supported by this version, expected one");
            }
            Some(list)
        });
        mapping.not_built(&keys::MIN_VERSION);
        mapping.not_built(&keys::CLIENT_CA);
        certificates?.first()?.mapping(&keys::CERTIFIED_KEY, |mapping| {
            let certificate = mapping.required(&keys::CERTIFICATE);
            let key = mapping.required(&keys::PRIVATE_KEY);
            files::certified_key(&certificate?, &key?)
        })?
    });
    let certified = tls.flatten()?;
    Some(ListenerTls { certificates: vec![certified], min_version: TlsVersion::V12, clients: None })
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

/// Whether two sockets cannot have these addresses at once.
pub(super) fn overlap(one: SocketAddr, two: SocketAddr) -> bool {
    one.port() == two.port()
        && one.port() != 0
        && one.is_ipv4() == two.is_ipv4()
        && (one.ip() == two.ip() || one.ip().is_unspecified() || two.ip().is_unspecified())
}
