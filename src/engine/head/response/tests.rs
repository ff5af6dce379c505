use super::*;
use crate::engine::head::parse_request;
use ResponseFault::{BadStatus, BodyNotAllowed, Head, UnexpectedSwitch};

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const HEAD: &str = "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n";
const SOCKET: &str = "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";

fn judge<T>(request: &str, text: &str, check: impl FnOnce(Result<ResponseHead, ResponseFault>) -> T) -> T {
    let facts = parse_request(request.as_bytes(), &mut FieldStorage::new()).unwrap().facts;
    check(parse_response(text.as_bytes(), &mut FieldStorage::new(), &facts))
}

fn facts(request: &str, text: &str) -> ResponseFacts {
    judge(request, text, |head| head.map(|head| head.facts)).unwrap_or_else(|why| panic!("{why}: {text:?}"))
}

#[test]
fn what_is_refused() {
    for (text, why) in [
        ("", Head(Refusal::IncompleteHead)),
        ("\r\nHTTP/1.1 200 OK\r\n\r\n", Head(Refusal::BlankLines)),
        ("HTTP/1.1 200 OK\n\r\n", Head(Refusal::BareLf)),
        ("HTTP/1.1 200\n\r\n", Head(Refusal::BareLf)),
        ("HTTP/1.1 200 OK\r\nX: y\n\r\n", Head(Refusal::BareLf)),
        ("HTTP/1.1 200 OK\r\nX: y\r\n\n", Head(Refusal::BareLf)),
        ("HTTP/1.1 200 OK\r\nX: y\rz\r\n\r\n", Head(Refusal::BareCr)),
        ("HTTP/1.1 200 O\0K\r\n\r\n", Head(Refusal::Nul)),
        ("HTTP/1.1 200 O\x01K\r\n\r\n", Head(Refusal::BadStatusLine)),
        ("HTTP/1.1 20 OK\r\n\r\n", Head(Refusal::BadStatusLine)),
        ("HTTP/1.1 2000 OK\r\n\r\n", Head(Refusal::BadStatusLine)),
        ("HTTP/1.1  200 OK\r\n\r\n", Head(Refusal::BadStatusLine)),
        ("ICY 200 OK\r\n\r\n", Head(Refusal::BadStatusLine)),
        ("HTTP/2.0 200 OK\r\n\r\n", Head(Refusal::BadVersion)),
        ("HTTP/1.1 099 OK\r\n\r\n", BadStatus),
        ("HTTP/1.1 600 OK\r\n\r\n", BadStatus),
        ("HTTP/1.1 200 OK\r\nX : y\r\n\r\n", Head(Refusal::SpaceBeforeColon)),
        ("HTTP/1.1 200 OK\r\nX: y\r\n z\r\n\r\n", Head(Refusal::FoldedLine)),
        ("HTTP/1.1 200 OK\r\nX\r\n\r\n", Head(Refusal::BadFieldName)),
        ("HTTP/1.1 200 OK\r\nX: \x02\r\n\r\n", Head(Refusal::BadFieldValue)),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
            Head(Refusal::DuplicateContentLength),
        ),
        ("HTTP/1.1 200 OK\r\nContent-Length: 1, 1\r\n\r\n", Head(Refusal::BadContentLength)),
        ("HTTP/1.1 304 OK\r\nContent-Length: x\r\n\r\n", Head(Refusal::BadContentLength)),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            Head(Refusal::ContentLengthAndTransferEncoding),
        ),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", Head(Refusal::BadTransferEncoding)),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", Head(Refusal::UnknownTransferCoding)),
        ("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", Head(Refusal::TransferEncodingHttp10)),
        ("HTTP/1.1 200 OK\r\nConnection: set-cookie\r\n\r\n", Head(Refusal::NominatedField)),
        ("HTTP/1.1 204 OK\r\nTransfer-Encoding: chunked\r\n\r\n", BodyNotAllowed),
        ("HTTP/1.1 204 OK\r\nContent-Length: 1\r\n\r\n", BodyNotAllowed),
        ("HTTP/1.1 100 OK\r\nContent-Length: 1\r\n\r\n", BodyNotAllowed),
        ("HTTP/1.1 103 OK\r\nTransfer-Encoding: chunked\r\n\r\n", BodyNotAllowed),
        ("HTTP/1.1 101 OK\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n", UnexpectedSwitch),
    ] {
        assert_eq!(judge(GET, text, |head| head.err()), Some(why), "{text:?}");
    }
}

