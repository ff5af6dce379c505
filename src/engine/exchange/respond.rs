//! The response's way to the client, and what is left of the request's way to the backend meanwhile.

use super::send::poll_ahead;
use super::{After, Arrived, Exchange, Fate};
use crate::engine::buffer::Buffer;
use crate::engine::client::Client;
use crate::engine::edits::{Afterwards, Edits, write_response};
use crate::engine::framing::Framing;
use crate::engine::handler::{BackendEnd, Binding, Failure, Handler, Target};
use crate::engine::head::{FieldStorage, ResponseFacts, Version, parse_response};
use crate::engine::pace::Pace;
use crate::engine::refusal::ResponseFault;
use crate::engine::serve::SCRATCH;
use crate::engine::stream::{Downstream, Upstream};
use crate::engine::transfer::{Download, DownloadError, Upload, UploadError};
use crate::engine::tunnel::tunnel;
use crate::engine::upstream::Patience;
use std::future::poll_fn;
use std::task::{Context, Poll};
use std::time::Instant;

/// A final response head that is ready for the client.
struct Rewritten {
    facts: ResponseFacts,
    /// The length of the head.
    length: usize,
    /// The client is told that its connection stays.
    keep: bool,
    /// The client is to have a connection of its own, and this one cannot be it.
    replaced: Option<Binding>,
}

