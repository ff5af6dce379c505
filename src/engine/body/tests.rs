use super::plain::plain;
use super::*;
use BodyFault as B;
use proptest::prelude::*;

/// What a whole body comes to.
#[derive(Debug, PartialEq, Eq)]
struct Read {
    data: Vec<u8>,
    /// Data and framing: what is sent on verbatim.
    sent: Vec<u8>,
    used: usize,
    complete: bool,
}

/// Reads the parts with `next`, one after the other, as if each had come with one read.
fn with_next<'i>(framing: Framing, parts: impl IntoIterator<Item = &'i [u8]>) -> Result<Read, BodyFault> {
    let mut reader = BodyReader::new(framing);
    let mut read = Read { data: vec![], sent: vec![], used: 0, complete: false };
    for mut part in parts {
        while let Some((piece, length)) = reader.next(part)? {
            assert!(length > 0);
            let (run, rest) = part.split_at(length);
            if piece == Piece::Data {
                read.data.extend_from_slice(run);
            }
            if piece != Piece::Trailer {
                read.sent.extend_from_slice(run);
            }
            (part, read.used) = (rest, read.used + length);
        }
        assert!(part.is_empty() || reader.is_complete());
    }
    read.complete = reader.is_complete();
    Ok(read)
}

/// The same with `pass`; it does not tell data from framing.
fn with_pass<'i>(framing: Framing, parts: impl IntoIterator<Item = &'i [u8]>) -> Result<Read, BodyFault> {
    let mut reader = BodyReader::new(framing);
    let mut read = Read { data: vec![], sent: vec![], used: 0, complete: reader.is_complete() };
    for mut part in parts {
        while !part.is_empty() && !read.complete {
            let pass = reader.pass(part)?;
            assert!(pass.forward + pass.drop > 0);
            read.sent.extend_from_slice(&part[..pass.forward]);
            read.used += pass.forward + pass.drop;
            part = &part[pass.forward + pass.drop..];
            read.complete = pass.complete;
        }
    }
    Ok(read)
}

fn read(framing: Framing, input: &[u8]) -> Result<Read, BodyFault> {
    let read = with_next(framing, [input]);
    let passed = with_pass(framing, [input]).map(|read| (read.sent, read.used, read.complete));
    assert_eq!(
        passed,
        read.as_ref().map(|read| (read.sent.clone(), read.used, read.complete)).map_err(|why| *why)
    );
    read
}

#[test]
fn bodies_without_chunks() {
    for (framing, input, used, complete) in [
        (Framing::None, "GET /", 0, true),
        (Framing::Length(0), "GET /", 0, true),
        (Framing::Length(3), "", 0, false),
        (Framing::Length(3), "ab", 2, false),
        (Framing::Length(3), "abc", 3, true),
        (Framing::Length(3), "abcGET /", 3, true),
        (Framing::Length(u64::MAX), "abc", 3, false),
        (Framing::UntilClose, "abc", 3, false),
    ] {
        let found = read(framing, input.as_bytes()).unwrap();
        assert_eq!((found.used, found.complete), (used, complete), "{framing:?}");
        assert_eq!(found.data, input.as_bytes()[..used]);
    }
}

#[test]
fn chunked_bodies() {
    for (input, data, sent) in [
        ("0\r\n\r\n", "", "0\r\n\r\n"),
        ("000\r\n\r\n", "", "000\r\n\r\n"),
        ("5\r\nhello\r\n0\r\n\r\n", "hello", "5\r\nhello\r\n0\r\n\r\n"),
        ("a;x\r\n0123456789\r\n00A\r\n0123456789\r\n0\r\n\r\n", "01234567890123456789", "*"),
        ("1;a=b;c=\"d;\\\"\te\" ; f\r\nx\r\n0;g\r\n\r\n", "x", "*"),
        ("000000000000001\r\n\r\r\n0\r\n\r\n", "\r", "*"),
        ("1\r\nx\r\n0\r\nA: b\r\nc:\r\nD: \t\u{e9}\r\n\r\n", "x", "1\r\nx\r\n0\r\n\r\n"),
    ] {
        let found = read(Framing::Chunked, format!("{input}GET /").as_bytes()).unwrap();
        assert_eq!(found.data, data.as_bytes(), "{input:?}");
        assert_eq!(found.sent, if sent == "*" { input } else { sent }.as_bytes());
        assert_eq!((found.used, found.complete), (input.len(), true));
        for end in 0..input.len() {
            assert!(!read(Framing::Chunked, &input.as_bytes()[..end]).unwrap().complete, "{input:?} {end}");
        }
    }
}

