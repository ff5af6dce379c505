//! The request's way to the backend, until the head of the final response is there.

use super::{Arrived, Broken, Exchange};
use crate::engine::buffer::{Buffer, Class, poll_fill, write_all};
use crate::engine::client::Client;
use crate::engine::deadline::Deadline;
use crate::engine::edits::{Afterwards, Edits, write_response};
use crate::engine::handler::{BackendEnd, Failure, Handler, Target};
use crate::engine::head::{FieldStorage, Scan, Version, parse_response, scan};
use crate::engine::pace::Pace;
use crate::engine::refusal::{BodyFault, Refusal, ResponseFault};
use crate::engine::serve::SCRATCH;
use crate::engine::stream::{Downstream, Upstream};
use crate::engine::transfer::{Upload, UploadError};
use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll};

/// The largest response head.
const RESPONSE_HEAD: usize = 128 * 1024;

/// How many interim responses one request may have.
const INTERIMS: u32 = 50;

/// How much of the requests behind the present one is read ahead.
const AHEAD: usize = 8 * 1024;

/// What happened while a response was waited for.
enum Event {
    /// Bytes of a response came.
    Bytes,
    /// The backend closed the connection.
    UpstreamEnd,
    /// The client is gone.
    ClientGone,
    /// The request's body is malformed.
    Fault(BodyFault),
    /// It is larger than the route allows.
    TooLarge,
    /// The deadline has passed.
    Late,
    /// The client sends its body more slowly than it may.
    TooSlow,
}

/// A request that is being sent.
pub(super) struct Sending<'t> {
    pub(super) target: &'t Target,
    pub(super) upstream: &'t mut Upstream,
    pub(super) upload: &'t mut Upload,
    /// The connection was kept from before: it may turn out to be stale.
    pub(super) reused: bool,
    /// Bytes of the body that lie judged behind the head.
    pub(super) ready: usize,
    /// So the whole request lies in the client's buffer.
    pub(super) whole: bool,
}

/// What is known while the response is waited for.
struct Waiting {
    /// Bytes at the front of the client's buffer that were sent and may have to be sent again.
    kept: usize,
    /// The body is sent, or the backend takes no more of it.
    upload_over: bool,
    /// The client is still listened to behind its request.
    listening: bool,
    /// What came of a response, and how much of it has been looked at.
    arrived: Option<Buffer>,
    scanned: usize,
    /// Interim responses the client has been shown. Until there is one, it owes no body that it announced by
    /// an expectation; from then on nothing is sent again.
    interims: u32,
    /// The client waits for no 100, or has got it.
    invited: bool,
    /// How slowly it may send its body.
    pace: Pace,
}

