use super::*;
use crate::engine::head::{Scan, scan};
use Refusal as R;

/// Parses `text` as a whole head and hands it to `check`.
fn judge<T>(text: &[u8], check: impl FnOnce(Result<RequestHead, Refusal>) -> T) -> T {
    check(parse_request(text, &mut FieldStorage::new()))
}

fn facts(text: &str) -> RequestFacts {
    judge(text.as_bytes(), |head| head.map(|head| head.facts)).unwrap_or_else(|why| panic!("{why}: {text:?}"))
}

/// A GET with these lines besides Host.
fn with(lines: &str) -> String {
    format!("GET / HTTP/1.1\r\nHost: a\r\n{lines}\r\n")
}

fn refused(cases: &[(&str, Refusal)]) {
    for (text, why) in cases {
        let found = judge(text.as_bytes(), |head| head.map(|head| head.facts).err());
        assert_eq!(found, Some(*why), "{text:?}");
    }
}

fn lines_refused(cases: &[(&str, Refusal)]) {
    for (lines, why) in cases {
        refused(&[(&with(lines), *why)]);
    }
}

#[test]
fn first_lines_that_are_refused() {
    refused(&[
        ("", R::IncompleteHead),
        ("GET / HTTP/1.1\r\nHost: a\r\n", R::IncompleteHead),
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\nx", R::IncompleteHead),
        ("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", R::BlankLines),
        ("\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", R::BlankLines),
        ("GET / HTTP/1.1\nHost: a\r\n\r\n", R::BareLf),
        ("GET / HTTP/1.1\rHost: a\r\n\r\n", R::BareCr),
        ("GET /\r HTTP/1.1\r\nHost: a\r\n\r\n", R::BareCr),
        ("G\0T / HTTP/1.1\r\nHost: a\r\n\r\n", R::Nul),
        ("G(T / HTTP/1.1\r\nHost: a\r\n\r\n", R::BadMethod),
        (" GET / HTTP/1.1\r\nHost: a\r\n\r\n", R::BadMethod),
        ("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", R::BadTarget),
        ("GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", R::BadMethod),
        ("GET /\r\n\r\n", R::BadRequestLine),
        ("GET\r\n\r\n", R::BadRequestLine),
        ("GET /  HTTP/1.1\r\nHost: a\r\n\r\n", R::BadRequestLine),
        ("GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", R::BadRequestLine),
        ("GET / HTTP/1.1 \r\nHost: a\r\n\r\n", R::BadRequestLine),
        ("GET / http/1.1\r\nHost: a\r\n\r\n", R::BadRequestLine),
        ("GET / HTTP/1.2\r\nHost: a\r\n\r\n", R::BadVersion),
        ("GET / HTTP/0.9\r\nHost: a\r\n\r\n", R::BadVersion),
        ("PRI * HTTP/2.0\r\n\r\n", R::BadVersion),
        ("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", R::Connect),
    ]);
}

#[test]
fn field_lines_that_are_refused() {
    lines_refused(&[
        ("X: a\n", R::BareLf),
        ("X: a\rb\r\n", R::BareCr),
        ("X: a\r\r\n", R::BareCr),
        ("X: a\0b\r\n", R::Nul),
        ("X: a\r\n b\r\n", R::FoldedLine),
        ("\tb\r\n", R::FoldedLine),
        ("X : a\r\n", R::SpaceBeforeColon),
        ("X\t: a\r\n", R::SpaceBeforeColon),
        (": a\r\n", R::BadFieldName),
        ("X\r\n", R::BadFieldName),
        ("X y: a\r\n", R::BadFieldName),
        ("X(: a\r\n", R::BadFieldName),
        ("Content_Length: 1\r\n", R::BadFieldName),
        ("TRANSFER_encoding: chunked\r\n", R::BadFieldName),
        ("X\u{e9}: a\r\n", R::BadFieldName),
        ("X: a\x01\r\n", R::BadFieldValue),
        ("X: a\x7f\r\n", R::BadFieldValue),
        ("X: a\x0bb\r\n", R::BadFieldValue),
    ]);
    refused(&[("GET / HTTP/1.1\r\n Host: a\r\n\r\n", R::FoldedLine)]);
}

