//! Which route serves a request: by host, then by the longest path prefix.
//!
//! One [`RouteTable`] serves one listener. The order in which routes were written never matters: an exact host
//! beats the longest `*.suffix`, which beats any host; within the best host that has a matching path the
//! longest prefix wins; a host without a matching path gives way to the next best. What two routes would both
//! serve is a [`Tie`], found when the table is built. A list searched from top to bottom was rejected: there a
//! general route written first hides a special one.
//!
//! Paths are compared as they were sent. Percent-encodings and dot segments are not resolved, so a route is a
//! signpost and no access control.

use foldhash::fast::FixedState;
use hashbrown::{Equivalent, HashMap};
use std::hash::{Hash, Hasher};

#[cfg(test)]
mod tests;

/// The longest host name there is (RFC 1035 section 2.3.4), as text; longer ones match [`HostPattern::Any`] only.
const LONGEST_HOST: usize = 253;

/// The hosts that a route serves. Case does not matter; neither a port nor a trailing dot is part of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum HostPattern {
    /// This host.
    Exact(String),
    /// Every host below this domain, however many labels deep, but not the domain itself.
    Suffix(String),
    /// Every host, and requests that name none.
    Any,
}

impl HostPattern {
    /// Whether some host matches both patterns.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Any, _) | (_, Self::Any) => true,
            (Self::Exact(one), Self::Exact(two)) => one.eq_ignore_ascii_case(two),
            (Self::Suffix(suffix), Self::Exact(host)) | (Self::Exact(host), Self::Suffix(suffix)) => {
                is_below(host, suffix)
            }
            (Self::Suffix(one), Self::Suffix(two)) => {
                one.eq_ignore_ascii_case(two) || is_below(one, two) || is_below(two, one)
            }
        }
    }
}

impl std::fmt::Display for HostPattern {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exact(host) => formatter.write_str(host),
            Self::Suffix(domain) => write!(formatter, "*.{domain}"),
            Self::Any => formatter.write_str("*"),
        }
    }
}

/// Whether `host` has at least one label in front of `domain`.
fn is_below(host: &str, domain: &str) -> bool {
    let (host, domain) = (host.as_bytes(), domain.as_bytes());
    host.len() > domain.len() + 1
        && host[host.len() - domain.len()..].eq_ignore_ascii_case(domain)
        && host[host.len() - domain.len() - 1] == b'.'
}

/// The paths that a route serves: the prefix itself and everything below it, cut at segments.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PathPrefix {
    /// Starts with a slash; a trailing slash makes no difference. `/` serves everything, `*` of OPTIONS too.
    pub prefix: String,
    /// Whether `/A` and `/a` differ. IIS takes them for the same.
    pub case_sensitive: bool,
}

impl PathPrefix {
    /// Whether `path` is the prefix or lies below it.
    #[must_use]
    pub fn matches(&self, path: &[u8]) -> bool {
        let prefix = self.trimmed();
        let Some(start) = path.get(..prefix.len()) else { return false };
        let same = if self.case_sensitive { start == prefix } else { start.eq_ignore_ascii_case(prefix) };
        // A question mark never belongs to a path: it ends one where a whole target was given.
        same && (prefix.is_empty() || matches!(path.get(prefix.len()), None | Some(b'/' | b'?')))
    }

    fn trimmed(&self) -> &[u8] {
        self.prefix.trim_end_matches('/').as_bytes()
    }

    /// Whether a path exists for which neither prefix is the longer one.
    fn ties(&self, other: &Self) -> bool {
        if self.case_sensitive && other.case_sensitive {
            self.trimmed() == other.trimmed()
        } else {
            self.trimmed().eq_ignore_ascii_case(other.trimmed())
        }
    }
}

/// What becomes of a route's requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// They go to a pool: its index.
    Forward(usize),
    /// They are told to come again by HTTPS, to this port.
    RedirectToHttps(u16),
}

impl Action {
    /// The pool, if they go to one.
    #[must_use]
    pub fn pool(self) -> Option<usize> {
        match self {
            Self::Forward(pool) => Some(pool),
            Self::RedirectToHttps(_) => None,
        }
    }
}

