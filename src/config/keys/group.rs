//! `persistence`.

use super::super::cookie::{SAME_SITE, SECURE, is_cookie_path};
use super::super::persistence::{AFTER_RECOVERY, BY, FIRST_CHOICE, UNAVAILABLE, WHEN_FULL};
use super::super::scalar::{is_host_name, is_token, show_duration};
use super::super::shape::{
    Entries, File, Key, Lasting, List, Map, Name, Named, Number, OrNull, Section, Switch, Text, Word,
    dependent, number, optional, required, section,
};
use super::super::{pattern, persistence};
use super::{HOUR, SECOND};
use crate::persistence::settings::{
    AfterRecovery, By, CookieSettings, FirstChoice, SameSite, Secure, Unavailable, WhenFull,
};
use std::ops::RangeInclusive;
use std::time::Duration;

pub(in crate::config) static PERSISTENCE: Key<Named> = section(
    "persistence",
    Named { each: &GROUP, expected: "expected a mapping of a group's name to its by, cookie, idle_timeout" },
    "Names of groups. Routes that name the same group share its memory of who is where.",
);

pub(in crate::config) static GROUP: Section = Section {
    name: "group",
    expected: "expected a mapping with by, cookie, idle_timeout",
    keys: &[
        &RECOGNISED_BY,
        &SOURCE_IP,
        &STATIC,
        &IDLE_TIMEOUT,
        &MAX_AGE,
        &FIRST,
        &WHEN_UNAVAILABLE,
        &HOLD,
        &RECOVERED,
        &RETURN_IDLE,
        &FIRST_REQUESTS,
        &COOKIE,
    ],
};

/// A cookie holds whole seconds, a pin tenths of one.
const REMEMBERED: RangeInclusive<Duration> = SECOND..=Duration::from_secs(400 * 86_400);

pub(in crate::config) static RECOGNISED_BY: Key<Word<By>> = required(
    "by",
    Word(&BY),
    "How clients are recognised: by their address, by a cookie, by either as the request suggests, or not at all.",
);

pub(in crate::config) static SOURCE_IP: Key<Map> =
    section("source_ip", Map(&TABLE), "The table of pins of clients that are recognised by their address.");

pub(in crate::config) static STATIC: Key<Entries<Name>> = optional(
    "static",
    Entries {
        keys: pattern::prefix,
        each: Name("node"),
        expected: "expected a mapping of addresses such as 10.20.0.31/32 to node names",
    },
    "{}",
    "Clients with a fixed home: an address or prefix and the name of a node. The longest prefix wins.",
);

pub(in crate::config) static IDLE_TIMEOUT: Key<Lasting> = dependent(
    "idle_timeout",
    Lasting(REMEMBERED),
    || {
        let [others, cookie] =
            [By::SourceIp, By::Cookie].map(|by| show_duration(persistence::idle_timeout(by)));
        format!("{others}, or {cookie} where by is cookie")
    },
    "How long a pin or cookie outlives its last request.",
);

pub(in crate::config) static MAX_AGE: Key<OrNull<Lasting>> = optional(
    "max_age",
    OrNull(Lasting(REMEMBERED)),
    "null",
    "After so long a client is decided anew, at an idle gap of return_idle; its node is preferred.",
);

pub(in crate::config) static FIRST: Key<Word<FirstChoice>> =
    optional("first_choice", Word(&FIRST_CHOICE), "least_pins", "Which node a new client gets.");

pub(in crate::config) static WHEN_UNAVAILABLE: Key<Word<Unavailable>> = optional(
    "unavailable",
    Word(&UNAVAILABLE),
    "redispatch",
    "What a client gets when its node is still unusable after the hold: another node, or a 503.",
);

pub(in crate::config) static HOLD: Key<Lasting> = optional(
    "hold",
    Lasting(Duration::ZERO..=HOUR),
    "2s",
    "How long a client waits for its node, from the moment the node first failed.",
);

pub(in crate::config) static RECOVERED: Key<Word<AfterRecovery>> = optional(
    "after_recovery",
    Word(&AFTER_RECOVERY),
    "stay",
    "Whether clients go back to their first node once it has recovered.",
);

pub(in crate::config) static RETURN_IDLE: Key<Lasting> = optional(
    "return_idle",
    Lasting(Duration::ZERO..=*REMEMBERED.end()),
    "5m",
    "A client returns only after so long without a request.",
);

