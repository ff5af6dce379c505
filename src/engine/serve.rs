//! A client's connection from its first byte to its last.

use super::buffer::Buffer;
use super::client::{Client, NextHead};
use super::deadline::Deadlines;
use super::edits::{Edits, write_request};
use super::exchange::{After, Exchange};
use super::h2::Limits;
use super::handler::{Answer, Connection, Handler, Step, Summary};
use super::head::{FieldStorage, RequestFacts, parse_request};
use super::refusal::Refusal;
use super::stream::Downstream;
use super::transfer::Upload;
use std::cell::RefCell;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Bounds of a listener's connections.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// The largest request head in bytes.
    pub head_bytes: usize,
    /// The most field lines in one, of at most [`MAX_FIELDS`](super::head::MAX_FIELDS).
    pub fields: usize,
    /// How long a whole head may take from its first byte, and a new connection until that byte.
    pub head_timeout: Duration,
    /// How long a connection may be idle between requests.
    pub keepalive: Duration,
    /// Requests on one connection.
    pub requests: u64,
    /// Bytes a second that a body must move at, over some ten seconds, while only the client can move it; zero is no
    /// bound.
    pub body_rate: u64,
    /// How long an answer of the edge's own may take to be written.
    pub answer_patience: Duration,
    /// Bounds of HTTP/2, where it is spoken.
    pub http2: Limits,
}

/// What the connections of one worker thread share.
#[derive(Debug)]
pub struct Worker {
    /// Their deadlines.
    pub deadlines: Arc<Deadlines>,
    stopping: Arc<AtomicBool>,
}

impl Worker {
    /// A worker that stops when `stopping` says so.
    #[must_use]
    pub fn new(stopping: Arc<AtomicBool>) -> Self {
        Self { deadlines: Arc::default(), stopping }
    }

    /// Whether connections are to end after the request in flight.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }
}

/// Where heads are put together: one for each thread, used only between two awaits.
pub(super) struct Scratch {
    pub(super) head: Vec<u8>,
    pub(super) added: Vec<u8>,
}

thread_local! {
    pub(super) static SCRATCH: RefCell<Scratch> =
        const { RefCell::new(Scratch { head: Vec::new(), added: Vec::new() }) };
}

/// A head that was accepted.
struct Admitted {
    facts: RequestFacts,
    /// Its length in the buffer: as it came if the edge answers, rewritten if it goes on.
    head: usize,
    step: Step,
}

/// Serves one connection until it ends. `first` is what was read of it already.
pub async fn serve<H: Handler>(
    stream: Downstream,
    first: Option<Buffer>,
    connection: Connection,
    handler: Arc<H>,
    settings: Arc<Settings>,
    worker: Arc<Worker>,
) {
    let mut client = Client::new(stream, first, worker.deadlines.register());
    let listener = Listener { connection, handler: &*handler, settings: &settings, worker: &worker };
    let mut served = 0;
    let after = loop {
        let idle = if served == 0 { settings.head_timeout } else { settings.keepalive };
        let head = match client.next_head(idle, settings.head_timeout, settings.head_bytes).await {
            NextHead::Complete(length) => {
                served += 1;
                Ok(length)
            }
            NextHead::Refused(refusal) => Err(refusal),
            NextHead::Over => break After::Over,
            NextHead::Idle => {
                if served == 0 && !worker.is_stopping() {
                    handler.ended(&listener.connection, "no_request");
                }
                break After::Over;
            }
            NextHead::Unbound => break After::Close,
        };
        // Boxed, and made elsewhere: an idle connection must not be as large as a busy one.
        let after = listener.request(&mut client, head, served).await;
        if after != After::Next {
            break after;
        }
    };
    match after {
        After::Over => Box::pin(client.close()).await,
        After::Next | After::Close => Box::pin(client.linger(&worker)).await,
        After::Abort => client.abort(),
    }
}

