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

/// `0.` to `255.`, the short ones with something behind the point.
const OCTETS: [[u8; 4]; 256] = {
    let mut octets = [[b'.'; 4]; 256];
    let mut octet = 0;
    while octet < 256 {
        let [hundreds, tens, ones] = three(octet as u32);
        octets[octet] = match octet {
            0..10 => [ones, b'.', 0, 0],
            10..100 => [tens, ones, b'.', 0],
            _ => [hundreds, tens, ones, b'.'],
        };
        octet += 1;
    }
    octets
};

/// A number.
pub(super) fn number(line: &mut Vec<u8>, number: u64) {
    match number {
        // Statuses, counts of nothing, times of a kept connection: most are short.
        0..10 => line.push(b'0' + number as u8),
        10..100 => line.extend_from_slice(&PAIRS[number as usize]),
        100..1000 => line.extend_from_slice(&three(number as u32)),
        1000.. => long(line, number),
    }
}

#[inline(never)]
fn long(line: &mut Vec<u8>, mut number: u64) {
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

/// Three digits of a number below a thousand.
const fn three(number: u32) -> [u8; 3] {
    let [tens, ones] = PAIRS[(number % 100) as usize];
    [b'0' + (number / 100) as u8, tens, ones]
}

/// Milliseconds with as many decimals as needed, one at least and three at most.
pub(super) fn milliseconds(line: &mut Vec<u8>, duration: Duration) {
    // Half a microsecond is rounded up.
    let micros = u64::from((duration.subsec_nanos() + 500) / 1000);
    let micros = duration.as_secs().saturating_mul(1_000_000).saturating_add(micros);
    number(line, micros / 1000);
    let [tenth, hundredth, thousandth] = three((micros % 1000) as u32);
    line.extend_from_slice(&[b'.', tenth, hundredth, thousandth]);
    let zeros = match (hundredth, thousandth) {
        (b'0', b'0') => 2,
        (_, b'0') => 1,
        _ => 0,
    };
    line.truncate(line.len() - zeros);
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
    line.extend_from_slice(&digits);
    let zeros = digits.iter().rev().take_while(|digit| **digit == b'0').count();
    line.truncate(line.len() - zeros);
}

/// Sixteen hexadecimal digits.
pub(super) fn hexadecimal(line: &mut Vec<u8>, number: u64) {
    line.extend_from_slice(&eight_digits((number >> 32) as u32));
    line.extend_from_slice(&eight_digits(number as u32));
}

/// Eight hexadecimal digits, made side by side in the bytes of one word.
fn eight_digits(number: u32) -> [u8; 8] {
    let spread = u64::from(number);
    let spread = (spread | spread << 16) & 0x0000_ffff_0000_ffff;
    let spread = (spread | spread << 8) & 0x00ff_00ff_00ff_00ff;
    let spread = (spread | spread << 4) & 0x0f0f_0f0f_0f0f_0f0f;
    // A one in each byte that is a letter, which are 39 places behind where the digits would go on.
    let letters = ((spread + 0x0606_0606_0606_0606) >> 4) & 0x0101_0101_0101_0101;
    (spread + 0x3030_3030_3030_3030 + 39 * letters).to_be_bytes()
}

/// An address, without quotes.
pub(in crate::proxy) fn address(line: &mut Vec<u8>, address: IpAddr) {
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

fn dotted(line: &mut Vec<u8>, octets: [u8; 4]) {
    // Room for four times four; what is too much is taken back.
    let mut text = [0; 16];
    let mut end = 0;
    for octet in octets {
        if let Some(room) = text[end..].first_chunk_mut() {
            *room = OCTETS[usize::from(octet)];
        }
        end += 2 + usize::from(octet > 9) + usize::from(octet > 99);
    }
    let start = line.len();
    line.extend_from_slice(&text);
    line.truncate(start + end - 1);
}

/// A text as it stands in a JSON string, without quotes. What is no UTF-8 is shown as empty; the engine lets
/// none through.
pub(super) fn escaped(line: &mut Vec<u8>, text: &[u8]) {
    if stands_for_itself(text) {
        line.extend_from_slice(text);
    } else {
        escape_each(line, text);
    }
}

/// A text as it is where that is clear, and as a JSON string otherwise.
pub(super) fn bare_or_quoted(line: &mut Vec<u8>, text: &[u8]) {
    if !text.is_empty() && text.iter().all(|byte| byte.is_ascii_graphic() && *byte != b'"') {
        line.extend_from_slice(text);
    } else {
        line.push(b'"');
        escaped(line, text);
        line.push(b'"');
    }
}

/// Whether a text is ASCII that JSON does not escape.
fn stands_for_itself(text: &[u8]) -> bool {
    // Bytes may be looked at twice, so that none are left over for a slower way.
    if let Some(last) = text.last_chunk() {
        return !special(*last) && !text.as_chunks().0.iter().any(|chunk| special(*chunk));
    }
    match (text.first_chunk(), text.last_chunk()) {
        (Some([a, b, c, d]), Some([e, f, g, h])) => !special([*a, *b, *c, *d, *e, *f, *g, *h]),
        _ => !text.iter().any(|byte| matches!(byte, ..0x20 | b'"' | b'\\' | 0x80..)),
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

#[cold]
fn escape_each(line: &mut Vec<u8>, text: &[u8]) {
    let mut rest = std::str::from_utf8(text).unwrap_or_default().as_bytes();
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
