//! The section `admin`.

use super::read::{Mapping, Value};
use super::{Admin, files, listeners};
use crate::client_addr::canonical;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// Where it is unless it is told otherwise.
const BIND: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9901);

/// Nothing else may have its address, so that the listeners are asked for theirs.
pub(super) fn read<'a>(root: &mut Mapping<'a>, listeners: &[listeners::Read<'a>]) -> Admin {
    let mut admin = Admin { bind: Some(BIND), token_file: None };
    let mut written = None;
    match root.value("admin") {
        None => {}
        Some(value) if value.is_null() => admin.bind = None,
        Some(value) => {
            let expected = "expected a mapping with bind and token_file, or null for none";
            value.mapping(expected, |mapping| written = section(mapping, &mut admin));
        }
    }
    refuse_overlap(&admin, written.as_ref(), listeners);
    admin
}

/// Fills in `admin`, and tells where its address was written.
fn section<'a>(mapping: &mut Mapping<'a>, admin: &mut Admin) -> Option<Value<'a>> {
    let written = mapping.value("bind");
    if let Some(value) = &written {
        admin.bind = if value.is_null() { None } else { bind(value) };
    }
    let token = mapping.value("token_file").filter(|value| !value.is_null());
    admin.token_file = token.as_ref().and_then(files::token);
    if let (Some(address), Some(value), None) = (admin.bind, &written, token)
        && !address.ip().is_loopback()
    {
        value.error(
            "set token_file, or bind to 127.0.0.1 or [::1]: without a token whoever reaches it sees the whole farm",
        );
    }
    written
}

fn bind(value: &Value<'_>) -> Option<SocketAddr> {
    let expected = "expected an address and port such as 127.0.0.1:9901, or null for none";
    let address = value.parsed(expected, |text| text.parse::<SocketAddr>().ok())?;
    Some(SocketAddr::new(canonical(address.ip()), address.port()))
}

/// Reported where somebody wrote the address: the one of `admin` if it was, else the listener's.
fn refuse_overlap(admin: &Admin, written: Option<&Value<'_>>, listeners: &[listeners::Read<'_>]) {
    let Some(address) = admin.bind else { return };
    let places = listeners.iter().flat_map(|read| {
        read.listener.bind.iter().zip(&read.bind).map(|(bound, place)| (&read.listener.name, bound, place))
    });
    let mut taken = places.filter(|(_, bound, _)| listeners::overlap(**bound, address));
    let Some((name, bound, place)) = taken.next() else { return };
    match written {
        Some(value) => value.error(&format!("listener {name} binds {bound} already")),
        None => place.error(&format!(
            "the admin interface binds {address} by default; expected another port, or admin.bind to be set"
        )),
    }
}
