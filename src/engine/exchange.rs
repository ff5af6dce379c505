//! One request and its response.
//!
//! An [`Exchange`] starts with a rewritten head, and maybe part of the body, in the client's buffer. They stay
//! there until the response begins, or until bytes of the body have left, so that the request can be sent
//! again where that is safe: when nothing of it was sent, when it has a body of which nothing was sent, or
//! when it is idempotent and still whole. A request on a connection that is bound to the client is never sent
//! again: what was authenticated on that connection cannot be repeated.

use super::buffer::{Buffer, Class, poll_fill, write_all};
use super::client::{Client, close_upstream};
use super::edits::{Afterwards, Edits, write_response};
use super::framing::Framing;
use super::handler::{Answer, Choice, Failure, Handler, Summary, Target};
use super::head::{FieldStorage, RequestFacts, ResponseFacts, Scan, Version, parse_response, scan};
use super::refusal::{BodyFault, Refusal, ResponseFault};
use super::serve::{SCRATCH, Settings, Worker};
use super::stream::Upstream;
use super::transfer::{Download, DownloadError, Upload, UploadError};
use super::tunnel::tunnel;
use super::upstream::{connect, keep_idle, take_idle};
use std::future::poll_fn;
use std::task::Poll;
use std::time::{Duration, Instant};

/// The largest response head.
const RESPONSE_HEAD: usize = 128 * 1024;

/// How often a request is sent again after a connection broke; failed connects are the handler's to count.
const RESENDS: u32 = 1;

/// How many interim responses one request may have.
const INTERIMS: u32 = 50;

/// How much of the requests behind the present one is read ahead.
const AHEAD: usize = 8 * 1024;

/// How long the rest of a request may take whose response is out already.
const AFTER_RESPONSE: Duration = Duration::from_secs(30);

/// What becomes of the client's connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum After {
    /// The next request.
    Next,
    /// Closed after what was sent has arrived.
    Close,
    /// Closed; the client ended it, or was silent for too long.
    Over,
    /// Dropped at once: a response broke off, and the client must notice.
    Abort,
}

pub(super) struct Exchange<'a, H: Handler> {
    pub(super) handler: &'a H,
    pub(super) settings: &'a Settings,
    pub(super) worker: &'a Worker,
    pub(super) context: H::Context,
    pub(super) facts: RequestFacts,
    /// The rewritten head's length.
    pub(super) head: usize,
    pub(super) max_body: Option<u64>,
    /// This is the last request on this connection.
    pub(super) last: bool,
    pub(super) started: Instant,
    /// The request was to go over a connection that is bound to the client's.
    pub(super) bound: bool,
    pub(super) summary: Summary,
}

/// A response head that has arrived, with the connection it came on.
struct Arrived {
    upstream: Upstream,
    buffer: Buffer,
    head: usize,
    upload: Upload,
}

/// Why there is none.
struct Broken {
    failure: Failure,
    /// Sending the request again is safe.
    again: bool,
}

