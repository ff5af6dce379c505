//! The client's address as trusted proxies tell it in a field: `X-Forwarded-For`, or `Forwarded` (RFC 7239).
//!
//! Each proxy appends who connected to it. So the list is walked from its end, and only as far as trusted proxies have
//! written it: the first address that is no trusted proxy's is the client, and what stands before it is hearsay. Bytes
//! further left never change how those on the right are read, or a client could spoil what a trusted proxy appended to
//! its lie. That is also why a list is not split from the left, where quotes of the client's would come first.

use super::{IpPrefix, canonical};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// So many elements are looked at: a chain of proxies is shorter.
pub const MOST_ELEMENTS: usize = 64;

/// So many pairs an element may have: four have a meaning.
const MOST_PAIRS: usize = 16;

/// Which field tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `X-Forwarded-For`: addresses, by custom.
    XForwardedFor,
    /// `Forwarded`: elements of pairs (RFC 7239 section 4).
    Forwarded,
}

/// Why the walk ended at a trusted proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// An element is empty, or nothing that names a client.
    Malformed,
    /// A proxy does not tell: `unknown`, an obfuscated name (RFC 7239 section 6.3), or no `for`.
    Unnamed,
    /// More than [`MOST_ELEMENTS`] trusted proxies.
    TooMany,
}

impl Fault {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Malformed, Self::Unnamed, Self::TooMany];

    /// A stable word for metrics.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Unnamed => "unnamed",
            Self::TooMany => "too_many",
        }
    }
}

/// Who the client is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// Its address: always one that a trusted proxy saw, never what a client made up.
    pub client: IpAddr,
    /// What ended the walk early, at the last trusted proxy.
    pub fault: Option<Fault>,
}

/// Walks the `lines` of the field, in the request's order, that came from `peer`.
#[must_use]
pub fn resolve<'a>(
    peer: IpAddr,
    lines: impl DoubleEndedIterator<Item = &'a [u8]>,
    kind: Kind,
    trusted: &[IpPrefix],
) -> Resolved {
    let is_trusted = |address| trusted.iter().any(|prefix| prefix.contains(address));
    let mut client = canonical(peer);
    let mut elements = lines.rev().flat_map(|line| Elements(Some(line)));
    let mut looked_at = 0;
    while is_trusted(client) {
        let Some(element) = elements.next() else { break };
        if looked_at == MOST_ELEMENTS {
            return Resolved { client, fault: Some(Fault::TooMany) };
        }
        looked_at += 1;
        let named = match kind {
            Kind::XForwardedFor => node(element, true),
            Kind::Forwarded => pairs(element).and_then(|pairs| pairs.client.ok_or(Fault::Unnamed)?),
        };
        match named {
            Ok(address) => client = canonical(address),
            Err(fault) => return Resolved { client, fault: Some(fault) },
        }
    }
    Resolved { client, fault: None }
}

/// The scheme that the nearest proxy was asked by: the last value of the `lines` of `X-Forwarded-Proto`, or the last
/// `proto` of `Forwarded` (RFC 7239 section 5.4). True is https, false http; none is anything else. It is for the
/// caller to ask trusted proxies only.
#[must_use]
pub fn scheme<'a>(mut lines: impl DoubleEndedIterator<Item = &'a [u8]>, kind: Kind) -> Option<bool> {
    let last = Elements(Some(lines.next_back()?)).next()?;
    let word = match kind {
        Kind::XForwardedFor => last,
        Kind::Forwarded => pairs(last).ok()?.scheme?,
    };
    match word {
        word if word.eq_ignore_ascii_case(b"https") => Some(true),
        word if word.eq_ignore_ascii_case(b"http") => Some(false),
        _ => None,
    }
}

/// The elements of a line from the last to the first, without the white space around them.
struct Elements<'a>(Option<&'a [u8]>);

impl<'a> Iterator for Elements<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = self.0.take()?;
        let mut quoted = false;
        for (at, byte) in rest.iter().enumerate().rev() {
            match byte {
                b'"' if !quoted => quoted = true,
                b'"' => quoted = is_escaped(&rest[..at]),
                b',' if !quoted => {
                    self.0 = Some(&rest[..at]);
                    return Some(trim(&rest[at + 1..]));
                }
                _ => {}
            }
        }
        Some(trim(rest))
    }
}

/// Whether what follows these bytes of a quoted string is escaped: an odd number of backslashes ends them.
fn is_escaped(before: &[u8]) -> bool {
    before.iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1
}

/// Without optional white space (RFC 9110 section 5.6.3) around it.
fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

/// An element of `Forwarded`, read.
#[derive(Default)]
struct Pairs<'a> {
    client: Option<Result<IpAddr, Fault>>,
    scheme: Option<&'a [u8]>,
}