#[test]
fn chunked_bodies_that_are_refused() {
    let long = |length: usize| format!("1;{}\r\nx\r\n", "e".repeat(length - 1));
    let trailer = |length: usize| format!("0\r\n{}\r\n", "A: b\r\n".repeat(length / 6));
    for (input, fault) in [
        ("\r\n", B::BadChunkSize),
        ("\n", B::BadChunkSize),
        (" 1\r\n", B::BadChunkSize),
        ("+1\r\n", B::BadChunkSize),
        ("-1\r\n", B::BadChunkSize),
        ("0x1\r\n", B::BadChunkSize),
        ("1_0\r\n", B::BadChunkSize),
        ("g\r\n", B::BadChunkSize),
        ("1 \r\n", B::BadChunkSize),
        ("1 ;a\r\n", B::BadChunkSize),
        ("1\t;a\r\n", B::BadChunkSize),
        ("1\n", B::BadChunkSize),
        ("1,2\r\n", B::BadChunkSize),
        (";a\r\n", B::BadChunkSize),
        ("1\0\r\n", B::BadChunkSize),
        ("1000000000000000\r\n", B::BadChunkSize),
        ("0000000000000001\r\n", B::BadChunkSize),
        ("1\rx", B::BadChunkEnd),
        ("1\r\r\n", B::BadChunkEnd),
        ("1;a\rx", B::BadChunkEnd),
        ("1;a\n", B::BadChunkExtension),
        ("1;a\0", B::BadChunkExtension),
        ("1;a\x7f", B::BadChunkExtension),
        ("1;\u{e9}", B::BadChunkExtension),
        ("1;a=\"b\r\n", B::BadChunkExtension),
        ("1;a=\"b\n", B::BadChunkExtension),
        ("1;a=\"b\\\r\n", B::BadChunkExtension),
        ("1\r\nxy\r\n", B::BadChunkEnd),
        ("1\r\nx\n", B::BadChunkEnd),
        ("1\r\nx\rz", B::BadChunkEnd),
        ("1\r\nx0\r\n", B::BadChunkEnd),
        ("0\r\n\n", B::BadTrailer),
        ("0\r\n\rx", B::BadTrailer),
        ("0\r\n A: b\r\n", B::BadTrailer),
        ("0\r\nA : b\r\n", B::BadTrailer),
        ("0\r\n: b\r\n", B::BadTrailer),
        ("0\r\nA\r\n", B::BadTrailer),
        ("0\r\nA: b\n", B::BadTrailer),
        ("0\r\nA: b\rc", B::BadTrailer),
        ("0\r\nA: b\r\n c\r\n", B::BadTrailer),
        ("0\r\nA: \0\r\n", B::BadTrailer),
        ("0\r\nGET / HTTP/1.1\r\n", B::BadTrailer),
        (&long(257), B::ChunkExtensionTooLong),
        (&long(256).repeat(65), B::ChunkExtensionTooLong),
        (&trailer(8196), B::TrailerTooLong),
    ] {
        assert_eq!(read(Framing::Chunked, input.as_bytes()), Err(fault), "{input:?}");
    }
    assert!(read(Framing::Chunked, (long(256).repeat(64) + &trailer(8190)).as_bytes()).unwrap().complete);
}

