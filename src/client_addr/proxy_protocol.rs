//! The PROXY protocol, versions 1 and 2: who connected to the proxy in front, told in the first bytes of a connection.
//!
//! By HAProxy's `proxy-protocol.txt`, whose section numbers are given below. [`parse`] is a function of the bytes that
//! are there so far: what it has decided, no later byte changes, so a header may arrive in any pieces. It is strict:
//! what two readers could take for two things is [`Parsed::Bad`], and the connection is of no use. A reader that looks
//! for version 1 with a line reader and for version 2 with another was rejected, as it cannot say early that there is no
//! header at all.

use super::canonical;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The longest header of version 1, its CRLF among the bytes (section 2.1).
pub const LONGEST_V1: usize = 107;

/// The longest header of version 2 that is taken. The protocol allows 16 + 65,535 bytes; what proxies put in is some
/// hundred, and one that carries a client's certificate a few thousand.
pub const LONGEST_V2: usize = 4096;

/// What a header of version 2 begins with (section 2.2).
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
const V1: &[u8; 6] = b"PROXY ";
/// Signature, version and command, family and protocol, length.
const FIXED: usize = 16;

const LOCAL: u8 = 0x20;
const PROXY: u8 = 0x21;
const TCP4: u8 = 0x11;
const TCP6: u8 = 0x21;
const CRC32C: u8 = 0x03;

/// Both ends of the client's connection, as the proxy in front saw them. An IPv4-mapped address is given as IPv4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ends {
    /// The client.
    pub source: SocketAddr,
    /// Where it connected to.
    pub destination: SocketAddr,
}

/// What the first bytes of a connection are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parsed {
    /// The beginning of a header: more is needed to tell.
    More,
    /// A header.
    Header {
        /// Its length in bytes; what follows is the client's.
        length: usize,
        /// Whose connection it is; none where the proxy speaks for itself (LOCAL) or does not say (UNKNOWN, UNSPEC,
        /// a socket of its own machine).
        ends: Option<Ends>,
    },
    /// No header, whatever comes.
    Absent,
    /// A header that is not as it must be: what is wrong with it.
    Bad(&'static str),
}

/// Reads what a connection begins with.
#[must_use]
pub fn parse(bytes: &[u8]) -> Parsed {
    for (start, read) in [(&V1[..], v1 as fn(&[u8]) -> Parsed), (&SIGNATURE[..], v2)] {
        if bytes.starts_with(start) {
            return read(bytes);
        }
        if start.starts_with(bytes) {
            return Parsed::More;
        }
    }
    Parsed::Absent
}

/// Section 2.1.
fn v1(bytes: &[u8]) -> Parsed {
    let seen = &bytes[..bytes.len().min(LONGEST_V1)];
    let Some(end) = seen.iter().position(|byte| *byte == b'\n') else {
        return if seen.len() == LONGEST_V1 { Parsed::Bad("the line is too long") } else { Parsed::More };
    };
    let Some(line) = seen[..end].strip_suffix(b"\r").filter(|line| !line.contains(&b'\r')) else {
        return Parsed::Bad("the line does not end with CRLF");
    };
    let length = end + 1;
    let line = &line[V1.len()..];
    if line == b"UNKNOWN" || line.starts_with(b"UNKNOWN ") {
        // Whatever stands there is to be ignored.
        return Parsed::Header { length, ends: None };
    }
    match std::str::from_utf8(line).ok().and_then(told) {
        Some(ends) => Parsed::Header { length, ends: Some(ends) },
        None => Parsed::Bad("the line does not name two addresses and two ports"),
    }
}

/// The ends that a line of version 1 names behind its first word.
fn told(line: &str) -> Option<Ends> {
    let mut words = line.split(' ');
    let family = words.next()?;
    let mut address = || -> Option<IpAddr> {
        let word = words.next()?;
        match family {
            "TCP4" => Some(word.parse::<Ipv4Addr>().ok()?.into()),
            "TCP6" => Some(word.parse::<Ipv6Addr>().ok()?.into()),
            _ => None,
        }
    };
    let (source, destination) = (address()?, address()?);
    let mut port = || -> Option<u16> {
        let word = words.next()?;
        let plain = word.bytes().all(|byte| byte.is_ascii_digit()) && (word == "0" || !word.starts_with('0'));
        word.parse().ok().filter(|_| plain)
    };
    let (source, destination) = (end(source, port()?), end(destination, port()?));
    words.next().is_none().then_some(Ends { source, destination })
}

fn end(address: IpAddr, port: u16) -> SocketAddr {
    SocketAddr::new(canonical(address), port)
}

