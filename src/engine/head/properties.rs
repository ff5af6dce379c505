//! Properties of whole heads: splits change nothing, what is written is read back, nothing panics.

use super::*;
use crate::engine::framing::Framing;
use crate::engine::refusal::Refusal;
use proptest::prelude::*;

/// Scans `bytes` as they come in parts of these lengths, then the rest; also how many bytes had come at the verdict.
fn scan_parts(bytes: &[u8], lengths: &[usize]) -> Scan {
    let (mut scanned, mut come) = (0, 0);
    for length in lengths.iter().copied().chain([bytes.len()]) {
        come = (come + length).min(bytes.len());
        let found = scan(&bytes[..come], scanned);
        if found != Scan::Incomplete {
            return found;
        }
        scanned = come;
    }
    Scan::Incomplete
}

/// The first verdict in reading order, found by looking at every prefix.
fn scan_plainly(bytes: &[u8]) -> Scan {
    for end in 1..=bytes.len() {
        let come = &bytes[..end];
        if come.ends_with(b"\0") {
            return Scan::Refused(Refusal::Nul);
        }
        if come == b"\r\n" {
            return Scan::Refused(Refusal::BlankLines);
        }
        if come.ends_with(b"\r\n\r\n") {
            return Scan::Complete(end);
        }
        if come.ends_with(b"\n") && !come.ends_with(b"\r\n") {
            return Scan::Refused(Refusal::BareLf);
        }
    }
    Scan::Incomplete
}

#[derive(Clone, Debug)]
struct Message {
    first: String,
    lines: Vec<(String, String, Vec<u8>, String)>,
    framing: Framing,
}

impl Message {
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = format!("{}\r\n", self.first).into_bytes();
        for (name, before, value, after) in &self.lines {
            bytes.extend_from_slice(format!("{name}:{before}").as_bytes());
            bytes.extend_from_slice(value);
            bytes.extend_from_slice(format!("{after}\r\n").as_bytes());
        }
        bytes.extend_from_slice(b"\r\n");
        bytes
    }
}

fn line(name: &str, value: &str) -> (String, String, Vec<u8>, String) {
    (name.into(), " ".into(), value.into(), String::new())
}

fn other_line() -> impl Strategy<Value = (String, String, Vec<u8>, String)> {
    let value =
        prop::collection::vec(prop_oneof![8 => b'!'..=b'~', 1 => Just(b' '), 1 => 0x80..=0xffu8], 0..50);
    let value = value.prop_map(|value| value.trim_ascii().to_vec());
    ("X[-_!#$%&'*+.^`|~0-9A-Za-z]{0,20}", "[ \t]{0,2}", value, "[ \t]{0,2}")
}

/// Valid messages: these first lines, and Host for requests.
fn message(first: BoxedStrategy<String>, host: bool) -> impl Strategy<Value = Message> {
    let framing = prop_oneof![
        Just(Framing::None),
        Just(Framing::Chunked),
        (1..1_000_000_000_000_000_000u64).prop_map(Framing::Length),
    ];
    let others = prop::collection::vec(other_line(), 0..12);
    (first, others, framing, any::<prop::sample::Index>()).prop_map(
        move |(first, mut lines, framing, place)| {
            match framing {
                Framing::Chunked => {
                    lines.insert(place.index(lines.len() + 1), line("transfer-Encoding", "Chunked"))
                }
                Framing::Length(n) => {
                    lines.insert(place.index(lines.len() + 1), line("content-Length", &n.to_string()));
                }
                _ => {}
            }
            if host {
                lines.insert(place.index(lines.len() + 1), line("HOST", "mim.example.com:5725"));
            }
            Message { first, lines, framing }
        },
    )
}

fn request() -> impl Strategy<Value = Message> {
    message("(GET|POST|M-SEARCH) /[!-\"$->@-~]{0,30}(\\?[!-\"$-~]{0,30})? HTTP/1\\.1".boxed(), true)
}

fn response() -> impl Strategy<Value = Message> {
    message("HTTP/1\\.[1] [245]([1-9][0-9]) [ -~\u{e9}]{0,20}".boxed(), false)
        .prop_filter("304 has no body", |message| !message.first.contains(" 304 "))
}

/// A valid message with a few bytes changed, inserted or removed.
fn nearly_valid(valid: impl Strategy<Value = Message>) -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![4 => prop::sample::select(&b"\r\n\0 \t:,;/"[..]), 1 => any::<u8>()];
    let edit = (any::<prop::sample::Index>(), byte, 0..3u8);
    (valid, prop::collection::vec(edit, 0..3)).prop_map(|(message, edits)| {
        let mut bytes = message.bytes();
        for (place, byte, how) in edits {
            let at = place.index(bytes.len());
            match how {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ => drop(bytes.remove(at)),
            }
        }
        bytes
    })
}

const GET: RequestFacts = RequestFacts::plain(Method::Get);

