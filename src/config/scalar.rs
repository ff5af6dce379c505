//! How durations, sizes, words and names are spelled, in both directions.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;
use std::time::Duration;

pub(super) const DURATION_UNITS: [(&str, u64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

pub(super) const SIZE_UNITS: [(&str, u64); 4] =
    [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

/// The words that YAML 1.1 and people use for booleans.
pub(super) const SWITCH_WORDS: [(&str, bool); 6] =
    [("true", true), ("on", true), ("yes", true), ("false", false), ("off", false), ("no", false)];

/// `30s`, `10h`, `500ms`: a whole number and its unit.
pub(super) fn parse_duration(text: &str) -> Option<Duration> {
    let (number, unit) = split(text)?;
    let (_, milliseconds) = DURATION_UNITS.iter().find(|(name, _)| *name == unit)?;
    Some(Duration::from_millis(number.checked_mul(*milliseconds)?))
}

/// The shortest spelling of `duration` that [`parse_duration`] reads back.
pub(super) fn show_duration(duration: Duration) -> String {
    let milliseconds = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    if milliseconds == 0 {
        return "0s".into();
    }
    let unit = DURATION_UNITS.iter().find(|(_, unit)| milliseconds.is_multiple_of(*unit));
    let (name, unit) = unit.unwrap_or(&("ms", 1));
    format!("{}{name}", milliseconds / unit)
}

/// `64KiB`, `1MiB`, `240B`, or bytes without a unit.
pub(super) fn parse_size(text: &str) -> Option<u64> {
    let (number, unit) = split(text)?;
    if unit.is_empty() {
        return Some(number);
    }
    let (_, bytes) = SIZE_UNITS.iter().find(|(name, _)| *name == unit)?;
    number.checked_mul(*bytes)
}

/// The shortest spelling of `bytes` that [`parse_size`] reads back.
pub(super) fn show_size(bytes: u64) -> String {
    let fits = |(_, unit): &&(&str, u64)| *unit > 1 && bytes > 0 && bytes.is_multiple_of(*unit);
    match SIZE_UNITS.iter().find(fits) {
        Some((name, unit)) => format!("{}{name}", bytes / unit),
        None => bytes.to_string(),
    }
}

/// A number of at most 18 digits and what follows it.
fn split(text: &str) -> Option<(u64, &str)> {
    let end = text.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    if number.is_empty() || number.len() > 18 {
        return None;
    }
    Some((number.parse().ok()?, unit))
}

/// One of [`SWITCH_WORDS`], in any case.
pub(super) fn parse_boolean(text: &str) -> Option<bool> {
    SWITCH_WORDS.iter().find(|(word, _)| text.eq_ignore_ascii_case(word)).map(|(_, meaning)| *meaning)
}

/// Whether `text` may name a listener, node, group, pool or route: it becomes a label and part of a log line.
pub(super) fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 64
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

/// Whether `text` is a name of the DNS (RFC 1123 section 2.1); underscores are met in Windows networks.
pub(super) fn is_host_name(text: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let last = text.rsplit('.').next().unwrap_or_default();
    text.len() <= 253 && text.split('.').all(label) && !last.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether `text` is a host as requests name it, without a port: a name, an IPv4 address or an IPv6 address in
/// brackets (RFC 3986 section 3.2.2).
pub(super) fn is_host(text: &str) -> bool {
    let bracketed = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    bracketed.is_some_and(|text| text.parse::<Ipv6Addr>().is_ok())
        || text.parse::<Ipv4Addr>().is_ok()
        || is_host_name(text)
}

/// Whether `text` is a token (RFC 9110 section 5.6.2, which RFC 6265 section 4.1.1 refers to).
pub(super) fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

/// A status or a range of them, `404` or `502-504`, of which each lies within `accepted`; the first may be above the
/// last.
pub(super) fn parse_statuses(text: &str, accepted: &RangeInclusive<u16>) -> Option<(u16, u16)> {
    let status = |text: &str| {
        let digits = text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse().ok().filter(|status| digits && accepted.contains(status))
    };
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    Some((status(first)?, status(last)?))
}

/// A range of statuses as it is written.
pub(super) fn show_statuses(range: &RangeInclusive<u16>) -> String {
    match (range.start(), range.end()) {
        (first, last) if first == last => first.to_string(),
        (first, last) => format!("{first}-{last}"),
    }
}

/// Whether `text` may be the value of a field as far as its characters go: visible ASCII, spaces and tabs.
pub(super) fn is_field_text(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ' || byte == b'\t')
}

/// The one of `known` that was probably meant by `word`.
pub(super) fn suggestion<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let near = |name: &&str| {
        let distance = distance(&word.to_ascii_lowercase(), &name.to_ascii_lowercase());
        (distance, distance <= 1 + name.len().min(word.len()) / 5 && distance < name.len())
    };
    let candidates = known.into_iter().map(|name| (near(&name), name)).filter(|((_, near), _)| *near);
    candidates.min_by_key(|((distance, _), _)| *distance).map(|(_, name)| name)
}

/// Insertions, deletions, replacements and swaps of neighbours between two words (optimal string alignment).
fn distance(one: &str, two: &str) -> usize {
    let (one, two): (Vec<char>, Vec<char>) = (one.chars().take(80).collect(), two.chars().take(80).collect());
    let mut rows = vec![vec![0; two.len() + 1]; one.len() + 1];
    for i in 0..=one.len() {
        for j in 0..=two.len() {
            rows[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let replaced = rows[i - 1][j - 1] + usize::from(one[i - 1] != two[j - 1]);
                let mut least = replaced.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
                if i > 1 && j > 1 && one[i - 1] == two[j - 2] && one[i - 2] == two[j - 1] {
                    least = least.min(rows[i - 2][j - 2] + 1);
                }
                least
            };
        }
    }
    rows[one.len()][two.len()]
}

/// `a, b or c`.
pub(super) fn alternatives<'w>(words: impl IntoIterator<Item = &'w str>) -> String {
    let words: Vec<&str> = words.into_iter().collect();
    match words.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        Some((last, _)) => (*last).to_owned(),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations_have_a_number_and_a_unit() {
        for (text, milliseconds) in [
            ("0s", 0),
            ("500ms", 500),
            ("30s", 30_000),
            ("2m", 120_000),
            ("10h", 36_000_000),
            ("1d", 86_400_000),
        ] {
            assert_eq!(parse_duration(text), Some(Duration::from_millis(milliseconds)), "{text}");
        }
        for text in [
            "",
            "30",
            "s",
            "-1s",
            "1.5s",
            "1h30m",
            "30 s",
            "30S",
            "99999999999999999999s",
            "999999999999999999d",
        ] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }

    #[test]
    fn sizes_are_bytes_or_binary_units() {
        for (text, bytes) in
            [("0", 0), ("1500", 1500), ("240B", 240), ("64KiB", 65_536), ("1MiB", 1 << 20), ("2GiB", 2 << 30)]
        {
            assert_eq!(parse_size(text), Some(bytes), "{text}");
        }
        for text in ["", "64K", "64kB", "64b", "KiB", "B", "-1", "1.5MiB"] {
            assert_eq!(parse_size(text), None, "{text}");
        }
    }

    #[test]
    fn names_of_the_dns() {
        for text in ["a", "mim.example.com", "10.in-addr.arpa", "web_1", "3com.com"] {
            assert!(is_host_name(text), "{text}");
        }
        for text in ["", ".", "a.", ".a", "a..b", "-a", "a-", "10.20.0.300", "a b", "a:80", "*.a", "é.com"] {
            assert!(!is_host_name(text), "{text}");
        }
    }

    #[test]
    fn a_slip_of_the_finger_is_recognised() {
        let keys = ["bind", "tls", "keepalive", "idle_timeout"];
        for (word, meant) in [
            ("bnid", Some("bind")),
            ("Bind", Some("bind")),
            ("tsl", Some("tls")),
            ("keep_alive", Some("keepalive")),
            ("idle-timeout", Some("idle_timeout")),
            ("port", None),
            ("x", None),
        ] {
            assert_eq!(suggestion(word, keys), meant, "{word}");
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_back(number in 0u64..1 << 50) {
            prop_assert_eq!(parse_size(&show_size(number)), Some(number));
            let duration = Duration::from_millis(number);
            prop_assert_eq!(parse_duration(&show_duration(duration)), Some(duration));
        }
    }
}