impl<H: Handler> Exchange<'_, H> {
    /// Sends the request and waits for the final response head; relays interim ones and the body meanwhile.
    pub(super) async fn send(
        &mut self,
        client: &mut Client,
        mut sending: Sending<'_>,
    ) -> Result<Arrived, Broken> {
        self.write_first(client, &mut sending).await?;
        let mut waiting = Waiting {
            kept: if sending.whole || sending.ready == 0 { self.head + sending.ready } else { 0 },
            upload_over: sending.whole,
            listening: true,
            arrived: None,
            scanned: 0,
            interims: 0,
            invited: !self.facts.expect_continue,
            pace: Pace::new(self.settings.body_rate),
        };
        waiting.set_deadline(&sending, &client.deadline);
        loop {
            let event = poll_fn(|context| waiting.poll(&mut sending, client, context)).await;
            self.judge(&event, &sending, &waiting)?;
            while let Some(length) = waiting.next_head()? {
                self.summary.times.first_byte.get_or_insert_with(|| self.started.elapsed());
                if let Some(arrived) = self.take_head(client, &sending, &mut waiting, length).await? {
                    return Ok(Arrived {
                        buffer: arrived,
                        head: length,
                        kept: waiting.kept,
                        whole: sending.whole.then_some(sending.ready),
                        reused: sending.reused,
                    });
                }
            }
        }
    }

    /// Writes the head and what is there of the body, in one piece.
    async fn write_first(&self, client: &mut Client, sending: &mut Sending<'_>) -> Result<(), Broken> {
        client.deadline.set(sending.target.origin.patience.write);
        let deadline = &client.deadline;
        let first = self.head + sending.ready;
        let Some(held) = client.buffer.as_mut() else {
            return Err(Broken { failure: Failure::ClientGone, end: None, again: false });
        };
        let data = &held.bytes()[..first];
        let written = write_all(sending.upstream, data, |context| deadline.poll_passed(context)).await;
        if let Err(error) = written {
            let timed_out = error.kind() == io::ErrorKind::TimedOut;
            let failure = if timed_out { Failure::UpstreamTimeout } else { Failure::UpstreamClosed };
            // Part of it may have arrived; the backend may also have said why before it closed. Both end the
            // attempt, and only what is safe to repeat is repeated.
            let safe =
                self.facts.is_idempotent() && sending.whole || sending.reused && sending.has_unsent_body();
            let again = !timed_out && sending.target.binding.is_none() && safe;
            let end = match (timed_out, sending.reused) {
                (true, _) => BackendEnd::TimedOut,
                (false, true) => BackendEnd::ClosedExcused,
                (false, false) => BackendEnd::Closed,
            };
            return Err(Broken { failure, end: Some(end), again });
        }
        sending.upload.count(sending.ready);
        // What was sent stays in the buffer while it may have to be sent again.
        if !sending.whole && sending.ready > 0 {
            held.advance(first);
            client.forget_empty_buffer();
        }
        Ok(())
    }

    /// Whether the attempt goes on after what happened.
    fn judge(&self, event: &Event, sending: &Sending<'_>, waiting: &Waiting) -> Result<(), Broken> {
        let failure = match event {
            Event::Bytes => return Ok(()),
            Event::UpstreamEnd if waiting.has_too_much() => {
                return Err(Broken::by(ResponseFault::Head(Refusal::HeadTooLarge)));
            }
            Event::UpstreamEnd => {
                // Nothing of the request's meaning can have been carried out, or carrying it out twice is
                // harmless; and the client has seen nothing of it.
                let untouched = sending.reused && sending.has_unsent_body() && sending.upload.sent == 0;
                let again = sending.target.binding.is_none()
                    && waiting.kept > 0
                    && waiting.interims == 0
                    && (untouched || sending.whole && self.facts.is_idempotent());
                // Both ends may close an idle connection, and a server may close one whose body does not come.
                let stale = sending.reused && waiting.arrived.is_none();
                let excused = stale || waiting.is_clients_turn(sending);
                let end = if excused { BackendEnd::ClosedExcused } else { BackendEnd::Closed };
                return Err(Broken { failure: Failure::UpstreamClosed, end: Some(end), again });
            }
            Event::ClientGone => Failure::ClientGone,
            Event::Fault(fault) => Failure::Body(*fault),
            Event::TooLarge => Failure::BodyTooLarge,
            Event::TooSlow => Failure::BodyTooSlow,
            Event::Late if waiting.is_clients_turn(sending) => Failure::ClientTimeout,
            Event::Late => Failure::UpstreamTimeout,
        };
        let end = matches!(failure, Failure::UpstreamTimeout).then_some(BackendEnd::TimedOut);
        Err(Broken { failure, end, again: false })
    }

    /// Relays an interim head; returns the buffer with a final one at its front.
    async fn take_head(
        &self,
        client: &mut Client,
        sending: &Sending<'_>,
        waiting: &mut Waiting,
        length: usize,
    ) -> Result<Option<Buffer>, Broken> {
        let Some(held) = waiting.arrived.as_mut() else { return Ok(None) };
        // The status's first digit tells; a final head is judged, once, where it is rewritten.
        if held.bytes().get(b"HTTP/1.1 ".len()) != Some(&b'1') {
            return Ok(waiting.arrived.take());
        }
        let is_continue = held.bytes().get(b"HTTP/1.1 ".len()..).is_some_and(|rest| rest.starts_with(b"100"));
        let Some(length) = self.rewrite_interim(held, length).map_err(Broken::by)? else {
            return Ok(waiting.arrived.take());
        };
        waiting.interims += 1;
        waiting.invited |= is_continue;
        if waiting.interims > INTERIMS {
            return Err(Broken::by(ResponseFault::TooManyInterims));
        }
        let mut set_deadline = false;
        if self.facts.version == Version::V11 {
            let patience = &sending.target.origin.patience;
            let writing = client.write_all(&held.bytes()[..length], patience.write);
            if Box::pin(writing).await.is_err() {
                return Err(Broken { failure: Failure::ClientGone, end: None, again: false });
            }
            set_deadline = true;
        }
        held.advance(length);
        if held.is_empty() {
            waiting.arrived = None;
        }
        if set_deadline {
            waiting.set_deadline(sending, &client.deadline);
        }
        Ok(None)
    }

    /// An interim response is rewritten in place, and its length returned; a final one is left as it is.
    fn rewrite_interim(&self, held: &mut Buffer, length: usize) -> Result<Option<usize>, ResponseFault> {
        SCRATCH.with_borrow_mut(|scratch| {
            let mut storage = FieldStorage::new();
            let head = parse_response(&held.bytes()[..length], &mut storage, &self.facts)?;
            if !head.facts.is_interim() {
                return Ok(None);
            }
            let edits = Edits::new(&mut scratch.added);
            write_response(&head, &edits, Afterwards::Silent, false, &mut scratch.head);
            held.replace_front(length, &scratch.head);
            Ok(Some(scratch.head.len()))
        })
    }
}

