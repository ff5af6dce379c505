//! An HTTP/2 connection from its first byte to its last.
//!
//! One task drives the connection, and one more each of its requests, on the same thread. The connection ends in
//! order when it was idle for too long, when it has served as many requests as it may, or when the worker stops: the
//! client is told (GOAWAY), what it asked for is answered, and then the connection closes. It ends at once, with a
//! GOAWAY that says why, when the client costs more than it may; requests in flight then end like those of a client
//! that is gone.

use super::metered::{End, Metered, Notes};
use super::request::write_head;
use super::stream::Stream;
use super::{Limits, Payload};
use crate::engine::buffer::{Buffer, Class};
use crate::engine::client::Client;
use crate::engine::deadline::Deadline;
use crate::engine::exchange::After;
use crate::engine::handler::{Connection, Handler};
use crate::engine::head::{Scan, scan};
use crate::engine::refusal::Refusal;
use crate::engine::serve::{Listener, SCRATCH, Settings, Worker};
use crate::engine::stream::Downstream;
use bytes::Bytes;
use h2::server::{self, SendResponse};
use h2::{Reason, RecvStream};
use http::{Method, Request};
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::JoinSet;

/// How much a client may send of one request's body before somebody takes it, and of all together.
const STREAM_WINDOW: u32 = 64 * 1024;
const CONNECTION_WINDOW: u32 = 1024 * 1024;

/// How much of one response waits for the socket.
const SEND_BUFFER: usize = 32 * 1024;

/// How long a socket may take nothing.
const WRITE_PATIENCE: Duration = Duration::from_secs(60);

/// How long the rest of the responses may take to leave once the client was told to go, and how long the client may
/// take to go once nothing is left.
const LEAVING: Duration = Duration::from_secs(30);
const GOING: Duration = Duration::from_secs(2);

/// How much of what a client still sends is read, and for how long, so that the news why reaches it.
const LINGER_BYTES: usize = 1024 * 1024;

/// Room for what counts as a header list's size and is no byte of a head (RFC 9113 section 6.5.2).
const FIELD_OVERHEAD: usize = 32 * crate::engine::head::MAX_FIELDS;

/// Serves one connection until it ends.
pub async fn serve<H: Handler>(
    stream: Downstream,
    connection: Connection,
    handler: Arc<H>,
    settings: Arc<Settings>,
    worker: Arc<Worker>,
) {
    let notes = Arc::new(Notes::default());
    let deadlines = (worker.deadlines.register(), worker.deadlines.register());
    let patience = settings.head_timeout;
    let mut io = Metered::new(stream, settings.http2, &notes, deadlines, patience, WRITE_PATIENCE);
    let mut requests = JoinSet::new();
    let deadline = worker.deadlines.register();
    let shared = Shared { connection, handler, settings, worker };
    match shake_hands(&mut io, &deadline, &shared.settings).await {
        Ok(Some(h2)) => {
            let mut session = Session {
                h2,
                shared: &shared,
                notes: &notes,
                requests: &mut requests,
                deadline: &deadline,
                due: None,
                phase: Phase::Open,
                served: 0,
                late: 0,
            };
            poll_fn(|context| session.poll(context)).await;
        }
        Ok(None) => {}
        Err(()) => shared.handler.ended(&shared.connection, End::Protocol.reason()),
    }
    let end = notes.end();
    if let Some(end) = end {
        shared.handler.ended(&shared.connection, end.reason());
    }
    if end == Some(End::Stalled) {
        drop(io);
    } else {
        linger(io.into_inner(), &deadline).await;
    }
    // The connection is not over before its requests are: they are still counted and written down.
    while requests.join_next().await.is_some() {}
}

/// What the requests of a connection have in common.
struct Shared<H> {
    connection: Connection,
    handler: Arc<H>,
    settings: Arc<Settings>,
    worker: Arc<Worker>,
}

type Server<'c> = server::Connection<&'c mut Metered<Downstream>, Bytes>;

