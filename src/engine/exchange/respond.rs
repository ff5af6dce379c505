//! The response's way to the client, and what is left of the request's way to the backend meanwhile.

use super::send::poll_ahead;
use super::{After, Arrived, Exchange, Fate};
use crate::engine::buffer::Buffer;
use crate::engine::client::Client;
use crate::engine::edits::{Afterwards, Edits, write_response};
use crate::engine::framing::Framing;
use crate::engine::handler::{BackendEnd, Failure, Handler, Target};
use crate::engine::head::{FieldStorage, ResponseFacts, Version, parse_response};
use crate::engine::refusal::ResponseFault;
use crate::engine::serve::SCRATCH;
use crate::engine::stream::{Downstream, Upstream};
use crate::engine::transfer::{Download, DownloadError, Upload, UploadError};
use crate::engine::tunnel::tunnel;
use crate::engine::upstream::Patience;
use std::future::poll_fn;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// How long the rest of a request may take whose response is out already.
const AFTER_RESPONSE: Duration = Duration::from_secs(30);

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
        let Arrived { buffer: mut held, head, kept, whole } = arrived;
        let multiplexed = client.is_multiplexed();
        let (facts, length, keep) = match self.rewrite(&mut held, head, target, upload, multiplexed) {
            Ok(rewritten) => rewritten,
            Err(fault) => {
                self.handler.attempted(self.context, BackendEnd::Faulty, self.sent);
                let failure = Failure::UpstreamFault(fault);
                return (Box::pin(self.fail(client, &failure, whole)).await, Fate::Closed);
            }
        };
        if target.binding.is_some() && multiplexed {
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
        let mut upload_failed = false;
        let mut listening = true;
        let mut sent_at: Option<Instant> = None;
        let result = poll_fn(|context| {
            let mut uploading = !upload.is_done() && !upload_failed;
            if uploading {
                match upload.poll(&mut client.stream, &mut client.buffer, upstream, context) {
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
                match download.poll(upstream, &mut buffer, &mut client.stream, context) {
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
                        return pending(client, upload, &mut download, uploading, &patience, context);
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
                let late = if blocked { DownloadError::Upstream } else { DownloadError::Client };
                return Poll::Ready(Err(late));
            }
            Poll::Pending
        })
        .await;
        self.summary.request_bytes = upload.sent;
        self.summary.response_bytes = download.sent;
        let owes_body = !upload.is_done() && !upload_failed && !upload.is_blocked();
        let late = client.deadline.has_passed();
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
            Ok(()) => {}
            Err(DownloadError::Fault(fault)) if !download.has_begun() => {
                let failure = Failure::UpstreamBody(fault);
                return (Box::pin(self.fail(client, &failure, None)).await, Fate::Closed);
            }
            Err(error) => {
                let sent = download.is_done();
                self.summary.failure = Some(match error {
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
        let settled = upload.is_done() && !upload_failed;
        let reusable =
            settled && facts.keep_alive && facts.framing != Framing::UntilClose && buffer.is_none();
        self.part(client, target.binding.is_some(), keep, settled, reusable)
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

    /// Puts the head that the client gets in front of the body, and says whether its connection is kept.
    fn rewrite(
        &mut self,
        held: &mut Buffer,
        length: usize,
        target: &mut Target,
        upload: &Upload,
        multiplexed: bool,
    ) -> Result<(ResponseFacts, usize, bool), ResponseFault> {
        SCRATCH.with_borrow_mut(|scratch| {
            let mut storage = FieldStorage::new();
            let head = parse_response(&held.bytes()[..length], &mut storage, &self.facts)?;
            if head.facts.is_interim() {
                return Err(ResponseFault::BadStatus);
            }
            let mut edits = Edits::new(&mut scratch.added);
            let binding = self.handler.respond(self.context, &head, &mut edits);
            target.binding = target.binding.or(binding);
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
            Ok((facts, scratch.head.len(), keep))
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

/// Neither side can go on now: when must one of them?
fn pending<T>(
    client: &Client,
    upload: &mut Upload,
    download: &mut Download,
    uploading: bool,
    patience: &Patience,
    context: &Context<'_>,
) -> Poll<Result<T, DownloadError>> {
    let progressed = std::mem::take(&mut upload.progressed) | std::mem::take(&mut download.progressed);
    if progressed {
        let blocked = upload.is_blocked() || download.is_blocked();
        client.deadline.set(if blocked { patience.write } else { patience.read });
    }
    if client.deadline.poll_passed(context) {
        // A client that takes nothing, or owes its body: the backend may be waiting for that as well.
        let client_is_late = download.is_blocked() || uploading && !upload.is_blocked();
        return Poll::Ready(Err(if client_is_late {
            DownloadError::Client
        } else {
            DownloadError::Upstream
        }));
    }
    Poll::Pending
}