#[test]
fn framing_and_persistence() {
    use Framing::{Chunked, Length, None, UntilClose};
    for (request, text, framing, keep_alive) in [
        (GET, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", Length(5), true),
        (GET, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", None, true),
        (GET, "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n", Chunked, true),
        (GET, "HTTP/1.1 200 OK\r\n\r\n", UntilClose, false),
        (GET, "HTTP/1.1 200 OK\r\nConnection: x, close\r\nContent-Length: 5\r\n\r\n", Length(5), false),
        (
            GET,
            "HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nConnection: close\r\nContent-Length: 5\r\n\r\n",
            Length(5),
            false,
        ),
        (GET, "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n", Length(5), false),
        (GET, "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\n", Length(5), true),
        (GET, "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\n", UntilClose, false),
        (GET, "HTTP/1.1 204 No Content\r\n\r\n", None, true),
        (GET, "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", None, true),
        (GET, "HTTP/1.1 100 Continue\r\n\r\n", None, true),
        (GET, "HTTP/1.1 500 Fault\r\nContent-Length: 9\r\n\r\n", Length(9), true),
        (HEAD, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", None, true),
        (HEAD, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", None, true),
        (HEAD, "HTTP/1.1 200 OK\r\n\r\n", None, true),
        (SOCKET, "HTTP/1.1 101 Go\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\n\r\n", None, false),
        (SOCKET, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", Length(5), true),
    ] {
        let facts = facts(request, text);
        assert_eq!((facts.framing, facts.keep_alive), (framing, keep_alive), "{text:?}");
        assert_eq!(facts.is_interim(), facts.status == 100);
    }
}

#[test]
fn a_switch_must_be_the_one_asked_for() {
    for lines in [
        "",
        "Upgrade: websocket\r\n",
        "Connection: upgrade\r\n",
        "Connection: upgrade\r\nUpgrade: h2c\r\n",
        "Connection: upgrade\r\nUpgrade: websocket\r\nUpgrade: websocket\r\n",
    ] {
        let text = format!("HTTP/1.1 101 Go\r\n{lines}\r\n");
        assert_eq!(judge(SOCKET, &text, |head| head.err()), Some(UnexpectedSwitch), "{text:?}");
    }
    let text = "HTTP/1.0 101 Go\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";
    assert_eq!(judge(SOCKET, text, |head| head.err()), Some(UnexpectedSwitch));
}

#[test]
fn a_zero_length_goes_no_further_where_no_length_may_be() {
    for (status, dropped) in [(204, true), (103, true), (200, false), (304, false)] {
        judge(GET, &format!("HTTP/1.1 {status} x\r\nContent-Length: 0\r\n\r\n"), |head| {
            let head = head.unwrap();
            assert_eq!(head.fields.is_hop_by_hop(0), dropped, "{status}");
            assert_eq!(head.facts.framing_field.is_none(), dropped, "{status}");
        });
    }
}

#[test]
fn reasons() {
    for (line, reason) in [
        ("HTTP/1.1 200 Very  Good \t", "Very  Good \t"),
        ("HTTP/1.1 200 ", ""),
        ("HTTP/1.1 200", ""),
        ("HTTP/1.0 404 Não", "Não"),
    ] {
        judge(GET, &format!("{line}\r\nServer: x\r\n\r\n"), |head| {
            let head = head.unwrap();
            assert_eq!(head.reason, reason.as_bytes());
            assert_eq!(head.fields.first_line(), 0..line.len() + 2);
        });
    }
}
