//! Connections to backends: making them, keeping idle ones, noticing the dead ones.
//!
//! Idle connections are kept by each worker for itself, last in, first out, so that taking one costs no lock
//! and the warm ones are used. They are found under their [`Origin`]'s identity *and* the address: an origin
//! is made anew whenever anything that made the connection (backend, TLS name, authorities) changes, so a
//! connection is reused only where everything about it is the same. A connection that belongs to one client
//! never comes here.

use super::stream::Upstream;
use hashbrown::HashMap;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

/// How long things may take on a connection to a backend and through it.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// Connecting, TLS included.
    pub connect: Duration,
    /// Between two reads.
    pub read: Duration,
    /// Between two writes.
    pub write: Duration,
    /// An idle connection.
    pub idle: Duration,
    /// A silent tunnel.
    pub tunnel: Duration,
}

/// TLS towards a backend: whom to trust and which name the certificate must carry.
#[derive(Clone)]
pub struct OriginTls {
    /// The prepared client configuration, shared so that sessions resume.
    pub connector: TlsConnector,
    /// The name that is sent as SNI and verified. There is no way to leave it empty.
    pub server_name: ServerName<'static>,
}

impl std::fmt::Debug for OriginTls {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("OriginTls").field("server_name", &self.server_name).finish_non_exhaustive()
    }
}

/// What connections to one backend have in common; its identity is what idle connections are kept under.
#[derive(Debug)]
pub struct Origin {
    identity: u64,
    /// TLS, if the backend speaks it.
    pub tls: Option<OriginTls>,
    /// How long things may take.
    pub patience: Patience,
    /// How many idle connections each worker keeps.
    pub keep_idle: usize,
    open: Arc<AtomicU32>,
}

impl Origin {
    /// An origin with an identity of its own.
    #[must_use]
    pub fn new(tls: Option<OriginTls>, patience: Patience, keep_idle: usize) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let identity = NEXT.fetch_add(1, Ordering::Relaxed);
        Self { identity, tls, patience, keep_idle, open: Arc::default() }
    }

    /// The same backend, secured in another way: with an identity of its own, so that no connection made under the
    /// old settings is used again.
    #[must_use]
    pub fn secured_anew(&self, tls: OriginTls) -> Self {
        Self { open: Arc::clone(&self.open), ..Self::new(Some(tls), self.patience, self.keep_idle) }
    }

    /// Connections that are open, probes' and idle ones among them.
    #[must_use]
    pub fn open(&self) -> u32 {
        self.open.load(Ordering::Relaxed)
    }
}

/// Why no connection came about.
#[derive(Debug)]
pub enum ConnectError {
    /// TCP failed: refused, unreachable, reset.
    Tcp(io::Error),
    /// It took too long.
    TimedOut,
    /// The TLS handshake failed: an unknown authority, a wrong name, no common version.
    Tls(io::Error),
}

impl ConnectError {
    /// A stable word for logs and metrics.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Tcp(error) if error.kind() == io::ErrorKind::ConnectionRefused => "connection_refused",
            Self::Tcp(_) => "connect_failed",
            Self::TimedOut => "connect_timeout",
            Self::Tls(_) => "tls_failed",
        }
    }
}

impl std::fmt::Display for ConnectError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tcp(_) => formatter.write_str("the connection could not be made"),
            Self::TimedOut => formatter.write_str("the connection took too long"),
            Self::Tls(_) => formatter.write_str("the TLS handshake failed"),
        }
    }
}

impl std::error::Error for ConnectError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Tcp(error) | Self::Tls(error) => Some(error),
            Self::TimedOut => None,
        }
    }
}

/// Makes a connection within `limit`, TLS handshake included.
///
/// # Errors
/// [`ConnectError`] says which step failed.
pub async fn connect(
    origin: &Origin,
    address: SocketAddr,
    limit: Duration,
) -> Result<Upstream, ConnectError> {
    let attempt = async {
        let tcp = TcpStream::connect(address).await.map_err(ConnectError::Tcp)?;
        tcp.set_nodelay(true).map_err(ConnectError::Tcp)?;
        match &origin.tls {
            None => Ok(Upstream::plain(tcp, &origin.open)),
            Some(tls) => {
                let stream =
                    tls.connector.connect(tls.server_name.clone(), tcp).await.map_err(ConnectError::Tls)?;
                Ok(Upstream::tls(stream, &origin.open))
            }
        }
    };
    tokio::time::timeout(limit, attempt).await.unwrap_or(Err(ConnectError::TimedOut))
}

struct Idle {
    stream: Upstream,
    address: SocketAddr,
    until: Instant,
}

