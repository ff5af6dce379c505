//! Chunked bodies read a second time, for tests.

use crate::engine::framing::{is_token_byte, is_value_byte};

/// A decoder that takes the whole body at once and is as plain as can be: payload and length, or `None` if it is
/// malformed or not all there.
pub(crate) fn plain(mut input: &[u8]) -> Option<(Vec<u8>, usize)> {
    fn line<'i>(input: &mut &'i [u8]) -> Option<&'i [u8]> {
        let end = input.windows(2).position(|pair| pair == b"\r\n")?;
        let line = &input[..end];
        *input = &input[end + 2..];
        (!line.contains(&b'\r') && !line.contains(&b'\n')).then_some(line)
    }
    let whole = input.len();
    let (mut data, mut extensions) = (Vec::new(), 0);
    loop {
        let head = line(&mut input)?;
        let end = head.iter().position(|byte| *byte == b';').unwrap_or(head.len());
        let (size, extension) = head.split_at(end);
        extensions += extension.len();
        let hexadecimal = (1..=15).contains(&size.len()) && size.iter().all(u8::is_ascii_hexdigit);
        if !hexadecimal || extension.len() > 256 || extensions > 16_384 || !is_extension(extension) {
            return None;
        }
        let size = usize::from_str_radix(std::str::from_utf8(size).ok()?, 16).ok()?;
        if size == 0 {
            break;
        }
        data.extend_from_slice(input.get(..size)?);
        input = input[size..].strip_prefix(b"\r\n")?;
    }
    let mut trailers = 0;
    loop {
        let field = line(&mut input)?;
        if field.is_empty() {
            return Some((data, whole - input.len()));
        }
        trailers += field.len() + 2;
        let colon = field.iter().position(|byte| *byte == b':')?;
        let name = field[..colon].iter().all(|byte| is_token_byte(*byte)) && colon > 0;
        if !name || !field[colon..].iter().all(|byte| is_value_byte(*byte)) || trailers > 8192 {
            return None;
        }
    }
}

fn is_extension(bytes: &[u8]) -> bool {
    let (mut quoted, mut escaped) = (false, false);
    for byte in bytes {
        match byte {
            b'\\' if quoted && !escaped => {
                escaped = true;
                continue;
            }
            b'"' if !escaped => quoted = !quoted,
            b'\t' | b' '..=b'~' => {}
            _ => return false,
        }
        escaped = false;
    }
    !quoted
}
