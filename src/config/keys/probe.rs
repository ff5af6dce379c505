//! `probe`, of a pool and of a node.

use super::super::pattern;
use super::super::probe::{NOT_AMONG_HEADERS, field_text, host_and_port, method, path_and_query};
use super::super::roles::by_role;
use super::super::scalar::show_statuses;
use super::super::shape::{
    Empty, Entries, Key, Lasting, LongText, Map, Number, OneOrSeveral, OrNull, Section, Statuses, Text,
    dependent, number, optional, section,
};
use super::{DAY, HOUR};
use std::time::Duration;

pub(in crate::config) static PROBE: Section = Section {
    name: "probe",
    expected: "expected a mapping with http or tcp, interval, timeout, rise, fall",
    keys: &[&HTTP, &TCP, &INTERVAL, &FAST_INTERVAL, &TIMEOUT, &RISE, &FALL, &START_GRACE],
};

const SHORTEST: Duration = Duration::from_millis(10);

pub(in crate::config) static HTTP: Key<Map> = section(
    "http",
    Map(&REQUEST),
    "A request, and an answer that is as expected. The default of the portals' roles. Not together with tcp.",
);

pub(in crate::config) static TCP: Key<Empty> = section(
    "tcp",
    Empty,
    "A connection is enough, TLS included. The default of mim_service, mim_sts and none. Not together with http.",
);

pub(in crate::config) static INTERVAL: Key<Lasting> = optional(
    "interval",
    Lasting(SHORTEST..=HOUR),
    "5s",
    "Between two probes; each is up to a tenth earlier or later.",
);

pub(in crate::config) static FAST_INTERVAL: Key<Lasting> = optional(
    "fast_interval",
    Lasting(SHORTEST..=HOUR),
    "1s",
    "Between two probes while results speak against the present state.",
);

pub(in crate::config) static TIMEOUT: Key<Lasting> =
    optional("timeout", Lasting(SHORTEST..=HOUR), "2s", "The longest a probe may take, answer included.");

pub(in crate::config) static RISE: Key<Number<u32>> =
    optional("rise", number(1..=100), "2", "Successes in a row that make a backend up.");

pub(in crate::config) static FALL: Key<Number<u32>> =
    optional("fall", number(1..=100), "3", "Failures in a row that make a backend down.");

pub(in crate::config) static START_GRACE: Key<Lasting> = optional(
    "start_grace",
    Lasting(Duration::ZERO..=DAY),
    "10s",
    "Without a first answer for so long a backend counts as up.",
);

pub(in crate::config) static REQUEST: Section = Section {
    name: "http_probe",
    expected: "expected a mapping with method, path, host, headers, body, expect, contains",
    keys: &[&METHOD, &PATH, &HOST, &HEADERS, &BODY, &EXPECT, &CONTAINS],
};

pub(in crate::config) static METHOD: Key<Text<String>> = dependent(
    "method",
    Text {
        expected: "expected a method in capital letters, such as GET, HEAD or POST",
        parse: method,
        pattern: pattern::method,
        examples: &["GET", "HEAD", "POST"],
    },
    || "GET, or POST if there is a body".into(),
    "The method, in capital letters; not CONNECT.",
);

pub(in crate::config) static PATH: Key<Text<String>> = optional(
    "path",
    Text {
        expected: "expected a path of visible ASCII that starts with a slash, perhaps with a query, without a fragment",
        parse: path_and_query,
        pattern: pattern::path_and_query,
        examples: &["/", "/healthy?deep=1"],
    },
    "/",
    "The path, perhaps with a query.",
);

pub(in crate::config) static HOST: Key<OrNull<Text<String>>> = optional(
    "host",
    OrNull(Text {
        expected: "expected a host such as mim.example.com or mim.example.com:5725, or null to have it filled in",
        parse: host_and_port,
        pattern: pattern::host_and_port,
        examples: &["mim.example.com", "mim.example.com:5725"],
    }),
    "null",
    "The field Host, perhaps with a port; null: tls.server_name, else the host of the pool's routes if they name one exact host only, else the node's address and port.",
);

pub(in crate::config) static HEADERS: Key<Entries<Text<String>>> = optional(
    "headers",
    Entries {
        keys: || pattern::field_name_but(NOT_AMONG_HEADERS.iter().map(|(name, _)| *name)),
        each: Text {
            expected: "expected visible ASCII characters, spaces and tabs",
            parse: field_text,
            pattern: pattern::field_value,
            examples: &[],
        },
        expected: "expected a mapping of fields' names to their values",
    },
    "{}",
    "More fields: names and values, each name once; none that the edge sets itself.",
);

pub(in crate::config) static BODY: Key<OrNull<LongText>> =
    optional("body", OrNull(LongText(64 << 10)), "null", "The body, such as a SOAP envelope.");

pub(in crate::config) static EXPECT: Key<OneOrSeveral<Statuses>> = dependent(
    "expect",
    OneOrSeveral(Statuses { least: 200, most: 599 }),
    || by_role(|role| role.http_probe().expect.iter().map(show_statuses).collect::<Vec<_>>().join(" and ")),
    "The statuses that are accepted: a status, a range, or a list of them.",
);

pub(in crate::config) static CONTAINS: Key<OrNull<LongText>> = optional(
    "contains",
    OrNull(LongText(1 << 10)),
    "null",
    "A text that must be in the first 64 KiB of the answer's body.",
);
