//! The section `admin`.

use super::keys::rest as keys;
use super::read::{Mapping, Value};
use super::shape::Scalar as _;
use super::{Admin, files, listeners};
use crate::client_addr::canonical;
use std::net::SocketAddr;

/// Nothing else may have its address, so that the listeners are asked for theirs.
pub(super) fn read<'a>(root: &mut Mapping<'a>, listeners: &[listeners::Read<'a>]) -> Admin {
    let mut admin = Admin { bind: keys::BIND.default(), token_file: None };
    let mut written = None;
    match root.or_null(&keys::ADMIN) {
        None => {}
        Some(None) => admin.bind = None,
        Some(Some(value)) => {
            value.mapping(&keys::ADMIN_INTERFACE, |mapping| written = section(mapping, &mut admin));
        }
    }
    refuse_overlap(&admin, written.as_ref(), listeners);
    admin
}

/// Fills in `admin`, and tells where its address was written.
fn section<'a>(mapping: &mut Mapping<'a>, admin: &mut Admin) -> Option<Value<'a>> {
    let written = mapping.value(&keys::BIND);
    if let Some(value) = &written {
        let bind = keys::BIND.shape.read(value).flatten();
        admin.bind = bind.map(|address| SocketAddr::new(canonical(address.ip()), address.port()));
    }
    let token = mapping.or_null(&keys::TOKEN_FILE).flatten();
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
