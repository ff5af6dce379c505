//! A client of the edge that speaks TLS, and shows what the handshake agreed.

use super::Authority;
use crate::support::PATIENCE;
use crate::support::client::Response;
use crate::support::edge::{Edge, wait_output};
use crate::support::http::{Framing, Wire};
use rustls::client::Resumption;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{
    ClientConfig, ClientConnection, HandshakeKind, RootCertStore, StreamOwned, SupportedProtocolVersion,
};
use std::fs::File;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

pub const VERSIONS: [&SupportedProtocolVersion; 2] = [&rustls::version::TLS12, &rustls::version::TLS13];

/// What a client knows: whom to trust, which certificate to show, and its sessions.
pub fn config(
    authority: &Authority,
    versions: &[&'static SupportedProtocolVersion],
    own: Option<(&Authority, &str)>,
) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(authority.issuer.der().clone()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots);
    let mut config = match own {
        None => builder.with_no_client_auth(),
        Some((issuer, file)) => {
            let chain = vec![CertificateDer::from_pem_file(issuer.path(&format!("{file}.pem"))).unwrap()];
            let key = PrivateKeyDer::from_pem_file(issuer.path(&format!("{file}.key"))).unwrap();
            builder.with_client_auth_cert(chain, key).unwrap()
        }
    };
    config.resumption = Resumption::in_memory_sessions(8);
    Arc::new(config)
}

/// One connection.
pub struct Visitor {
    wire: Wire<StreamOwned<ClientConnection, TcpStream>>,
}

impl Visitor {
    /// Connects, asking for a name, and finishes its own side of the handshake. Over TLS 1.3 an edge that does not
    /// accept the client says so later.
    pub fn try_connect(to: SocketAddr, name: &str, config: &Arc<ClientConfig>) -> io::Result<Visitor> {
        let mut stream = TcpStream::connect(to)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let mut session = ClientConnection::new(config.clone(), name).map_err(io::Error::other)?;
        while session.is_handshaking() {
            session.complete_io(&mut stream)?;
        }
        Ok(Visitor { wire: Wire::new(StreamOwned::new(session, stream)) })
    }

    #[track_caller]
    pub fn connect(to: SocketAddr, name: &str, config: &Arc<ClientConfig>) -> Visitor {
        Visitor::try_connect(to, name, config).unwrap_or_else(|error| panic!("no handshake: {error}"))
    }

    /// Sends a GET for a host, with further lines, and reads its response.
    pub fn try_get(&mut self, host: &str, lines: &str) -> io::Result<Response> {
        self.wire.send(format!("GET /page HTTP/1.1\r\nHost: {host}\r\n{lines}\r\n").as_bytes())?;
        let head = self.wire.head()?.ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?;
        let framing = Framing::of_response(&head, "GET");
        let body = self.wire.body(framing)?;
        Ok(Response { interim: Vec::new(), head, body, framing })
    }

    #[track_caller]
    pub fn get(&mut self, host: &str) -> Response {
        self.try_get(host, "").unwrap_or_else(|error| panic!("no response: {error}"))
    }

    /// The certificate that the edge showed.
    pub fn certificate(&self) -> Vec<u8> {
        self.wire.stream.conn.peer_certificates().unwrap()[0].to_vec()
    }

    /// Whether the session of an earlier connection was resumed.
    pub fn is_resumed(&self) -> bool {
        self.wire.stream.conn.handshake_kind() == Some(HandshakeKind::Resumed)
    }
}

/// Whether a client gets an answer to a request: its handshake is accepted.
pub fn is_served(edge: &Edge, name: &str, config: &Arc<ClientConfig>) -> bool {
    let visitor = Visitor::try_connect(edge.address("web"), name, config);
    visitor.and_then(|mut visitor| visitor.try_get(name, "")).is_ok_and(|response| response.status() == 200)
}

/// A handshake of OpenSSL's, and what `request` is answered, which must end the connection.
pub fn s_client(edge: &Edge, authority: &Authority, arguments: &[&str], request: &str) -> Output {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), request).unwrap();
    let mut command = Command::new("openssl");
    command
        .args(["s_client", "-ign_eof", "-verify_return_error", "-CAfile", &authority.path("ca.pem")])
        .args(["-connect", &edge.address("web").to_string()])
        .args(arguments)
        .stdin(Stdio::from(File::open(file.path()).unwrap()))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    wait_output(command.spawn().expect("openssl"))
}

/// A request after whose answer the connection ends.
pub fn last(host: &str) -> String {
    format!("GET /page HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")
}
