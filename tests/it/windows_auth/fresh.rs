//! What is bound is a new connection: on one that was kept from before, requests of others have been.

use super::{ask, iis, noticed};
use crate::support::client::Client;
use crate::support::http::answer;
use crate::support::origin::Origin;

/// Which of its connections each of the origin's requests came over.
fn by(origin: &Origin) -> Vec<usize> {
    origin.requests().iter().map(|request| request.connection).collect()
}

#[test]
fn a_challenge_on_a_kept_connection_leads_to_a_new_one() {
    let origin = iis();
    let edge = noticed(&origin);
    let mut client = Client::connect(edge.address("web"));
    ask(&mut client, "/public", None).expect(200);
    let challenge = ask(&mut client, "/x", None).expect(401);
    assert_eq!(challenge.head.values("www-authenticate"), ["Negotiate", "NTLM"]);
    assert_eq!(by(&origin), [0, 0], "the challenge came over the connection that was kept");
    // Nobody else gets that one either.
    origin.wait("the end of the kept connection", |records| records.connections[0].closed.then_some(()));
    assert_eq!(ask(&mut client, "/x", Some("NTLM carol")).expect(200).text(), "carol");
    assert_eq!(ask(&mut client, "/x", None).expect(200).text(), "carol");
    assert_eq!(ask(&mut client, "/public", None).expect(200).text(), "everybody");
    assert_eq!(by(&origin), [0, 0, 1, 1, 1]);
}

#[test]
fn a_client_that_was_challenged_keeps_its_own_connection_without_credentials() {
    let origin = iis();
    let edge = noticed(&origin);
    let web = edge.address("web");
    let mut client = Client::connect(web);
    ask(&mut client, "/public", None).expect(200);
    for _ in 0..3 {
        ask(&mut client, "/x", None).expect(401);
    }
    assert_eq!(by(&origin), [0, 0, 1, 1]);
    drop(client);
    origin.wait("the end of its connection", |records| records.connections[1].closed.then_some(()));
}

/// Authenticates connections by a scheme that the edge does not know, and says so.
fn foreign() -> Origin {
    Origin::start(|mut conn| {
        let mut user: Option<String> = None;
        while let Some(request) = conn.request() {
            if let Some(credentials) = request.head.value("authorization") {
                user = Some(credentials.split(' ').next_back().unwrap().to_owned());
            }
            let persists = if request.head.target() == "/once" { "false" } else { "true" };
            conn.send(match &user {
                Some(user) => answer("200 OK", &format!("Persistent-Auth: {persists}\r\n"), user.as_bytes()),
                None => answer("200 OK", "", b"nobody"),
            });
        }
    })
}

#[test]
fn persistent_auth_binds_whatever_the_scheme() {
    let origin = foreign();
    let edge = noticed(&origin);
    let web = edge.address("web");
    // The first connection is new, the second client's was kept from before.
    let mut alice = Client::connect(web);
    assert_eq!(ask(&mut alice, "/x", Some("Other alice")).expect(200).text(), "alice");
    assert_eq!(ask(&mut alice, "/x", None).expect(200).text(), "alice");
    assert_eq!(by(&origin), [0, 0]);
    let mut bob = Client::connect(web);
    assert_eq!(ask(&mut bob, "/x", None).expect(200).text(), "nobody");
    assert_eq!(ask(&mut bob, "/x", Some("Other bob")).expect(200).text(), "bob");
    assert_eq!(by(&origin), [0, 0, 1, 1]);
    // What he becomes on a connection that others may have used is not kept.
    origin.wait("the end of the kept connection", |records| records.connections[1].closed.then_some(()));
    assert_eq!(ask(&mut bob, "/x", Some("Other bob")).expect(200).text(), "bob");
    assert_eq!(ask(&mut bob, "/x", None).expect(200).text(), "bob");
    assert_eq!(ask(&mut alice, "/x", None).expect(200).text(), "alice");
    assert_eq!(by(&origin), [0, 0, 1, 1, 2, 2, 0]);
    for _ in 0..4 {
        assert_eq!(ask(&mut Client::connect(web), "/x", None).expect(200).text(), "nobody");
    }
}

#[test]
fn credentials_that_do_not_persist_bind_nothing() {
    let origin = foreign();
    let edge = noticed(&origin);
    let mut client = Client::connect(edge.address("web"));
    ask(&mut client, "/once", None).expect(200);
    // A connection that was kept goes on being kept.
    for _ in 0..3 {
        ask(&mut client, "/once", Some("Other alice")).expect(200);
    }
    assert_eq!(by(&origin), [0, 0, 0, 0]);
}