pub(in crate::config) static FIRST_REQUESTS: Key<Lasting> = optional(
    "first_requests",
    Lasting(Duration::ZERO..=HOUR),
    "10s",
    "How long the address of a browser without a cookie is remembered; 0s for not at all.",
);

pub(in crate::config) static COOKIE: Key<Map> = section(
    "cookie",
    Map(&PERSISTENCE_COOKIE),
    "The persistence cookie. Its keys are required where by is cookie or auto.",
);

pub(in crate::config) static TABLE: Section = Section {
    name: "source_ip",
    expected: "expected a mapping with ipv4_prefix, ipv6_prefix, capacity, when_full",
    keys: &[&IPV4_PREFIX, &IPV6_PREFIX, &CAPACITY, &FULL],
};

pub(in crate::config) static IPV4_PREFIX: Key<Number<u8>> =
    optional("ipv4_prefix", number(1..=32), "32", "Bits of an IPv4 address that make the key.");

pub(in crate::config) static IPV6_PREFIX: Key<Number<u8>> =
    optional("ipv6_prefix", number(1..=128), "128", "Bits of an IPv6 address that make the key.");

pub(in crate::config) static CAPACITY: Key<Number<usize>> =
    optional("capacity", number(1..=16_777_216), "100000", "The most pins; memory grows with use.");

pub(in crate::config) static FULL: Key<Word<WhenFull>> = optional(
    "when_full",
    Word(&WHEN_FULL),
    "evict_oldest",
    "What happens to a new client when the table is full: the least recently used pin makes room, or a 503.",
);

pub(in crate::config) static PERSISTENCE_COOKIE: Section = Section {
    name: "cookie",
    expected: "expected a mapping with name, keys, secure, http_only, same_site, domain, path",
    keys: &[&NAME, &KEYS, &IS_SECURE, &HTTP_ONLY, &SENT_ACROSS_SITES, &DOMAIN, &PATH],
};

pub(in crate::config) static NAME: Key<Text<String>> = dependent(
    "name",
    Text {
        expected: "expected a token: letters, digits and !#$%&'*+-.^_`|~",
        parse: |text| is_token(text).then(|| text.to_owned()),
        pattern: pattern::token,
        examples: &["EDGE", "__Host-EDGE"],
    },
    || CookieSettings::default_name("the group's name"),
    "The cookie's name.",
);

pub(in crate::config) static KEYS: Key<List<File>> = section(
    "keys",
    List {
        of: File("expected a file of cookie keys"),
        expected: "expected a list of key files; make one with `identity-edge keys new cookie-keys.txt`",
    },
    "Key files, made with `identity-edge keys new`. The first key of the first file signs, all open. Required where by is cookie or auto.",
);

pub(in crate::config) static IS_SECURE: Key<Word<Secure>> = optional(
    "secure",
    Word(&SECURE),
    "auto",
    "Whether the cookie has the attribute Secure; auto: where the request came over TLS.",
);

pub(in crate::config) static HTTP_ONLY: Key<Switch> =
    optional("http_only", Switch, "true", "Whether the cookie has the attribute HttpOnly.");

pub(in crate::config) static SENT_ACROSS_SITES: Key<Word<SameSite>> = optional(
    "same_site",
    Word(&SAME_SITE),
    "Lax",
    "The attribute SameSite; None always brings Secure with it.",
);

pub(in crate::config) static DOMAIN: Key<OrNull<Text<String>>> = optional(
    "domain",
    OrNull(Text {
        expected: "expected a domain such as example.com, without a leading dot, or null",
        parse: |text| is_host_name(text).then(|| text.to_ascii_lowercase()),
        pattern: pattern::host_name,
        examples: &["example.com"],
    }),
    "null",
    "The attribute Domain, without a leading dot; null is the host that set the cookie.",
);

pub(in crate::config) static PATH: Key<Text<String>> = optional(
    "path",
    Text {
        expected: "expected a path that starts with a slash, without semicolons and spaces",
        parse: |text| is_cookie_path(text).then(|| text.to_owned()),
        pattern: pattern::cookie_path,
        examples: &["/"],
    },
    "/",
    "The attribute Path.",
);
