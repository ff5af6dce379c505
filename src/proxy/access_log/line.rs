//! Values as the log shows them, appended to a line without allocating.
//!
//! What these write is what `serde_json` writes for the same values; the tests hold them to it. Its
//! serialiser with `Display` behind it took ten times as many instructions.

use crate::persistence::stick_table::Key;
use std::io::Write;
use std::net::IpAddr;
use std::time::Duration;

/// `00` to `99`.
const PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[0; 2]; 100];
    let mut number = 0;
    while number < 100 {
        pairs[number as usize] = [b'0' + number / 10, b'0' + number % 10];
        number += 1;
    }
    pairs
};

/// A number.
pub(super) fn number(line: &mut Vec<u8>, mut number: u64) {
    if number < 10 {
        // Most are a count of nothing.
        return line.push(b'0' + number as u8);
    }
    let mut digits = [0; 20];
    let mut start = digits.len();
    while number >= 10 {
        start -= 2;
        digits[start..start + 2].copy_from_slice(&PAIRS[(number % 100) as usize]);
        number /= 100;
    }
    if number > 0 {
        start -= 1;
        digits[start] = b'0' + number as u8;
    }
    line.extend_from_slice(&digits[start..]);
}

/// Milliseconds with as many decimals as needed, one at least and three at most.
pub(super) fn milliseconds(line: &mut Vec<u8>, duration: Duration) {
    // Half a microsecond is rounded up.
    let micros = u64::from(duration.subsec_nanos() + 500) / 1000;
    let micros = duration.as_secs().saturating_mul(1_000_000).saturating_add(micros);
    number(line, micros / 1000);
    let fraction = (micros % 1000) as usize;
    let [tenth, hundredth] = PAIRS[fraction / 10];
    let digits = [b'.', tenth, hundredth, b'0' + (fraction % 10) as u8];
    let length = match fraction {
        _ if !fraction.is_multiple_of(10) => 4,
        _ if !fraction.is_multiple_of(100) => 3,
        _ => 2,
    };
    line.extend_from_slice(&digits[..length]);
}

/// The decimals of a second, with the point, without zeros at the end; nothing for a whole second.
pub(super) fn nanoseconds(line: &mut Vec<u8>, nanos: u32) {
    if nanos == 0 {
        return;
    }
    let mut digits = *b".000000000";
    digits[1] = b'0' + (nanos / 100_000_000) as u8;
    let mut rest = nanos % 100_000_000;
    for place in [8, 6, 4, 2] {
        digits[place..place + 2].copy_from_slice(&PAIRS[(rest % 100) as usize]);
        rest /= 100;
    }
    let zeros = digits.iter().rev().take_while(|digit| **digit == b'0').count();
    line.extend_from_slice(&digits[..digits.len() - zeros]);
}

/// Sixteen hexadecimal digits.
pub(super) fn hexadecimal(line: &mut Vec<u8>, number: u64) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut digits = [0; 16];
    for (place, digit) in digits.iter_mut().enumerate() {
        *digit = DIGITS[(number >> (60 - 4 * place) & 0xf) as usize];
    }
    line.extend_from_slice(&digits);
}

/// An address, without quotes.
pub(super) fn address(line: &mut Vec<u8>, address: IpAddr) {
    match address {
        IpAddr::V4(v4) => dotted(line, v4.octets()),
        // Writing to memory does not fail.
        IpAddr::V6(v6) => drop(write!(line, "{v6}")),
    }
}

/// A key, without quotes.
pub(super) fn key(line: &mut Vec<u8>, key: &Key) {
    match key.bytes().first_chunk() {
        Some(octets) if key.bytes().len() == octets.len() => dotted(line, *octets),
        _ => drop(write!(line, "{key}")),
    }
}

fn dotted(line: &mut Vec<u8>, [first, rest @ ..]: [u8; 4]) {
    octet(line, first);
    for byte in rest {
        line.push(b'.');
        octet(line, byte);
    }
}

fn octet(line: &mut Vec<u8>, octet: u8) {
    let [tens, ones] = PAIRS[usize::from(octet % 100)];
    match octet {
        0..10 => line.push(ones),
        10..100 => line.extend_from_slice(&[tens, ones]),
        _ => line.extend_from_slice(&[b'0' + octet / 100, tens, ones]),
    }
}

/// A text as a JSON string. What is no UTF-8 is shown as empty; the engine lets none through.
pub(super) fn quoted(line: &mut Vec<u8>, text: &[u8]) {
    line.push(b'"');
    if stands_for_itself(text) {
        line.extend_from_slice(text);
    } else {
        escaped(line, std::str::from_utf8(text).unwrap_or_default().as_bytes());
    }
    line.push(b'"');
}

/// A text as it is where that is clear, and as a JSON string otherwise.
pub(super) fn bare_or_quoted(line: &mut Vec<u8>, text: &[u8]) {
    if !text.is_empty() && text.iter().all(|byte| byte.is_ascii_graphic() && *byte != b'"') {
        line.extend_from_slice(text);
    } else {
        quoted(line, text);
    }
}

/// Whether a text is ASCII that JSON does not escape.
fn stands_for_itself(text: &[u8]) -> bool {
    match text.last_chunk() {
        // The last eight may have been looked at already; nothing is left over for a slower way.
        Some(last) => {
            !special(*last) && text.as_chunks().0.iter().fold(true, |good, chunk| good & !special(*chunk))
        }
        None => !text.iter().any(|byte| matches!(byte, ..0x20 | b'"' | b'\\' | 0x80..)),
    }
}

/// Whether a control character, a quote, a backslash or a byte beyond ASCII is among eight.
fn special(bytes: [u8; 8]) -> bool {
    const fn each(byte: u8) -> u64 {
        u64::from_ne_bytes([byte; 8])
    }
    let bytes = u64::from_ne_bytes(bytes);
    // A byte's subtraction borrows from the next one only where it has found something itself.
    let control = bytes.wrapping_sub(each(0x20));
    let quote = (bytes ^ each(b'"')).wrapping_sub(each(1));
    let backslash = (bytes ^ each(b'\\')).wrapping_sub(each(1));
    (bytes | control | quote | backslash) & each(0x80) != 0
}

fn escaped(line: &mut Vec<u8>, text: &[u8]) {
    let mut rest = text;
    while let Some(place) = rest.iter().position(|byte| matches!(byte, ..0x20 | b'"' | b'\\')) {
        line.extend_from_slice(&rest[..place]);
        escape(line, rest[place]);
        rest = &rest[place + 1..];
    }
    line.extend_from_slice(rest);
}

fn escape(line: &mut Vec<u8>, byte: u8) {
    let letter = match byte {
        0x08 => b'b',
        0x0c => b'f',
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        b'"' | b'\\' => byte,
        // Writing to memory does not fail.
        _ => return drop(write!(line, "\\u{byte:04x}")),
    };
    line.extend_from_slice(&[b'\\', letter]);
}