/// This thread's idle connections.
struct Shelves {
    of_origins: HashMap<u64, VecDeque<Idle>>,
    /// When they were last swept; near enough for how long one may be idle, and free.
    swept: Instant,
}

thread_local! {
    static SHELVES: RefCell<Shelves> =
        RefCell::new(Shelves { of_origins: HashMap::new(), swept: Instant::now() });
}

/// An idle connection that is still open and silent, if this worker keeps one.
pub fn take_idle(origin: &Origin, address: SocketAddr) -> Option<Upstream> {
    SHELVES.with_borrow_mut(|shelves| {
        let shelf = shelves.of_origins.get_mut(&origin.identity)?;
        loop {
            // The warmest is last. Other addresses of the same backend age out by themselves.
            let place = shelf.iter().rposition(|idle| idle.address == address)?;
            let mut idle = shelf.remove(place)?;
            if idle.stream.is_quiet() {
                return Some(idle.stream);
            }
        }
    })
}

/// Keeps a connection for later; the oldest goes when there are too many.
pub fn keep_idle(origin: &Arc<Origin>, address: SocketAddr, stream: Upstream) {
    if origin.keep_idle == 0 {
        return;
    }
    let surplus = SHELVES.with_borrow_mut(|shelves| {
        let until = shelves.swept + origin.patience.idle;
        let shelf = shelves.of_origins.entry(origin.identity).or_default();
        shelf.push_back(Idle { stream, address, until });
        if shelf.len() > origin.keep_idle { shelf.pop_front() } else { None }
    });
    drop(surplus);
}

/// Closes this thread's idle connections that died or were idle for too long; with `all`, every one.
pub fn sweep_idle(now: Instant, all: bool) {
    SHELVES.with_borrow_mut(|shelves| {
        shelves.swept = now;
        for shelf in shelves.of_origins.values_mut() {
            shelf.retain_mut(|idle| !all && idle.until > now && idle.stream.seems_quiet());
        }
        shelves.of_origins.retain(|_, shelf| !shelf.is_empty());
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpListener;

    fn origin() -> Arc<Origin> {
        let second = Duration::from_secs(1);
        let patience =
            Patience { connect: second, read: second, write: second, idle: second, tunnel: second };
        Arc::new(Origin::new(None, patience, 2))
    }

    async fn pair(listener: &TcpListener, origin: &Origin) -> (Upstream, TcpStream, SocketAddr) {
        let address = listener.local_addr().unwrap();
        let (upstream, accepted) =
            tokio::join!(connect(origin, address, Duration::from_secs(5)), listener.accept());
        (upstream.unwrap(), accepted.unwrap().0, address)
    }

    #[tokio::test]
    async fn an_idle_connection_is_reused_only_for_the_same_origin_and_address() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (one, other) = (origin(), origin());
        let (upstream, _accepted, address) = pair(&listener, &one).await;
        keep_idle(&one, address, upstream);
        assert!(take_idle(&other, address).is_none());
        assert!(take_idle(&one, "127.0.0.1:9".parse().unwrap()).is_none());
        assert!(take_idle(&one, address).is_some());
        assert!(take_idle(&one, address).is_none());
    }

    #[tokio::test]
    async fn a_connection_that_was_closed_or_spoke_is_not_reused() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = origin();
        let (upstream, accepted, address) = pair(&listener, &origin).await;
        drop(accepted);
        upstream.noticed().await;
        keep_idle(&origin, address, upstream);
        let (upstream, mut accepted, address) = pair(&listener, &origin).await;
        accepted.write_all(b"HTTP/1.1 408 Request Timeout\r\n\r\n").await.unwrap();
        upstream.noticed().await;
        keep_idle(&origin, address, upstream);
        assert!(take_idle(&origin, address).is_none());
    }

    #[tokio::test]
    async fn the_shelf_is_bounded_and_ages() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = origin();
        let mut accepted = Vec::new();
        for _ in 0..3 {
            let (upstream, other_end, address) = pair(&listener, &origin).await;
            keep_idle(&origin, address, upstream);
            accepted.push(other_end);
        }
        let kept = || {
            SHELVES.with_borrow(|shelves| shelves.of_origins.get(&origin.identity).map_or(0, VecDeque::len))
        };
        assert_eq!(kept(), 2);
        sweep_idle(Instant::now(), false);
        assert_eq!(kept(), 2);
        sweep_idle(Instant::now() + Duration::from_secs(2), false);
        assert_eq!(kept(), 0);
    }

    #[tokio::test]
    async fn a_refused_connection_says_so() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let error = connect(&origin(), address, Duration::from_secs(5)).await.unwrap_err();
        assert_eq!(error.reason(), "connection_refused");
    }
}
