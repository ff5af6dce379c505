//! One request and its response.
//!
//! An [`Exchange`] starts with a rewritten head, and maybe part of the body, in the client's buffer. They stay
//! there until the response begins, or until bytes of the body have left, so that the request can be sent
//! again where that is safe: when nothing of it was sent, when it has a body of which nothing was sent, or
//! when it is idempotent and still whole. It is sent again to the backend that has met it, and to no other: one
//! that cannot be reached any more may have carried it out. A request on a connection that is bound to the
//! client is never sent again: what was authenticated on that connection cannot be repeated.

mod respond;
mod send;

use super::buffer::Buffer;
use super::client::{Bound, Client, close_upstream};
use super::handler::{
    Answer, BackendEnd, Binding, Bindings, Choice, Connection, Failure, Handler, Summary, Target,
};
use super::head::{RequestFacts, Version};
use super::serve::{Settings, Worker};
use super::stream::Upstream;
use super::transfer::Upload;
use super::upstream::{Announce, connect, keep_idle, take_idle};
use send::{Sending, poll_ahead};
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
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
    /// Closed at once: the client ended it, was silent for too long, or said that nothing more would come.
    Over,
    /// Dropped at once: a response broke off, and the client must notice.
    Abort,
}

pub(super) struct Exchange<'a, H: Handler> {
    pub(super) handler: &'a H,
    pub(super) connection: &'a Connection,
    pub(super) settings: &'a Settings,
    pub(super) worker: &'a Worker,
    pub(super) context: &'a mut H::Context,
    pub(super) facts: RequestFacts,
    /// The rewritten head's length.
    pub(super) head: usize,
    /// This is the last request on this connection.
    pub(super) last: bool,
    pub(super) started: Instant,
    /// When the present attempt began, or the request where its backend was chosen at once.
    pub(super) sent: Instant,
    /// The request was to go over a connection that is bound to the client's.
    pub(super) bound: bool,
    pub(super) summary: Summary,
}

/// A response head that has arrived.
struct Arrived {
    buffer: Buffer,
    head: usize,
    /// Bytes of the request that still lie at the front of the client's buffer.
    kept: usize,
    /// How long the body is that lies in that buffer behind the head, if all of it does.
    whole: Option<usize>,
    /// It came on a connection that was kept from before.
    reused: bool,
}

/// What becomes of the connection to the backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// It can carry another request: for whoever comes, or for the client it is bound to.
    Kept,
    /// It cannot, or must not.
    Closed,
    /// The same, and the client's next request makes a new one that is bound to it: what is bound carries nobody
    /// else's past, and this one was kept from before.
    Replaced(Binding),
}

/// Why no response head has arrived.
struct Broken {
    failure: Failure,
    /// What the backend had to do with it, if anything.
    end: Option<BackendEnd>,
    /// Sending the request again is safe.
    again: bool,
}

