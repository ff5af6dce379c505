//! The ways in which servers read a path.
//!
//! What RFC 3986 says of paths is read in more than one way behind an edge: IIS decodes percent-encodings, takes a
//! backslash for a slash and resolves dot segments; servlet containers cut path parameters off; a proxy in front of
//! another decodes twice. A path is looked at in every combination of these that can change it. To rewrite it into
//! one normal form was rejected: then two servers would have to agree on that form, and signatures over the target
//! would break.
//!
//! Not read here is what a file system makes of names: trailing dots, short names and streams of Windows, Unicode's
//! look-alikes. They change which file of a site is meant, and lead from one route to another only where a site
//! itself maps such names.

use memchr::{memchr, memchr2, memmem};
use std::borrow::Cow;

/// How often escapes are decoded.
const DECODED: usize = 2;

/// How many bytes are read before a path counts as ambiguous: a long path that is full of tricks would otherwise cost
/// more than the request it comes with. With escapes alone a path of 80 KiB fits.
const MOST_READ: usize = 256 * 1024;

/// Two servers may take the path for two that lie under different routes, or one for something that no path may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ambiguous;

/// Whether there is surely one reading only: no escape, no backslash, no parameter, no empty segment and none that
/// starts with a dot. Eight bytes at a time, as every request is asked; it says no to a few harmless pairs as well.
#[inline]
pub(super) fn is_plain(path: &[u8]) -> bool {
    let (words, rest) = path.as_chunks::<8>();
    let mut odd = 0;
    let mut before = 0x80;
    for word in words {
        odd |= odd_bytes(u64::from_le_bytes(*word), &mut before);
    }
    let mut last = [b'a'; 8];
    match path.last_chunk() {
        // Some of it was looked at before, which harms nothing.
        Some(word) => last = *word,
        None => last.iter_mut().zip(rest).for_each(|(last, byte)| *last = *byte),
    }
    odd | odd_bytes(u64::from_le_bytes(last), &mut before) == 0
}

/// The highest bit of each byte, and the lowest.
const HIGH: u64 = LOW << 7;
const LOW: u64 = u64::MAX / 0xff;

/// The highest bit of each byte of `word` that is `%`, a backslash, a semicolon or not ASCII, or that stands behind
/// another below `0`, where slash and dot are. `before` tells by its lowest byte's highest bit whether the byte in
/// front of the word is above that, and is left for the next word.
#[inline]
fn odd_bytes(word: u64, before: &mut u64) -> u64 {
    // With seven bits in each byte no sum reaches into the next one.
    let differs = |byte: u8| (word ^ (LOW * u64::from(byte))).wrapping_add(LOW * 0x7f);
    let above = word.wrapping_add(LOW * u64::from(0x80 - b'0'));
    let alone = above | above << 8 | *before;
    *before = above >> 56 & 0x80;
    (!(differs(b'%') & differs(b'\\') & differs(b';') & alone) | word) & HIGH
}

/// Asks `same` about every reading of `path`, the one as it was sent first, and stops at the first `false`.
pub(super) fn agree(path: &[u8], same: impl FnMut(&[u8]) -> bool) -> Result<(), Ambiguous> {
    let mut readings = Readings { same, read: 0, rebuilt: Vec::new() };
    readings.text(path)?;
    // Servlet containers cut parameters off before they decode, others behind.
    let cut = without_parameters(path);
    for start in [Some(Cow::Borrowed(path)), cut.map(Cow::Owned)].into_iter().flatten() {
        let mut text = start;
        for _ in 0..DECODED {
            let Some(decoded) = decode(&text)? else { break };
            readings.text(&decoded)?;
            // Where a decoded path is put into a new request line, what was `%3f` or `%23` ends it.
            if let Some(end) = memchr2(b'?', b'#', &decoded) {
                readings.text(&decoded[..end])?;
            }
            text = Cow::Owned(decoded);
        }
    }
    Ok(())
}

struct Readings<S> {
    same: S,
    /// Bytes so far.
    read: usize,
    rebuilt: Vec<u8>,
}

impl<S: FnMut(&[u8]) -> bool> Readings<S> {
    fn text(&mut self, text: &[u8]) -> Result<(), Ambiguous> {
        self.slashes(text)?;
        if memchr(b'\\', text).is_none() {
            return Ok(());
        }
        let slashes = |byte: &u8| if *byte == b'\\' { b'/' } else { *byte };
        self.slashes(&text.iter().map(slashes).collect::<Vec<u8>>())
    }

    fn slashes(&mut self, text: &[u8]) -> Result<(), Ambiguous> {
        self.segments(text)?;
        match without_parameters(text) {
            Some(cut) => self.segments(&cut),
            None => Ok(()),
        }
    }

    fn segments(&mut self, text: &[u8]) -> Result<(), Ambiguous> {
        self.judge(text)?;
        let (doubled, dotted) = (memmem::find(text, b"//").is_some(), memmem::find(text, b"/.").is_some());
        for (merge, resolve) in [(true, false), (false, true), (true, true)] {
            if merge && !doubled || resolve && !dotted {
                continue;
            }
            let mut rebuilt = std::mem::take(&mut self.rebuilt);
            rebuild(text, merge, resolve, &mut rebuilt)?;
            self.judge(&rebuilt)?;
            self.rebuilt = rebuilt;
        }
        Ok(())
    }

