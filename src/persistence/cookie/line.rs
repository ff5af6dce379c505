//! One `Cookie` line (RFC 6265 sections 4.2.1 and 5.4): `name=value` pairs between semicolons.
//!
//! Reading and removing see the same pairs, so that what is not removed was not read either, and a forged
//! cookie never reaches the application. Spaces and tabs around a name and a value mean nothing; names
//! differ by case; quotes protect nothing, as browsers and RFC 6265 have it.

use memchr::memchr;

/// The parts of `line` between semicolons, untrimmed; joined with semicolons they are `line` again.
pub(super) fn pairs(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(line);
    std::iter::from_fn(move || {
        let line = rest?;
        let Some(end) = memchr(b';', line) else { return rest.take() };
        rest = Some(&line[end + 1..]);
        Some(&line[..end])
    })
}

/// The value of `pair` if its name is `name`.
pub(super) fn value_of<'a>(pair: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let rest = trim_start(pair).strip_prefix(name)?;
    trim_start(rest).strip_prefix(b"=").map(|value| trim_end(trim_start(value)))
}

/// Appends `line` to `out` without the pairs of this name; true if there were any.
pub(super) fn strip(line: &[u8], name: &[u8], out: &mut Vec<u8>) -> bool {
    let mut removed = false;
    let mut first = true;
    for pair in pairs(line) {
        if value_of(pair, name).is_some() {
            removed = true;
            continue;
        }
        if !first {
            out.push(b';');
        }
        // A pair goes with the separator before it, white space included; the first with the one behind it.
        out.extend_from_slice(if first && removed { trim_start(pair) } else { pair });
        first = false;
    }
    removed
}

fn blank(byte: &u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

fn trim_start(bytes: &[u8]) -> &[u8] {
    &bytes[bytes.iter().take_while(|byte| blank(byte)).count()..]
}

fn trim_end(bytes: &[u8]) -> &[u8] {
    &bytes[..bytes.len() - bytes.iter().rev().take_while(|byte| blank(byte)).count()]
}