impl<H: Handler> Exchange<'_, H> {
    /// Carries the request out, whose body may be as long as `max_body`.
    pub(super) async fn carry_out(&mut self, client: &mut Client, max_body: Option<u64>) -> After {
        let multiplexed = client.is_multiplexed();
        let Some(buffer) = client.buffer.as_mut() else { return After::Abort };
        let mut upload = Upload::new(self.facts.framing, max_body);
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
            let mut target = match again.take() {
                Some(target) => target,
                None => {
                    client.deadline.set(Duration::MAX);
                    match self.choose(client, whole.then_some(ready)).await {
                        None => return Box::pin(self.fail(client, &Failure::ClientGone, None)).await,
                        Some(Choice::Forward(target)) => target,
                        Some(Choice::Answer(answer)) => {
                            return Box::pin(self.answer(client, &answer, whole.then_some(ready))).await;
                        }
                    }
                }
            };
            self.bound |= target.binding.is_some();
            if self.bound && multiplexed {
                return Box::pin(self.fail(client, &Failure::Http11Required, None)).await;
            }
            let (mut upstream, reused) = match self.reach(client, &target, resend).await {
                Ok(reached) => reached,
                Err(Some(failure)) => {
                    return Box::pin(self.fail(client, &failure, whole.then_some(ready))).await;
                }
                Err(None) => continue,
            };
            let before = self.summary.times.queue + self.summary.times.connect;
            self.sent = if resend { Instant::now() } else { self.started + before };
            let sending = Sending {
                target: &target,
                upstream: &mut upstream,
                upload: &mut upload,
                reused,
                ready,
                whole,
            };
            let broken = match self.send(client, sending).await {
                Ok(arrived) => {
                    let (after, fate) =
                        self.respond(client, &mut target, &mut upstream, &mut upload, arrived).await;
                    part_with(client, &target, upstream, fate);
                    return after;
                }
                Err(broken) => broken,
            };
            // Not after the client has taken its answer: the backend need not work for nobody.
            drop(upstream);
            if let Some(end) = broken.end {
                self.handler.attempted(self.context, end, self.sent);
            }
            if !broken.again || self.summary.retries >= RESENDS {
                return Box::pin(self.fail(client, &broken.failure, whole.then_some(ready))).await;
            }
            self.summary.retries += 1;
            again = Some(target);
            upload = Upload::new(self.facts.framing, max_body);
            if let Some(buffer) = client.buffer.as_mut() {
                // It was judged before and has not changed.
                let _ = upload.prepare(buffer, self.head);
            }
        }
    }

    /// Asks the handler; none if the client goes away meanwhile. A choice that was made at once took no time worth
    /// reading a clock.
    ///
    /// Only behind a `whole` request (as in [`Exchange::answer`]) is the client listened to: bytes of a body that is
    /// not here yet must stay where they are, as the request may be sent more than once.
    async fn choose(&mut self, client: &mut Client, whole: Option<usize>) -> Option<Choice> {
        let Client { stream, buffer, bound, .. } = client;
        let mut choosing = pin!(self.handler.choose(self.context, Bindings(bound)));
        let mut waited = false;
        let mut listening = whole.is_some();
        let kept = self.head + whole.unwrap_or_default();
        let choice = poll_fn(|context| {
            if let Poll::Ready(choice) = choosing.as_mut().poll(context) {
                return Poll::Ready(Some(choice));
            }
            waited = true;
            if listening {
                match poll_ahead(stream, buffer, kept, context) {
                    Poll::Ready(Ok(())) => listening = false,
                    Poll::Ready(Err(())) => return Poll::Ready(None),
                    Poll::Pending => {}
                }
            }
            Poll::Pending
        })
        .await;
        let times = &mut self.summary.times;
        if waited || !times.connect.is_zero() {
            times.queue = self.started.elapsed().saturating_sub(times.connect);
        }
        choice
    }

    /// A connection to the target: the bound one, an idle one, or a new one. `Err(None)`: choose again.
    async fn reach(
        &mut self,
        client: &mut Client,
        target: &Target,
        fresh: bool,
    ) -> Result<(Upstream, bool), Option<Failure>> {
        if client.is_bound_to_another(target.client) {
            return Err(Some(Failure::ClientChanged));
        }
        if let Some(binding) = target.binding {
            if let Some(mut upstream) = client.unbind(binding) {
                if !upstream.is_quiet() {
                    return Err(Some(Failure::BoundClosed));
                }
                self.handler.connected(self.context, None);
                return Ok((upstream, true));
            }
        } else if !fresh && let Some(upstream) = kept(client, target) {
            self.handler.connected(self.context, None);
            return Ok((upstream, true));
        }
        let began = Instant::now();
        let limit = target.connect_within.min(target.origin.patience.connect);
        let announce = Announce::client(self.connection, target.client);
        let result = Box::pin(connect(&target.origin, target.address, limit, announce)).await;
        let took = began.elapsed();
        self.summary.times.connect += took;
        match result {
            Ok(upstream) => {
                self.handler.connected(self.context, Some(took));
                Ok((upstream, false))
            }
            Err(error) => {
                self.handler.unreachable(self.context, &error);
                Err(None)
            }
        }
    }

    /// Answers for a failure; `whole` is as in [`Exchange::answer`].
    async fn fail(&mut self, client: &mut Client, failure: &Failure, whole: Option<usize>) -> After {
        self.summary.failure = Some(failure.reason());
        match failure {
            Failure::ClientGone => return After::Abort,
            // Nothing of this request was sent; what was answered before must still arrive whole.
            Failure::BoundClosed | Failure::ClientChanged => return After::Close,
            Failure::Http11Required => {
                client.ask_for_http11();
                return After::Abort;
            }
            _ => {}
        }
        let mut answer = self.handler.rescue(self.context, failure);
        // What was authenticated on a bound connection is gone with it: the client must start anew.
        answer.close |= self.bound;
        answer.close |= matches!(
            failure,
            Failure::Body(_) | Failure::ClientTimeout | Failure::BodyTooSlow | Failure::BodyTooLarge
        );
        self.answer(client, &answer, whole).await
    }

    /// Sends a response of the edge's own and steps over the request, if it is known where it ends: `whole` is the
    /// length of its body where all of that lies in the buffer behind the head. Connections that are bound to the
    /// client's stay: whoever knows that one is lost says so by [`Answer::close`].
    pub(super) async fn answer(
        &mut self,
        client: &mut Client,
        answer: &Answer,
        whole: Option<usize>,
    ) -> After {
        let over = match (whole, client.buffer.as_mut()) {
            (Some(body), Some(buffer)) => {
                buffer.advance((self.head + body).min(buffer.len()));
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
            && !self.worker.is_stopping();
        self.summary.status = answer.status;
        self.summary.local = true;
        if answer.status >= 400 {
            self.summary.failure.get_or_insert(answer.reason);
        }
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

/// A connection that was kept for such a request.
fn kept(client: &mut Client, target: &Target) -> Option<Upstream> {
    if target.origin.announces {
        client.take_owned(target)
    } else {
        take_idle(&target.origin, target.address)
    }
}

/// Puts a connection where the next request finds it, or closes it.
fn part_with(client: &mut Client, target: &Target, upstream: Upstream, fate: Fate) {
    match (fate, target.binding) {
        (Fate::Kept, Some(binding)) => {
            client.bound.push(Bound { binding, client: target.client, stream: Some(upstream) });
        }
        (Fate::Kept, None) if target.origin.announces => client.keep_owned(target, upstream),
        (Fate::Kept, None) => keep_idle(&target.origin, target.address, upstream),
        (Fate::Closed, _) => close_upstream(upstream),
        (Fate::Replaced(binding), _) => {
            close_upstream(upstream);
            client.bound.push(Bound { binding, client: target.client, stream: None });
        }
    }
}