/// Waits for the client's preface. None: it went, or was silent for too long.
async fn shake_hands<'c>(
    io: &'c mut Metered<Downstream>,
    deadline: &Deadline,
    settings: &Settings,
) -> Result<Option<Server<'c>>, ()> {
    let Limits { streams, resets, .. } = settings.http2;
    // Twice the bytes of a head: what is a little too large is still answered, and counted, like in HTTP/1.1.
    let list = u32::try_from(2 * settings.head_bytes + FIELD_OVERHEAD).unwrap_or(u32::MAX);
    let mut handshake = pin!(
        server::Builder::new()
            .max_concurrent_streams(streams)
            .max_header_list_size(list)
            .initial_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_send_buffer_size(SEND_BUFFER)
            // The meter counts these, and those of accepted streams: it is to be the first to say so.
            .max_pending_accept_reset_streams(resets as usize + 1)
            .handshake(io)
    );
    deadline.set_idle(settings.head_timeout);
    poll_fn(|context| match handshake.as_mut().poll(context) {
        Poll::Ready(Ok(server)) => Poll::Ready(Ok(Some(server))),
        // Whoever goes without a word is no news; what is no preface is.
        Poll::Ready(Err(error)) if error.is_io() => Poll::Ready(Ok(None)),
        Poll::Ready(Err(_)) => Poll::Ready(Err(())),
        Poll::Pending if deadline.poll_passed(context) => Poll::Ready(Ok(None)),
        Poll::Pending => Poll::Pending,
    })
    .await
}

/// Where a connection is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// It takes requests.
    Open,
    /// The client was told to send no more.
    Leaving,
    /// The client was told why it is over.
    Ending,
}

/// What a connection is busy with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Load {
    Requests,
    /// Responses that are complete and not yet sent.
    Rests,
    Nothing,
}

/// A connection that is open.
struct Session<'c, H> {
    h2: Server<'c>,
    shared: &'c Shared<H>,
    notes: &'c Notes,
    requests: &'c mut JoinSet<()>,
    deadline: &'c Deadline,
    /// What the deadline is set for.
    due: Option<(Phase, Load)>,
    phase: Phase,
    served: u64,
    /// Requests that came although the client was told to send no more.
    late: u32,
}

impl<H: Handler> Session<'_, H> {
    /// Drives the connection until it is over.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        loop {
            while let Poll::Ready(Some(_)) = self.requests.poll_join_next(context) {}
            match self.poll_accept(context) {
                Poll::Ready(Some((request, response))) => {
                    self.begin(request, response, context);
                    continue;
                }
                Poll::Ready(None) => {
                    self.count_resets();
                    return Poll::Ready(());
                }
                Poll::Pending => self.count_resets(),
            }
            if let Some(end) = self.notes.end().filter(|_| self.phase != Phase::Ending) {
                self.phase = Phase::Ending;
                match end {
                    // There is no way to tell.
                    End::Stalled => return Poll::Ready(()),
                    // It was told.
                    End::Protocol | End::Excess => {}
                    _ => self.h2.abrupt_shutdown(Reason::ENHANCE_YOUR_CALM),
                }
                continue;
            }
            self.set_deadline();
            if !self.deadline.poll_passed(context) {
                return Poll::Pending;
            }
            if self.phase != Phase::Open {
                return Poll::Ready(());
            }
            self.leave();
        }
    }

    /// The next request; none when the connection is over. A client that gives requests up faster than they end does
    /// not get more of them started.
    fn poll_accept(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<(Request<RecvStream>, SendResponse<Bytes>)>> {
        let most = 2 * self.shared.settings.http2.streams as usize;
        if self.requests.len() >= most {
            return self.h2.poll_closed(context).map(|_| None);
        }
        self.h2.poll_accept(context).map(|accepted| accepted.and_then(Result::ok))
    }

    /// Serves a request in a task of its own.
    fn begin(
        &mut self,
        request: Request<RecvStream>,
        mut response: SendResponse<Bytes>,
        context: &mut Context<'_>,
    ) {
        self.served += 1;
        if self.phase != Phase::Open {
            self.late += 1;
            if self.late > self.shared.settings.http2.streams {
                self.notes.must_end(End::Staying);
            }
        } else if self.served >= self.shared.settings.requests {
            self.leave();
        }
        // What was given up before anybody looked at it is not begun.
        if response.poll_reset(context).is_pending() {
            let Shared { connection, handler, settings, worker } = self.shared;
            let (connection, handler) = (connection.clone(), handler.clone());
            let (settings, worker) = (settings.clone(), worker.clone());
            self.requests.spawn(serve_request(request, response, connection, handler, settings, worker));
        }
    }

    /// Tells the client to send no more.
    fn leave(&mut self) {
        self.phase = Phase::Leaving;
        self.h2.graceful_shutdown();
    }

    /// Requests that the library refused by itself are counted like others.
    fn count_resets(&self) {
        let (malformed, surplus) = self.notes.take_resets();
        let Shared { handler, connection, .. } = self.shared;
        for _ in 0..malformed {
            handler.refused(connection, Refusal::MalformedStream);
        }
        for _ in 0..surplus {
            handler.refused(connection, Refusal::TooManyStreams);
        }
    }

    fn set_deadline(&mut self) {
        let load = match (self.requests.is_empty(), self.h2.has_streams()) {
            (false, _) => Load::Requests,
            (true, true) => Load::Rests,
            (true, false) => Load::Nothing,
        };
        if self.due.replace((self.phase, load)) == Some((self.phase, load)) {
            return;
        }
        let settings = &self.shared.settings;
        match (self.phase, load) {
            // A stop tells every client at once that no more is served.
            (Phase::Open, Load::Requests) => self.deadline.set_idle(Duration::MAX),
            (Phase::Open, Load::Nothing) if self.served == 0 => {
                self.deadline.set_idle(settings.head_timeout);
            }
            (Phase::Open, _) => self.deadline.set_idle(settings.keepalive),
            (Phase::Leaving, Load::Requests) => self.deadline.set(Duration::MAX),
            (Phase::Leaving, Load::Rests) => self.deadline.set(LEAVING),
            (Phase::Leaving, Load::Nothing) | (Phase::Ending, _) => self.deadline.set(GOING),
        }
    }
}

