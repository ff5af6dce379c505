//! A client's connection: its stream, what was read from it, its deadline, and what is bound to it.

use super::buffer::{self, Buffer, Class, poll_fill};
use super::deadline::Deadline;
use super::framing::Framing;
use super::handler::{Answer, Binding, Target};
use super::head::{RequestFacts, Scan, leading_blank, scan};
use super::refusal::Refusal;
use super::serve::Worker;
use super::stream::{Downstream, Upstream, has_nothing_to_read};
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::io::AsyncWrite;

/// How long a connection that is being closed still listens to what the client has sent: in all, and without
/// hearing anything. Closing a socket with unread data resets it, and the reset may overtake the response.
const LINGER: Duration = Duration::from_secs(30);
const LINGER_SILENT: Duration = Duration::from_secs(2);

/// The longest body of the edge's own that is put together with its head.
const SHORT_BODY: usize = 4 * 1024;

/// An upstream connection that belongs to this client's connection alone.
#[derive(Debug)]
pub(crate) struct Bound {
    pub(super) binding: Binding,
    /// Whose it is: who authenticated on it, or may have.
    pub(super) client: IpAddr,
    /// None while it is only known whom it will lead to: the next request makes it.
    pub(super) stream: Option<Upstream>,
}

/// So many connections that announce their client are kept for one client connection, whatever it asks for.
const MOST_OWNED: usize = 4;

/// An upstream connection that announced its client, and therefore serves no other.
#[derive(Debug)]
pub(super) struct Owned {
    /// The origin's identity.
    origin: u64,
    address: SocketAddr,
    client: IpAddr,
    until: Instant,
    stream: Upstream,
}

/// What came when the next head was waited for.
pub(super) enum NextHead {
    /// A head of so many bytes is at the front of the buffer.
    Complete(usize),
    /// What came is not the start of a head, or did not come in time.
    Refused(Refusal),
    /// The client is gone.
    Over,
    /// Nothing came for too long, or the connection is not wanted any more.
    Idle,
    /// A bound upstream connection ended, and with it who the client was.
    Unbound,
}

pub(super) struct Client {
    pub(super) stream: Downstream,
    pub(super) buffer: Option<Buffer>,
    pub(super) deadline: Deadline,
    pub(super) bound: Vec<Bound>,
    owned: Vec<Owned>,
}

impl Client {
    /// A connection of which `first` was read already.
    pub(super) fn new(stream: Downstream, first: Option<Buffer>, deadline: Deadline) -> Self {
        Self { stream, buffer: first, deadline, bound: Vec::new(), owned: Vec::new() }
    }

    /// Whether other requests share the client's connection: this one is one of its streams.
    #[inline]
    pub(super) fn is_multiplexed(&self) -> bool {
        matches!(self.stream, Downstream::H2(_))
    }

    /// Gives a buffer back that holds nothing.
    pub(super) fn forget_empty_buffer(&mut self) {
        if self.buffer.as_ref().is_some_and(Buffer::is_empty) {
            self.buffer = None;
        }
    }

    /// Takes the connection that is bound for the binding's scope, if it leads where the binding does.
    pub(super) fn unbind(&mut self, binding: Binding) -> Option<Upstream> {
        let place = self.bound.iter().position(|bound| bound.binding.scope == binding.scope)?;
        let bound = self.bound.swap_remove(place);
        bound.stream.filter(|_| bound.binding.member == binding.member)
    }

    /// Whether what was authenticated on a bound connection is another client's.
    #[inline]
    pub(super) fn is_bound_to_another(&self, client: IpAddr) -> bool {
        self.bound.iter().any(|bound| bound.client != client)
    }

    /// A connection that announced the target's client, if one was kept and is still open and silent.
    pub(super) fn take_owned(&mut self, target: &Target) -> Option<Upstream> {
        let is_such = |owned: &Owned| {
            owned.origin == target.origin.identity()
                && owned.address == target.address
                && owned.client == target.client
        };
        let mut owned = self.owned.swap_remove(self.owned.iter().position(is_such)?);
        (owned.until > Instant::now() && owned.stream.is_quiet()).then_some(owned.stream)
    }