#[test]
fn field_lines_that_are_accepted() {
    let text = with("X_y:\r\n!#$%&'*+-.^_`|~09aZ:\t a\tb \t\r\nZ: \u{e9}\r\n");
    judge(text.as_bytes(), |head| {
        let fields = head.unwrap().fields;
        let pairs: Vec<_> = fields.iter().map(|field| (field.name, field.value)).collect();
        let expected: [(&str, &[u8]); 4] =
            [("Host", b"a"), ("X_y", b""), ("!#$%&'*+-.^_`|~09aZ", b"a\tb"), ("Z", "é".as_bytes())];
        assert_eq!(pairs, expected);
        assert_eq!(&text[fields.first_line()], "GET / HTTP/1.1\r\n");
        assert_eq!(&text[fields.line(0)], "Host: a\r\n");
        assert_eq!(&text[fields.line(3)], "Z: é\r\n");
        assert!(fields.line(4).is_empty());
        assert_eq!(fields.each("x_Y").collect::<Vec<_>>(), [b""]);
    });
}

#[test]
fn every_byte_at_every_place_of_a_value_and_a_name() {
    for byte in 0..=255u8 {
        for offset in 0..70 {
            let mut text = with(&format!("X: {}.\r\n", "a".repeat(70))).into_bytes();
            text[28 + offset] = byte;
            let accepted = judge(&text, |head| head.is_ok());
            assert_eq!(accepted, byte == b'\t' || byte >= b' ' && byte != 127, "value {byte} {offset}");
            let mut text = with(&format!("X{}: .\r\n", "a".repeat(70))).into_bytes();
            text[26 + offset] = byte;
            let accepted = judge(&text, |head| head.is_ok());
            let token = byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
            assert_eq!(accepted, token || byte == b':', "name {byte} {offset}");
            let mut text = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(70)).into_bytes();
            text[5 + offset] = byte;
            let accepted = judge(&text, |head| head.is_ok());
            assert_eq!(accepted, byte.is_ascii_graphic() && byte != b'#', "target {byte} {offset}");
        }
    }
}

#[test]
fn number_of_fields() {
    let text = with(&"X: y\r\n".repeat(127));
    judge(text.as_bytes(), |head| assert_eq!(head.unwrap().fields.len(), 128));
    lines_refused(&[(&"X: y\r\n".repeat(128), R::TooManyFields)]);
}

#[test]
fn framing_that_is_accepted() {
    for (lines, framing, field) in [
        ("", Framing::None, None),
        ("Content-Length: 0\r\n", Framing::None, Some(1)),
        ("X: y\r\ncontent-LENGTH: \t42 \r\n", Framing::Length(42), Some(2)),
        ("Content-Length: 007\r\n", Framing::Length(7), Some(1)),
        ("Content-Length: 999999999999999999\r\n", Framing::Length(999_999_999_999_999_999), Some(1)),
        ("Transfer-Encoding: chunked\r\n", Framing::Chunked, Some(1)),
        ("transfer-encoding:CHUNKED\t\r\n", Framing::Chunked, Some(1)),
    ] {
        let facts = facts(&with(lines));
        assert_eq!((facts.framing, facts.framing_field), (framing, field), "{lines:?}");
    }
}