/// Serves one request: its head as one of HTTP/1.1, and then like any other.
async fn serve_request<H: Handler>(
    request: Request<RecvStream>,
    response: SendResponse<Bytes>,
    connection: Connection,
    handler: Arc<H>,
    settings: Arc<Settings>,
    worker: Arc<Worker>,
) {
    let (parts, body) = request.into_parts();
    let (buffer, head) = put_head(&parts, body.is_end_stream(), settings.head_bytes);
    let (head, payload) = match head {
        Ok((length, payload)) => (Ok(length), payload),
        Err(refusal) => (Err(refusal), Payload::Verbatim),
    };
    let stream = Stream::new(body, payload, response, parts.method == Method::HEAD);
    drop(parts);
    let mut client = Client::new(Downstream::H2(Box::new(stream)), buffer, worker.deadlines.register());
    let listener = Listener { connection, handler: &*handler, settings: &settings, worker: &worker };
    // For HTTP/1.1 it is the last request of its connection.
    match listener.request(&mut client, head, u64::MAX).await {
        After::Abort => client.abort(),
        After::Next | After::Close | After::Over => client.end(),
    }
}

/// Puts a request's head into a buffer, and says how long it is.
fn put_head(
    parts: &http::request::Parts,
    ends: bool,
    most: usize,
) -> (Option<Buffer>, Result<(usize, Payload), Refusal>) {
    SCRATCH.with_borrow_mut(|scratch| {
        let head =
            write_head(parts, ends, &mut scratch.head).and_then(|payload| match scan(&scratch.head, 0) {
                Scan::Complete(length) if length > most => Err(Refusal::HeadTooLarge),
                Scan::Complete(length) if length == scratch.head.len() => Ok((length, payload)),
                Scan::Complete(_) | Scan::Incomplete => Err(Refusal::IncompleteHead),
                Scan::Refused(refusal) => Err(refusal),
            });
        let buffer = head.is_ok().then(|| {
            let mut buffer = Buffer::take(Class::Small);
            buffer.replace_front(0, &scratch.head);
            buffer
        });
        (buffer, head)
    })
}

/// Reads a little of what still comes until the client closes as well: a reset for what is unread, or for what it has
/// yet to say, could overtake what was sent.
async fn linger(mut stream: Downstream, deadline: &Deadline) {
    let mut block = vec![0; 16 * 1024];
    let mut read = 0;
    let began = Instant::now();
    deadline.set(GOING);
    poll_fn(|context| {
        let _ = Pin::new(&mut stream).poll_shutdown(context);
        while read < LINGER_BYTES && began.elapsed() < GOING {
            let mut buffer = ReadBuf::new(&mut block);
            match Pin::new(&mut stream).poll_read(context, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => read += buffer.filled().len(),
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending if deadline.poll_passed(context) => return Poll::Ready(()),
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(())
    })
    .await;
}