impl<H: Handler> Exchange<'_, H> {
    /// Relays the final response and whatever is left of the request's body.
    pub(super) async fn respond(
        &mut self,
        client: &mut Client,
        target: &mut Target,
        upstream: &mut Upstream,
        upload: &mut Upload,
        arrived: Arrived,
    ) -> (After, Fate) {
        let Arrived { buffer: mut held, head, kept, whole, reused } = arrived;
        let multiplexed = client.is_multiplexed();
        let rewritten = self.rewrite(&mut held, head, target, upload, reused, multiplexed);
        let Rewritten { facts, length, keep, replaced } = match rewritten {
            Ok(rewritten) => rewritten,
            Err(fault) => {
                self.handler.attempted(self.context, BackendEnd::Faulty, self.sent);
                let failure = Failure::UpstreamFault(fault);
                return (Box::pin(self.fail(client, &failure, whole)).await, Fate::Closed);
            }
        };
        if multiplexed && (target.binding.is_some() || replaced.is_some()) {
            // The challenge is not passed on: what would answer it has no connection of its own.
            self.handler.attempted(self.context, BackendEnd::Answered, self.sent);
            return (Box::pin(self.fail(client, &Failure::Http11Required, None)).await, Fate::Closed);
        }
        // The response has begun: nothing is sent again.
        if let Some(buffer) = client.buffer.as_mut() {
            buffer.advance(kept);
        }
        client.forget_empty_buffer();
        let patience = target.origin.patience;
        self.summary.status = facts.status;
        if facts.status == 101 {
            let switching = self.switch(client, upstream, held, length, &patience);
            return (Box::pin(switching).await, Fate::Closed);
        }
        let dechunk = self.dechunks(&facts, multiplexed);
        let mut download = Download::new(facts.framing, length, dechunk);
        let mut buffer = Some(held);
        client.deadline.set(patience.write);
        let mut paces = Paces::new(self.settings.body_rate);
        let mut upload_failed = None;
        let mut listening = true;
        let mut sent_at: Option<Instant> = None;
        // Not only where it is still so once the response is out: a body that follows meanwhile is no better known.
        let early = !upload.is_done();
        let result = poll_fn(|context| {
            let mut uploading = !upload.is_done() && upload_failed.is_none();
            if uploading {
                match upload.poll(&mut client.stream, &mut client.buffer, upstream, context) {
                    Poll::Ready(Ok(())) => uploading = false,
                    Poll::Ready(Err(UploadError::Client)) if !download.is_done() => {
                        return Poll::Ready(Err(DownloadError::Client));
                    }
                    Poll::Ready(Err(error)) => {
                        upload_failed = Some(error);
                        uploading = false;
                    }
                    Poll::Pending => {}
                }
            }
            if !download.is_done() {
                match download.poll(upstream, &mut buffer, &mut client.stream, context) {
                    Poll::Ready(Ok(())) => {}
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                    Poll::Pending => {
                        if !uploading && listening {
                            match poll_ahead(&mut client.stream, &mut client.buffer, 0, context) {
                                Poll::Ready(Ok(())) => listening = false,
                                Poll::Ready(Err(())) => return Poll::Ready(Err(DownloadError::Client)),
                                Poll::Pending => {}
                            }
                        }
                        return paces.pending(client, upload, &mut download, uploading, &patience, context);
                    }
                }
            }
            // The response is out. The rest of the request is still taken where both sides go on: a client that was
            // asked to authenticate sends all of it (RFC 9110 section 10.1.1 lets it), and must find its connection
            // as it was. All in all that lasts no longer than the backend itself may.
            let just_sent = sent_at.is_none();
            let left = patience.read.saturating_sub(sent_at.get_or_insert_with(Instant::now).elapsed());
            if !uploading || !keep || self.worker.is_stopping() || left.is_zero() {
                return Poll::Ready(Ok(()));
            }
            let blocked = upload.is_blocked();
            if std::mem::take(&mut upload.progressed) | just_sent {
                let limit = if blocked { patience.write } else { patience.read };
                let pace = paces.up.turn(upload.received, !blocked, client.deadline.now());
                // Idle: nobody waits for anything that a stop would break off.
                client.deadline.set_idle(limit.min(left).min(pace));
            }
            if client.deadline.poll_passed(context) {
                let late = if blocked { DownloadError::Upstream } else { DownloadError::Client };
                return Poll::Ready(Err(late));
            }
            Poll::Pending
        })
        .await;
        self.summary.request_bytes = upload.sent;
        self.summary.response_bytes = download.sent;
        let owes_body = !upload.is_done() && upload_failed.is_none() && !upload.is_blocked();
        let late = client.deadline.has_passed();
        let now = client.deadline.now();
        let end = match &result {
            Ok(()) => Some(BackendEnd::Answered),
            Err(DownloadError::Upstream) if late => Some(BackendEnd::TimedOut),
            // A server may give up on a body that does not come.
            Err(DownloadError::Upstream) if owes_body => Some(BackendEnd::ClosedExcused),
            Err(DownloadError::Upstream) => Some(BackendEnd::Closed),
            Err(DownloadError::Fault(_)) => Some(BackendEnd::Faulty),
            Err(DownloadError::Client) => None,
        };
        if let Some(end) = end {
            self.handler.attempted(self.context, end, self.sent);
        }
        match result {
            Ok(()) => self.summary.failure = upload_failed.as_ref().and_then(UploadError::refused),
            Err(DownloadError::Fault(fault)) if !download.has_begun() => {
                let failure = Failure::UpstreamBody(fault);
                return (Box::pin(self.fail(client, &failure, None)).await, Fate::Closed);
            }
            Err(error) => {
                let sent = download.is_done();
                self.summary.failure = Some(match error {
                    DownloadError::Client if late && paces.down.is_spent(now) => "client_too_slow",
                    DownloadError::Client if late && paces.up.is_spent(now) => "body_too_slow",
                    DownloadError::Client if late => "client_timeout",
                    DownloadError::Client => "client_gone",
                    DownloadError::Upstream if late => "upstream_timeout",
                    DownloadError::Upstream => "upstream_closed",
                    DownloadError::Fault(fault) => fault.reason(),
                });
                // What was sent whole must arrive whole; what broke off must be seen to break off.
                return (if sent { After::Close } else { After::Abort }, Fate::Closed);
            }
        }
        if let Downstream::H2(stream) = &mut client.stream {
            stream.set_trailers(download.trailers());
        }
        let settled = upload.is_done() && upload_failed.is_none();
        // A backend that answered before it had the body, or gives the body no meaning, may take it for another request,
        // whose answer the next client would get. A bound connection has no next client.
        let shareable = target.binding.is_some() || !early && !self.facts.has_odd_body();
        let reusable = settled
            && shareable
            && facts.keep_alive
            && facts.framing != Framing::UntilClose
            && buffer.is_none();
        let (after, fate) = self.part(client, target.binding.is_some(), keep, settled, reusable);
        (after, replaced.map_or(fate, Fate::Replaced))
    }

    /// What becomes of both connections after a whole response. `keep`: the client was told that its one stays;
    /// `settled`: its request has left whole; `reusable`: so the backend's can serve another.
    fn part(&self, client: &Client, bound: bool, keep: bool, settled: bool, reusable: bool) -> (After, Fate) {
        let fate = if reusable && (keep || !bound) { Fate::Kept } else { Fate::Closed };
        // A client whose bound connection is gone must not believe that it is still known on it.
        let unbound = bound && !reusable;
        let after = match (keep && !unbound, settled) {
            (true, true) => After::Next,
            (false, true) if client.is_done_after(&self.facts) => After::Over,
            _ => After::Close,
        };
        (after, fate)
    }

    /// Puts the head that the client gets in front of the body. A binding that the handler asks for makes this
    /// connection the client's own, unless it was `reused`: requests of others may have been on it.
    fn rewrite(
        &mut self,
        held: &mut Buffer,
        length: usize,
        target: &mut Target,
        upload: &Upload,
        reused: bool,
        multiplexed: bool,
    ) -> Result<Rewritten, ResponseFault> {
        SCRATCH.with_borrow_mut(|scratch| {
            let mut storage = FieldStorage::new();
            let head = parse_response(&held.bytes()[..length], &mut storage, &self.facts)?;
            if head.facts.is_interim() {
                return Err(ResponseFault::BadStatus);
            }
            let mut edits = Edits::new(&mut scratch.added);
            let binding = self.handler.respond(self.context, &head, &mut edits);
            let binding = binding.filter(|_| target.binding.is_none());
            let replaced = binding.filter(|_| reused);
            if !reused {
                target.binding = target.binding.or(binding);
            }
            let facts = head.facts;
            let dechunk = self.dechunks(&facts, multiplexed);
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
            Ok(Rewritten { facts, length: scratch.head.len(), keep, replaced })
        })
    }

    /// Whether the client knows no chunked bodies.
    fn dechunks(&self, facts: &ResponseFacts, multiplexed: bool) -> bool {
        facts.framing == Framing::Chunked && (multiplexed || self.facts.version == Version::V10)
    }

    /// 101: from here on bytes pass unread.
    async fn switch(
        &mut self,
        client: &mut Client,
        upstream: &mut Upstream,
        held: Buffer,
        head: usize,
        patience: &Patience,
    ) -> After {
        if client.write_all(held.bytes(), patience.write).await.is_err() {
            self.summary.failure = Some("client_gone");
            return After::Abort;
        }
        self.summary.response_bytes = (held.len() - head) as u64;
        drop(held);
        self.handler.attempted(self.context, BackendEnd::Answered, self.sent);
        let (up, down) = Box::pin(tunnel(client, upstream, patience)).await;
        self.summary.request_bytes += up;
        self.summary.response_bytes += down;
        After::Close
    }
}

