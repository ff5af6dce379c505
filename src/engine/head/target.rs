//! Request targets and authorities (RFC 9112 section 3.2, RFC 9110 section 7.2).

use super::Method;
use crate::engine::refusal::Refusal;

/// An accepted target.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target<'b> {
    /// Goes in front of `rest` where an absolute-form has no path: `/` or `*`.
    pub lead: &'static str,
    /// Path and query as they were sent.
    pub rest: &'b str,
    pub absolute: Option<Absolute<'b>>,
}

/// What an absolute-form says besides path and query.
#[derive(Clone, Copy, Debug)]
pub(super) struct Absolute<'b> {
    pub authority: &'b str,
    pub https: bool,
}

/// Judges a target in which `httparse` already found neither white space nor control characters.
#[inline]
pub(super) fn target(method: Method, target: &str) -> Result<Target<'_>, Refusal> {
    // No early way out: this way it is done many bytes at a time.
    let foreign = target.bytes().fold(false, |found, byte| found | (byte == b'#') | !byte.is_ascii());
    if foreign {
        return Err(Refusal::BadTarget);
    }
    match target.as_bytes() {
        [b'/', ..] => Ok(Target { lead: "", rest: target, absolute: None }),
        b"*" if method == Method::Options => Ok(Target { lead: "", rest: target, absolute: None }),
        _ => absolute_form(method, target),
    }
}

#[cold]
fn absolute_form(method: Method, target: &str) -> Result<Target<'_>, Refusal> {
    let (scheme, rest) = target.split_once("://").ok_or(Refusal::BadTarget)?;
    let https = scheme.eq_ignore_ascii_case("https");
    if !https && !scheme.eq_ignore_ascii_case("http") {
        return Err(Refusal::BadTarget);
    }
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at(end);
    let lead = match rest.as_bytes() {
        [b'/', ..] => "",
        [] if method == Method::Options => "*",
        _ => "/",
    };
    Ok(Target { lead, rest, absolute: Some(Absolute { authority, https }) })
}

/// Host and port, separated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Authority<'b> {
    pub host: &'b [u8],
    pub port: Option<u16>,
}

impl Authority<'_> {
    /// Whether both mean the same server of a scheme (RFC 9110 section 4.2.3).
    pub(super) fn agrees(&self, other: &Self, https: bool) -> bool {
        let default = if https { 443 } else { 80 };
        self.host.eq_ignore_ascii_case(other.host)
            && self.port.unwrap_or(default) == other.port.unwrap_or(default)
    }
}

/// Judges an authority: a DNS name or IPv4 address, or an IPv6 address in brackets, and a port. What RFC 3986 allows
/// beyond that in a reg-name (`%` and `!$&'()*+,;=`) is in no name that DNS knows, and readers disagree over it.
#[inline]
pub(super) fn authority(bytes: &[u8]) -> Result<Authority<'_>, Refusal> {
    if bytes.first() == Some(&b'[') {
        return bracketed(bytes);
    }
    let end = bytes.iter().position(|byte| !NAMED[usize::from(*byte)]).unwrap_or(bytes.len());
    let (host, port) = bytes.split_at(end);
    if host.is_empty() {
        return Err(Refusal::BadHost);
    }
    Ok(Authority { host, port: port_number(port)? })
}

/// The bytes that may be in a name.
const NAMED: [bool; 256] = {
    let mut named = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        named[byte] = (byte as u8).is_ascii_alphanumeric() || matches!(byte as u8, b'.' | b'-' | b'_' | b'~');
        byte += 1;
    }
    named
};

#[cold]
fn bracketed(bytes: &[u8]) -> Result<Authority<'_>, Refusal> {
    let end = bytes.iter().position(|byte| *byte == b']').ok_or(Refusal::BadHost)?;
    let (host, port) = bytes.split_at(end + 1);
    let inside = std::str::from_utf8(&host[1..end]).map_err(|_| Refusal::BadHost)?;
    inside.parse::<std::net::Ipv6Addr>().map_err(|_| Refusal::BadHost)?;
    Ok(Authority { host, port: port_number(port)? })
}

/// `port` with its colon, or empty; a colon alone is the default port (RFC 3986 section 3.2.3).
fn port_number(port: &[u8]) -> Result<Option<u16>, Refusal> {
    match port {
        [] | [b':'] => Ok(None),
        [b':', digits @ ..] if digits.len() <= 5 && digits.iter().all(u8::is_ascii_digit) => {
            let number = digits.iter().fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0'));
            u16::try_from(number).map(Some).map_err(|_| Refusal::BadHost)
        }
        _ => Err(Refusal::BadHost),
    }
}

#[cfg(test)]
mod tests;