    /// Keeps a connection that announced the target's client for its next request. Those of a client that the
    /// connection had before are closed: it has changed hands.
    pub(super) fn keep_owned(&mut self, target: &Target, stream: Upstream) {
        self.owned.retain(|owned| owned.client == target.client);
        if self.owned.len() >= MOST_OWNED {
            self.owned.remove(0);
        }
        self.owned.push(Owned {
            origin: target.origin.identity(),
            address: target.address,
            client: target.client,
            until: Instant::now() + target.origin.patience.idle,
            stream,
        });
    }

    /// Waits for a whole head. `idle` is how long the connection may stay silent before its first byte,
    /// `limit` how long the head may take from there.
    pub(super) async fn next_head(&mut self, idle: Duration, limit: Duration, bytes: usize) -> NextHead {
        let mut scanned = 0;
        let mut begun = false;
        self.deadline.set_idle(idle);
        loop {
            if let Some(buffer) = self.buffer.as_mut().filter(|_| scanned == 0) {
                let blank = leading_blank(buffer.bytes());
                buffer.advance(blank);
            }
            self.forget_empty_buffer();
            if let Some(buffer) = &self.buffer {
                match scan(buffer.bytes(), scanned) {
                    Scan::Complete(length) if length > bytes => {
                        return NextHead::Refused(Refusal::HeadTooLarge);
                    }
                    Scan::Complete(length) => return NextHead::Complete(length),
                    Scan::Refused(refusal) => return NextHead::Refused(refusal),
                    Scan::Incomplete if buffer.len() >= bytes => {
                        return NextHead::Refused(Refusal::HeadTooLarge);
                    }
                    Scan::Incomplete => {
                        // A lone CR may become an empty line in front of the head.
                        scanned = if buffer.bytes() == b"\r" { 0 } else { buffer.len() };
                        if !begun {
                            begun = true;
                            self.deadline.set(limit);
                        }
                    }
                }
            }
            match self.fill_or_over(bytes, begun).await {
                Ok(0) => return NextHead::Over,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::StorageFull => {
                    return NextHead::Refused(Refusal::HeadTooLarge);
                }
                Err(error) if error.kind() == io::ErrorKind::TimedOut && begun => {
                    return NextHead::Refused(Refusal::HeadTimeout);
                }
                Err(error) if error.kind() == io::ErrorKind::TimedOut => return NextHead::Idle,
                Err(error) if error.kind() == io::ErrorKind::NotConnected => return NextHead::Unbound,
                Err(_) => return NextHead::Over,
            }
        }
    }