/// What a connection's requests have in common.
pub(super) struct Listener<'l, H> {
    pub(super) connection: Connection,
    pub(super) handler: &'l H,
    pub(super) settings: &'l Settings,
    pub(super) worker: &'l Worker,
}

/// One request being served.
pub(super) type Serving<'c> = Pin<Box<dyn Future<Output = After> + Send + 'c>>;

impl<H: Handler> Listener<'_, H> {
    /// What is done for a request whose head came, or failed to. Everything it needs is made inside of the box.
    pub(super) fn request<'c>(
        &'c self,
        client: &'c mut Client,
        head: Result<usize, Refusal>,
        served: u64,
    ) -> Serving<'c> {
        Box::pin(async move {
            let started = Instant::now();
            let length = match head {
                Ok(length) => length,
                Err(refusal) => return Box::pin(self.refuse(client, refusal)).await,
            };
            let mut context = self.handler.begin(&self.connection);
            let Admitted { facts, head, step } = match self.admit(client, &mut context, length) {
                Ok(admitted) => admitted,
                Err(refusal) => return Box::pin(self.refuse(client, refusal)).await,
            };
            let mut exchange = Exchange {
                handler: self.handler,
                connection: &self.connection,
                settings: self.settings,
                worker: self.worker,
                context: &mut context,
                facts,
                head,
                last: served >= self.settings.requests,
                started,
                sent: started,
                bound: false,
                summary: Summary::default(),
            };
            let after = match step {
                Step::Continue { max_body } => exchange.carry_out(client, max_body).await,
                Step::Answer(answer) => Box::pin(exchange.answer_alone(client, answer)).await,
            };
            let mut summary = exchange.summary;
            summary.times.total = started.elapsed();
            self.handler.end(&mut context, &summary);
            after
        })
    }

    /// Reads the head, asks the handler, and puts the head that goes upstream into the buffer.
    fn admit(
        &self,
        client: &mut Client,
        context: &mut H::Context,
        length: usize,
    ) -> Result<Admitted, Refusal> {
        let buffer = client.buffer.as_mut().ok_or(Refusal::IncompleteHead)?;
        SCRATCH.with_borrow_mut(|scratch| {
            let mut storage = FieldStorage::new();
            let head = parse_request(&buffer.bytes()[..length], &mut storage)?;
            if head.fields.len() > self.settings.fields {
                return Err(Refusal::TooManyFields);
            }
            let mut edits = Edits::new(&mut scratch.added);
            let step = self.handler.admit(context, &self.connection, &head, &mut edits);
            let facts = head.facts;
            if matches!(step, Step::Answer(_)) {
                return Ok(Admitted { facts, head: length, step });
            }
            write_request(&head, &edits, &mut scratch.head);
            buffer.replace_front(length, &scratch.head);
            Ok(Admitted { facts, head: scratch.head.len(), step })
        })
    }

    /// Answers what is no request, and ends the connection: nobody knows where the next one would start.
    async fn refuse(&self, client: &mut Client, refusal: Refusal) -> After {
        let answer = self.handler.refused(&self.connection, refusal);
        // Over HTTP/1.1 nobody knows the method of what cannot be read; a stream knows it.
        let to_head = matches!(&client.stream, Downstream::H2(stream) if stream.is_to_head());
        match client.write_answer(&answer, true, !to_head, self.settings.answer_patience).await {
            Ok(()) => After::Close,
            Err(_) => After::Abort,
        }
    }
}

impl<H: Handler> Exchange<'_, H> {
    /// Answers without a backend. A body that is already here is stepped over, one that is not ends the
    /// connection.
    async fn answer_alone(&mut self, client: &mut Client, answer: Answer) -> After {
        let mut upload = Upload::new(self.facts.framing, None);
        let ready = client.buffer.as_mut().and_then(|buffer| upload.prepare(buffer, self.head).ok());
        let whole = ready.filter(|_| upload.is_done());
        self.answer(client, &answer, whole).await
    }
}