impl<H: Handler> Exchange<'_, H> {
    /// Carries the request out and reports it to the handler.
    pub(super) async fn run(mut self, client: &mut Client) -> After {
        let after = self.carry_out(client).await;
        self.summary.times.total = self.started.elapsed();
        self.handler.end(self.context, &self.summary);
        after
    }

    async fn carry_out(&mut self, client: &mut Client) -> After {
        let mut upload = Upload::new(self.facts.framing, self.max_body);
        let ready = match client.buffer.as_mut().map(|buffer| upload.prepare(buffer, self.head)) {
            Some(Ok(ready)) => ready,
            Some(Err(fault)) => return self.fail(client, &Failure::Body(fault), None).await,
            None => return After::Abort,
        };
        if upload.is_too_large() {
            return self.fail(client, &Failure::BodyTooLarge, None).await;
        }
        let whole = upload.is_done();
        let mut again: Option<Target> = None;
        loop {
            let resend = again.is_some();
            let target = match again.take() {
                Some(target) => target,
                None => {
                    client.deadline.set(Duration::MAX);
                    let choice = self.handler.choose(&mut self.context, client.bindings()).await;
                    self.summary.times.queue =
                        self.started.elapsed().saturating_sub(self.summary.times.connect);
                    match choice {
                        Choice::Forward(target) => target,
                        Choice::Answer(answer) => {
                            return self.answer(client, &answer, Some(ready), whole).await;
                        }
                    }
                }
            };
            self.bound |= target.binding.is_some();
            let reached = match self.reach(client, &target, resend).await {
                Ok(reached) => reached,
                Err(Some(failure)) => return self.fail(client, &failure, Some((ready, whole))).await,
                Err(None) => continue,
            };
            match self.send(client, &target, reached, &mut upload, ready, whole).await {
                Ok(arrived) => return self.respond(client, target, arrived).await,
                Err(broken) if broken.again && self.summary.retries < RESENDS => {
                    self.summary.retries += 1;
                    upload = Upload::new(self.facts.framing, self.max_body);
                    if let Some(buffer) = client.buffer.as_mut() {
                        // It was judged before and has not changed.
                        let _ = upload.prepare(buffer, self.head);
                    }
                    again = Some(target);
                }
                Err(broken) => {
                    let kept = broken.again || whole;
                    return self.fail(client, &broken.failure, kept.then_some((ready, whole))).await;
                }
            }
        }
    }

    /// A connection to the target: the bound one, an idle one, or a new one. `Err(None)`: choose again.
    async fn reach(
        &mut self,
        client: &mut Client,
        target: &Target,
        fresh: bool,
    ) -> Result<(Upstream, bool), Option<Failure>> {
        if let Some(binding) = target.binding {
            if let Some(mut upstream) = client.unbind(binding) {
                if !upstream.is_quiet() {
                    return Err(Some(Failure::BoundClosed));
                }
                self.handler.connected(&mut self.context, true);
                return Ok((upstream, true));
            }
        } else if !fresh && let Some(upstream) = take_idle(&target.origin, target.address) {
            self.handler.connected(&mut self.context, true);
            return Ok((upstream, true));
        }
        let began = Instant::now();
        let limit = target.connect_within.min(target.origin.patience.connect);
        let result = Box::pin(connect(&target.origin, target.address, limit)).await;
        self.summary.times.connect += began.elapsed();
        match result {
            Ok(upstream) => {
                self.handler.connected(&mut self.context, false);
                Ok((upstream, false))
            }
            Err(error) => {
                self.handler.unreachable(&mut self.context, &error);
                Err(None)
            }
        }
    }

    /// Sends the request and waits for the final response head; relays interim ones and the body meanwhile.
    async fn send(
        &mut self,
        client: &mut Client,
        target: &Target,
        (mut upstream, reused): (Upstream, bool),
        upload: &mut Upload,
        ready: usize,
        whole: bool,
    ) -> Result<Arrived, Broken> {
        let patience = &target.origin.patience;
        let bound = target.binding.is_some();
        client.deadline.set(patience.write);
        let deadline = &client.deadline;
        let first = self.head + ready;
        let Some(held) = client.buffer.as_mut() else {
            return Err(Broken { failure: Failure::ClientGone, again: false });
        };
        let sent = write_all(&mut upstream, &held.bytes()[..first], |context| deadline.poll_passed(context));
        if let Err(error) = sent.await {
            let timed_out = error.kind() == std::io::ErrorKind::TimedOut;
            let failure = if timed_out { Failure::UpstreamTimeout } else { Failure::UpstreamClosed };
            // Part of it may have arrived; the backend may also have said why before it closed. Both end the
            // attempt, and only what is safe to repeat is repeated.
            let safe = self.facts.is_idempotent() && whole || reused && self.has_body() && ready == 0;
            return Err(Broken { failure, again: !timed_out && !bound && safe });
        }
        upload.count(ready);
        // What was sent stays in the buffer while it may have to be sent again.
        let mut kept = first;
        if !whole && ready > 0 {
            held.advance(first);
            kept = 0;
        }
        if client.buffer.as_ref().is_some_and(Buffer::is_empty) {
            client.buffer = None;
        }
        client.deadline.set(patience.read);
        let mut arrived: Option<Buffer> = None;
        let mut scanned = 0;
        let mut upload_over = whole;
        // Interim responses the client has been shown. Until there is one, it owes no body that it announced
        // by an expectation; from then on nothing is sent again.
        let mut interims = 0;
        let mut listening = true;
        loop {
            let event = poll_fn(|context| {
                if !upload_over {
                    if kept > 0 {
                        // Only a head is kept here: the body has not begun. Its first byte ends the keeping.
                        match poll_body_start(client, kept, context) {
                            Poll::Ready(true) => {
                                if let Some(held) = client.buffer.as_mut() {
                                    held.advance(kept);
                                }
                                kept = 0;
                            }
                            Poll::Ready(false) => return Poll::Ready(Event::ClientGone),
                            Poll::Pending => {}
                        }
                    }
                    if kept == 0 {
                        let polled =
                            upload.poll(&mut client.stream, &mut client.buffer, &mut upstream, context);
                        if std::mem::take(&mut upload.progressed) {
                            let limit = if upload.is_blocked() { patience.write } else { patience.read };
                            client.deadline.set(limit);
                        }
                        match polled {
                            Poll::Ready(Ok(())) => {
                                upload_over = true;
                                client.deadline.set(patience.read);
                            }
                            // A backend that takes no more may have answered already: see what it said.
                            Poll::Ready(Err(UploadError::Upstream)) => upload_over = true,
                            Poll::Ready(Err(UploadError::Fault(fault))) => {
                                return Poll::Ready(Event::Fault(fault));
                            }
                            Poll::Ready(Err(UploadError::TooLarge)) => return Poll::Ready(Event::TooLarge),
                            Poll::Ready(Err(UploadError::Ended | UploadError::Client)) => {
                                return Poll::Ready(Event::ClientGone);
                            }
                            Poll::Pending => {}
                        }
                    }
                }
                if upload_over && listening {
                    match poll_ahead(client, kept, context) {
                        Poll::Ready(Ok(())) => listening = false,
                        Poll::Ready(Err(())) => return Poll::Ready(Event::ClientGone),
                        Poll::Pending => {}
                    }
                }
                match poll_fill(&mut upstream, &mut arrived, Class::Large, RESPONSE_HEAD, context) {
                    Poll::Ready(Ok(0) | Err(_)) => Poll::Ready(Event::UpstreamEnd),
                    Poll::Ready(Ok(_)) => Poll::Ready(Event::Bytes),
                    Poll::Pending if client.deadline.poll_passed(context) => Poll::Ready(Event::Late),
                    Poll::Pending => Poll::Pending,
                }
            })
            .await;
            // Nothing of the request's meaning can have been carried out, or carrying it out twice is harmless.
            let untouched = self.has_body() && !whole && kept > 0 && upload.sent == 0;
            let again = !bound
                && kept > 0
                && interims == 0
                && (untouched && reused || whole && self.facts.is_idempotent());
            let failure = match event {
                Event::Bytes => None,
                Event::UpstreamEnd if arrived.as_ref().is_some_and(|held| held.len() >= RESPONSE_HEAD) => {
                    Some(Failure::UpstreamFault(ResponseFault::Head(Refusal::HeadTooLarge)))
                }
                Event::UpstreamEnd => {
                    return Err(Broken { failure: Failure::UpstreamClosed, again });
                }
                Event::ClientGone => Some(Failure::ClientGone),
                Event::Fault(fault) => Some(Failure::Body(fault)),
                Event::TooLarge => Some(Failure::BodyTooLarge),
                Event::Late
                    if !upload_over
                        && !upload.is_blocked()
                        && (kept == 0 || interims > 0 || !self.facts.expect_continue) =>
                {
                    Some(Failure::ClientTimeout)
                }
                Event::Late => Some(Failure::UpstreamTimeout),
            };
            if let Some(failure) = failure {
                return Err(Broken { failure, again: false });
            }
            while let Some(held) = arrived.as_mut() {
                if scanned == 0 {
                    self.summary.times.first_byte.get_or_insert_with(|| self.started.elapsed());
                }
                let length = match scan(held.bytes(), scanned) {
                    Scan::Incomplete => {
                        scanned = held.len();
                        break;
                    }
                    Scan::Refused(refusal) => {
                        let failure = Failure::UpstreamFault(ResponseFault::Head(refusal));
                        return Err(Broken { failure, again: false });
                    }
                    Scan::Complete(length) => length,
                };
                scanned = 0;
                match self.interim(held, length) {
                    Err(fault) => {
                        return Err(Broken { failure: Failure::UpstreamFault(fault), again: false });
                    }
                    Ok(None) => {
                        if kept > 0
                            && let Some(buffer) = client.buffer.as_mut()
                        {
                            buffer.advance(kept);
                        }
                        if client.buffer.as_ref().is_some_and(Buffer::is_empty) {
                            client.buffer = None;
                        }
                        let Some(buffer) = arrived.take() else { break };
                        let upload = std::mem::replace(upload, Upload::new(Framing::None, None));
                        return Ok(Arrived { upstream, buffer, head: length, upload });
                    }
                    Ok(Some(length)) => {
                        interims += 1;
                        if interims > INTERIMS {
                            let failure = Failure::UpstreamFault(ResponseFault::TooManyInterims);
                            return Err(Broken { failure, again: false });
                        }
                        if self.facts.version == Version::V11 {
                            let written = client.write_all(&held.bytes()[..length], patience.write).await;
                            if written.is_err() {
                                return Err(Broken { failure: Failure::ClientGone, again: false });
                            }
                            client.deadline.set(patience.read);
                        }
                        held.advance(length);
                        if held.is_empty() {
                            arrived = None;
                        }
                    }
                }
            }
        }
    }

    /// An interim response is rewritten in place, and its length returned; a final one is left as it is.
    fn interim(&self, held: &mut Buffer, length: usize) -> Result<Option<usize>, ResponseFault> {
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

    /// Relays the final response and whatever is left of the request's body.
    async fn respond(&mut self, client: &mut Client, mut target: Target, arrived: Arrived) -> After {
        let Arrived { mut upstream, buffer: mut held, head, mut upload } = arrived;
        let (facts, length, keep) = match self.rewrite(&mut held, head, &mut target, &upload) {
            Ok(rewritten) => rewritten,
            Err(fault) => return self.fail(client, &Failure::UpstreamFault(fault), None).await,
        };
        let patience = target.origin.patience;
        self.summary.status = facts.status;
        if facts.status == 101 {
            return self.switch(client, upstream, held, length, &patience).await;
        }
        let dechunk = self.dechunks(&facts);
        let mut download = Download::new(facts.framing, length, dechunk);
        let mut buffer = Some(held);
        client.deadline.set(patience.write);
        let mut upload_failed = false;
        let mut listening = true;
        let mut sent_at: Option<Instant> = None;
        let result = poll_fn(|context| {
            let mut uploading = !upload.is_done() && !upload_failed;
            if uploading {
                match upload.poll(&mut client.stream, &mut client.buffer, &mut upstream, context) {
                    Poll::Ready(Ok(())) => uploading = false,
                    Poll::Ready(Err(UploadError::Client)) if !download.is_done() => {
                        return Poll::Ready(Err(DownloadError::Client));
                    }
                    Poll::Ready(Err(_)) => {
                        upload_failed = true;
                        uploading = false;
                    }
                    Poll::Pending => {}
                }
            }
            if !download.is_done() {
                match download.poll(&mut upstream, &mut buffer, &mut client.stream, context) {
                    Poll::Ready(Ok(())) => {}
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                    Poll::Pending => {
                        if !uploading && listening {
                            match poll_ahead(client, 0, context) {
                                Poll::Ready(Ok(())) => listening = false,
                                Poll::Ready(Err(())) => return Poll::Ready(Err(DownloadError::Client)),
                                Poll::Pending => {}
                            }
                        }
                        return self.pending(client, &mut upload, &mut download, &patience, context);
                    }
                }
            }
            // The response is out. The rest of the request is still taken where both sides go on, for a while.
            let just_sent = sent_at.is_none();
            let left = AFTER_RESPONSE.saturating_sub(sent_at.get_or_insert_with(Instant::now).elapsed());
            if !uploading || !keep || self.worker.is_stopping() || left.is_zero() {
                return Poll::Ready(Ok(()));
            }
            let blocked = upload.is_blocked();
            if std::mem::take(&mut upload.progressed) | just_sent {
                let limit = if blocked { patience.write } else { patience.read };
                // Idle: nobody waits for anything that a stop would break off.
                client.deadline.set_idle(limit.min(left));
            }
            if client.deadline.poll_passed(context) {
                return Poll::Ready(Err(if blocked {
                    DownloadError::Upstream
                } else {
                    DownloadError::Client
                }));
            }
            Poll::Pending
        })
        .await;
        self.summary.request_bytes = upload.sent;
        self.summary.response_bytes = download.sent;
        match result {
            Ok(()) => {}
            Err(DownloadError::Fault(fault)) if !download.has_begun() => {
                return self.fail(client, &Failure::UpstreamBody(fault), None).await;
            }
            Err(error) => {
                let sent = download.is_done();
                self.summary.failure = Some(match error {
                    DownloadError::Client if client.deadline.has_passed() => "client_timeout",
                    DownloadError::Client => "client_gone",
                    DownloadError::Upstream if client.deadline.has_passed() => "upstream_timeout",
                    DownloadError::Upstream => "upstream_closed",
                    DownloadError::Fault(fault) => fault.reason(),
                });
                // What was sent whole must arrive whole; what broke off must be seen to break off.
                return if sent { After::Close } else { After::Abort };
            }
        }
        let settled = upload.is_done() && !upload_failed;
        let reusable =
            settled && facts.keep_alive && facts.framing != Framing::UntilClose && buffer.is_none();
        match target.binding {
            Some(binding) if reusable && keep => {
                client.bound.push(super::client::Bound { binding, stream: upstream });
            }
            None if reusable => keep_idle(&target.origin, target.address, upstream),
            _ => close_upstream(upstream),
        }
        // A client whose bound connection is gone must not believe that it is still known on it.
        let unbound = target.binding.is_some() && !reusable;
        if keep && settled && !unbound { After::Next } else { After::Close }
    }

    /// Neither side can go on now: when must one of them?
    fn pending<T>(
        &self,
        client: &Client,
        upload: &mut Upload,
        download: &mut Download,
        patience: &super::upstream::Patience,
        context: &std::task::Context<'_>,
    ) -> Poll<Result<T, DownloadError>> {
        let progressed = std::mem::take(&mut upload.progressed) | std::mem::take(&mut download.progressed);
        if progressed {
            let blocked = upload.is_blocked() || download.is_blocked();
            client.deadline.set(if blocked { patience.write } else { patience.read });
        }
        if client.deadline.poll_passed(context) {
            let blocked = download.is_blocked();
            return Poll::Ready(Err(if blocked { DownloadError::Client } else { DownloadError::Upstream }));
        }
        Poll::Pending
    }

    /// Puts the head that the client gets in front of the body, and says whether its connection is kept.
    fn rewrite(
        &mut self,
        held: &mut Buffer,
        length: usize,
        target: &mut Target,
        upload: &Upload,
    ) -> Result<(ResponseFacts, usize, bool), ResponseFault> {
        SCRATCH.with_borrow_mut(|scratch| {
            let mut storage = FieldStorage::new();
            let head = parse_response(&held.bytes()[..length], &mut storage, &self.facts)?;
            let mut edits = Edits::new(&mut scratch.added);
            let binding = self.handler.respond(&mut self.context, &head, &mut edits);
            target.binding = target.binding.or(binding);
            let facts = head.facts;
            let dechunk = self.dechunks(&facts);
            let keep = self.facts.keep_alive
                && !self.last
                && !target.last
                && !self.worker.is_stopping()
                && facts.framing != Framing::UntilClose
                && !dechunk
                && (facts.keep_alive || target.binding.is_none() && upload.is_done());
            let afterwards = match (facts.status, keep, self.facts.version) {
                (101, ..) => Afterwards::Silent,
                (_, false, _) => Afterwards::Close,
                (_, true, Version::V10) => Afterwards::KeepSaid,
                (_, true, Version::V11) => Afterwards::Keep,
            };
            write_response(&head, &edits, afterwards, dechunk, &mut scratch.head);
            held.replace_front(length, &scratch.head);
            Ok((facts, scratch.head.len(), keep))
        })
    }

    fn dechunks(&self, facts: &ResponseFacts) -> bool {
        self.facts.version == Version::V10 && facts.framing == Framing::Chunked
    }

    fn has_body(&self) -> bool {
        self.facts.framing != Framing::None
    }

    /// 101: from here on bytes pass unread.
    async fn switch(
        &mut self,
        client: &mut Client,
        mut upstream: Upstream,
        held: Buffer,
        head: usize,
        patience: &super::upstream::Patience,
    ) -> After {
        if client.write_all(held.bytes(), patience.write).await.is_err() {
            self.summary.failure = Some("client_gone");
            return After::Abort;
        }
        self.summary.response_bytes = (held.len() - head) as u64;
        drop(held);
        let (up, down) = Box::pin(tunnel(client, &mut upstream, patience)).await;
        self.summary.request_bytes += up;
        self.summary.response_bytes += down;
        After::Close
    }

    /// Answers for a failure; `kept` tells what of the request still lies in the buffer, if it all does.
    async fn fail(&mut self, client: &mut Client, failure: &Failure, kept: Option<(usize, bool)>) -> After {
        self.summary.failure = Some(failure.reason());
        match failure {
            Failure::ClientGone => return After::Abort,
            // Nothing of this request was sent; what was answered before must still arrive whole.
            Failure::BoundClosed => return After::Close,
            _ => {}
        }
        let mut answer = self.handler.rescue(&mut self.context, failure);
        // What was authenticated on a bound connection is gone with it: the client must start anew.
        answer.close |= self.bound;
        answer.close |= matches!(failure, Failure::Body(_) | Failure::ClientTimeout | Failure::BodyTooLarge);
        let (ready, whole) = kept.map_or((None, false), |(ready, whole)| (Some(ready), whole));
        self.answer(client, &answer, ready, whole).await
    }

    /// Sends a response of the edge's own and steps over the request, if it is known where it ends.
    pub(super) async fn answer(
        &mut self,
        client: &mut Client,
        answer: &Answer,
        ready: Option<usize>,
        whole: bool,
    ) -> After {
        let over = match (ready, client.buffer.as_mut()) {
            (Some(ready), Some(buffer)) if whole => {
                buffer.advance((self.head + ready).min(buffer.len()));
                true
            }
            _ => false,
        };
        if client.buffer.as_ref().is_some_and(Buffer::is_empty) {
            client.buffer = None;
        }
        let keep = over
            && self.facts.keep_alive
            && self.facts.version == Version::V11
            && !answer.close
            && !self.last
            && !self.worker.is_stopping()
            && client.bound.is_empty();
        self.summary.status = answer.status;
        self.summary.local = true;
        self.summary.failure.get_or_insert(answer.reason);
        self.summary.response_bytes = answer.body.len() as u64;
        let written =
            client.write_answer(answer, !keep, !self.facts.is_head(), self.settings.answer_patience).await;
        match (written, keep) {
            (Err(_), _) => After::Abort,
            (_, true) => After::Next,
            (_, false) => After::Close,
        }
    }
}