    /// Reads; an error of kind [`io::ErrorKind::NotConnected`] when a bound upstream connection ended while
    /// nothing was asked of it: what was authenticated on it is gone, and the client must learn so by a closed
    /// connection.
    fn fill_or_over(&mut self, limit: usize, begun: bool) -> impl Future<Output = io::Result<usize>> {
        poll_fn(move |context| {
            if let Poll::Ready(result) =
                poll_fill(&mut self.stream, &mut self.buffer, Class::Small, limit, context)
            {
                return Poll::Ready(result);
            }
            if !begun
                && self
                    .bound
                    .iter_mut()
                    .filter_map(|bound| bound.stream.as_mut())
                    .any(|stream| has_ended(stream, context))
            {
                return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
            }
            self.owned.retain_mut(|owned| !has_ended(&mut owned.stream, context));
            if self.deadline.poll_passed(context) {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            Poll::Pending
        })
    }

    pub(super) async fn write_all(&mut self, data: &[u8], patience: Duration) -> io::Result<()> {
        self.deadline.set(patience);
        let deadline = &self.deadline;
        buffer::write_all(&mut self.stream, data, |context| deadline.poll_passed(context)).await
    }

    /// Sends a response of the edge's own.
    pub(super) async fn write_answer(
        &mut self,
        answer: &Answer,
        close: bool,
        with_body: bool,
        patience: Duration,
    ) -> io::Result<()> {
        let status = answer.status;
        let phrase = phrase(status);
        let connection = if close { "Connection: close\r\n" } else { "" };
        let Answer { content_type, lines, body, .. } = answer;
        let length = body.len();
        let body = if with_body { body.as_ref() } else { "" };
        // A short body goes out with the head, a long one is not worth another copy.
        let (with_head, behind) = if length <= SHORT_BODY { (body, "") } else { ("", body) };
        let text = format!(
            "HTTP/1.1 {status} {phrase}\r\nContent-Type: {content_type}\r\n\
             Content-Length: {length}\r\n{lines}{connection}\r\n{with_head}"
        );
        self.write_all(text.as_bytes(), patience).await?;
        if behind.is_empty() { Ok(()) } else { self.write_all(behind.as_bytes(), patience).await }
    }

    /// Whether the connection can be closed at once: a socket that is closed with unread bytes in it sends a
    /// reset, which may overtake the response. The client said that `request` was its last, and nothing came
    /// behind it. Behind bodies old clients send line ends that belong to nothing (RFC 9112 section 2.2), and over
    /// TLS comes a good-bye: those are waited for.
    pub(super) fn is_done_after(&self, request: &RequestFacts) -> bool {
        let Downstream::Plain(tcp) = &self.stream else { return false };
        !request.keep_alive
            && request.framing == Framing::None
            && self.buffer.is_none()
            && has_nothing_to_read(tcp)
    }

    /// Closes a connection that the client has ended, or that nobody waits for.
    pub(super) async fn close(mut self) {
        // A plain one needs no good-bye before it is closed.
        if let Downstream::Tls(_) = self.stream {
            self.shut().await;
        }
    }

    /// Closes in order although the client may still be sending: ends what is written, then reads what
    /// comes, bounded in time, until the client closes as well. A worker that stops does not wait for a
    /// client that goes on sending.
    pub(super) async fn linger(mut self, worker: &Worker) {
        if !self.shut().await {
            return;
        }
        self.buffer = None;
        let began = Instant::now();
        while began.elapsed() < if worker.is_stopping() { LINGER_SILENT } else { LINGER } {
            self.deadline.set(LINGER_SILENT);
            let Self { stream, deadline, buffer, .. } = &mut self;
            let read =
                poll_fn(|context| match poll_fill(stream, buffer, Class::Small, usize::MAX / 4, context) {
                    Poll::Pending if deadline.poll_passed(context) => Poll::Ready(Ok(0)),
                    other => other,
                });
            match read.await {
                Ok(0) | Err(_) => return,
                Ok(_) => self.buffer = None,
            }
        }
    }

    /// Drops the connection so that the client notices that something is missing.
    pub(super) fn abort(self) {
        self.stream.abort();
    }

    /// When the stream is dropped, its client is asked to send the request over HTTP/1.1.
    pub(super) fn ask_for_http11(&mut self) {
        if let Downstream::H2(stream) = &mut self.stream {
            stream.ask_for_http11();
        }
    }

    /// Ends a stream of HTTP/2 whose response is out: its connection's task sends what is left.
    pub(super) fn end(mut self) {
        let mut context = Context::from_waker(std::task::Waker::noop());
        if !matches!(Pin::new(&mut self.stream).poll_shutdown(&mut context), Poll::Ready(Ok(()))) {
            self.stream.abort();
        }
    }

    /// Ends the writing side. False if that failed.
    async fn shut(&mut self) -> bool {
        self.bound.clear();
        self.owned.clear();
        self.deadline.set(LINGER_SILENT);
        let Self { stream, deadline, .. } = self;
        poll_fn(|context| match Pin::new(&mut *stream).poll_shutdown(context) {
            Poll::Pending if deadline.poll_passed(context) => Poll::Ready(false),
            other => other.map(|result| result.is_ok()),
        })
        .await
    }
}

/// Whether a connection that nothing was asked on has ended, or said something all the same.
fn has_ended(stream: &mut Upstream, context: &mut Context<'_>) -> bool {
    use tokio::io::{AsyncRead, ReadBuf};
    let mut byte = [0];
    let mut buffer = ReadBuf::new(&mut byte);
    Pin::new(stream).poll_read(context, &mut buffer).is_ready()
}

/// Drops an upstream connection; a TLS stream says good-bye first, as far as its socket takes it at once.
pub(super) fn close_upstream(mut stream: Upstream) {
    let mut context = Context::from_waker(std::task::Waker::noop());
    let _ = Pin::new(&mut stream).poll_shutdown(&mut context);
}

/// The reason phrases of RFC 9110 section 15 that the edge itself uses.
fn phrase(status: u16) -> &'static str {
    match status {
        200 => "OK",
        301 => "Moved Permanently",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        413 => "Content Too Large",
        417 => "Expectation Failed",
        421 => "Misdirected Request",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        _ => "Error",
    }
}