#[test]
fn framing_that_is_refused() {
    for value in [
        "",
        "-1",
        "+1",
        "1,1",
        "1, 1",
        "0x1",
        "1 1",
        "1;",
        "1.0",
        "1e3",
        "\u{661}",
        "1000000000000000000",
        "18446744073709551617",
    ] {
        lines_refused(&[(&format!("Content-Length: {value}\r\n"), R::BadContentLength)]);
    }
    for value in ["gzip, chunked", "deflate,gzip ,chunked", "x;q=1, chunked", "identity, chunked"] {
        lines_refused(&[(&format!("Transfer-Encoding: {value}\r\n"), R::UnknownTransferCoding)]);
    }
    for value in [
        "",
        "identity",
        "gzip",
        "chunked, gzip",
        "chunked, chunked",
        "chunked,",
        ",chunked",
        "chunked;q=1",
        "xchunked",
        "chunked x",
        "\"chunked\"",
        "gzip,,chunked",
        "chun\u{212a}ed",
        "a b, chunked",
        "chunked;x, chunked",
    ] {
        lines_refused(&[(&format!("Transfer-Encoding: {value}\r\n"), R::BadTransferEncoding)]);
    }
    lines_refused(&[
        ("Content-Length: 1\r\nContent-Length: 1\r\n", R::DuplicateContentLength),
        ("Content-Length: 0\r\ncontent-length: 5\r\n", R::DuplicateContentLength),
        ("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n", R::ContentLengthAndTransferEncoding),
        ("Transfer-Encoding: chunked\r\nContent-Length: 0\r\n", R::ContentLengthAndTransferEncoding),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", R::BadTransferEncoding),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", R::BadTransferEncoding),
        ("Transfer-Encoding : chunked\r\n", R::SpaceBeforeColon),
        ("Transfer-Encoding:\r\n chunked\r\n", R::FoldedLine),
        ("Transfer-Encoding: \x0bchunked\r\n", R::BadFieldValue),
    ]);
    refused(&[
        ("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", R::TransferEncodingHttp10),
        ("POST / HTTP/1.0\r\nTransfer-Encoding: gzip\r\n\r\n", R::BadTransferEncoding),
    ]);
}

#[test]
fn connection_options() {
    for (version, lines, keep_alive) in [
        ("1.1", "", true),
        ("1.1", "Connection: close\r\n", false),
        ("1.1", "Connection: Keep-Alive\r\n", true),
        ("1.1", "Connection: keep-alive, CLOSE\r\n", false),
        ("1.1", "Connection: te,\t,close ,\r\nConnection: keep-alive\r\n", false),
        ("1.1", "Connection:\r\n", true),
        ("1.0", "", false),
        ("1.0", "Connection: keep-alive\r\n", true),
        ("1.0", "Connection: keep-alive, close\r\n", false),
        ("1.0", "Proxy-Connection: keep-alive\r\n", false),
    ] {
        let text = format!("GET / HTTP/{version}\r\nHost: a\r\n{lines}\r\n");
        assert_eq!(facts(&text).keep_alive, keep_alive, "{text:?}");
    }
    lines_refused(&[
        ("Connection: a b\r\n", R::BadConnection),
        ("Connection: \"close\"\r\n", R::BadConnection),
        ("Connection: close;x\r\n", R::BadConnection),
        (&format!("Connection: a{}\r\n", ",a".repeat(32)), R::BadConnection),
    ]);
}

#[test]
fn nominated_fields_are_dropped_or_refused() {
    for name in [
        "Host",
        "content-length",
        "Transfer-Encoding",
        "Cookie",
        "AUTHORIZATION",
        "X-Forwarded-For",
        "x-forwarded-host",
        "Forwarded",
        "Expect",
        "Content-Type",
        "SOAPAction",
        "Accept",
        "Sec-WebSocket-Key",
        "X-MS-Proxy",
    ] {
        lines_refused(&[(&format!("Connection: close, {name}\r\n"), R::NominatedField)]);
    }
    let text = with(
        "X-A: 1\r\nConnection: x-a, keep-alive, TE\r\nX-B: 2\r\nconnection: X-C\r\nx-c: 3\r\nKeep-Alive: 5\r\n\
         TE: trailers\r\nTrailer: x\r\nUpgrade: h2c\r\nHTTP2-Settings: a\r\nProxy-Connection: x\r\n\
         Proxy-Authenticate: x\r\nProxy-Authorization: x\r\nProxy-Authentication-Info: x\r\nX-A: 4\r\n\
         Transfer-Encoding: chunked\r\nX-D: 5\r\n",
    );
    judge(text.as_bytes(), |head| {
        let fields = head.unwrap().fields;
        let kept: Vec<_> =
            (0..fields.len()).filter(|at| !fields.is_hop_by_hop(*at)).map(|at| fields[at].name).collect();
        assert_eq!(kept, ["Host", "X-B", "Transfer-Encoding", "X-D"]);
        assert_eq!(fields.hop_by_hop().count_ones() as usize, fields.len() - 4);
        assert!(!fields.is_hop_by_hop(500));
    });
}

