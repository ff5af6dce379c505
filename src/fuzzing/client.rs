//! Who the client is, by the word of proxies.

use crate::client_addr::forwarded::{Fault, Kind, MOST_ELEMENTS, Resolved, resolve, scheme};
use crate::client_addr::proxy_protocol::{Ends, Parsed, crc32c, parse, write_v2};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The first bytes of a connection.
pub fn proxy_protocol(input: &[u8]) {
    let whole = parse(input);
    let lengths = (0..input.len()).filter(|length| *length < 128 || length % 61 == 0);
    for length in lengths {
        let part = parse(&input[..length]);
        assert!(part == Parsed::More || part == whole, "{length} bytes: {part:?}; all: {whole:?}");
    }
    if let Some(plain) = plain_header(input) {
        let read = match whole {
            Parsed::Header { length, ends } => Ok((length, ends)),
            Parsed::Bad(_) => Err(()),
            other => panic!("{other:?} where there is all of a header"),
        };
        assert_eq!(read, plain);
    }
    let Parsed::Header { length, ends } = whole else { return };
    assert!(length <= input.len() && length <= 4096);
    if let Some(ends) = ends {
        let mut written = Vec::new();
        write_v2(&mut written, &ends);
        assert_eq!(parse(&written), Parsed::Header { length: written.len(), ends: Some(ends) });
    }
}

type PlainHeader = Result<(usize, Option<Ends>), ()>;

/// The specification read a second time, field by field; none where not all of a header is there.
fn plain_header(bytes: &[u8]) -> Option<PlainHeader> {
    if bytes.starts_with(b"PROXY ") {
        let seen: String = bytes.iter().take(107).map(|byte| char::from(*byte)).collect();
        let (line, _) = seen.split_once("\r\n")?;
        let length = line.chars().count() + 2;
        if line.contains(['\r', '\n']) {
            return Some(Err(()));
        }
        return Some(plain_line(line).map(|ends| (length, ends)).ok_or(()));
    }
    let rest = bytes.strip_prefix(b"\x0d\x0a\x0d\x0a\x00\x0d\x0a\x51\x55\x49\x54\x0a")?;
    let (fixed, rest) = rest.split_at_checked(4)?;
    let announced = usize::from(fixed[2]) * 256 + usize::from(fixed[3]);
    let (block, _) = rest.split_at_checked(announced)?;
    let length = 16 + announced;
    let local = match (fixed[0] >> 4, fixed[0] & 15) {
        (2, 0) => true,
        (2, 1) => false,
        _ => return Some(Err(())),
    };
    if length > 4096 {
        return Some(Err(()));
    }
    if local {
        return Some(Ok((length, None)));
    }
    let size = match (fixed[1] >> 4, fixed[1] & 15) {
        (0, 0) => 0,
        (1, 1) => 12,
        (2, 1) => 36,
        (3, 1) => 216,
        _ => return Some(Err(())),
    };
    let Some((addresses, extensions)) = block.split_at_checked(size) else { return Some(Err(())) };
    let number = |at: usize| u16::from(addresses[at]) << 8 | u16::from(addresses[at + 1]);
    let v6 = |at: usize| -> IpAddr {
        let groups: [u16; 8] = std::array::from_fn(|group| number(at + 2 * group));
        plain_canonical(Ipv6Addr::from(groups).into())
    };
    let v4 = |at: usize| -> IpAddr {
        Ipv4Addr::new(addresses[at], addresses[at + 1], addresses[at + 2], addresses[at + 3]).into()
    };
    let ends = match size {
        12 => Some((v4(0), v4(4), number(8), number(10))),
        36 => Some((v6(0), v6(16), number(32), number(34))),
        _ => None,
    };
    let ends = ends.map(|(from, to, from_port, to_port)| Ends {
        source: SocketAddr::new(from, from_port),
        destination: SocketAddr::new(to, to_port),
    });
    let mut sums = 0;
    let mut at = 0;
    while at < extensions.len() {
        let Some(head) = extensions.get(at..at + 3) else { return Some(Err(())) };
        let size = usize::from(head[1]) * 256 + usize::from(head[2]);
        let Some(value) = extensions.get(at + 3..at + 3 + size) else { return Some(Err(())) };
        if head[0] == 3 {
            sums += 1;
            let mut zeroed = bytes[..length].to_vec();
            let place = length - extensions.len() + at + 3;
            zeroed[place..place + size].fill(0);
            if size != 4 || sums > 1 || crc32c(&zeroed, 0..0).to_be_bytes() != *value {
                return Some(Err(()));
            }
        }
        at += 3 + size;
    }
    Some(Ok((length, ends)))
}

