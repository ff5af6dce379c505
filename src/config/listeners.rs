//! The section `listeners`.

use super::read::{Mapping, Value};
use super::{Listener, ListenerTls, files};
use crate::client_addr::canonical;
use std::net::SocketAddr;
use std::time::Duration;

/// Idle time of a client connection: .NET clients keep theirs for 100 s.
pub(super) const KEEPALIVE: Duration = Duration::from_secs(120);

/// A listener and where its addresses were written.
pub(super) struct Read<'a> {
    pub(super) listener: Listener,
    pub(super) bind: Vec<Value<'a>>,
    pub(super) whole: Value<'a>,
}

pub(super) fn read<'a>(root: &mut Mapping<'a>) -> Vec<Read<'a>> {
    let expected = "expected a mapping of at least one listener's name to its bind, tls, keepalive";
    let entries =
        root.required("listeners", expected, |value| Some(value.named(expected))).unwrap_or_default();
    let listeners: Vec<Read<'a>> = entries.into_iter().map(|(name, value)| listener(name, value)).collect();
    refuse_overlaps(&listeners);
    listeners
}

fn listener<'a>(name: &str, whole: Value<'a>) -> Read<'a> {
    let mut read = Read {
        listener: Listener { name: name.to_owned(), bind: Vec::new(), tls: None, keepalive: KEEPALIVE },
        bind: Vec::new(),
        whole: whole.clone(),
    };
    whole.mapping("expected a mapping with bind, tls, keepalive", |mapping| {
        let expected = "expected an address and port such as 0.0.0.0:443, or a list of them";
        let values = mapping.required("bind", expected, |value| value.one_or_several(expected));
        for value in values.unwrap_or_default() {
            if let Some(address) = value.parsed(expected, |text| text.parse::<SocketAddr>().ok()) {
                read.listener.bind.push(SocketAddr::new(canonical(address.ip()), address.port()));
                read.bind.push(value);
            }
        }
        read.listener.tls = mapping.or_none("tls", None, |value| tls(&value));
        mapping.not_built_unless("http2", &["auto", "off"]);
        mapping.not_built_unless("proxy_protocol", &["off"]);
        mapping.not_built("trusted_proxies", "[]", Value::is_empty_list);
        mapping.not_built("client_header", "null", Value::is_null);
        read.listener.keepalive = mapping.or("keepalive", KEEPALIVE, |value| {
            value.duration(Duration::from_secs(1)..=Duration::from_secs(86_400))
        });
    });
    read
}

fn tls(value: &Value<'_>) -> Option<ListenerTls> {
    let tls = value.mapping("expected a mapping with certificates, or null for none", |mapping| {
        let expected = "expected a list with one certificate and its key";
        let certificates = mapping.required("certificates", expected, |value| {
            let list = value.list(expected)?;
            if list.len() > 1 {
                value.error_about("several certificates", "not supported by this version, expected one");
            }
            Some(list)
        });
        mapping.not_built_unless("min_version", &["1.2"]);
        mapping.not_built("client_ca", "null", Value::is_null);
        certificates?.first()?.mapping("expected a mapping with certificate and key", |mapping| {
            let certificate = mapping.required("certificate", "expected a PEM file", Some);
            let key = mapping.required("key", "expected a PEM file", Some);
            files::certified_key(&certificate?, &key?)
        })?
    });
    tls.flatten()
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
