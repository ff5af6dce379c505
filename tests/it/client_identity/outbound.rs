//! PROXY headers to backends, which tell whose connection it is.

use super::{Other, with_listener};
use crate::support::client::{Client, get};
use crate::support::edge::Edge;
use crate::support::farm::single;
use crate::support::http::{Wire, answer};
use crate::support::origin::{Conn, Origin};
use crate::tls::Authority;
use rustls::{ServerConnection, StreamOwned};
use std::io::Read;
use std::net::{IpAddr, SocketAddr};

/// Reads a header of version 2: both ends, or `LOCAL`. None when the connection ended.
fn announced(conn: &mut Conn) -> Option<String> {
    let mut fixed = [0; 16];
    conn.wire.stream.read_exact(&mut fixed).ok()?;
    assert_eq!(&fixed[..12], b"\r\n\r\n\0\r\nQUIT\n");
    let mut block = vec![0; usize::from(u16::from_be_bytes([fixed[14], fixed[15]]))];
    conn.wire.stream.read_exact(&mut block).ok()?;
    let port = |at: usize| u16::from_be_bytes([block[at], block[at + 1]]);
    let (source, destination): (SocketAddr, SocketAddr) = match (fixed[12], fixed[13], block.len()) {
        (0x20, 0, 0) => return Some("LOCAL".to_owned()),
        (0x21, 0x11, 12) => {
            let ip = |at: usize| IpAddr::from(<[u8; 4]>::try_from(&block[at..at + 4]).unwrap());
            ((ip(0), port(8)).into(), (ip(4), port(10)).into())
        }
        (0x21, 0x21, 36) => {
            let ip = |at: usize| IpAddr::from(<[u8; 16]>::try_from(&block[at..at + 16]).unwrap());
            ((ip(0), port(32)).into(), (ip(16), port(34)).into())
        }
        other => panic!("{other:?}"),
    };
    Some(format!("{source} {destination}"))
}

/// Tells each request over which connection it came, and whose that is.
fn receiving() -> Origin {
    Origin::start(|mut conn| {
        let Some(ends) = announced(&mut conn) else { return };
        while let Some(request) = conn.request() {
            let status = if request.head.target() == "/ask" { "401 Unauthorized" } else { "200 OK" };
            let ask = if status.starts_with('4') { "WWW-Authenticate: NTLM\r\n" } else { "" };
            conn.send(answer(status, ask, format!("{} {ends}", request.connection).as_bytes()));
        }
    })
}

fn announcing(origin: &Origin, pool: &str) -> String {
    single(origin, &format!("proxy_protocol: v2, {pool}"), "")
}

/// What the origin says: the number of its connection, and the ends that were announced.
#[track_caller]
fn ask(client: &mut Client, request: &str) -> (String, String) {
    let text = client.exchange(request).text();
    let (number, ends) = text.split_once(' ').unwrap();
    (number.to_owned(), ends.to_owned())
}

