//! Which route serves a request.

use crate::route::{Found, HostPattern, PathPrefix, RouteSpec, RouteTable};
use std::collections::BTreeSet;

/// Up to here a path is not too long for all of its readings, and for this reader's patience.
const LONGEST: usize = 300;

/// One line a route, `+host /prefix`, or `-` where case does not matter; any other line is a request, `host path`.
pub fn route(input: &[u8]) {
    let lines = input.split(|byte| *byte == b'\n').take(64);
    let (routes, requests): (Vec<_>, Vec<_>) =
        lines.partition(|line| matches!(line.first(), Some(b'+' | b'-')));
    let mut specs: Vec<RouteSpec> = Vec::new();
    for (value, line) in routes.iter().enumerate() {
        let Some(spec) = std::str::from_utf8(line).ok().and_then(|line| spec(line, value)) else { continue };
        let ties = specs.iter().any(|other| same(other, &spec));
        specs.push(spec);
        let built = RouteTable::build(specs.clone());
        assert_eq!(built.is_err(), ties, "{:?}", specs.last());
        if ties {
            specs.pop();
        }
    }
    let table = RouteTable::build(specs.clone()).expect("without ties");
    for request in requests {
        let mut words = request.splitn(2, |byte| *byte == b' ');
        let (host, path) = (words.next().unwrap_or_default(), words.next().unwrap_or(b"/"));
        assert_eq!(table.find(host, path), model(&specs, host, path));
        let decided = table.decide(host, path);
        let whole = path.first() == Some(&b'/') && !path.iter().any(|byte| b"?#".contains(byte));
        if whole && path.len() <= LONGEST {
            assert_eq!(
                decided,
                reads(path, |reading| model(&specs, host, reading)),
                "{}",
                path.escape_ascii()
            );
        }
    }
}

/// What all readings of a path agree on.
fn reads(path: &[u8], find: impl Fn(&[u8]) -> Option<usize>) -> Found {
    let Some(readings) = readings(path) else { return Found::Ambiguous };
    let found: BTreeSet<Option<usize>> = readings.iter().map(|reading| find(reading)).collect();
    match Vec::from_iter(found)[..] {
        [Some(route)] => Found::One(route),
        [None] => Found::None,
        _ => Found::Ambiguous,
    }
}

/// Every way to read a path, each step of it taken or not; none if one of them must not be.
fn readings(path: &[u8]) -> Option<BTreeSet<Vec<u8>>> {
    let mut texts = vec![path.to_vec()];
    for start in [path.to_vec(), cut(path)] {
        let once = decoded(&start)?;
        for text in [decoded(&once)?, once] {
            let end = text.iter().position(|byte| b"?#".contains(byte)).unwrap_or(text.len());
            texts.extend([text[..end].to_vec(), text]);
        }
    }
    let slashes =
        |text: &Vec<u8>| text.iter().map(|byte| if *byte == b'\\' { b'/' } else { *byte }).collect();
    texts.extend(texts.clone().iter().map(slashes));
    texts.extend(texts.clone().iter().map(|text| cut(text)));
    let mut readings = BTreeSet::new();
    for text in texts {
        let segments: Vec<&[u8]> = text.split(|byte| *byte == b'/').skip(1).collect();
        let whole = segments.iter().copied().filter(|segment| !segment.is_empty()).collect();
        for segments in [segments, whole] {
            readings.insert(joined(&segments));
            readings.insert(joined(&resolved(&segments)?));
        }
    }
    Some(readings)
}

fn joined(segments: &[&[u8]]) -> Vec<u8> {
    segments.iter().flat_map(|segment| [b"/", *segment].concat()).collect()
}

fn resolved<'s>(segments: &[&'s [u8]]) -> Option<Vec<&'s [u8]>> {
    let mut stack = Vec::new();
    for segment in segments {
        match *segment {
            b"." => {}
            b".." => {
                stack.pop()?;
            }
            segment => stack.push(segment),
        }
    }
    Some(stack)
}

fn cut(text: &[u8]) -> Vec<u8> {
    let mut inside = false;
    let kept = text.iter().filter(|byte| {
        inside = **byte == b';' || inside && **byte != b'/';
        !inside
    });
    kept.copied().collect()
}

