//! The engine's handler: what happens to a request, phase by phase.
//!
//! ```text
//! admit ─▶ select ─▶ forward ─▶ [backend] ─▶ respond ─▶ record
//!    └───────── any failure ─▶ rescue ───────────────────▲
//! ```
//!
//! One file a phase. [`Edge`] is the handler of one listener; what is shared by all of them lies in
//! [`Shared`]; what one request remembers, in `context`.

mod access_log;
mod admit;
mod connection_auth;
mod context;
mod dress;
mod ejection;
mod explain;
mod figures;
mod record;
mod redirect;
mod rescue;
mod respond;
mod select;

pub use access_log::{AccessLog, Format as LogStyle, Sink as LogSink, Writing as LogWriting};
pub use explain::{Explained, Routed, explain};
pub use figures::Figures;

use crate::clock::CoarseClock;
use crate::engine::edits::Edits;
use crate::engine::handler::{
    Answer, BackendEnd, Binding, Bindings, Choice, Connection, Failure, Handler, Step, Summary,
};
use crate::engine::head::{RequestHead, ResponseHead};
use crate::engine::refusal::Refusal;
use crate::engine::upstream::ConnectError;
use crate::snapshot::{HealthNews, Snapshot};
use arc_swap::ArcSwap;
use context::RequestContext;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// What all listeners share.
#[derive(Debug)]
pub struct Shared {
    /// The present view of the configuration.
    pub snapshot: ArcSwap<Snapshot>,
    /// The time.
    pub clock: Arc<CoarseClock>,
    /// Told when a backend's health changes.
    pub news: HealthNews,
    /// Places for requests that wait for a node.
    pub waiting: Semaphore,
    /// Where requests are recorded.
    pub access_log: Option<AccessLog>,
    /// Makes request identities.
    pub request_ids: RequestIds,
}

/// The handler of one listener's requests.
#[derive(Debug)]
pub struct Edge {
    /// The listener's index in the snapshot.
    pub listener: usize,
    /// The worker's number, under which it counts.
    pub worker: usize,
    /// What all listeners share.
    pub shared: Arc<Shared>,
}

impl Handler for Edge {
    type Context = RequestContext;

    #[inline]
    fn begin(&self, connection: &Connection) -> RequestContext {
        RequestContext::new(self, connection)
    }

    fn admit(
        &self,
        context: &mut RequestContext,
        connection: &Connection,
        request: &RequestHead<'_, '_>,
        edits: &mut Edits<'_>,
    ) -> Step {
        let mut step = admit::admit(self, context, connection, request, edits);
        if let Step::Answer(answer) = &mut step {
            let mut types = request.fields.each("content-type");
            context.sends_xml = types.next().is_some_and(dress::is_xml);
            dress::dress(context, answer);
        }
        step
    }

    async fn choose(&self, context: &mut RequestContext, bindings: Bindings<'_>) -> Choice {
        let mut choice = select::choose(&self.shared, context, &bindings).await;
        if let Choice::Answer(answer) = &mut choice {
            dress::dress(context, answer);
        }
        choice
    }

    fn connected(&self, context: &mut RequestContext, took: Option<Duration>) {
        select::connected(&self.shared, context, took);
    }

    fn unreachable(&self, context: &mut RequestContext, error: &ConnectError) {
        select::unreachable(&self.shared, context, error);
    }

    fn attempted(&self, context: &mut RequestContext, end: BackendEnd, sent: Instant) {
        ejection::judge(&self.shared, context, end, sent);
    }

    fn respond(
        &self,
        context: &mut RequestContext,
        response: &ResponseHead<'_, '_>,
        edits: &mut Edits<'_>,
    ) -> Option<Binding> {
        respond::respond(&self.shared, context, response, edits)
    }

    fn rescue(&self, context: &mut RequestContext, failure: &Failure) -> Answer {
        let mut answer = rescue::failure(context, failure);
        dress::dress(context, &mut answer);
        answer
    }

    fn ended(&self, _connection: &Connection, reason: &'static str) {
        record::ended(self, reason);
    }

    fn refused(&self, connection: &Connection, refusal: Refusal) -> Answer {
        record::refused(self, connection, refusal)
    }

    fn end(&self, context: &mut RequestContext, summary: &Summary) {
        record::end(&self.shared, context, summary);
    }
}

/// Makes identities that are unique in this process and unlikely to meet those of another.
#[derive(Debug)]
pub struct RequestIds {
    seed: u64,
    next: std::sync::atomic::AtomicU64,
}

impl Default for RequestIds {
    fn default() -> Self {
        use std::hash::{BuildHasher, Hasher};
        let seed = foldhash::quality::RandomState::default().build_hasher().finish();
        Self { seed, next: std::sync::atomic::AtomicU64::new(0) }
    }
}

impl RequestIds {
    /// The next identity: a counter, made to look unlike its neighbours by a bijection (splitmix64).
    pub fn next(&self) -> u64 {
        let count = self.next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let mut mixed = self.seed.wrapping_add(count.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