fn check_fields(message: &Message, bytes: &[u8], fields: &Fields) {
    assert_eq!(fields.len(), message.lines.len());
    let mut end = fields.first_line().end;
    assert_eq!(&bytes[..end - 2], message.first.as_bytes());
    for (at, (name, _, value, _)) in message.lines.iter().enumerate() {
        assert_eq!((fields[at].name, fields[at].value), (name.as_str(), &value[..]));
        assert_eq!(fields.line(at).start, end);
        end = fields.line(at).end;
        assert!(bytes[..end].ends_with(b"\r\n"));
    }
    assert_eq!(end + 2, bytes.len());
}

/// Invariants of whatever is accepted, found without the parser under test.
fn check_accepted(bytes: &[u8], fields: &Fields) {
    let text = &bytes[..bytes.len() - 4];
    assert!(!text.contains(&0));
    let lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').collect();
    let (last, ended) = lines.split_last().unwrap();
    assert!(ended.iter().all(|line| line.ends_with(b"\r")) && !last.contains(&b'\r'));
    assert!(ended.iter().all(|line| !line[..line.len() - 1].contains(&b'\r')));
    assert!(lines[1..].iter().all(|line| line[0] != b' ' && line[0] != b'\t'));
    assert_eq!(lines.len() - 1, fields.len());
    let count = |name: &str| fields.each(name).count();
    assert!(count("content-length") + count("transfer-encoding") <= 1);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn splits_change_nothing(
        bytes in nearly_valid(request()),
        lengths in prop::collection::vec(0..9usize, 0..60),
    ) {
        let whole = scan(&bytes, 0);
        prop_assert_eq!(whole, scan_plainly(&bytes));
        prop_assert_eq!(whole, scan_parts(&bytes, &lengths));
        prop_assert_eq!(whole, scan_parts(&bytes, &vec![1; bytes.len()]));
    }

    #[test]
    fn requests_are_read_back(message in request()) {
        let bytes = message.bytes();
        prop_assert_eq!(scan(&bytes, 0), Scan::Complete(bytes.len()));
        let mut storage = FieldStorage::new();
        let head = parse_request(&bytes, &mut storage).unwrap();
        prop_assert_eq!(format!("{} {} HTTP/1.1", head.method, head.target), message.first.clone());
        prop_assert_eq!(head.facts.framing, message.framing);
        prop_assert_eq!(head.host(), Some(&b"mim.example.com:5725"[..]));
        prop_assert_eq!(head.origin_form(), ("", head.target));
        let query = head.query().map(|query| format!("?{query}")).unwrap_or_default();
        prop_assert_eq!(format!("{}{query}", head.path()), head.target);
        prop_assert_eq!(head.fields.hop_by_hop(), 0);
        check_fields(&message, &bytes, &head.fields);
        check_accepted(&bytes, &head.fields);
    }

    #[test]
    fn responses_are_read_back(message in response()) {
        let bytes = message.bytes();
        prop_assert_eq!(scan(&bytes, 0), Scan::Complete(bytes.len()));
        let mut storage = FieldStorage::new();
        let head = parse_response(&bytes, &mut storage, &GET).unwrap();
        let expected = if message.framing == Framing::None { Framing::UntilClose } else { message.framing };
        prop_assert_eq!(head.facts.framing, expected);
        let reason = message.first.get(13..).unwrap_or_default();
        prop_assert_eq!(head.reason, reason.as_bytes());
        check_fields(&message, &bytes, &head.fields);
    }

    #[test]
    fn nearly_valid_heads_are_accepted_only_if_clean(
        request in nearly_valid(request()),
        response in nearly_valid(response()),
    ) {
        if let Scan::Complete(end) = scan(&request, 0) {
            let mut storage = FieldStorage::new();
            if let Ok(head) = parse_request(&request[..end], &mut storage) {
                check_accepted(&request[..end], &head.fields);
                prop_assert_eq!(head.fields.each("host").count(), 1);
            }
        }
        if let Scan::Complete(end) = scan(&response, 0) {
            let mut storage = FieldStorage::new();
            if let Ok(head) = parse_response(&response[..end], &mut storage, &GET) {
                check_accepted(&response[..end], &head.fields);
            }
        }
    }

    #[test]
    fn the_parser_needs_no_scan_to_be_strict(bytes in nearly_valid(request())) {
        let mut storage = FieldStorage::new();
        if let Ok(head) = parse_request(&bytes, &mut storage) {
            prop_assert_eq!(scan(&bytes, 0), Scan::Complete(bytes.len()));
            check_accepted(&bytes, &head.fields);
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..100), from in 0..200usize) {
        let _ = scan(&bytes, from);
        let _ = leading_blank(&bytes);
        let _ = parse_request(&bytes, &mut FieldStorage::new());
        let _ = parse_response(&bytes, &mut FieldStorage::new(), &GET);
        let first = [&b"GET / HTTP/1.1\r\nHost: a\r\n"[..], &bytes, b"\r\n\r\n"].concat();
        let _ = parse_request(&first, &mut FieldStorage::new());
    }
}