/// A line of version 1 without its end; the outer none: it is no such line.
fn plain_line(line: &str) -> Option<Option<Ends>> {
    let words: Vec<&str> = line.split(' ').collect();
    if words[1] == "UNKNOWN" {
        return Some(None);
    }
    let [_, family, from, to, from_port, to_port] = words[..] else { return None };
    let address = |word: &str| -> Option<IpAddr> {
        let address: IpAddr = word.parse().ok()?;
        match family {
            "TCP4" => address.is_ipv4().then_some(address),
            "TCP6" => address.is_ipv6().then(|| plain_canonical(address)),
            _ => None,
        }
    };
    let port = |word: &str| word.parse::<u16>().ok().filter(|port| port.to_string() == word);
    Some(Some(Ends {
        source: SocketAddr::new(address(from)?, port(from_port)?),
        destination: SocketAddr::new(address(to)?, port(to_port)?),
    }))
}

fn plain_canonical(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(address, IpAddr::V4),
        IpAddr::V4(_) => address,
    }
}

const PEER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));

/// The first byte says which field; then come its lines.
pub fn client_header(input: &[u8]) {
    let [choice, input @ ..] = input else { return };
    let kind = if choice & 1 == 0 { Kind::XForwardedFor } else { Kind::Forwarded };
    let lines: Vec<&[u8]> = input.split(|byte| *byte == b'\n').take(8).collect();
    let trusted = ["10.0.0.0/8", "fd00::/8"].map(|prefix| prefix.parse().expect("a prefix"));
    let walked = |peer: IpAddr, lines: &[&[u8]]| resolve(peer, lines.iter().copied(), kind, &trusted);

    let stranger: IpAddr = Ipv4Addr::new(203, 0, 113, 1).into();
    assert_eq!(walked(stranger, &lines), Resolved { client: stranger, fault: None });

    let said = scheme(lines.iter().copied(), kind);
    let resolved = walked(PEER, &lines);
    if let Some((plain, proto)) = plain_walk(kind, &lines) {
        assert_eq!(resolved, plain);
        if kind == Kind::Forwarded {
            let is = |word: &str| proto.as_deref().is_some_and(|it| it.eq_ignore_ascii_case(word.as_bytes()));
            assert_eq!(said, is("https").then_some(true).or(is("http").then_some(false)));
        }
    }
    if resolved.fault.is_none() && resolved.client != PEER {
        // Whoever is named alone is the same client.
        let alone = match kind {
            Kind::XForwardedFor => resolved.client.to_string(),
            Kind::Forwarded if resolved.client.is_ipv4() => format!("for={}", resolved.client),
            Kind::Forwarded => format!("for=\"[{}]\"", resolved.client),
        };
        assert_eq!(walked(PEER, &[alone.as_bytes()]), resolved);
    }

    // Whatever a client says, it does not change what trusted proxies append to it.
    let appended = match kind {
        Kind::XForwardedFor => ["192.0.2.1", "192.0.2.1:80,10.0.0.9", "192.0.2.1 , [fd00::1]:9"],
        Kind::Forwarded => [
            "for=192.0.2.1",
            "proto=https;for=\"192.0.2.1:80\";by=\"a, \\\"b\\\\\", for=10.0.0.9",
            "for=\"192.0.2.\\1\" ; host=\"x,y\", for=\"[fd00::1]\"",
        ],
    };
    for appended in appended {
        let longer = [input, b",", appended.as_bytes()].concat();
        let lines: Vec<&[u8]> = longer.split(|byte| *byte == b'\n').collect();
        let expected = Resolved { client: Ipv4Addr::new(192, 0, 2, 1).into(), fault: None };
        assert_eq!(walked(PEER, &lines), expected, "{appended}");
    }
}