/// How slowly the client may go on, in both directions.
struct Paces {
    up: Pace,
    down: Pace,
    /// Nothing has been waited for yet.
    new: bool,
}

impl Paces {
    const fn new(rate: u64) -> Self {
        Self { up: Pace::new(rate), down: Pace::new(rate), new: true }
    }

    /// Neither side can go on now: when must one of them?
    fn pending<T>(
        &mut self,
        client: &Client,
        upload: &mut Upload,
        download: &mut Download,
        uploading: bool,
        patience: &Patience,
        context: &Context<'_>,
    ) -> Poll<Result<T, DownloadError>> {
        let answering = std::mem::take(&mut download.progressed);
        let progressed = std::mem::take(&mut upload.progressed) | answering;
        let blocked = upload.is_blocked() || download.is_blocked();
        // A client that takes nothing, or owes its body: the backend may be waiting for that as well.
        let owes = uploading && !upload.is_blocked();
        if progressed | std::mem::take(&mut self.new) {
            let now = client.deadline.now();
            let limit = if blocked { patience.write } else { patience.read };
            // While the response goes on nobody waits for the body: its client may have stopped for that very response.
            let up = self.up.turn(upload.received, owes && !answering, now);
            let down = self.down.turn(download.handed_over(), download.is_blocked(), now);
            client.deadline.set(limit.min(up).min(down));
        }
        if !client.deadline.poll_passed(context) {
            return Poll::Pending;
        }
        let now = client.deadline.now();
        if !self.up.is_spent(now)
            && self.down.is_spent(now)
            && let Some(left) = self.down.last_chance(client.stream.confirmed().unwrap_or(0), now)
        {
            client.deadline.set(patience.write.min(left));
            return Poll::Pending;
        }
        Poll::Ready(Err(if download.is_blocked() || owes {
            DownloadError::Client
        } else {
            DownloadError::Upstream
        }))
    }
}