impl Sending<'_> {
    /// Whether there is a body of which nothing lay in the buffer when the head was sent.
    fn has_unsent_body(&self) -> bool {
        !self.whole && self.ready == 0
    }
}

impl Waiting {
    fn poll(
        &mut self,
        sending: &mut Sending<'_>,
        client: &mut Client,
        context: &mut Context<'_>,
    ) -> Poll<Event> {
        if !self.upload_over
            && let Some(event) = self.upload(sending, client, context)
        {
            return Poll::Ready(event);
        }
        let class = client.stream.body_class();
        match poll_fill(sending.upstream, &mut self.arrived, class, RESPONSE_HEAD, context) {
            Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(Event::UpstreamEnd),
            Poll::Ready(Ok(_)) => return Poll::Ready(Event::Bytes),
            Poll::Pending => {}
        }
        // Only where there is nothing to pass on does it matter whether the client still waits.
        if self.upload_over && self.listening {
            match poll_ahead(&mut client.stream, &mut client.buffer, self.kept, context) {
                Poll::Ready(Ok(())) => self.listening = false,
                Poll::Ready(Err(())) => return Poll::Ready(Event::ClientGone),
                Poll::Pending => {}
            }
        }
        if !client.deadline.poll_passed(context) {
            return Poll::Pending;
        }
        let too_slow = self.pace.is_spent(client.deadline.now());
        Poll::Ready(if too_slow { Event::TooSlow } else { Event::Late })
    }

    /// Carries the body on, as far as that goes now.
    fn upload(
        &mut self,
        sending: &mut Sending<'_>,
        client: &mut Client,
        context: &mut Context<'_>,
    ) -> Option<Event> {
        if self.kept > 0 {
            // Only a head is kept here: the body has not begun. Its first byte ends the keeping.
            match poll_body_start(client, self.kept, context) {
                Poll::Ready(false) => return Some(Event::ClientGone),
                Poll::Ready(true) => {
                    if let Some(held) = client.buffer.as_mut() {
                        held.advance(self.kept);
                    }
                    self.kept = 0;
                }
                Poll::Pending => return None,
            }
        }
        let Sending { upload, upstream, .. } = sending;
        let polled = upload.poll(&mut client.stream, &mut client.buffer, upstream, context);
        let progressed = std::mem::take(&mut upload.progressed);
        self.upload_over = matches!(polled, Poll::Ready(Ok(())));
        if progressed || self.upload_over {
            self.set_deadline(sending, &client.deadline);
        }
        match polled {
            Poll::Pending | Poll::Ready(Ok(())) => {}
            // A backend that takes no more may have answered already: see what it said.
            Poll::Ready(Err(UploadError::Upstream)) => self.upload_over = true,
            Poll::Ready(Err(UploadError::Fault(fault))) => return Some(Event::Fault(fault)),
            Poll::Ready(Err(UploadError::TooLarge)) => return Some(Event::TooLarge),
            Poll::Ready(Err(UploadError::Ended | UploadError::Client)) => return Some(Event::ClientGone),
        }
        None
    }