/// One route of a listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteSpec {
    /// The hosts it serves.
    pub host: HostPattern,
    /// The paths it serves.
    pub path: PathPrefix,
    /// What [`RouteTable::find`] answers.
    pub value: usize,
}

/// Two routes that serve the same requests equally well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tie {
    /// The value of the one that was given first.
    pub first: usize,
    /// The value of the other.
    pub second: usize,
}

/// The routes of one listener.
#[derive(Clone, Debug, Default)]
pub struct RouteTable {
    exact: HashMap<Host, Paths, FixedState>,
    suffixes: HashMap<Host, Paths, FixedState>,
    any: Paths,
}

/// The routes of one host pattern, longest prefix first.
type Paths = Vec<(PathPrefix, usize)>;

impl RouteTable {
    /// Builds the table.
    ///
    /// # Errors
    /// Every [`Tie`]: each route that equals an earlier one, with the first of those.
    pub fn build(specs: Vec<RouteSpec>) -> Result<Self, Vec<Tie>> {
        let mut table = Self::default();
        let mut ties = Vec::new();
        for RouteSpec { host, path, value } in specs {
            let paths = match host {
                HostPattern::Exact(host) => table.exact.entry(Host::new(&host)).or_default(),
                HostPattern::Suffix(domain) => table.suffixes.entry(Host::new(&domain)).or_default(),
                HostPattern::Any => &mut table.any,
            };
            match paths.iter().find(|(known, _)| known.ties(&path)) {
                Some((_, first)) => ties.push(Tie { first: *first, second: value }),
                None => paths.push((path, value)),
            }
        }
        if !ties.is_empty() {
            return Err(ties);
        }
        for paths in table.exact.values_mut().chain(table.suffixes.values_mut()).chain([&mut table.any]) {
            paths.sort_by_key(|(path, _)| std::cmp::Reverse(path.trimmed().len()));
        }
        Ok(table)
    }

    /// The value of the route for `host`, as the Host field or the target gives it (empty where there is
    /// none), and `path`.
    #[must_use]
    pub fn find(&self, host: &[u8], path: &[u8]) -> Option<usize> {
        let host = bare_host(host);
        let within =
            |paths: &Paths| paths.iter().find(|(prefix, _)| prefix.matches(path)).map(|found| found.1);
        if host.len() <= LONGEST_HOST {
            if let Some(value) = self.exact.get(&Folded(host)).and_then(within) {
                return Some(value);
            }
            if !self.suffixes.is_empty() {
                let dots = memchr::memchr_iter(b'.', host).filter(|dot| *dot > 0);
                for dot in dots {
                    if let Some(value) = self.suffixes.get(&Folded(&host[dot + 1..])).and_then(within) {
                        return Some(value);
                    }
                }
            }
        }
        within(&self.any)
    }
}

/// `host` without its port, the brackets of an IPv6 address (RFC 3986 section 3.2.2) and one trailing dot.
pub(crate) fn bare_host(host: &[u8]) -> &[u8] {
    if let Some(rest) = host.strip_prefix(b"[") {
        return &rest[..memchr::memchr(b']', rest).unwrap_or(rest.len())];
    }
    let name = match memchr::memrchr(b':', host) {
        Some(colon) if host[colon + 1..].iter().all(u8::is_ascii_digit) => &host[..colon],
        _ => host,
    };
    name.strip_suffix(b".").unwrap_or(name)
}

/// A key of the table: lower case, bare.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Host(Box<[u8]>);

impl Host {
    fn new(host: &str) -> Self {
        let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
        let bare = bare.strip_suffix('.').unwrap_or(bare);
        Self(bare.to_ascii_lowercase().into_bytes().into())
    }
}

impl Hash for Host {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Folded(&self.0).hash(state);
    }
}

/// A host as it was sent, looked up without a copy.
struct Folded<'a>(&'a [u8]);

impl Hash for Folded<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for part in self.0.chunks(8) {
            let mut word = [0; 8];
            word[..part.len()].copy_from_slice(part);
            state.write_u64(u64::from_le_bytes(word.map(|byte| byte.to_ascii_lowercase())));
        }
        state.write_usize(self.0.len());
    }
}

impl Equivalent<Host> for Folded<'_> {
    fn equivalent(&self, key: &Host) -> bool {
        self.0.eq_ignore_ascii_case(&key.0)
    }
}