/// Section 2.2.
fn v2(bytes: &[u8]) -> Parsed {
    let Some(command) = bytes.get(12) else { return Parsed::More };
    if command & 0xf0 != 0x20 {
        return Parsed::Bad("the version is not 2");
    }
    if !matches!(*command, LOCAL | PROXY) {
        return Parsed::Bad("the command is neither LOCAL nor PROXY");
    }
    let Some(family) = bytes.get(13) else { return Parsed::More };
    let Some([high, low]) = bytes.get(14..FIXED) else { return Parsed::More };
    let length = FIXED + usize::from(u16::from_be_bytes([*high, *low]));
    if length > LONGEST_V2 {
        return Parsed::Bad("the header is too long");
    }
    // The whole header, or what makes it bad before it is there: both are decided once and for all.
    let addresses = match (*command, *family) {
        // "The receiver must ... discard the protocol block including the family which is ignored."
        (LOCAL, _) => None,
        (_, 0x00) => Some(0),
        (_, TCP4) => Some(12),
        (_, TCP6) => Some(36),
        (_, 0x31) => Some(216),
        (_, 0x12 | 0x22 | 0x32) => return Parsed::Bad("it announces datagrams"),
        _ => return Parsed::Bad("the family is not known"),
    };
    if addresses.is_some_and(|addresses| length < FIXED + addresses) {
        return Parsed::Bad("it is too short for its addresses");
    }
    let Some(header) = bytes.get(..length) else { return Parsed::More };
    let Some(addresses) = addresses else { return Parsed::Header { length, ends: None } };
    let (block, extensions) = header[FIXED..].split_at(addresses);
    if let Err(wrong) = check_extensions(header, extensions) {
        return Parsed::Bad(wrong);
    }
    Parsed::Header { length, ends: ends(block) }
}

/// The ends in a block of addresses, by its length; none in one of another family than the two of IP.
fn ends(block: &[u8]) -> Option<Ends> {
    let port = |at: usize| Some(u16::from_be_bytes(block.get(at..at + 2)?.try_into().ok()?));
    let (source, destination, ports): (IpAddr, IpAddr, usize) = match block.len() {
        12 => {
            let address = |at: usize| Some(<[u8; 4]>::try_from(block.get(at..at + 4)?).ok()?.into());
            (address(0)?, address(4)?, 8)
        }
        36 => {
            let address = |at: usize| Some(<[u8; 16]>::try_from(block.get(at..at + 16)?).ok()?.into());
            (address(0)?, address(16)?, 32)
        }
        _ => return None,
    };
    Some(Ends { source: end(source, port(ports)?), destination: end(destination, port(ports + 2)?) })
}

/// Walks the extensions (TLV, section 2.2). None is needed here; each must lie within the header, and a checksum
/// must be right, or the addresses may be wrong (section 2.2.3).
fn check_extensions(header: &[u8], mut rest: &[u8]) -> Result<(), &'static str> {
    let mut summed = false;
    while !rest.is_empty() {
        let [kind, high, low, behind @ ..] = rest else { return Err("an extension is cut off") };
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        if length > behind.len() {
            return Err("an extension is longer than the header");
        }
        let (value, following) = behind.split_at(length);
        if *kind == CRC32C {
            let Ok(sum) = <[u8; 4]>::try_from(value) else { return Err("the checksum is not of four bytes") };
            let at = header.len() - behind.len();
            if std::mem::replace(&mut summed, true)
                || crc32c(header, at..at + sum.len()) != u32::from_be_bytes(sum)
            {
                return Err("the checksum is wrong");
            }
        }
        rest = following;
    }
    Ok(())
}

/// CRC-32C (RFC 4960 appendix B) over `bytes`, in which those of `zeroed` count as zeros. Bit by bit: at most four
/// kilobytes, once a connection, and only where a proxy sends a checksum.
#[must_use]
pub fn crc32c(bytes: &[u8], zeroed: std::ops::Range<usize>) -> u32 {
    let mut sum = u32::MAX;
    for (at, byte) in bytes.iter().enumerate() {
        sum ^= u32::from(if zeroed.contains(&at) { 0 } else { *byte });
        for _ in 0..8 {
            sum = if sum & 1 == 1 { sum >> 1 ^ 0x82f6_3b78 } else { sum >> 1 };
        }
    }
    !sum
}

/// The header of version 2 in front of a client's connection. Ends of two families are both told as IPv6, the
/// IPv4 one mapped.
pub fn write_v2(out: &mut Vec<u8>, ends: &Ends) {
    let Ends { source, destination } = ends;
    out.extend_from_slice(SIGNATURE);
    match (source.ip(), destination.ip()) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            out.extend_from_slice(&[PROXY, TCP4, 0, 12]);
            out.extend_from_slice(&source.octets());
            out.extend_from_slice(&destination.octets());
        }
        (source, destination) => {
            let octets = |address: IpAddr| match address {
                IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
                IpAddr::V6(v6) => v6.octets(),
            };
            out.extend_from_slice(&[PROXY, TCP6, 0, 36]);
            out.extend_from_slice(&octets(source));
            out.extend_from_slice(&octets(destination));
        }
    }
    out.extend_from_slice(&source.port().to_be_bytes());
    out.extend_from_slice(&destination.port().to_be_bytes());
}

/// The header of version 2 in front of a connection that is nobody's: a probe's, for example.
pub fn write_local(out: &mut Vec<u8>) {
    out.extend_from_slice(SIGNATURE);
    out.extend_from_slice(&[LOCAL, 0, 0, 0]);
}

#[cfg(test)]
mod tests;
