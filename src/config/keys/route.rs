//! `routes`.

use super::super::pattern;
use super::super::read::GROUP;
use super::super::routes::{host, name, path};
use super::super::shape::{
    Key, Lasting, List, Map, Name, Number, OrNull, Section, Size, Text, dependent, number, optional, required,
};
use super::limits::{IPV4_PREFIX, IPV6_PREFIX};
use super::response::{ERROR_PAGES, HSTS, REDIRECT, RESPONSE_HEADERS};
use super::{HOUR, SECOND};
use crate::route::HostPattern;

pub(in crate::config) static ROUTES: Key<List<Map>> = required(
    "routes",
    List { of: Map(&ROUTE), expected: "expected a list of at least one route" },
    "What goes where. The order never matters: an exact host before the longest *.suffix before any host; among those the longest path.",
);

pub(in crate::config) static ROUTE: Section = Section {
    name: "route",
    expected: "expected a mapping with listener, host, path, pool, persistence",
    keys: &[
        &NAME,
        &LISTENER,
        &HOST,
        &PATH,
        &POOL,
        &REDIRECT,
        &PERSISTENCE,
        &MAX_BODY,
        &RATE,
        &RESPONSE_HEADERS,
        &HSTS,
        &ERROR_PAGES,
    ],
};

pub(in crate::config) static NAME: Key<Text<String>> = dependent(
    "name",
    Text {
        expected: "expected a name without spaces and quotes",
        parse: name,
        pattern: pattern::route_name,
        examples: &["portal"],
    },
    || "listener, host and path, as web:mim.example.com/".into(),
    "The route's name, for the log.",
);

pub(in crate::config) static LISTENER: Key<Name> =
    required("listener", Name("listener"), "Where the request came in: the name of a listener.");

pub(in crate::config) static HOST: Key<OrNull<Text<HostPattern>>> = optional(
    "host",
    OrNull(Text {
        expected: "expected a host such as mim.example.com, *.example.com or null for any, without a port",
        parse: host,
        pattern: pattern::host_pattern,
        examples: &["mim.example.com", "*.example.com"],
    }),
    "null",
    "The host without a port; null is any. Case does not matter.",
);

pub(in crate::config) static PATH: Key<Text<String>> = optional(
    "path",
    Text {
        expected: "expected a path that starts with a slash and does not end with one, without a query",
        parse: path,
        pattern: pattern::route_path,
        examples: &["/", "/PasswordReset"],
    },
    "/",
    "The path: /a serves /a and /a/b, not /ab.",
);

pub(in crate::config) static POOL: Key<Name> = dependent(
    "pool",
    Name("pool"),
    || "none, so that it is required where there is no redirect".into(),
    "Where it goes: the name of a pool.",
);

pub(in crate::config) static PERSISTENCE: Key<OrNull<Name>> = optional(
    "persistence",
    OrNull(Name(GROUP)),
    "null",
    "The name of the persistence group; null places every request anew.",
);

pub(in crate::config) static MAX_BODY: Key<OrNull<Size>> =
    optional("max_body", OrNull(Size(0..=1 << 40)), "null", "The largest request body; null is no limit.");

pub(in crate::config) static RATE: Key<OrNull<Map>> = optional(
    "rate",
    OrNull(Map(&RATED)),
    "null",
    "How many requests of one client are taken in a time; those beyond are answered 429. null is no limit.",
);

pub(in crate::config) static RATED: Section = Section {
    name: "rate",
    expected: "expected a mapping with requests, per, ipv4_prefix, ipv6_prefix, or null for no limit",
    keys: &[&REQUESTS, &PER, &IPV4_PREFIX, &IPV6_PREFIX],
};

pub(in crate::config) static REQUESTS: Key<Number<u32>> =
    required("requests", number(1..=1_000_000), "Requests of one client that are taken in the time.");

pub(in crate::config) static PER: Key<Lasting> =
    optional("per", Lasting(SECOND..=HOUR), "1s", "The time in which they are counted.");
