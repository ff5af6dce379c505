//! What the engine asks of the one who decides.
//!
//! The engine moves bytes; a [`Handler`] says where to. Its methods are the phases of a request, in the order
//! in which they are called:
//!
//! ```text
//! begin ─▶ admit ─▶ choose ─▶ connected ─▶ respond ─▶ attempted ─▶ end
//!                     ▲  └──▶ unreachable ──┘ (choose again)
//!                     └── any failure ─▶ rescue ─▶ end
//! ```
//!
//! A context is made and changed in place: a request's state is a few hundred bytes, which are not copied from phase
//! to phase. A request whose head cannot be read is reported to [`Handler::refused`] alone.

use super::edits::Edits;
use super::head::{RequestHead, ResponseHead};
use super::refusal::{BodyFault, Refusal, ResponseFault};
use super::upstream::{ConnectError, Origin};
use std::borrow::Cow;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What is known of a client's connection. An IPv4-mapped address is given as IPv4.
#[derive(Clone, Debug)]
pub struct Connection {
    /// Who connected: the client, or a proxy in front of this one.
    pub peer: SocketAddr,
    /// Whose connection it is, by the word of a trusted proxy's PROXY header; else the peer.
    pub client: SocketAddr,
    /// Where it was accepted.
    pub local: SocketAddr,
    /// What its TLS handshake showed; none without TLS.
    pub tls: Option<Arc<TlsFacts>>,
}

/// What a TLS handshake showed of the client.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsFacts {
    /// The server name that the client asked for (RFC 6066 section 3), in lower case and without a final dot.
    pub server_name: Option<Box<str>>,
    /// The subject of the client's certificate, which was verified (RFC 4514).
    pub subject: Option<Box<str>>,
}

impl Connection {
    /// A connection without a proxy in front.
    #[must_use]
    pub fn direct(client: SocketAddr, local: SocketAddr, tls: Option<Arc<TlsFacts>>) -> Self {
        Self { peer: client, client, local, tls }
    }

    /// The client's address without its port.
    #[must_use]
    pub fn client_ip(&self) -> IpAddr {
        self.client.ip()
    }

    /// Whether it speaks TLS.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        self.tls.is_some()
    }
}

/// What follows the admission of a request.
#[derive(Debug)]
pub enum Step {
    /// It goes on to a backend, with a body of at most so many bytes.
    Continue {
        /// None means no limit.
        max_body: Option<u64>,
    },
    /// The edge answers itself.
    Answer(Answer),
}

/// Which upstream connections are bound to a client's connection: scope and member are the handler's own
/// numbers (a pool and one of its nodes); the engine only compares them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Binding {
    /// At most one upstream connection is bound for each scope.
    pub scope: u32,
    /// Whom it leads to.
    pub member: u32,
}

/// The bindings a client's connection has.
#[derive(Debug, Default)]
pub struct Bindings<'a>(pub(super) &'a [super::client::Bound]);

impl Bindings<'_> {
    /// Whom the scope's bound connection leads to, if there is one; it may still have to be made.
    #[must_use]
    pub fn member(&self, scope: u32) -> Option<u32> {
        self.0.iter().find(|bound| bound.binding.scope == scope).map(|bound| bound.binding.member)
    }
}

/// Where a request goes.
#[derive(Debug)]
pub struct Target {
    /// What connections to this backend have in common.
    pub origin: Arc<Origin>,
    /// The backend's address.
    pub address: SocketAddr,
    /// Whose request it is. A connection that is bound, or that announces its client, serves no other.
    pub client: IpAddr,
    /// The longest a connection attempt may take; the shorter of this and the origin's own limit counts.
    pub connect_within: Duration,
    /// The connection belongs to this client's connection and is shared with no other.
    pub binding: Option<Binding>,
    /// Both connections are closed after the response.
    pub last: bool,
}

/// The outcome of [`Handler::choose`].
#[derive(Debug)]
pub enum Choice {
    /// Send it there.
    Forward(Target),
    /// There is nowhere to send it.
    Answer(Answer),
}

/// A response of the edge's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The media type of the body.
    pub content_type: &'static str,
    /// Further header lines, each with its CRLF: what there is beside Content-Type, Content-Length and Connection.
    pub lines: Cow<'static, str>,
    /// The body.
    pub body: Cow<'static, str>,
    /// Whether the connection is closed after it.
    pub close: bool,
    /// Why, in a stable word; for the log, where the status is 400 or more.
    pub reason: &'static str,
}

impl Answer {
    /// The media type of plain words.
    pub const PLAIN: &'static str = "text/plain; charset=utf-8";
    /// The line that keeps caches off it (RFC 9111 section 5.2.2.5).
    pub const NO_STORE: &'static str = "Cache-Control: no-store\r\n";
}

