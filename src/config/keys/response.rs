//! What the edge does to responses and answers itself: keys of `routes`, and `error_pages` of a listener.

use super::super::fields::{self, NOT_IN_RESPONSES, NOT_SET_IN_RESPONSES};
use super::super::pattern;
use super::super::shape::{
    Either, Entries, File, Key, Lasting, Map, Number, OrNull, Section, Several, Switch, Text, Word, number,
    optional, required, section,
};
use super::DAY;
use std::ops::RangeInclusive;
use std::time::Duration;

/// Statuses of answers for which there can be a page.
pub(in crate::config) const ERRORS: RangeInclusive<u16> = 400..=599;

/// A key `error_pages`.
pub(super) const fn error_pages(about: &'static str) -> Key<Entries<File>> {
    optional(
        "error_pages",
        Entries {
            keys: || pattern::statuses(ERRORS),
            each: File("expected an HTML file of at most 64 KiB"),
            expected: "expected a mapping of statuses such as 404 or 502-504 to HTML files",
        },
        "{}",
        about,
    )
}

pub(in crate::config) static ERROR_PAGES: Key<Entries<File>> =
    error_pages("Bodies of the edge's own answers: a status or range to an HTML file.");

pub(in crate::config) static REDIRECT: Key<OrNull<Either<Word<()>, Map>>> = optional(
    "redirect",
    OrNull(Either(Word(&[("https", ())]), Map(&REDIRECTION))),
    "null",
    "https: requests are told to come again by HTTPS, at port 443 or at the one that is given. Instead of pool.",
);

pub(in crate::config) static REDIRECTION: Section = Section {
    name: "redirect",
    expected: "expected https, { https: PORT } for another port than 443, or null for none",
    keys: &[&HTTPS],
};

pub(in crate::config) static HTTPS: Key<Number<u16>> =
    required("https", number(1..=65_535), "The port of HTTPS.");

pub(in crate::config) static RESPONSE_HEADERS: Key<Map> =
    section("response_headers", Map(&FIELDS), "Fields of responses that are taken out and set.");

pub(in crate::config) static FIELDS: Section = Section {
    name: "response_headers",
    expected: "expected a mapping with remove and set",
    keys: &[&REMOVE, &SET],
};

pub(in crate::config) static REMOVE: Key<Several<Text<String>>> = optional(
    "remove",
    Several {
        of: Text {
            expected: "expected a field's name: letters, digits and !#$%&'*+-.^_`|~",
            parse: fields::name,
            pattern: || pattern::field_name_but(NOT_IN_RESPONSES.iter().map(|(name, _)| *name)),
            examples: &["Server", "X-Powered-By"],
        },
        expected: "expected a list of fields' names",
    },
    "[]",
    "Fields that are taken out.",
);

pub(in crate::config) static SET: Key<Entries<Text<String>>> = optional(
    "set",
    Entries {
        keys: || {
            let refused = NOT_IN_RESPONSES.iter().chain(&NOT_SET_IN_RESPONSES);
            pattern::field_name_but(refused.map(|(name, _)| *name))
        },
        each: Text {
            expected: "expected visible ASCII characters, with spaces and tabs only between them",
            parse: fields::value,
            pattern: pattern::trimmed_field_value,
            examples: &[],
        },
        expected: "expected a mapping of fields' names to their values",
    },
    "{}",
    "Fields that are set, each once; what the node said under the same name is taken out.",
);

pub(in crate::config) static HSTS: Key<OrNull<Map>> = optional(
    "hsts",
    OrNull(Map(&TRANSPORT_SECURITY)),
    "null",
    "Strict-Transport-Security: browsers use HTTPS alone from then on. {} is all defaults.",
);

pub(in crate::config) static TRANSPORT_SECURITY: Section = Section {
    name: "hsts",
    expected: "expected a mapping with max_age, include_subdomains, preload, or null for none",
    keys: &[&MAX_AGE, &INCLUDE_SUBDOMAINS, &PRELOAD],
};

pub(in crate::config) static MAX_AGE: Key<Lasting> = optional(
    "max_age",
    Lasting(Duration::ZERO..=Duration::from_secs(3650 * DAY.as_secs())),
    "365d",
    "How long browsers remember it, in whole seconds; with 0s they forget it.",
);

pub(in crate::config) static INCLUDE_SUBDOMAINS: Key<Switch> =
    optional("include_subdomains", Switch, "false", "Whether it holds for every name below the host.");

pub(in crate::config) static PRELOAD: Key<Switch> = optional(
    "preload",
    Switch,
    "false",
    "Whether browsers' makers may put the host on the lists that they ship.",
);