    /// The length of the next whole head in what has arrived.
    fn next_head(&mut self) -> Result<Option<usize>, Broken> {
        let Some(held) = &self.arrived else { return Ok(None) };
        match scan(held.bytes(), self.scanned) {
            Scan::Incomplete => {
                self.scanned = held.len();
                Ok(None)
            }
            Scan::Refused(refusal) => Err(Broken::by(ResponseFault::Head(refusal))),
            Scan::Complete(length) => {
                self.scanned = 0;
                Ok(Some(length))
            }
        }
    }

    fn has_too_much(&self) -> bool {
        self.arrived.as_ref().is_some_and(|held| held.len() >= RESPONSE_HEAD)
    }

    /// Whether it is the client that lets the others wait.
    fn is_clients_turn(&self, sending: &Sending<'_>) -> bool {
        let owes_body = self.kept == 0 || self.invited;
        !self.upload_over && !sending.upload.is_blocked() && owes_body
    }

    /// From now on whoever's turn it is may take so long.
    fn set_deadline(&mut self, sending: &Sending<'_>, deadline: &Deadline) {
        let patience = &sending.target.origin.patience;
        let blocked = !self.upload_over && sending.upload.is_blocked();
        let limit = if blocked { patience.write } else { patience.read };
        if self.upload_over {
            deadline.set(limit);
            return;
        }
        let theirs = self.is_clients_turn(sending);
        deadline.set(limit.min(self.pace.turn(sending.upload.received, theirs, deadline.now())));
    }
}

impl Broken {
    /// By a backend that does not speak HTTP as it must be.
    fn by(fault: ResponseFault) -> Self {
        Self { failure: Failure::UpstreamFault(fault), end: Some(BackendEnd::Faulty), again: false }
    }
}

/// Reads what the client sends behind the request: the next one, or the news that nobody waits any more
/// (`Err`). `Ok`: nothing more is to be listened for. A client that has ended its side may still be reading
/// (RFC 9112 section 9.6), so that alone does not mean that it is gone. The present request's `kept` bytes in
/// front do not count: a long one is listened behind like a short one.
pub(super) fn poll_ahead(
    stream: &mut Downstream,
    buffer: &mut Option<Buffer>,
    kept: usize,
    context: &mut Context<'_>,
) -> Poll<Result<(), ()>> {
    if let Downstream::H2(stream) = stream {
        // Nothing comes behind a stream's request but its end.
        return stream.poll_gone(context).map(Err);
    }
    let limit = kept + AHEAD;
    loop {
        if buffer.as_ref().is_some_and(|held| held.len() >= limit) {
            return Poll::Ready(Ok(()));
        }
        match poll_fill(stream, buffer, Class::Small, limit, context) {
            Poll::Ready(Ok(0)) => return Poll::Ready(Ok(())),
            Poll::Ready(Ok(_)) => {}
            Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::StorageFull => {
                return Poll::Ready(Ok(()));
            }
            Poll::Ready(Err(_)) => return Poll::Ready(Err(())),
            Poll::Pending => return Poll::Pending,
        }
    }
}

/// Waits for the first byte behind the head that is kept: it is there already, or it comes, or the client goes.
fn poll_body_start(client: &mut Client, kept: usize, context: &mut Context<'_>) -> Poll<bool> {
    if client.buffer.as_ref().is_some_and(|held| held.len() > kept) {
        return Poll::Ready(true);
    }
    match poll_fill(&mut client.stream, &mut client.buffer, Class::Small, RESPONSE_HEAD + kept, context) {
        Poll::Ready(Ok(0) | Err(_)) => Poll::Ready(false),
        Poll::Ready(Ok(_)) => Poll::Ready(true),
        Poll::Pending => Poll::Pending,
    }
}