#[test]
fn faults_and_ends_are_final() {
    let mut reader = BodyReader::new(Framing::Chunked);
    for _ in 0..2 {
        assert_eq!(reader.next(b"x"), Err(B::BadChunkSize));
        assert_eq!(reader.pass(b"1\r\n"), Err(B::BadChunkSize));
        assert_eq!(reader.next(b""), Err(B::BadChunkSize));
        assert_eq!(reader.end(), Err(B::BadChunkSize));
        assert!(!reader.is_complete());
    }
    for (framing, expected) in [
        (Framing::None, Ok(())),
        (Framing::UntilClose, Ok(())),
        (Framing::Length(1), Err(B::Truncated)),
        (Framing::Chunked, Err(B::Truncated)),
    ] {
        let mut reader = BodyReader::new(framing);
        assert_eq!((reader.end(), reader.is_complete()), (expected, expected.is_ok()));
        assert_eq!(reader.next(b"x"), expected.map(|()| None));
    }
}

/// Bytes that often are a chunked body, and often are nearly one.
fn nearly_chunked() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        8 => prop::collection::vec(any::<u8>(), 1..40).prop_flat_map(|data| {
            ("(0{0,3})", "(;[a-z]=[a-z]|;q=\"[ -!#-\\[\\]-~]\\\\\"\"){0,2}").prop_map(move |(zeros, extension)| {
                [format!("{zeros}{:x}{extension}\r\n", data.len()).as_bytes(), &data, b"\r\n"].concat()
            })
        }),
        1 => "0(;a)?\r\n([A-Za-z-]{1,5}: ?[a-z\\t]{0,5}\r\n){0,3}\r\n".prop_map(String::into_bytes),
        1 => "[0-9a-f;\r\n \": ]{0,3}".prop_map(String::into_bytes),
    ];
    (prop::collection::vec(piece, 0..6), any::<bool>()).prop_map(|(pieces, ended)| {
        let mut body = pieces.concat();
        body.extend_from_slice(if ended { b"0\r\n\r\n".as_slice() } else { b"" });
        body
    })
}

/// `input` in parts of these lengths, and the rest.
fn split<'i>(mut input: &'i [u8], lengths: &[usize]) -> Vec<&'i [u8]> {
    let mut parts = Vec::new();
    for length in lengths {
        let (part, rest) = input.split_at((*length).min(input.len()));
        parts.push(part);
        input = rest;
    }
    parts.push(input);
    parts
}

fn framings() -> impl Strategy<Value = Framing> {
    prop_oneof![
        4 => Just(Framing::Chunked),
        1 => (0..60u64).prop_map(Framing::Length),
        1 => Just(Framing::UntilClose),
        1 => Just(Framing::None),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn splits_change_nothing(
        framing in framings(),
        body in nearly_chunked(),
        lengths in prop::collection::vec(0..9usize, 0..60),
    ) {
        let whole = read(framing, &body);
        prop_assert_eq!(&with_next(framing, split(&body, &lengths)), &whole);
        let passed = with_pass(framing, split(&body, &lengths)).map(|read| (read.sent, read.used, read.complete));
        prop_assert_eq!(passed, whole.map(|read| (read.sent, read.used, read.complete)));
        prop_assert_eq!(with_next(framing, body.chunks(1)), read(framing, &body));
    }

    #[test]
    fn the_plain_decoder_agrees(body in nearly_chunked()) {
        let expected = plain(&body);
        match read(Framing::Chunked, &body) {
            Ok(read) if read.complete => {
                prop_assert_eq!(&expected, &Some((read.data.clone(), read.used)));
                // What is sent on is the same body, without trailers.
                prop_assert_eq!(plain(&read.sent), Some((read.data, read.sent.len())));
            }
            _ => prop_assert_eq!(expected, None),
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(framing in framings(), body in prop::collection::vec(any::<u8>(), 0..200)) {
        let expected = plain(&body);
        let found = read(framing, &body);
        if framing == Framing::Chunked {
            prop_assert_eq!(found.ok().filter(|read| read.complete).map(|read| (read.data, read.used)), expected);
        }
    }
}
