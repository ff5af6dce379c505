//! Which route serves a request.

use crate::route::{HostPattern, PathPrefix, RouteSpec, RouteTable};

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
    }
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
