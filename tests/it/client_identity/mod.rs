//! Who the client is: by the PROXY protocol, by what trusted proxies write into a field, and to backends.

mod bounds;
mod fields;
mod inbound;
mod outbound;
mod proxies;

use crate::support::PATIENCE;
use crate::support::client::Client;
use crate::support::edge::{Edge, write};
use crate::support::farm::single;
use crate::support::http::{Framing, Wire, answer};
use crate::support::origin::{Origin, bound, local};
use crate::tls::Authority;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use socket2::Socket;
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Instant;
use tempfile::TempDir;

/// Version 1, for a client that everybody knows.
const LINE: &str = "PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n";

/// An origin that tells whom it was told.
fn told() -> Origin {
    Origin::answering(|request| {
        let names = ["x-forwarded-for", "x-forwarded-proto", "forwarded"];
        let values = names.map(|name| request.head.values(name).join("|"));
        answer("200 OK", "", values.join(" ").trim().as_bytes())
    })
}

/// The origin behind a listener `web` with these settings, each followed by a comma.
fn behind(origin: &Origin, listener: &str, more: &str) -> String {
    with_listener(&single(origin, "", more), listener)
}

fn with_listener(yaml: &str, settings: &str) -> String {
    yaml.replacen("web: {", &format!("web: {{ {settings}"), 1)
}

/// The same, where the listener speaks TLS as `mim.test`.
fn secured(yaml: &str, authority: &Authority) -> String {
    // Its files are made with it.
    let _ = authority.server("mim.test");
    let (certificate, key) = (authority.path("mim.test.pem"), authority.path("mim.test.key"));
    let tls = format!("tls: {{ certificates: [ {{ certificate: \"{certificate}\", key: \"{key}\" }} ] }},");
    with_listener(yaml, &tls)
}

/// A header of version 2 for TCP over IPv4 or IPv6, with these extensions.
fn version_2(source: &str, destination: &str, extensions: &[u8]) -> Vec<u8> {
    let (source, destination): (SocketAddr, SocketAddr) =
        (source.parse().unwrap(), destination.parse().unwrap());
    let mut block = Vec::new();
    for address in [source, destination] {
        match address {
            SocketAddr::V4(v4) => block.extend(v4.ip().octets()),
            SocketAddr::V6(v6) => block.extend(v6.ip().octets()),
        }
    }
    block.extend(source.port().to_be_bytes());
    block.extend(destination.port().to_be_bytes());
    block.extend(extensions);
    let family = if source.is_ipv4() { 0x11 } else { 0x21 };
    let length = u16::try_from(block.len()).unwrap().to_be_bytes();
    [&b"\r\n\r\n\0\r\nQUIT\n"[..], &[0x21, family], &length, &block].concat()
}

/// A request over TLS behind a header in the clear; what the origin says.
fn over_tls(edge: &Edge, authority: &Authority, header: &[u8]) -> String {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(authority.path("ca.pem")).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("mim.test").unwrap();
    let session = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut client = Client::connect(edge.address("web"));
    client.send(header);
    let mut wire = Wire::new(StreamOwned::new(session, client.wire.stream));
    wire.send(b"GET /tls HTTP/1.1\r\nHost: mim.test\r\n\r\n").unwrap();
    let head = wire.head().unwrap().expect("a response");
    assert_eq!(head.status(), 200);
    String::from_utf8(wire.body(Framing::of_response(&head, "GET")).unwrap()).unwrap()
}

/// Counts of `downstream_connections_refused_total`, once they are these.
#[track_caller]
fn refused(edge: &Edge, expected: &[(&str, f64)]) {
    let begun = Instant::now();
    loop {
        let metrics = edge.metrics();
        let count = |reason: &str| {
            metrics.find("downstream_connections_refused_total", &[("reason", reason)]).unwrap_or(0.0)
        };
        let found: Vec<(&str, f64)> = expected.iter().map(|(reason, _)| (*reason, count(reason))).collect();
        if found == expected {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "{found:?} instead of {expected:?}");
    }
}

/// HAProxy or nginx with a port of its own. Dropping it ends the process.
struct Other {
    child: Child,
    address: SocketAddr,
    _port: Socket,
    _folder: TempDir,
}

impl Other {
    /// HAProxy with these sections, in which `PORT` stands for its port.
    fn haproxy(sections: &str) -> Other {
        let global = "global\n  maxconn 100\ndefaults\n  timeout connect 10s\n  timeout client 30s\n  timeout server 30s\n";
        Other::start("haproxy", &format!("{global}{sections}\n"), |folder| {
            vec!["-db".into(), "-q".into(), "-f".into(), format!("{folder}/conf")]
        })
    }

    /// nginx with this inside of `http`.
    fn nginx(http: &str) -> Other {
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|what| format!("  {what}_temp_path FOLDER/{what};\n"))
            .concat();
        let conf = format!(
            "daemon off;\nmaster_process off;\npid FOLDER/pid;\nerror_log FOLDER/log;\nevents {{}}\nhttp {{\n  \
             access_log off;\n{temporary}{http}\n}}\n"
        );
        Other::start("nginx", &conf, |folder| {
            let options = ["-p", folder, "-c", &format!("{folder}/conf"), "-e", &format!("{folder}/log")];
            options.map(str::to_owned).to_vec()
        })
    }

    fn start(program: &str, conf: &str, arguments: impl Fn(&str) -> Vec<String>) -> Other {
        let folder = tempfile::tempdir().unwrap();
        // Ours while the program lives, which may bind to it, too.
        let port = bound(0);
        let address = local(&port);
        let path = folder.path().display().to_string();
        let conf = conf.replace("PORT", &address.port().to_string()).replace("FOLDER", &path);
        write(folder.path(), "conf", &conf);
        let run = |name: &str| {
            let mut command = Command::new(name);
            command
                .args(arguments(&path))
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::inherit());
            command.spawn()
        };
        // Servers live in /usr/sbin, which an ordinary user's PATH may lack.
        let child = run(program).or_else(|_| run(&format!("/usr/sbin/{program}")));
        let mut child = child.unwrap_or_else(|error| {
            panic!("{program} cannot be started; `tests/needs {program}` installs it: {error}")
        });
        let begun = Instant::now();
        while TcpStream::connect(address).is_err() {
            assert_eq!(child.try_wait().unwrap(), None, "{program} ended:\n{conf}");
            assert!(begun.elapsed() < PATIENCE, "{program} never listened");
        }
        Other { child, address, _port: port, _folder: folder }
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
