//! Backends that do not read the bodies they are sent: what they take for another request must not meet anybody else's.

use crate::framing::in_front_of;
use crate::support::client::{Client, get};
use crate::support::http::answer;
use crate::support::origin::Origin;

const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nHost: edge.test\r\n\r\n";

/// Takes every body for a further request. Its answer to one comes with the next answer, when an edge that shared the
/// connection would take it for that one.
fn origin_without_bodies() -> Origin {
    Origin::start(|mut conn| {
        let mut owed = Vec::new();
        while let Some(head) = conn.head() {
            let body = if head.method() == "HEAD" { "" } else { head.target() };
            let answer = answer("200 OK", "", body.as_bytes());
            if head.target() == "/smuggled" {
                owed = answer;
            } else {
                conn.send([std::mem::take(&mut owed), answer].concat());
            }
        }
    })
}

/// CL.0 (Kettle: Browser-Powered Desync Attacks): RFC 9110 section 9.3.1 gives such bodies no meaning.
#[test]
fn a_connection_is_not_shared_after_a_body_that_servers_ignore() {
    let origin = origin_without_bodies();
    let (_edge, web) = in_front_of(&origin);
    for method in ["GET", "HEAD", "DELETE", "OPTIONS", "TRACE"] {
        let mut client = Client::connect(web);
        let length = SMUGGLED.len();
        client.send(format!(
            "{method} /probe HTTP/1.1\r\nHost: edge.test\r\nContent-Length: {length}\r\n\r\n{SMUGGLED}"
        ));
        client.response_to(method).expect(200);
        // The same worker serves it, from the same shelf of connections.
        assert_eq!(client.exchange(get("/mine")).expect(200).text(), "/mine", "{method}");
    }
}

/// Pause-based desync (the same research): the answer comes before the body, which then is a request to the server.
#[test]
fn a_connection_is_not_shared_after_an_answer_that_came_before_the_body() {
    let origin = origin_without_bodies();
    let (_edge, web) = in_front_of(&origin);
    for framed in [
        format!("Content-Length: {}\r\n\r\n|{SMUGGLED}", SMUGGLED.len()),
        format!("Transfer-Encoding: chunked\r\n\r\n|{:x}\r\n{SMUGGLED}\r\n0\r\n\r\n", SMUGGLED.len()),
    ] {
        let (head, body) = framed.split_once('|').unwrap();
        let mut client = Client::connect(web);
        client.send(format!("POST /probe HTTP/1.1\r\nHost: edge.test\r\n{head}"));
        client.response().expect(200);
        client.send(body);
        assert_eq!(client.exchange(get("/mine")).expect(200).text(), "/mine");
    }
}

/// The same where the body is sent while the answer is still under way, so that both end in order.
#[test]
fn a_connection_is_not_shared_after_an_answer_that_began_before_the_body() {
    let origin = Origin::start(|mut conn| {
        let mut owed = Vec::new();
        while let Some(head) = conn.head() {
            match head.target() {
                "/probe" => conn.send("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n/pro"),
                "/smuggled" => {
                    owed = answer("200 OK", "", b"/smuggled");
                    conn.send("be");
                }
                target => {
                    let answer = answer("200 OK", "", target.as_bytes());
                    conn.send([std::mem::take(&mut owed), answer].concat());
                }
            }
        }
    });
    let (_edge, web) = in_front_of(&origin);
    let mut client = Client::connect(web);
    client.send(format!(
        "POST /probe HTTP/1.1\r\nHost: edge.test\r\nContent-Length: {}\r\n\r\n",
        SMUGGLED.len()
    ));
    assert_eq!(client.wire.head().unwrap().unwrap().status(), 200);
    client.send(SMUGGLED);
    assert_eq!(client.wire.exactly(6).unwrap(), b"/probe");
    assert_eq!(client.exchange(get("/mine")).expect(200).text(), "/mine");
}

/// The others cost no connection.
#[test]
fn a_connection_is_shared_after_other_bodies() {
    let origin = Origin::answering(|_| answer("200 OK", "", b"ok"));
    let (_edge, web) = in_front_of(&origin);
    let mut client = Client::connect(web);
    for head in [
        "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nok",
        "PUT /b HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        "PROPFIND /c HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nok",
        "GET /d HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n",
    ] {
        client.exchange(head).expect(200);
    }
    assert_eq!(origin.records().connections.len(), 1);
}
