//! Bodies, however they come.

use crate::engine::body::plain::plain;
use crate::engine::body::{BodyReader, Piece};
use crate::engine::framing::Framing;
use crate::engine::refusal::BodyFault;

/// What a body comes to: payload, what is sent on, how many bytes it took, and whether it is over.
type Read = Result<(Vec<u8>, Vec<u8>, usize, bool), BodyFault>;

fn with_next<'i>(framing: Framing, parts: impl Iterator<Item = &'i [u8]>) -> Read {
    let mut reader = BodyReader::new(framing);
    let (mut data, mut sent, mut used) = (Vec::new(), Vec::new(), 0);
    for mut part in parts {
        while let Some((piece, length)) = reader.next(part)? {
            assert!(length > 0 && length <= part.len());
            let (run, rest) = part.split_at(length);
            if piece == Piece::Data {
                data.extend_from_slice(run);
            }
            if piece != Piece::Trailer {
                sent.extend_from_slice(run);
            }
            (part, used) = (rest, used + length);
        }
        assert!(part.is_empty() || reader.is_complete());
    }
    Ok((data, sent, used, reader.is_complete()))
}

/// The same by the fast path, which does not show the payload.
fn with_pass<'i>(
    framing: Framing,
    parts: impl Iterator<Item = &'i [u8]>,
) -> Result<(Vec<u8>, usize, usize, bool), BodyFault> {
    let mut reader = BodyReader::new(framing);
    let (mut sent, mut used, mut payload) = (Vec::new(), 0, 0);
    for mut part in parts {
        while !part.is_empty() && !reader.is_complete() {
            let pass = reader.pass(part)?;
            assert!(pass.forward + pass.drop > 0);
            sent.extend_from_slice(&part[..pass.forward]);
            used += pass.forward + pass.drop;
            payload += pass.payload;
            part = &part[pass.forward + pass.drop..];
            assert_eq!(pass.complete, reader.is_complete());
        }
    }
    Ok((sent, used, payload, reader.is_complete()))
}

/// The first byte says how the body is delimited, the second how it is cut.
pub fn body(input: &[u8]) {
    let [delimited, cut, input @ ..] = input else { return };
    let framing = match delimited % 8 {
        0 => Framing::None,
        1 => Framing::UntilClose,
        2 => Framing::Length(u64::from(delimited >> 3)),
        _ => Framing::Chunked,
    };
    let whole = with_next(framing, std::iter::once(input));
    let size = usize::from(*cut).max(1);
    let parts = || input.chunks(size);
    assert_eq!(with_next(framing, parts()), whole, "in parts of {size}");
    assert_eq!(with_next(framing, input.chunks(1)), whole, "byte by byte");
    for passed in [with_pass(framing, parts()), with_pass(framing, std::iter::once(input))] {
        let expected = whole.clone().map(|(data, sent, used, over)| (sent, used, data.len(), over));
        assert_eq!(passed, expected, "the fast path");
    }
    match (framing, whole) {
        (Framing::Chunked, Ok((data, sent, used, true))) => {
            assert_eq!(plain(input), Some((data.clone(), used)));
            // Without trailers it is the same body.
            assert_eq!(plain(&sent), Some((data, sent.len())));
        }
        (Framing::Chunked, _) => assert_eq!(plain(input), None, "a body that only the other reading takes"),
        (Framing::Length(length), read) => {
            let taken = input.len().min(usize::try_from(length).unwrap_or(usize::MAX));
            let over = taken as u64 == length;
            assert_eq!(read, Ok((input[..taken].to_vec(), input[..taken].to_vec(), taken, over)));
        }
        (Framing::None, read) => assert_eq!(read, Ok((vec![], vec![], 0, true))),
        (Framing::UntilClose, read) => {
            assert_eq!(read, Ok((input.to_vec(), input.to_vec(), input.len(), false)))
        }
    }
}