    fn judge(&mut self, path: &[u8]) -> Result<(), Ambiguous> {
        self.read += path.len();
        if self.read <= MOST_READ && (self.same)(path) { Ok(()) } else { Err(Ambiguous) }
    }
}

/// Puts the segments together again, without empty ones if `merge` says so; `resolve` takes dot segments out
/// (RFC 3986 section 5.2.4), of which none may lead above the root.
fn rebuild(text: &[u8], merge: bool, resolve: bool, out: &mut Vec<u8>) -> Result<(), Ambiguous> {
    out.clear();
    for segment in text.split(|byte| *byte == b'/').skip(1) {
        match segment {
            b"" if merge => {}
            b"." if resolve => {}
            b".." if resolve => out.truncate(memchr::memrchr(b'/', out).ok_or(Ambiguous)?),
            segment => {
                out.push(b'/');
                out.extend_from_slice(segment);
            }
        }
    }
    if out.is_empty() {
        out.push(b'/');
    }
    Ok(())
}

/// `text` without what stands in each segment behind a semicolon; none where there is nothing to cut.
fn without_parameters(text: &[u8]) -> Option<Vec<u8>> {
    memchr(b';', text)?;
    let mut out = Vec::with_capacity(text.len());
    for (place, segment) in text.split(|byte| *byte == b'/').enumerate() {
        if place > 0 {
            out.push(b'/');
        }
        out.extend_from_slice(&segment[..memchr(b';', segment).unwrap_or(segment.len())]);
    }
    Some(out)
}

/// `text` with its escapes decoded once (RFC 3986 section 2.1); none where there are none. A `%` that begins no escape
/// stays.
///
/// Refused are what no path of today has and servers read in two ways: control characters, which http.sys refuses as
/// well (`AllowRestrictedChars` in its registry settings); `%uXXXX`, which only http.sys and ASP know; UTF-8 that is
/// longer than it must be (RFC 3629 section 3), which old decoders take for ASCII (CVE-2000-0884 of IIS,
/// CVE-2008-2938 of Tomcat).
fn decode(text: &[u8]) -> Result<Option<Vec<u8>>, Ambiguous> {
    let mut decoded: Option<Vec<u8>> = None;
    let (mut rest, mut kept) = (text, 0);
    while let Some(place) = memchr(b'%', &rest[kept..]) {
        let escape = kept + place;
        let digits = &rest[escape + 1..];
        if matches!(digits, [b'u' | b'U', code @ ..] if code.len() >= 4 && code[..4].iter().all(u8::is_ascii_hexdigit))
        {
            return Err(Ambiguous);
        }
        let Some(byte) = hexadecimal(digits) else {
            kept = escape + 1;
            continue;
        };
        let out = decoded.get_or_insert_with(|| Vec::with_capacity(text.len()));
        out.extend_from_slice(&rest[..escape]);
        let after_lead = matches!(out.last(), Some(0xc0 | 0xc1));
        if byte.is_ascii_control() || after_lead && is_lenient_trick(byte) {
            return Err(Ambiguous);
        }
        out.push(byte);
        (rest, kept) = (&digits[2..], 0);
    }
    let Some(mut decoded) = decoded else { return Ok(None) };
    decoded.extend_from_slice(rest);
    if is_overlong(&decoded) { Err(Ambiguous) } else { Ok(Some(decoded)) }
}

fn hexadecimal(digits: &[u8]) -> Option<u8> {
    let value = |digit: u8| char::from(digit).to_digit(16);
    let [high, low, ..] = digits else { return None };
    u8::try_from(value(*high)? << 4 | value(*low)?).ok()
}

/// Whether a decoder that only looks at the low six bits of a second byte takes it, behind 0xC0 or 0xC1, for a dot, a
/// slash or a backslash.
fn is_lenient_trick(second: u8) -> bool {
    second.is_ascii() && matches!(second & 0x3f, 0x1c | 0x2e | 0x2f)
}

/// Whether ASCII is written in two to six bytes somewhere.
fn is_overlong(text: &[u8]) -> bool {
    let follows = |bytes: &[u8]| bytes.iter().all(|byte| (0x80..=0xbf).contains(byte));
    text.iter().enumerate().filter(|(_, byte)| **byte >= 0xc0).any(|(place, _)| match &text[place..] {
        [0xc0 | 0xc1, second, ..] => follows(&[*second]),
        [0xe0, second @ 0x80..=0x9f, third, ..] => follows(&[*second, *third]),
        [0xf0, 0x80..=0x8f, more @ ..] => more.len() >= 2 && follows(&more[..2]),
        [0xf8, 0x80..=0x87, more @ ..] => more.len() >= 3 && follows(&more[..3]),
        [0xfc, 0x80..=0x83, more @ ..] => more.len() >= 4 && follows(&more[..4]),
        _ => false,
    })
}

#[cfg(test)]
mod tests;
