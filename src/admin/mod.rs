//! The admin interface: metrics and the state of the edge, over HTTP on a listener of its own.
//!
//! ```text
//! GET /metrics           Prometheus' text format; with the token, where there is one
//! GET /clients/ADDRESS   where a client is, as JSON; with the token, where there is one
//! GET /healthz           200 while the process works
//! GET /readyz            200 while it should get requests: not before the first probes, not while it stops
//! ```
//!
//! It is served by the same engine as everything else, so that what a stranger sends meets the same parser,
//! bounds and deadlines, on a thread of its own, so that a scrape costs no request. A web framework was
//! rejected: a second parser to trust, for four paths.

mod clients;
mod token;

pub use clients::Clients;
pub use token::{Token, text as token_text};

use crate::engine::edits::Edits;
use crate::engine::handler::BackendEnd;
use crate::engine::head::{RequestHead, ResponseHead};
use crate::engine::refusal::Refusal;
use crate::engine::upstream::ConnectError;
use crate::engine::{Answer, Binding, Bindings, Choice, Connection, Failure, Handler, Step, Summary};
use crate::metrics::Registry;
use std::borrow::Cow;
use std::time::{Duration, Instant};

/// What Prometheus expects (its exposition formats, text format 0.0.4).
const METRICS_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Says how the edge is.
pub trait Vitals: Send + Sync + 'static {
    /// Whether the process does its work.
    ///
    /// # Errors
    /// What does not move any more.
    fn alive(&self) -> Result<(), String>;

    /// Whether requests should be sent here.
    ///
    /// # Errors
    /// What is waited for, or that it stops.
    fn ready(&self) -> Result<(), String>;
}

/// The handler of the admin listener.
pub struct Admin {
    registry: Registry,
    vitals: Box<dyn Vitals>,
    clients: Box<dyn Clients>,
    token: Option<Token>,
}

impl Admin {
    /// Tells what `registry`, `vitals` and `clients` say; metrics and clients only to those who know the token, if
    /// there is one.
    #[must_use]
    pub fn new(registry: Registry, vitals: impl Vitals, clients: impl Clients, token: Option<Token>) -> Self {
        Self { registry, vitals: Box::new(vitals), clients: Box::new(clients), token }
    }

    fn answer_to(&self, request: &RequestHead<'_, '_>) -> Answer {
        let path = request.path().split('?').next().unwrap_or_default();
        let client = path.strip_prefix(clients::PATH);
        if !matches!(path, "/metrics" | "/healthz" | "/readyz") && client.is_none() {
            let paths = "there is /metrics, /clients/ADDRESS, /healthz and /readyz";
            return in_passing(text(404, paths.to_owned()));
        }
        if !matches!(request.method, "GET" | "HEAD") {
            let mut answer = text(405, "expected GET".to_owned());
            answer.lines = "Cache-Control: no-store\r\nAllow: GET, HEAD\r\n".into();
            return answer;
        }
        match path {
            "/healthz" => in_passing(verdict(self.vitals.alive(), "ok")),
            "/readyz" => in_passing(verdict(self.vitals.ready(), "ready")),
            _ if !self.is_allowed(request) => {
                let mut answer = text(401, "expected the admin token".to_owned());
                answer.lines = "Cache-Control: no-store\r\nWWW-Authenticate: Bearer\r\n".into();
                in_passing(answer)
            }
            _ => match client {
                Some(address) => clients::answer(&*self.clients, address),
                None => Answer { content_type: METRICS_TYPE, ..text(200, self.registry.told()) },
            },
        }
    }

    fn is_allowed(&self, request: &RequestHead<'_, '_>) -> bool {
        let Some(token) = &self.token else { return true };
        let mut fields = request.fields.each("authorization");
        match (fields.next(), fields.next()) {
            (Some(field), None) => token.is_in(field),
            _ => false,
        }
    }
}

fn verdict(verdict: Result<(), String>, good: &str) -> Answer {
    match verdict {
        Ok(()) => text(200, format!("{good}\n")),
        Err(why) => text(503, format!("{why}\n")),
    }
}

/// Strangers may ask; they do not get to keep one of the few connections that there are.
fn in_passing(answer: Answer) -> Answer {
    Answer { close: true, ..answer }
}

fn text(status: u16, mut body: String) -> Answer {
    if !body.ends_with('\n') {
        body.push('\n');
    }
    Answer {
        status,
        content_type: Answer::PLAIN,
        lines: Cow::Borrowed(Answer::NO_STORE),
        body: Cow::Owned(body),
        close: false,
        reason: "admin",
    }
}

impl Handler for Admin {
    type Context = ();

    fn begin(&self, _connection: &Connection) {}

    fn admit(
        &self,
        _context: &mut (),
        _connection: &Connection,
        request: &RequestHead<'_, '_>,
        _edits: &mut Edits<'_>,
    ) -> Step {
        Step::Answer(self.answer_to(request))
    }

    async fn choose(&self, _context: &mut (), _bindings: Bindings<'_>) -> Choice {
        // Every request was answered when it was admitted.
        Choice::Answer(text(404, String::new()))
    }

    fn connected(&self, _context: &mut (), _took: Option<Duration>) {}

    fn unreachable(&self, _context: &mut (), _error: &ConnectError) {}

    fn respond(
        &self,
        _context: &mut (),
        _response: &ResponseHead<'_, '_>,
        _edits: &mut Edits<'_>,
    ) -> Option<Binding> {
        None
    }

    fn rescue(&self, _context: &mut (), _failure: &Failure) -> Answer {
        text(400, "the request is malformed".to_owned())
    }

    fn refused(&self, _connection: &Connection, refusal: Refusal) -> Answer {
        Answer { close: true, ..text(refusal.status(), format!("refused: {refusal}")) }
    }

    fn attempted(&self, _context: &mut (), _end: BackendEnd, _sent: Instant) {}

    fn ended(&self, _connection: &Connection, _reason: &'static str) {}

    fn end(&self, _context: &mut (), _summary: &Summary) {}
}