/// Reads `forwarded-element` (RFC 7239 section 4): pairs, each name once. White space around semicolons is
/// taken, which the grammar does not have and many write.
fn pairs(mut rest: &[u8]) -> Result<Pairs<'_>, Fault> {
    let mut pairs = Pairs::default();
    let mut names: Vec<&[u8]> = Vec::new();
    loop {
        let equals = rest.iter().position(|byte| *byte == b'=').ok_or(Fault::Malformed)?;
        let (name, behind) = (&rest[..equals], &rest[equals + 1..]);
        let again = names.iter().any(|known| known.eq_ignore_ascii_case(name));
        if !is_token(name) || again || names.len() == MOST_PAIRS {
            return Err(Fault::Malformed);
        }
        names.push(name);
        let mut unescaped = Vec::new();
        let (value, behind) = value(behind, &mut unescaped)?;
        if name.eq_ignore_ascii_case(b"for") {
            pairs.client = Some(node(value.unwrap_or(&unescaped), false));
        } else if name.eq_ignore_ascii_case(b"proto") {
            // A scheme needs no escapes.
            pairs.scheme = value;
        }
        match trim(behind) {
            [] => return Ok(pairs),
            [b';', behind @ ..] => rest = trim(behind),
            _ => return Err(Fault::Malformed),
        }
    }
}

/// Reads `token` or `quoted-string` (RFC 9110 section 5.6), and says what follows it. A value with escapes goes to
/// `unescaped`.
fn value<'a>(bytes: &'a [u8], unescaped: &mut Vec<u8>) -> Result<(Option<&'a [u8]>, &'a [u8]), Fault> {
    let Some(quoted) = bytes.strip_prefix(b"\"") else {
        let length = bytes.iter().position(|byte| !is_tchar(*byte)).unwrap_or(bytes.len());
        let (token, behind) = bytes.split_at(length);
        return if token.is_empty() { Err(Fault::Malformed) } else { Ok((Some(token), behind)) };
    };
    let mut at = 0;
    loop {
        match quoted.get(at..).unwrap_or_default() {
            [b'"', behind @ ..] => {
                let plain = unescaped.len() == at;
                return Ok((plain.then_some(&quoted[..at]), behind));
            }
            [b'\\', byte @ (b'\t' | b' '..=b'~' | 0x80..), ..] => {
                unescaped.push(*byte);
                at += 2;
            }
            [byte @ (b'\t' | b' '..=b'~' | 0x80..), ..] if *byte != b'\\' => {
                unescaped.push(*byte);
                at += 1;
            }
            _ => return Err(Fault::Malformed),
        }
    }
}

fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|byte| is_tchar(*byte))
}

/// RFC 9110 section 5.6.2.
fn is_tchar(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Reads `node` (RFC 7239 section 6) and drops its port. By custom `X-Forwarded-For` has IPv6 addresses
/// without brackets, too.
fn node(bytes: &[u8], bare_v6: bool) -> Result<IpAddr, Fault> {
    let text = std::str::from_utf8(bytes).map_err(|_| Fault::Malformed)?;
    if let Some(rest) = text.strip_prefix('[') {
        let (address, behind) = rest.split_once(']').ok_or(Fault::Malformed)?;
        let address = address.parse::<Ipv6Addr>().map_err(|_| Fault::Malformed)?;
        return if behind.is_empty() || behind.strip_prefix(':').is_some_and(is_port) {
            Ok(address.into())
        } else {
            Err(Fault::Malformed)
        };
    }
    if let Some(address) = text.parse::<Ipv6Addr>().ok().filter(|_| bare_v6) {
        return Ok(address.into());
    }
    let (name, port) = match text.split_once(':') {
        Some((name, port)) => (name, Some(port)),
        None => (text, None),
    };
    if port.is_some_and(|port| !is_port(port)) {
        return Err(Fault::Malformed);
    }
    if name.eq_ignore_ascii_case("unknown") || is_obfuscated(name) {
        return Err(Fault::Unnamed);
    }
    name.parse::<Ipv4Addr>().map(IpAddr::from).map_err(|_| Fault::Malformed)
}

/// `node-port`: a number, or an obfuscated one.
fn is_port(text: &str) -> bool {
    let number =
        || text.len() <= 5 && text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok();
    is_obfuscated(text) || number()
}

/// `obfnode` and `obfport`.
fn is_obfuscated(text: &str) -> bool {
    let of_name = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    text.strip_prefix('_').is_some_and(|name| !name.is_empty() && name.bytes().all(of_name))
}

#[cfg(test)]
mod tests;