/// The walk over lists that the grammar knows from their first byte to their last, read in that direction; and
/// the last element's `proto`. None where a line is not of the grammar.
fn plain_walk(kind: Kind, lines: &[&[u8]]) -> Option<(Resolved, Option<Vec<u8>>)> {
    let mut hops: Vec<Result<IpAddr, Fault>> = Vec::new();
    let mut proto = None;
    for line in lines {
        if kind == Kind::XForwardedFor {
            hops.extend(
                line.split(|byte| *byte == b',').map(|element| plain_node(plain_trim(element), true)),
            );
            continue;
        }
        for pairs in plain_elements(line)? {
            let pair = |wanted: &[u8]| {
                let found = pairs.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
                found.map(|(_, value)| value.clone())
            };
            hops.push(pair(b"for").map_or(Err(Fault::Unnamed), |value| plain_node(&value, false)));
            proto = pair(b"proto");
        }
    }
    let mut client = PEER;
    let mut fault = None;
    for (place, hop) in hops.into_iter().rev().enumerate() {
        let is_trusted = match client {
            IpAddr::V4(v4) => v4.octets()[0] == 10,
            IpAddr::V6(v6) => v6.octets()[0] == 0xfd,
        };
        if !is_trusted {
            break;
        }
        match hop {
            _ if place == MOST_ELEMENTS => fault = Some(Fault::TooMany),
            Ok(address) => client = plain_canonical(address),
            Err(why) => fault = Some(why),
        }
        if fault.is_some() {
            break;
        }
    }
    Some((Resolved { client, fault }, proto))
}

fn plain_trim(bytes: &[u8]) -> &[u8] {
    let is_inside = |byte: &u8| !matches!(byte, b' ' | b'\t');
    let start = bytes.iter().position(is_inside).unwrap_or(bytes.len());
    let end = bytes.iter().rposition(is_inside).map_or(start, |last| last + 1);
    &bytes[start..end]
}

fn plain_node(bytes: &[u8], bare: bool) -> Result<IpAddr, Fault> {
    let text = String::from_utf8(bytes.to_vec()).map_err(|_| Fault::Malformed)?;
    if bare && let Ok(v6) = text.parse::<Ipv6Addr>() {
        return Ok(v6.into());
    }
    let of_obfuscated = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let hidden = |word: &str| word.len() > 1 && word.starts_with('_') && word.chars().all(of_obfuscated);
    // The port is what follows the last colon that no bracket follows.
    let (name, port) = match text.rfind(':').filter(|colon| !text[*colon..].contains(']')) {
        Some(colon) => (&text[..colon], Some(&text[colon + 1..])),
        None => (&text[..], None),
    };
    let number = |port: &str| {
        let digits = port.chars().all(|c| c.is_ascii_digit()) && (1..=5).contains(&port.len());
        digits && port.parse::<u32>().is_ok_and(|port| port <= 65_535)
    };
    if port.is_some_and(|port| !hidden(port) && !number(port)) {
        return Err(Fault::Malformed);
    }
    if name.eq_ignore_ascii_case("unknown") || hidden(name) {
        return Err(Fault::Unnamed);
    }
    let inner = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    match inner {
        Some(v6) => v6.parse::<Ipv6Addr>().map(IpAddr::V6).map_err(|_| Fault::Malformed),
        None => name.parse::<Ipv4Addr>().map(IpAddr::V4).map_err(|_| Fault::Malformed),
    }
}

type Pair = (Vec<u8>, Vec<u8>);

/// The elements of a line of `Forwarded`, read from its first byte.
fn plain_elements(line: &[u8]) -> Option<Vec<Vec<Pair>>> {
    let mut bytes = line.iter().copied().peekable();
    let mut elements: Vec<Vec<Pair>> = vec![Vec::new()];
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let of_token = |byte: &u8| {
        byte.is_ascii_alphanumeric()
            || matches!(byte, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~')
    };
    loop {
        while bytes.next_if(is_blank).is_some() {}
        let name: Vec<u8> = std::iter::from_fn(|| bytes.next_if(of_token)).collect();
        if name.is_empty() || bytes.next() != Some(b'=') {
            return None;
        }
        let mut value = Vec::new();
        if bytes.next_if_eq(&b'"').is_some() {
            loop {
                match bytes.next()? {
                    b'"' => break,
                    b'\\' => value.push(bytes.next()?),
                    byte => value.push(byte),
                }
                if value.last().is_some_and(|byte| *byte == 127 || *byte < b' ' && *byte != b'\t') {
                    return None;
                }
            }
        } else {
            value.extend(std::iter::from_fn(|| bytes.next_if(of_token)));
            if value.is_empty() {
                return None;
            }
        }
        let pairs = elements.last_mut()?;
        if pairs.len() == 16 || pairs.iter().any(|(known, _)| known.eq_ignore_ascii_case(&name)) {
            return None;
        }
        pairs.push((name, value));
        while bytes.next_if(is_blank).is_some() {}
        match bytes.next() {
            None => return Some(elements),
            Some(b';') => {}
            Some(b',') => elements.push(Vec::new()),
            Some(_) => return None,
        }
    }
}
