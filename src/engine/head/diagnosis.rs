//! Which rule a head breaks that `httparse` did not accept. Only refused heads come here.

use crate::engine::framing::{is_token, is_token_byte, is_value_byte};
use crate::engine::refusal::Refusal;

/// Judges the first line, without its CRLF: the rule it breaks, if any.
type FirstLine = fn(&[u8]) -> Option<Refusal>;

#[cold]
pub(super) fn diagnose(head: &[u8], error: httparse::Error, first_line: FirstLine) -> Refusal {
    if error == httparse::Error::TooManyHeaders {
        return Refusal::TooManyFields;
    }
    let mut lines = head.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let first = lines.next().unwrap_or_default();
    bytes(head)
        .or_else(|| first_line(first))
        .or_else(|| lines.take_while(|line| !line.is_empty()).find_map(field_line))
        .unwrap_or(Refusal::IncompleteHead)
}

/// Bytes that may be nowhere in a head.
fn bytes(head: &[u8]) -> Option<Refusal> {
    head.iter().enumerate().find_map(|(at, byte)| match byte {
        0 => Some(Refusal::Nul),
        b'\r' if head.get(at + 1) != Some(&b'\n') => Some(Refusal::BareCr),
        b'\n' if at == 0 || head[at - 1] != b'\r' => Some(Refusal::BareLf),
        _ => None,
    })
}

fn field_line(line: &[u8]) -> Option<Refusal> {
    if matches!(line.first(), Some(b' ' | b'\t')) {
        return Some(Refusal::FoldedLine);
    }
    let Some(colon) = line.iter().position(|byte| *byte == b':') else {
        return Some(Refusal::BadFieldName);
    };
    let (name, value) = line.split_at(colon);
    if is_token(name) {
        return (!value.iter().all(|byte| is_value_byte(*byte))).then_some(Refusal::BadFieldValue);
    }
    Some(if is_token(name.trim_ascii_end()) { Refusal::SpaceBeforeColon } else { Refusal::BadFieldName })
}

pub(super) fn request_line(line: &[u8]) -> Option<Refusal> {
    let mut parts = line.splitn(3, |byte| *byte == b' ');
    let method = parts.next().unwrap_or_default();
    if method.is_empty() || !method.iter().all(|byte| is_token_byte(*byte)) {
        return Some(Refusal::BadMethod);
    }
    let Some(target) = parts.next() else {
        return Some(Refusal::BadRequestLine);
    };
    if target.is_empty() || !target.iter().all(u8::is_ascii_graphic) {
        return Some(Refusal::BadTarget);
    }
    version(parts.next().unwrap_or_default(), Refusal::BadRequestLine)
}

pub(super) fn status_line(line: &[u8]) -> Option<Refusal> {
    let mut parts = line.splitn(3, |byte| *byte == b' ');
    let fault = version(parts.next().unwrap_or_default(), Refusal::BadStatusLine);
    let status = parts.next().unwrap_or_default();
    let reason = parts.next().unwrap_or_default();
    let well_formed = status.len() == 3
        && status.iter().all(u8::is_ascii_digit)
        && reason.iter().all(|byte| is_value_byte(*byte));
    fault.or((!well_formed).then_some(Refusal::BadStatusLine))
}

/// Another version is not the same as no version.
fn version(word: &[u8], otherwise: Refusal) -> Option<Refusal> {
    match word {
        b"HTTP/1.0" | b"HTTP/1.1" => None,
        [b'H', b'T', b'T', b'P', b'/', major, b'.', minor]
            if major.is_ascii_digit() && minor.is_ascii_digit() =>
        {
            Some(Refusal::BadVersion)
        }
        _ => Some(otherwise),
    }
}
