//! The section `persistence`: groups and what they were told.

use super::cookie;
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

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3_600);
const DAYS_400: Duration = Duration::from_secs(400 * 86_400);

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
    let expected = "expected a mapping of a group's name to its by, cookie, idle_timeout";
    let entries = root.value("persistence").map(|value| value.named(expected)).unwrap_or_default();
    entries.into_iter().map(|(name, value)| group(name, value, nodes)).collect()
}

fn group<'a>(name: &str, whole: Value<'a>, nodes: &[&str]) -> Read<'a> {
    let mut read = Read {
        group: GroupSettings::unpinned(name),
        key_files: Vec::new(),
        statics: Vec::new(),
        whole: whole.clone(),
        cookie: whole.clone(),
    };
    whole.mapping("expected a mapping with by, cookie, idle_timeout", |mapping| {
        let Read { group, statics, key_files, cookie: cookie_place, .. } = &mut read;
        let by = mapping.required("by", "expected source_ip, cookie, auto or none", |value| value.word(&BY));
        group.by = by.unwrap_or(By::None);
        if group.by == By::Cookie {
            group.idle_timeout = HOUR;
        }
        if let Some(value) = mapping.value("source_ip") {
            source_ip(&value, &mut group.source_ip);
        }
        if let Some(value) = mapping.value("static") {
            (group.static_pins, *statics) = static_pins(&value, nodes);
        }
        // A cookie holds whole seconds, a pin tenths of one.
        let shortest = SECOND;
        group.idle_timeout =
            mapping.or("idle_timeout", group.idle_timeout, |value| value.duration(shortest..=DAYS_400));
        group.max_age = mapping.or_none("max_age", None, |value| value.duration(shortest..=DAYS_400));
        group.first_choice =
            mapping.or("first_choice", group.first_choice, |value| value.word(&FIRST_CHOICE));
        group.unavailable = mapping.or("unavailable", group.unavailable, |value| value.word(&UNAVAILABLE));
        group.hold = mapping.or("hold", group.hold, |value| value.duration(Duration::ZERO..=HOUR));
        group.after_recovery =
            mapping.or("after_recovery", group.after_recovery, |value| value.word(&AFTER_RECOVERY));
        group.return_idle =
            mapping.or("return_idle", group.return_idle, |value| value.duration(Duration::ZERO..=DAYS_400));
        group.first_requests =
            mapping.or("first_requests", group.first_requests, |value| value.duration(Duration::ZERO..=HOUR));
        let needs_cookie = matches!(group.by, By::Cookie | By::Auto);
        if by.is_some() && !matches!(group.by, By::SourceIp | By::Auto) {
            for key in ["source_ip", "static"] {
                if let Some(value) = mapping.value(key) {
                    value.warn("unused", "the group's clients are not recognised by their address");
                }
            }
        }
        match mapping.value("cookie") {
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
            None if needs_cookie => mapping.whole().missing("cookie.keys", cookie::KEYS_EXPECTED),
            None => {}
        }
    });
    read
}

fn source_ip(value: &Value<'_>, settings: &mut SourceIpSettings) {
    value.mapping("expected a mapping with ipv4_prefix, ipv6_prefix, capacity, when_full", |mapping| {
        settings.ipv4_prefix = mapping.or("ipv4_prefix", settings.ipv4_prefix, |value| value.number(1..=32));
        settings.ipv6_prefix = mapping.or("ipv6_prefix", settings.ipv6_prefix, |value| value.number(1..=128));
        settings.capacity = mapping.or("capacity", settings.capacity, |value| value.number(1..=16_777_216));
        settings.when_full = mapping.or("when_full", settings.when_full, |value| value.word(&WHEN_FULL));
    });
}

/// Clients with a fixed home, and where each was written.
fn static_pins<'a>(value: &Value<'a>, nodes: &[&str]) -> (Vec<(IpPrefix, String)>, Vec<Value<'a>>) {
    let expected = "expected a mapping of addresses such as 10.20.0.31/32 to node names";
    let mut pins: Vec<(IpPrefix, String)> = Vec::new();
    let mut places = Vec::new();
    for (text, value) in value.entries(expected).unwrap_or_default() {
        let prefix = match text.parse::<IpPrefix>() {
            Ok(prefix) => prefix,
            Err(error) => {
                value.error_about(text, &format!("{error}; expected a prefix such as 10.20.0.31/32"));
                continue;
            }
        };
        let Some(node) = value.reference("node", nodes) else { continue };
        if pins.iter().any(|(known, _)| *known == prefix) {
            value.error_about(&prefix.to_string(), "expected each prefix once");
            continue;
        }
        pins.push((prefix, nodes[node].to_owned()));
        places.push(value);
    }
    (pins, places)
}