#[test]
fn upgrades() {
    let asks = "Connection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n";
    assert!(facts(&with(asks)).upgrade);
    assert!(facts(&with(&format!("{asks}Content-Length: 0\r\n"))).upgrade);
    for text in [
        with("Upgrade: websocket\r\n"),
        with("Connection: upgrade\r\n"),
        with("Connection: upgrade\r\nUpgrade: h2c\r\n"),
        with("Connection: upgrade\r\nUpgrade: websocket, h2c\r\n"),
        with("Connection: upgrade\r\nUpgrade: websocket/13\r\n"),
        with("Connection: upgrade\r\nUpgrade: websocket\r\nUpgrade: websocket\r\n"),
        with("Connection: upgrade\r\nUpgrade: h2c\r\nUpgrade: websocket\r\n"),
        with(&format!("{asks}Content-Length: 1\r\n")),
        with(&format!("{asks}Transfer-Encoding: chunked\r\n")),
        with(asks).replace("GET", "POST"),
        with(asks).replace("HTTP/1.1", "HTTP/1.0"),
    ] {
        assert!(!facts(&text).upgrade, "{text:?}");
    }
}

#[test]
fn expectations() {
    let waits = "Content-Length: 3\r\nExpect: 100-Continue\r\n";
    let found = facts(&with(waits));
    assert_eq!((found.expect_continue, found.expect_field), (true, Some(2)));
    for text in [with(waits).replace("HTTP/1.1", "HTTP/1.0"), with("Expect: 100-continue\r\n")] {
        judge(text.as_bytes(), |head| {
            let head = head.unwrap();
            assert_eq!((head.facts.expect_continue, head.facts.expect_field), (false, None), "{text:?}");
            assert!(head.fields.is_hop_by_hop(head.fields.len() - 1), "{text:?}");
        });
    }
    lines_refused(&[
        ("Expect: 100-continue, x\r\n", R::UnknownExpectation),
        ("Expect: \r\n", R::UnknownExpectation),
        ("Expect: 200-ok\r\n", R::UnknownExpectation),
        ("Expect: 100-continue\r\nExpect: 100-continue\r\n", R::UnknownExpectation),
    ]);
}

#[test]
fn methods() {
    use Method::*;
    for (name, method, idempotent) in [
        ("GET", Get, true),
        ("HEAD", Head, true),
        ("POST", Post, false),
        ("PUT", Put, true),
        ("DELETE", Delete, true),
        ("OPTIONS", Options, true),
        ("TRACE", Trace, true),
        ("PATCH", Patch, false),
        ("get", Other, false),
        ("PROPFIND", Other, false),
    ] {
        let facts = facts(&with("").replace("GET", name));
        assert_eq!((facts.method, facts.is_idempotent()), (method, idempotent));
        assert_eq!(facts.is_head(), name == "HEAD");
    }
}

#[test]
fn statuses_of_refusals() {
    for (refusal, status) in [
        (R::BareLf, 400),
        (R::Connect, 405),
        (R::UnknownExpectation, 417),
        (R::TooManyFields, 431),
        (R::HeadTooLarge, 431),
        (R::UnknownTransferCoding, 501),
        (R::BadVersion, 505),
    ] {
        assert_eq!(refusal.status(), status);
    }
}

#[test]
fn what_scan_lets_through_is_not_thereby_accepted() {
    let text = b"GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n";
    assert_eq!(scan(text, 0), Scan::Complete(text.len()));
    judge(text, |head| assert_eq!(head.err(), Some(R::BareCr)));
}