enum Event {
    Bytes,
    UpstreamEnd,
    ClientGone,
    Fault(BodyFault),
    TooLarge,
    Late,
}

/// Reads what the client sends behind the request: the next one, or the news that nobody waits any more
/// (`Err`). `Ok`: nothing more is to be listened for. A client that has ended its side may still be reading
/// (RFC 9112 section 9.6), so that alone does not mean that it is gone.
/// The present request's `kept` bytes in front do not count: a long one is listened behind like a short one.
fn poll_ahead(
    client: &mut Client,
    kept: usize,
    context: &mut std::task::Context<'_>,
) -> Poll<Result<(), ()>> {
    let limit = kept + AHEAD;
    loop {
        if client.buffer.as_ref().is_some_and(|held| held.len() >= limit) {
            return Poll::Ready(Ok(()));
        }
        match poll_fill(&mut client.stream, &mut client.buffer, Class::Small, limit, context) {
            Poll::Ready(Ok(0)) => return Poll::Ready(Ok(())),
            Poll::Ready(Ok(_)) => {}
            Poll::Ready(Err(error)) if error.kind() == std::io::ErrorKind::StorageFull => {
                return Poll::Ready(Ok(()));
            }
            Poll::Ready(Err(_)) => return Poll::Ready(Err(())),
            Poll::Pending => return Poll::Pending,
        }
    }
}

/// Waits for the first byte behind the head that is kept: it is there already, or it comes, or the client goes.
fn poll_body_start(client: &mut Client, kept: usize, context: &mut std::task::Context<'_>) -> Poll<bool> {
    if client.buffer.as_ref().is_some_and(|held| held.len() > kept) {
        return Poll::Ready(true);
    }
    match poll_fill(&mut client.stream, &mut client.buffer, Class::Small, RESPONSE_HEAD + kept, context) {
        Poll::Ready(Ok(0) | Err(_)) => Poll::Ready(false),
        Poll::Ready(Ok(_)) => Poll::Ready(true),
        Poll::Pending => Poll::Pending,
    }
}
