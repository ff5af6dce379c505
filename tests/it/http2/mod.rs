//! HTTP/2 towards clients: what it must do as over HTTP/1.1, and what only it can be attacked by.

mod bodies;
mod ending;
mod floods;
mod raw;
mod refused;
mod requests;
mod tools;
mod windows;

use crate::support::PATIENCE;
use crate::support::edge::{Edge, write};
use crate::support::farm::single;
use crate::support::metrics::Metrics;
use crate::support::origin::Origin;
use bytes::Bytes;
use h2::client::{self, ResponseFuture, SendRequest};
use http::{HeaderMap, Request};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;

/// A certificate for `edge.test` that vouches for itself.
struct Identity {
    folder: TempDir,
    der: CertificateDer<'static>,
}

impl Identity {
    fn new() -> Identity {
        let made = rcgen::generate_simple_self_signed(["edge.test".to_owned()]).unwrap();
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "edge.pem", &made.cert.pem());
        write(folder.path(), "edge.key", &made.signing_key.serialize_pem());
        Identity { folder, der: made.cert.der().clone() }
    }

    fn path(&self, file: &str) -> String {
        self.folder.path().join(file).display().to_string()
    }

    /// The configuration with TLS on its listener `web`.
    fn secured(&self, yaml: &str) -> String {
        let tls = format!(
            "tls: {{ certificates: [ {{ certificate: \"{}\", key: \"{}\" }} ] }}",
            self.path("edge.pem"),
            self.path("edge.key")
        );
        yaml.replacen("bind: \"127.0.0.1:0\"", &format!("bind: \"127.0.0.1:0\", {tls}"), 1)
    }

    /// A client that trusts it and offers these protocols.
    fn client(&self, protocols: &[&str]) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.der.clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        Arc::new(config)
    }
}

fn name() -> ServerName<'static> {
    ServerName::try_from("edge.test").unwrap()
}

/// An edge that speaks TLS in front of one origin; `pool` and `more` as for [`single`].
fn edge(identity: &Identity, origin: &Origin, pool: &str, more: &str) -> Edge {
    Edge::start(&identity.secured(&single(origin, pool, more)))
}

/// Drives a test whose clients are the library's, with a bound in time.
#[track_caller]
fn drive<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime
        .block_on(async { tokio::time::timeout(2 * PATIENCE, test).await })
        .expect("it takes too long: something never came")
}

/// A connection of the library's client.
struct Connection {
    send: SendRequest<Bytes>,
    /// How the connection ended.
    over: JoinHandle<Result<(), h2::Error>>,
}

impl Connection {
    async fn open(identity: &Identity, to: SocketAddr) -> Connection {
        Connection::with(identity, to, &client::Builder::new()).await
    }

    async fn with(identity: &Identity, to: SocketAddr, builder: &client::Builder) -> Connection {
        let tcp = TcpStream::connect(to).await.unwrap();
        tcp.set_nodelay(true).unwrap();
        let tls = TlsConnector::from(identity.client(&["h2"])).connect(name(), tcp).await.unwrap();
        assert_eq!(tls.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
        let (send, connection) = builder.handshake(tls).await.unwrap();
        Connection { send, over: tokio::spawn(connection) }
    }

    /// Sends a request without a body.
    async fn ask(&mut self, request: Request<()>) -> ResponseFuture {
        self.begin(request, true).await.0
    }

    async fn begin(&mut self, request: Request<()>, ends: bool) -> (ResponseFuture, h2::SendStream<Bytes>) {
        std::future::poll_fn(|context| self.send.poll_ready(context)).await.unwrap();
        self.send.send_request(request, ends).unwrap()
    }

    /// Asks for a path and reads the response.
    async fn get(&mut self, path: &str) -> Response {
        let response = self.ask(get(path)).await;
        Response::of(response).await.unwrap()
    }
}

fn get(path: &str) -> Request<()> {
    request("GET", path)
}

fn request(method: &str, path: &str) -> Request<()> {
    Request::builder().method(method).uri(format!("https://edge.test{path}")).body(()).unwrap()
}

/// A whole response.
#[derive(Debug)]
struct Response {
    status: u16,
    fields: HeaderMap,
    body: Vec<u8>,
    trailers: Option<HeaderMap>,
}

impl Response {
    async fn of(future: ResponseFuture) -> Result<Response, h2::Error> {
        let (parts, mut stream) = future.await?.into_parts();
        let mut body = Vec::new();
        while let Some(piece) = stream.data().await {
            let piece = piece?;
            stream.flow_control().release_capacity(piece.len())?;
            body.extend_from_slice(&piece);
        }
        let trailers = stream.trailers().await?;
        Ok(Response { status: parts.status.as_u16(), fields: parts.headers, body, trailers })
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Sends all of a body, as the windows allow, and ends the stream; false if the other side would not have it.
async fn upload(mut stream: h2::SendStream<Bytes>, mut body: Bytes) -> bool {
    while !body.is_empty() {
        stream.reserve_capacity(body.len().min(1 << 16));
        match std::future::poll_fn(|context| stream.poll_capacity(context)).await {
            Some(Ok(room)) => {
                let piece = body.split_to(room.min(body.len()));
                if stream.send_data(piece, false).is_err() {
                    return false;
                }
            }
            _ => return false,
        }
    }
    stream.send_data(Bytes::new(), true).is_ok()
}

/// Scrapes until a figure is as high as it must become.
#[track_caller]
fn counted(edge: &Edge, name: &str, labels: &[(&str, &str)], at_least: f64) -> Metrics {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let metrics = edge.metrics();
        if metrics.find(name, labels).is_some_and(|value| value >= at_least) {
            return metrics;
        }
        assert!(Instant::now() < deadline, "{name} {labels:?} never becomes {at_least}: {metrics:#?}");
    }
}