#[test]
fn each_client_has_connections_of_its_own_which_name_it() {
    let origin = receiving();
    let edge = Edge::start(&announcing(&origin, ""));
    let web = edge.address("web");
    let probe = origin.wait("the probe's header", |records| {
        records.connections.first().filter(|probe| probe.bytes.len() >= 16).map(|probe| probe.bytes.clone())
    });
    assert_eq!(probe, b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0", "it speaks for itself");
    let mut seen = Vec::new();
    for from in ["127.0.0.7", "127.0.0.8"] {
        let mut client = Client::connect_from(from, web);
        let ends = format!("{} {web}", client.wire.stream.local_addr().unwrap());
        let (number, told) = ask(&mut client, &get("/"));
        assert_eq!(told, ends);
        for _ in 0..3 {
            assert_eq!(ask(&mut client, &get("/")), (number.clone(), ends.clone()), "kept for its client");
        }
        assert!(!seen.contains(&number), "shared with another client");
        seen.push(number.clone());
        drop(client);
        let number: usize = number.parse().unwrap();
        origin.wait("the end of the client's connection", |records| {
            records.connections[number].closed.then_some(())
        });
    }
    // Nor by the same client's next connection: the port is another.
    let mut again = Client::connect_from("127.0.0.7", web);
    let (number, ends) = ask(&mut again, &get("/"));
    assert!(!seen.contains(&number));
    assert_eq!(ends, format!("{} {web}", again.wire.stream.local_addr().unwrap()));
}

#[test]
fn two_clients_at_once_have_two_connections() {
    let origin = receiving();
    let edge = Edge::start(&announcing(&origin, ""));
    let mut clients = ["127.0.0.7", "127.0.0.8"].map(|from| Client::connect_from(from, edge.address("web")));
    let numbers = [0, 1, 0, 1, 1, 0].map(|which| ask(&mut clients[which], &get("/")).0);
    assert_eq!(numbers[0], numbers[2]);
    assert_eq!(numbers[0], numbers[5]);
    assert_eq!(numbers[1], numbers[3]);
    assert_eq!(numbers[1], numbers[4]);
    assert_ne!(numbers[0], numbers[1]);
}

#[test]
fn what_was_announced_to_the_edge_is_announced_further() {
    let origin = receiving();
    let front =
        "proxy_protocol: accept, client_header: X-Forwarded-For, trusted_proxies: [ 127.0.0.1, 10.0.0.0/8 ],";
    let edge = Edge::start(&with_listener(&announcing(&origin, ""), front));
    let connect = |header: &str| {
        let mut proxy = Client::connect(edge.address("web"));
        proxy.send(header);
        proxy
    };
    let mut proxy = connect("PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n");
    assert_eq!(ask(&mut proxy, &get("/")).1, "192.0.2.1:56324 198.51.100.7:443");
    let mut proxy = connect("PROXY TCP6 2001:db8::1 2001:db8::2 1 2\r\n");
    assert_eq!(ask(&mut proxy, &get("/")).1, "[2001:db8::1]:1 [2001:db8::2]:2");
    // The clients of a front proxy share its connection, and none of the edge's. Their ports are not known.
    let mut proxy = connect("PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\n");
    let named =
        |client: &str| format!("GET / HTTP/1.1\r\nHost: edge.test\r\nX-Forwarded-For: {client}\r\n\r\n");
    let (first, ends) = ask(&mut proxy, &named("192.0.2.1"));
    assert_eq!(ends, "192.0.2.1:0 10.0.0.2:2");
    assert_eq!(ask(&mut proxy, &named("192.0.2.1")), (first.clone(), ends));
    let (second, ends) = ask(&mut proxy, &named("2001:db8::1"));
    assert_eq!(ends, "[2001:db8::1]:0 [::ffff:10.0.0.2]:2");
    assert_ne!(first, second);
}

#[test]
fn a_bound_connection_is_announced_like_any_other() {
    let origin = receiving();
    let edge = Edge::start(&announcing(&origin, "connection_auth: auto,"));
    let mut client = Client::connect_from("127.0.0.7", edge.address("web"));
    let (_, told) = ask(&mut client, &get("/ask"));
    assert!(told.starts_with("127.0.0.7:"), "{told}");
    let credentials = "GET / HTTP/1.1\r\nHost: edge.test\r\nAuthorization: NTLM x\r\n\r\n";
    let (number, told) = ask(&mut client, credentials);
    assert!(told.starts_with("127.0.0.7:"), "{told}");
    assert_eq!(ask(&mut client, &get("/")).0, number);
}

#[test]
fn a_connection_that_the_backend_closed_is_made_anew() {
    let origin = receiving();
    let edge = Edge::start(&announcing(&origin, ""));
    let mut client = Client::connect(edge.address("web"));
    let (first, ends) = ask(&mut client, &get("/"));
    origin.kill();
    origin.listen();
    let (second, again) = ask(&mut client, &get("/"));
    assert_ne!(first, second);
    assert_eq!(ends, again);
}

#[test]
fn the_header_stands_in_front_of_tls() {
    let authority = Authority::new();
    let config = authority.server("portal.test");
    let origin = Origin::start(move |mut conn: Conn| {
        let Some(ends) = announced(&mut conn) else { return };
        let session = ServerConnection::new(config.clone()).unwrap();
        let mut wire = Wire::new(StreamOwned::new(session, conn.wire.stream));
        while let Ok(Some(_head)) = wire.head() {
            let _ = wire.send(&answer("200 OK", "", ends.as_bytes()));
        }
    });
    let tls = format!("tls: {{ server_name: portal.test, ca: \"{}\" }},", authority.path("ca.pem"));
    let edge = Edge::start(&announcing(&origin, &tls));
    let web = edge.address("web");
    let mut client = Client::connect(web);
    let ends = format!("{} {web}", client.wire.stream.local_addr().unwrap());
    assert_eq!(client.exchange(get("/")).expect(200).text(), ends);
}

#[test]
fn nginx_and_haproxy_read_what_is_announced() {
    let nginx = Other::nginx(
        "  server {\n    listen 127.0.0.1:PORT proxy_protocol;\n    location / { default_type text/plain; return 200 \
         \"$connection $proxy_protocol_addr:$proxy_protocol_port $proxy_protocol_server_addr:$proxy_protocol_server_port\"; }\n  }",
    );
    let haproxy = Other::haproxy(
        "frontend f\n  mode http\n  bind 127.0.0.1:PORT accept-proxy\n  http-request return status 200 content-type text/plain \
         lf-string \"%[src]:%[src_port] %[dst]:%[dst_port]\"",
    );
    for (name, other) in [("nginx", &nginx), ("haproxy", &haproxy)] {
        let yaml = format!(
            "listeners:\n  web: {{ bind: \"127.0.0.1:0\" }}\nnodes:\n  one: {{ address: 127.0.0.1 }}\npools:\n  \
             app: {{ proxy_protocol: v2, nodes: [ {{ node: one, port: {} }} ] }}\nroutes:\n  \
             - {{ listener: web, pool: app }}\n",
            other.address.port()
        );
        let edge = Edge::start(&yaml);
        let web = edge.address("web");
        let mut texts = Vec::new();
        for from in ["127.0.0.7", "127.0.0.8"] {
            let mut client = Client::connect_from(from, web);
            let ends = format!("{} {web}", client.wire.stream.local_addr().unwrap());
            let text = client.exchange(get("/")).expect(200).text();
            assert!(text.ends_with(&ends), "{name}: {text} instead of {ends}");
            if name == "nginx" {
                assert_eq!(
                    client.exchange(get("/")).expect(200).text(),
                    text,
                    "one connection for one client"
                );
            }
            texts.push(text);
        }
        assert_ne!(texts[0], texts[1]);
    }
}
