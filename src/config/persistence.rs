//! The section `persistence`: groups and what they were told.

use super::cookie;
use super::keys::group as keys;
use super::read::{Mapping, Value};
use crate::client_addr::IpPrefix;
use crate::persistence::settings::{
    AfterRecovery, By, FirstChoice, GroupSettings, SourceIpSettings, Unavailable, WhenFull,
};
use std::path::PathBuf;
use std::time::Duration;

pub(super) const BY: [(&str, By); 4] =
    [("source_ip", By::SourceIp), ("cookie", By::Cookie), ("auto", By::Auto), ("none", By::None)];
pub(super) const WHEN_FULL: [(&str, WhenFull); 2] =
    [("evict_oldest", WhenFull::EvictOldest), ("refuse", WhenFull::Refuse)];
pub(super) const FIRST_CHOICE: [(&str, FirstChoice); 4] = [
    ("least_pins", FirstChoice::LeastPins),
    ("least_requests", FirstChoice::LeastRequests),
    ("round_robin", FirstChoice::RoundRobin),
    ("hash", FirstChoice::Hash),
];
pub(super) const UNAVAILABLE: [(&str, Unavailable); 2] =
    [("redispatch", Unavailable::Redispatch), ("reject", Unavailable::Reject)];
pub(super) const AFTER_RECOVERY: [(&str, AfterRecovery); 2] =
    [("stay", AfterRecovery::Stay), ("return", AfterRecovery::Return)];

/// A group, its key files and where it was written.
pub(super) struct Read<'a> {
    pub(super) group: GroupSettings,
    pub(super) key_files: Vec<PathBuf>,
    pub(super) statics: Vec<Value<'a>>,
    pub(super) whole: Value<'a>,
    /// The place of the cookie's settings, or of the group where it has none.
    pub(super) cookie: Value<'a>,
}

pub(super) fn read<'a>(root: &mut Mapping<'a>, nodes: &[&str]) -> Vec<Read<'a>> {
    root.named(&keys::PERSISTENCE).into_iter().map(|(name, value)| group(name, value, nodes)).collect()
}

fn group<'a>(name: &str, whole: Value<'a>, nodes: &[&str]) -> Read<'a> {
    let mut read = Read {
        group: GroupSettings::unpinned(name),
        key_files: Vec::new(),
        statics: Vec::new(),
        whole: whole.clone(),
        cookie: whole.clone(),
    };
    whole.mapping(&keys::GROUP, |mapping| {
        let Read { group, statics, key_files, cookie: cookie_place, .. } = &mut read;
        let by = mapping.read_required(&keys::RECOGNISED_BY);
        group.by = by.unwrap_or(By::None);
        let table = mapping.value(&keys::SOURCE_IP);
        if let Some(value) = &table {
            source_ip(value, &mut group.source_ip);
        }
        let homes = mapping.value(&keys::STATIC);
        if let Some(value) = &homes {
            (group.static_pins, *statics) = static_pins(value, nodes);
        }
        group.idle_timeout = mapping.read_or(&keys::IDLE_TIMEOUT, idle_timeout(group.by));
        group.max_age = mapping.read(&keys::MAX_AGE);
        group.first_choice = mapping.read(&keys::FIRST);
        group.unavailable = mapping.read(&keys::WHEN_UNAVAILABLE);
        group.hold = mapping.read(&keys::HOLD);
        group.after_recovery = mapping.read(&keys::RECOVERED);
        group.return_idle = mapping.read(&keys::RETURN_IDLE);
        group.first_requests = mapping.read(&keys::FIRST_REQUESTS);
        let needs_cookie = matches!(group.by, By::Cookie | By::Auto);
        if by.is_some() && !matches!(group.by, By::SourceIp | By::Auto) {
            for value in [table, homes].into_iter().flatten() {
                value.warn("unused", "the group's clients are not recognised by their address");
            }
        }
        match mapping.value(&keys::COOKIE) {
            Some(value) => {
                let cookie = cookie::read(&value, name, needs_cookie);
                if by.is_some() && !needs_cookie {
                    value.warn("unused", "the group's clients are recognised by something else");
                }
                if needs_cookie && let Some((settings, files)) = cookie {
                    group.cookie = Some(settings);
                    *key_files = files;
                }
                *cookie_place = value;
            }
            None if needs_cookie => mapping.whole().missing("cookie.keys", &keys::KEYS.expected()),
            None => {}
        }
    });
    read
}

/// How long clients are remembered unless something else is said.
pub(super) fn idle_timeout(by: By) -> Duration {
    if by == By::Cookie { Duration::from_secs(3_600) } else { GroupSettings::unpinned("").idle_timeout }
}

fn source_ip(value: &Value<'_>, settings: &mut SourceIpSettings) {
    value.mapping(&keys::TABLE, |mapping| {
        settings.ipv4_prefix = mapping.read(&keys::IPV4_PREFIX);
        settings.ipv6_prefix = mapping.read(&keys::IPV6_PREFIX);
        settings.capacity = mapping.read(&keys::CAPACITY);
        settings.when_full = mapping.read(&keys::FULL);
    });
}

/// Clients with a fixed home, and where each was written.
fn static_pins<'a>(value: &Value<'a>, nodes: &[&str]) -> (Vec<(IpPrefix, String)>, Vec<Value<'a>>) {
    let mut pins: Vec<(IpPrefix, String)> = Vec::new();
    let mut places = Vec::new();
    for (text, value) in value.entries(&keys::STATIC.expected()).unwrap_or_default() {
        let prefix = match text.parse::<IpPrefix>() {
            Ok(prefix) => prefix,
            Err(error) => {
                value.error_about(text, &format!("{error}; expected a prefix such as 10.20.0.31/32"));
                continue;
            }
        };
        let Some(node) = value.reference(&keys::STATIC.shape.each, nodes) else { continue };
        if pins.iter().any(|(known, _)| *known == prefix) {
            value.error_about(&prefix.to_string(), "expected each prefix once");
            continue;
        }
        pins.push((prefix, nodes[node].to_owned()));
        places.push(value);
    }
    (pins, places)
}
