//! By what a group knows the client of a request.

use super::super::client_class::{ClientClass, Why};
use super::super::cookie::CookieReading;
use super::super::group::Group;
use super::super::settings::By;
use super::super::stick_table::Key;
use super::{Facts, Selector};
use crate::client_addr::canonical;
use crate::pool::Node;

/// What a client is known by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KnownBy {
    /// By nothing: every request is placed anew.
    Nothing,
    /// By its address, in the group's table.
    Address,
    /// By its cookie; until it has one, for a moment by its address.
    Cookie,
}

/// How a client is recognised, and what follows from that alone.
#[derive(Clone, Copy, Debug)]
pub struct Recognised<'s> {
    /// What it is known by.
    pub by: KnownBy,
    /// Which rule decided that.
    pub why: Why,
    /// What its pin is looked up by, if it is known by its address.
    pub key: Option<Key>,
    /// Its configured home, in the same case.
    pub home: Option<&'s Node>,
}

impl Selector {
    /// How the client of a request is recognised that [`Selector::select`] would be asked about; none if there is
    /// no such pool or group.
    #[must_use]
    pub fn recognise(&self, pool: usize, group: Option<usize>, facts: &Facts) -> Option<Recognised<'_>> {
        let group = self.group(pool, group)?;
        let client = canonical(facts.client);
        let (by, why) = recognise(group, facts);
        let home = group.static_home(client).filter(|_| by == KnownBy::Address);
        let home = home.and_then(|home| group.member(home)).map(|member| &*member.node);
        let why = if home.is_some() { Why::Static } else { why };
        Some(Recognised { by, why, key: (by == KnownBy::Address).then(|| group.key(client)), home })
    }
}

/// The rule, without the clients that have a fixed home.
pub(super) fn recognise(group: &Group, facts: &Facts) -> (KnownBy, Why) {
    let (class, sign) = facts.class;
    let has_cookie = matches!(facts.cookie, CookieReading::Valid(_));
    match (group.settings.by, has_cookie, class) {
        (By::None, ..) => (KnownBy::Nothing, Why::Group),
        (By::SourceIp, ..) => (KnownBy::Address, Why::Group),
        (By::Cookie, ..) => (KnownBy::Cookie, Why::Group),
        (By::Auto, true, _) => (KnownBy::Cookie, Why::Cookie),
        (By::Auto, false, ClientClass::Soap) => (KnownBy::Address, sign),
        (By::Auto, false, ClientClass::Browser) => (KnownBy::Cookie, sign),
    }
}
