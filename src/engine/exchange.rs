//! One request and its response.
//!
//! An [`Exchange`] starts with a rewritten head, and maybe part of the body, in the client's buffer. They stay
//! there until the response begins, or until bytes of the body have left, so that the request can be sent
//! again where that is safe: when nothing of it was sent, when it has a body of which nothing was sent, or
//! when it is idempotent and still whole. It is sent again to the backend that has met it, and to no other: one
//! that cannot be reached any more may have carried it out. A request on a connection that is bound to the client is never sent
//! again: what was authenticated on that connection cannot be repeated.

mod respond;
mod send;

use super::buffer::Buffer;
use super::client::Client;
use super::handler::{Answer, BackendEnd, Choice, Failure, Handler, Summary, Target};
use super::head::{RequestFacts, Version};
use super::serve::{Settings, Worker};
use super::stream::Upstream;
use super::transfer::Upload;
use super::upstream::{connect, take_idle};
use send::Sending;
use std::time::{Duration, Instant};

/// How often a request is sent again after a connection broke; failed connects are the handler's to count.
const RESENDS: u32 = 1;

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
    /// When the present attempt began.
    pub(super) sent: Instant,
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
    /// Bytes of the request that still lie at the front of the client's buffer.
    kept: usize,
    /// Where the request ends in that buffer, if it lies there whole.
    whole: Option<(usize, bool)>,
}

/// Why there is none.
struct Broken {
    failure: Failure,
    /// What the backend had to do with it, if anything.
    end: Option<BackendEnd>,
    /// Sending the request again is safe.
    again: bool,
}

impl<H: Handler> Exchange<'_, H> {
    /// Carries the request out and reports it to the handler. A block and not an `async fn`: what that takes
    /// by value it holds twice.
    #[allow(clippy::manual_async_fn, reason = "see above")]
    pub(super) fn run(mut self, client: &mut Client) -> impl Future<Output = After> + Send {
        async move {
            let after = self.carry_out(client).await;
            self.summary.times.total = self.started.elapsed();
            self.handler.end(self.context, &self.summary);
            after
        }
    }

    async fn carry_out(&mut self, client: &mut Client) -> After {
        let Some(buffer) = client.buffer.as_mut() else { return After::Abort };
        let mut upload = Upload::new(self.facts.framing, self.max_body);
        let ready = match upload.prepare(buffer, self.head) {
            Ok(ready) => ready,
            Err(fault) => return Box::pin(self.fail(client, &Failure::Body(fault), None)).await,
        };
        if upload.is_too_large() {
            return Box::pin(self.fail(client, &Failure::BodyTooLarge, None)).await;
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
                            return Box::pin(self.answer(client, &answer, Some(ready), whole)).await;
                        }
                    }
                }
            };
            self.bound |= target.binding.is_some();
            let (upstream, reused) = match self.reach(client, &target, resend).await {
                Ok(reached) => reached,
                Err(Some(failure)) => {
                    return Box::pin(self.fail(client, &failure, Some((ready, whole)))).await;
                }
                Err(None) => continue,
            };
            let before = self.summary.times.queue + self.summary.times.connect;
            self.sent = if resend { Instant::now() } else { self.started + before };
            let sending = Sending { target: &target, upstream, reused, upload, ready, whole };
            let broken = match self.send(client, sending).await {
                Ok(arrived) => return self.respond(client, target, arrived).await,
                Err(broken) => broken,
            };
            if let Some(end) = broken.end {
                self.handler.attempted(&mut self.context, end, self.sent);
            }
            if !broken.again || self.summary.retries >= RESENDS {
                let kept = (broken.again || whole).then_some((ready, whole));
                return Box::pin(self.fail(client, &broken.failure, kept)).await;
            }
            self.summary.retries += 1;
            again = Some(target);
            upload = Upload::new(self.facts.framing, self.max_body);
            if let Some(buffer) = client.buffer.as_mut() {
                // It was judged before and has not changed.
                let _ = upload.prepare(buffer, self.head);
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
                self.handler.connected(&mut self.context, None);
                return Ok((upstream, true));
            }
        } else if !fresh && let Some(upstream) = take_idle(&target.origin, target.address) {
            self.handler.connected(&mut self.context, None);
            return Ok((upstream, true));
        }
        let began = Instant::now();
        let limit = target.connect_within.min(target.origin.patience.connect);
        let result = Box::pin(connect(&target.origin, target.address, limit)).await;
        let took = began.elapsed();
        self.summary.times.connect += took;
        match result {
            Ok(upstream) => {
                self.handler.connected(&mut self.context, Some(took));
                Ok((upstream, false))
            }
            Err(error) => {
                self.handler.unreachable(&mut self.context, &error);
                Err(None)
            }
        }
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
        client.forget_empty_buffer();
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