/// Byte by byte, and what decoders disagree over is refused.
fn decoded(text: &[u8]) -> Option<Vec<u8>> {
    let mut out: Vec<u8> = Vec::new();
    let mut place = 0;
    while place < text.len() {
        let hex = |from: usize, count: usize| {
            let digits = std::str::from_utf8(text.get(from..from + count)?).ok()?;
            digits
                .bytes()
                .all(|digit| digit.is_ascii_hexdigit())
                .then(|| u32::from_str_radix(digits, 16).ok())?
        };
        let escape = if text[place] == b'%' { hex(place + 1, 2) } else { None };
        if text[place] == b'%'
            && matches!(text.get(place + 1), Some(b'u' | b'U'))
            && hex(place + 2, 4).is_some()
        {
            return None;
        }
        let Some(byte) = escape else {
            out.push(text[place]);
            place += 1;
            continue;
        };
        let behind = out.last().copied().unwrap_or_default();
        let loose = (u32::from(behind) & 0x1f) << 6 | byte & 0x3f;
        let fooled =
            matches!(behind, 0xc0 | 0xc1) && byte < 0x80 && [b'/', b'.', b'\\'].contains(&(loose as u8));
        if fooled || byte < 0x20 || byte == 0x7f {
            return None;
        }
        out.push(byte as u8);
        place += 3;
    }
    (out == text || !has_long_form(&out)).then_some(out)
}

/// Whether a character is written in more bytes than it needs.
fn has_long_form(text: &[u8]) -> bool {
    (0..text.len()).any(|place| {
        let count = text[place].leading_ones() as usize;
        let Some(rest) = text.get(place + 1..place + count.max(1)).filter(|_| (2..=6).contains(&count))
        else {
            return false;
        };
        let lead = u64::from(text[place]) & (0x7f >> count);
        let code = rest.iter().fold(lead, |code, byte| code << 6 | u64::from(byte & 0x3f));
        let least = [0x80, 0x800, 0x1_0000, 0x20_0000, 0x400_0000][count - 2];
        code < least && rest.iter().all(|byte| byte & 0xc0 == 0x80)
    })
}

/// A route as the configuration accepts it: a host of name bytes, a path that starts with a slash.
fn spec(line: &str, value: usize) -> Option<RouteSpec> {
    let (host, prefix) = line[1..].split_once(' ')?;
    let named = |host: &str| {
        !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte))
    };
    let host = match host.strip_prefix("*.") {
        _ if host == "*" => HostPattern::Any,
        Some(domain) if named(domain) && !domain.starts_with('.') => HostPattern::Suffix(domain.into()),
        None if named(host) => HostPattern::Exact(host.into()),
        _ => return None,
    };
    let path = PathPrefix { prefix: prefix.into(), case_sensitive: line.starts_with('+') };
    (prefix.starts_with('/') && !prefix.contains('?')).then_some(RouteSpec { host, path, value })
}

/// Lower case, without one trailing dot.
fn folded(host: &str) -> String {
    let host = host.to_ascii_lowercase();
    host.strip_suffix('.').unwrap_or(&host).to_owned()
}

fn same(one: &RouteSpec, other: &RouteSpec) -> bool {
    let hosts = match (&one.host, &other.host) {
        (HostPattern::Any, HostPattern::Any) => true,
        (HostPattern::Exact(one), HostPattern::Exact(other))
        | (HostPattern::Suffix(one), HostPattern::Suffix(other)) => folded(one) == folded(other),
        _ => false,
    };
    let fold = one.path.case_sensitive && other.path.case_sensitive;
    let prefix = |path: &PathPrefix| {
        let prefix = path.prefix.trim_end_matches('/');
        if fold { prefix.to_owned() } else { prefix.to_ascii_lowercase() }
    };
    hosts && prefix(&one.path) == prefix(&other.path)
}

/// The rules as a list: every route that matches, the best of them.
fn model(specs: &[RouteSpec], host: &[u8], path: &[u8]) -> Option<usize> {
    let host: String = host.iter().map(|byte| char::from(*byte)).collect();
    let bare = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default().to_ascii_lowercase(),
        None => {
            let (name, port) = host.rsplit_once(':').unwrap_or((&host, ""));
            let name = if port.bytes().all(|byte| byte.is_ascii_digit()) { name } else { &host };
            folded(name)
        }
    };
    let fits = bare.chars().count() <= 253;
    let matching = specs.iter().filter_map(|spec| {
        let rank = match &spec.host {
            HostPattern::Exact(exact) => (fits && folded(exact) == bare).then_some(usize::MAX),
            HostPattern::Suffix(domain) => {
                let front = bare.strip_suffix(&format!(".{}", folded(domain)))?;
                (fits && !front.is_empty()).then_some(folded(domain).len())
            }
            HostPattern::Any => Some(0),
        }?;
        let prefix = spec.path.prefix.trim_end_matches('/').as_bytes();
        let start = path.get(..prefix.len())?;
        let equal =
            if spec.path.case_sensitive { start == prefix } else { start.eq_ignore_ascii_case(prefix) };
        let whole = prefix.is_empty() || path.len() == prefix.len() || b"/?".contains(&path[prefix.len()]);
        (equal && whole).then_some((rank, prefix.len(), spec.value))
    });
    matching.max_by_key(|(rank, length, _)| (*rank, *length)).map(|(_, _, value)| value)
}