/// What went wrong with a request that had been admitted.
#[derive(Debug)]
pub enum Failure {
    /// Its body is not framed as HTTP demands.
    Body(BodyFault),
    /// Its body is larger than the route allows.
    BodyTooLarge,
    /// The client stopped sending its body in time.
    ClientTimeout,
    /// The client sends its body more slowly than it may.
    BodyTooSlow,
    /// The client is gone.
    ClientGone,
    /// The backend closed the connection before a response.
    UpstreamClosed,
    /// The backend answered something that is not HTTP as it must be.
    UpstreamFault(ResponseFault),
    /// The body of the backend's response is not framed as HTTP demands, and nothing of it was sent yet.
    UpstreamBody(BodyFault),
    /// The backend took too long.
    UpstreamTimeout,
    /// The bound upstream connection was closed while the client's connection was idle.
    BoundClosed,
    /// A trusted proxy sends the request of one client over a connection on which another one may have
    /// authenticated.
    ClientChanged,
    /// The request would have to have an upstream connection of its own for the whole life of its client's, which
    /// serves others as well (RFC 9113 section 7, HTTP_1_1_REQUIRED).
    Http11Required,
}

impl Failure {
    /// A stable word for logs and metrics.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Body(fault) | Self::UpstreamBody(fault) => fault.reason(),
            Self::BodyTooLarge => "body_too_large",
            Self::ClientTimeout => "client_timeout",
            Self::BodyTooSlow => "body_too_slow",
            Self::ClientGone => "client_gone",
            Self::UpstreamClosed => "upstream_closed",
            Self::UpstreamFault(fault) => fault.reason(),
            Self::UpstreamTimeout => "upstream_timeout",
            Self::BoundClosed => "bound_connection_closed",
            Self::ClientChanged => "client_changed",
            Self::Http11Required => "http_1_1_required",
        }
    }
}

/// How long the parts of a request took, from the moment its head was complete.
#[derive(Clone, Copy, Debug, Default)]
pub struct Times {
    /// Until a backend was chosen.
    pub queue: Duration,
    /// Making the connection; zero for a kept one.
    pub connect: Duration,
    /// Until the first byte of the response, if one came.
    pub first_byte: Option<Duration>,
    /// Until the end.
    pub total: Duration,
}

/// How an attempt at a request ended on the backend's side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BackendEnd {
    /// It answered, whole and in time; or it switched protocols.
    Answered,
    /// It closed or reset the connection before its response was whole.
    Closed,
    /// The same where that says nothing about it: the connection was kept from before and turned out to be
    /// stale, or the client owed its body.
    ClosedExcused,
    /// It was silent, or took nothing, for too long.
    TimedOut,
    /// What it answered is not HTTP as it must be.
    Faulty,
}

/// How a request ended.
#[derive(Clone, Copy, Debug, Default)]
pub struct Summary {
    /// The status that was sent; zero if none was.
    pub status: u16,
    /// Bytes of the request's body that went upstream.
    pub request_bytes: u64,
    /// Bytes of the response's body that were sent.
    pub response_bytes: u64,
    /// How often it was sent again.
    pub retries: u32,
    /// How long it took.
    pub times: Times,
    /// Whether the edge answered itself.
    pub local: bool,
    /// What went wrong, in a stable word.
    pub failure: Option<&'static str>,
}

/// The one who decides. Every method but [`Handler::choose`] returns at once.
pub trait Handler: Send + Sync + 'static {
    /// What is remembered of a request between its phases.
    type Context: Send + Sync;

    /// The context of a request of which nothing is known yet, not even that it can be read: nothing is counted
    /// here, and [`Handler::end`] may never follow.
    fn begin(&self, connection: &Connection) -> Self::Context;

    /// A head has arrived: route it, gather what the choice needs, edit it.
    fn admit(
        &self,
        context: &mut Self::Context,
        connection: &Connection,
        request: &RequestHead<'_, '_>,
        edits: &mut Edits<'_>,
    ) -> Step;

    /// Choose a backend; may wait for one. Called again after [`Handler::unreachable`].
    fn choose(
        &self,
        context: &mut Self::Context,
        bindings: Bindings<'_>,
    ) -> impl Future<Output = Choice> + Send;

    /// The chosen backend is connected; `took` is how long that took, none for a connection that was kept from
    /// before.
    fn connected(&self, context: &mut Self::Context, took: Option<Duration>);

    /// The chosen backend could not be connected.
    fn unreachable(&self, context: &mut Self::Context, error: &ConnectError);

    /// The chosen backend has answered an attempt that began at `sent`, or failed it. After a failure the request
    /// may have been carried out: it must not be sent to another backend.
    fn attempted(&self, context: &mut Self::Context, end: BackendEnd, sent: Instant);

    /// The final response head has arrived: remember who served, edit it. A binding that is returned makes
    /// the upstream connection the client's own from here on; one that was kept from before is closed instead,
    /// and the client gets a new one with its next request.
    fn respond(
        &self,
        context: &mut Self::Context,
        response: &ResponseHead<'_, '_>,
        edits: &mut Edits<'_>,
    ) -> Option<Binding>;

    /// Turn a failure into the response that the client gets.
    fn rescue(&self, context: &mut Self::Context, failure: &Failure) -> Answer;

    /// A connection was ended for what its client did on it, or did not do, and not by an answer: count it under this
    /// word.
    fn ended(&self, connection: &Connection, reason: &'static str);

    /// A head could not be read, or did not come in time: count it and say what the client gets, if anything.
    fn refused(&self, connection: &Connection, refusal: Refusal) -> Answer;

    /// The request is over.
    fn end(&self, context: &mut Self::Context, summary: &Summary);
}
