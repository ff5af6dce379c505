//! Authentication that belongs to a connection cannot be had over a shared one.

use super::tools::curl;
use super::{Connection, Identity, Response, counted, drive, edge, get, name};
use crate::support::edge::{Edge, said};
use crate::support::farm::single;
use crate::support::http::answer;
use crate::support::origin::Origin;
use h2::Reason;
use http::HeaderValue;
use rustls::ClientConnection;

/// Asks for authentication in the way of IIS; `/public` needs none.
fn iis() -> Origin {
    Origin::start(|mut conn| {
        let mut known = false;
        while let Some(request) = conn.request() {
            known |= request.head.value("authorization").is_some_and(|value| value.len() > 100);
            conn.send(match request.head.target() {
                "/public" => answer("200 OK", "", b"everybody"),
                _ if known => answer("200 OK", "", b"somebody"),
                // A challenge of NTLM, once the client has begun: "NTLMSSP\0", type 2, no target.
                _ if request.head.value("authorization").is_some() => answer(
                    "401 Unauthorized",
                    "WWW-Authenticate: NTLM \
                     TlRMTVNTUAACAAAAAAAAADgAAAABggAAASNFZ4mrze8AAAAAAAAAAAAAAAA4AAAABgBxFwAAAA8=\r\n",
                    b"",
                ),
                _ => answer("401 Unauthorized", "WWW-Authenticate: NTLM\r\n", b"who are you"),
            });
        }
    })
}

#[test]
fn a_challenge_is_not_passed_on_and_credentials_go_nowhere() {
    let (identity, origin) = (Identity::new(), iis());
    let edge = edge(&identity, &origin, "connection_auth: auto,", "");
    drive(async {
        let mut client = Connection::open(&identity, edge.address("web")).await;
        assert_eq!(client.get("/public").await.text(), "everybody");
        let challenged = client.ask(get("/x")).await.await.unwrap_err();
        assert_eq!(challenged.reason(), Some(Reason::HTTP_1_1_REQUIRED));
        for credentials in ["NTLM abc", "Negotiate abc"] {
            let mut asked = get("/x");
            asked.headers_mut().insert("authorization", HeaderValue::from_static(credentials));
            let refused = client.ask(asked).await.await.unwrap_err();
            assert_eq!(refused.reason(), Some(Reason::HTTP_1_1_REQUIRED));
        }
        // What belongs to a request alone passes.
        let mut asked = get("/public");
        asked.headers_mut().insert("authorization", HeaderValue::from_static("Basic YTpi"));
        let response = client.ask(asked).await;
        assert_eq!(Response::of(response).await.unwrap().status, 200);
    });
    let with_credentials = origin
        .requests()
        .iter()
        .any(|request| request.head.value("authorization").is_some_and(|value| !value.starts_with("Basic")));
    assert!(!with_credentials, "nothing was sent upstream");
    counted(&edge, "request_failures_total", &[("reason", "http_1_1_required")], 3.0);
}

#[test]
fn listeners_in_front_of_windows_do_not_offer_it() {
    let (identity, origin) = (Identity::new(), iis());
    for (pool, written, protocol) in [
        ("connection_auth: always,", "", &b"http/1.1"[..]),
        ("role: mim_portal, tls: null, connection_auth: auto,", "", b"http/1.1"),
        ("connection_auth: auto,", "", b"h2"),
        ("connection_auth: auto,", ", http2: on", b"h2"),
        ("connection_auth: auto,", ", http2: off", b"http/1.1"),
    ] {
        let yaml = single(&origin, pool, "");
        let yaml = yaml.replace("bind: \"127.0.0.1:0\"", &format!("bind: \"127.0.0.1:0\"{written}"));
        let edge = Edge::start(&identity.secured(&yaml));
        let both = identity.client(&["h2", "http/1.1"]);
        let mut tcp = std::net::TcpStream::connect(edge.address("web")).unwrap();
        let mut session = ClientConnection::new(both, name()).unwrap();
        session.complete_io(&mut tcp).unwrap();
        assert_eq!(session.alpn_protocol(), Some(protocol), "{pool}{written}");
    }
}

#[test]
fn curl_goes_back_to_http11() {
    let (identity, origin) = (Identity::new(), iis());
    let edge = edge(&identity, &origin, "connection_auth: auto,", "");
    let asked = ["--http2", "-w", "%{http_version} %{http_code}\n"];
    let output = curl(&identity, &edge, &asked, "/x");
    assert!(said(&output).ends_with("1.1 401\n"), "{}", said(&output));
    let signed_in = [&asked[..], &["--ntlm", "-u", "user:password"]].concat();
    let output = curl(&identity, &edge, &signed_in, "/x");
    assert!(said(&output).ends_with("somebody1.1 200\n"), "{}", said(&output));
    let authenticated: Vec<usize> = origin
        .requests()
        .iter()
        .filter(|request| request.head.value("authorization").is_some())
        .map(|request| request.connection)
        .collect();
    assert_eq!(authenticated.len(), 2);
    assert_eq!(authenticated[0], authenticated[1], "the whole handshake on one connection");
}
