//! The clients at work, all at the same time. Each takes turns when it is given some; a turn is two conversations,
//! and a conversation ends early when a node does not know what the client refers to.

use super::cast::{Character, Kind};
use super::client::{Call, Got, Jar, Operation};
use super::sites::{Place, Sites};
use super::xml;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

/// Pages in one visit of a site.
const PAGES: u32 = 3;

/// What clients tell of themselves.
#[derive(Debug)]
pub(super) enum Notice {
    /// A request went out.
    Asked { client: usize, from: Ipv4Addr, at: Instant },
    /// It has been answered, or never will be.
    Answered(Report),
    /// A conversation is over.
    Ended { client: usize, place: Place, talk: Talk, loss: Option<Loss> },
    /// A turn is over.
    Rested { client: usize },
}

/// One request, as the client saw it.
#[derive(Clone, Debug)]
pub(super) struct Report {
    pub(super) client: usize,
    pub(super) from: Ipv4Addr,
    pub(super) place: Place,
    pub(super) path: String,
    pub(super) asked: Instant,
    /// Who answered, by its own word.
    pub(super) node: Option<String>,
}

/// The kinds of conversations that need one node's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Talk {
    /// A search whose results are fetched a few at a time.
    Search,
    /// A token from one port, used at the other.
    Token,
    /// Pages of a web site, signed in.
    Visit,
}

impl Talk {
    pub(super) const ALL: [Self; 3] = [Self::Search, Self::Token, Self::Visit];
}

/// Why a conversation broke.
#[derive(Clone, Debug)]
pub(super) struct Loss {
    pub(super) why: String,
    /// The node that had it in memory, and since when at the earliest.
    pub(super) had: Option<String>,
    pub(super) since: Instant,
}

/// All clients of one edge. They end with it.
#[derive(Debug)]
pub(super) struct Traffic {
    sites: Sites,
    notices: UnboundedSender<Notice>,
    /// The time between two requests of a client.
    beat: Duration,
    clients: Vec<Reins>,
    tasks: JoinSet<()>,
}

/// How a client is led.
#[derive(Debug)]
struct Reins {
    gate: Arc<Semaphore>,
    given: usize,
    address: Arc<Mutex<Ipv4Addr>>,
}

impl Traffic {
    pub(super) fn new(sites: Sites, beat: Duration, notices: UnboundedSender<Notice>) -> Self {
        Self { sites, notices, beat, clients: Vec::new(), tasks: JoinSet::new() }
    }

    /// Another client, which waits for its first turn.
    pub(super) fn enter(&mut self, character: &Character) {
        let gate = Arc::new(Semaphore::new(0));
        let address = Arc::new(Mutex::new(Ipv4Addr::new(127, 0, 0, character.address)));
        let client = Client {
            number: self.clients.len(),
            kind: character.kind,
            visits: character.visits,
            address: address.clone(),
            sites: self.sites.clone(),
            notices: self.notices.clone(),
            beat: self.beat,
            rhythm: Rhythm(self.clients.len() as u64),
            jar: Jar::default(),
            sessions: HashMap::new(),
        };
        self.tasks.spawn(client.live(gate.clone()));
        self.clients.push(Reins { gate, given: 0, address });
    }

    /// Gives every client so many turns more.
    pub(super) fn give(&mut self, turns: usize) {
        for reins in &mut self.clients {
            reins.given += turns;
            reins.gate.add_permits(turns);
        }
    }

    /// Takes back the turns that nobody has begun.
    pub(super) fn recall(&mut self) {
        for reins in &mut self.clients {
            reins.given -= reins.gate.forget_permits(usize::MAX >> 4);
        }
    }

    /// How many turns each client will have had.
    pub(super) fn given(&self) -> Vec<usize> {
        self.clients.iter().map(|reins| reins.given).collect()
    }

    /// The client has another address from its next request on.
    pub(super) fn walk(&self, client: usize, address: u8) {
        if let Some(reins) = self.clients.get(client) {
            *reins.address.lock() = Ipv4Addr::new(127, 0, 0, address);
        }
    }
}

/// What a node has in its memory for a client.
#[derive(Clone, Debug)]
struct Kept {
    id: String,
    node: Option<String>,
    since: Instant,
}

/// Nobody is a clock: between half a beat and one and a half, the same ones in every run. Clients in step would meet
/// the same node in turn and again, where nothing keeps them there.
#[derive(Debug)]
struct Rhythm(u64);

impl Rhythm {
    /// A linear congruential generator, with Knuth's constants for MMIX.
    async fn wait(&mut self, beat: Duration) {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let eighths = u32::try_from(self.0 >> 61).unwrap_or(0);
        sleep(beat / 2 + beat * eighths / 7).await;
    }
}

/// One client.
#[derive(Debug)]
struct Client {
    number: usize,
    kind: Kind,
    visits: &'static [Place],
    address: Arc<Mutex<Ipv4Addr>>,
    sites: Sites,
    notices: UnboundedSender<Notice>,
    beat: Duration,
    rhythm: Rhythm,
    jar: Jar,
    /// Its sessions, by the site's host.
    sessions: HashMap<String, Kept>,
}

impl Client {
    async fn live(mut self, gate: Arc<Semaphore>) {
        while let Ok(turn) = gate.acquire().await {
            turn.forget();
            // Not all at once: a little apart, always in the same order.
            sleep(self.beat * u32::try_from(self.number % 8).unwrap_or(0) / 8).await;
            match self.kind {
                Kind::Program => {
                    use Operation::{Enumerate, Get, Issue, Pull, Release};
                    let search = self.converse(&[Enumerate, Pull, Pull, Release]).await;
                    self.ended(Place::Service, Talk::Search, search);
                    let token = self.converse(&[Issue, Get]).await;
                    self.ended(Place::Service, Talk::Token, token);
                }
                Kind::Browser => {
                    for place in self.visits {
                        let visit = self.visit(*place).await;
                        self.ended(*place, Talk::Visit, visit);
                    }
                }
            }
            self.tell(Notice::Rested { client: self.number });
        }
    }

    /// Asks one thing after the other; the first answer gives the id that all others name.
    async fn converse(&mut self, operations: &[Operation]) -> Result<(), Loss> {
        let mut kept: Option<Kept> = None;
        for operation in operations {
            let id = kept.as_ref().map(|kept| kept.id.as_str()).unwrap_or_default();
            let place = if *operation == Operation::Issue { Place::Sts } else { Place::Service };
            let host = self.sites.at(place).host.clone();
            let fields = "Content-Type: application/soap+xml; charset=utf-8\r\n".to_owned();
            let message = operation.message(id, &host);
            let asked = Instant::now();
            let got = self.ask(place, "POST", operation.path(), fields, message).await?;
            if got.head.status != 200 {
                return Err(refused(&got, kept, asked));
            }
            if let Some(id) = operation.gives().and_then(|name| xml::text(&got.body, name)) {
                kept = Some(Kept { id: id.to_owned(), node: got.node().map(str::to_owned), since: asked });
            }
            self.rhythm.wait(self.beat).await;
        }
        Ok(())
    }

    /// A few pages of one site; the first one ever signs in.
    async fn visit(&mut self, place: Place) -> Result<(), Loss> {
        let (host, path) = {
            let site = self.sites.at(place);
            let page = if place == Place::Portal { "/IdentityManagement" } else { "/" };
            (site.host.clone(), format!("{}{page}", site.path))
        };
        let mut lost = None;
        for _ in 0..PAGES {
            let fields = format!("Accept: text/html\r\n{}", self.jar.line(&host));
            let asked = Instant::now();
            let got = self.ask(place, "GET", &path, fields, String::new()).await?;
            self.jar.keep(&host, &got.head);
            let known = got.head.says("x-session", "known");
            let before = self.sessions.get(&host).cloned();
            if got.head.status != 200 {
                return Err(refused(&got, before, asked));
            }
            if !known {
                let node = got.node().map(str::to_owned);
                self.sessions.insert(host.clone(), Kept { id: String::new(), node, since: asked });
            }
            if let (false, Some(before), None) = (known, before, &lost) {
                let had = before.node.as_deref().unwrap_or("another node");
                let why = format!("the session is in the memory of {had}: sign in again");
                lost = Some(Loss { why, had: before.node, since: before.since });
            }
            self.rhythm.wait(self.beat).await;
        }
        lost.map_or(Ok(()), Err)
    }

    async fn ask(
        &self,
        place: Place,
        method: &'static str,
        path: &str,
        fields: String,
        body: String,
    ) -> Result<Got, Loss> {
        let site = self.sites.at(place);
        let from = *self.address.lock();
        let call = Call { from, to: site.address, host: &site.host, method, path, fields, body };
        let asked = Instant::now();
        self.tell(Notice::Asked { client: self.number, from, at: asked });
        let got = call.send().await;
        let node = got.as_ref().ok().and_then(Got::node).map(str::to_owned);
        let path = path.to_owned();
        self.tell(Notice::Answered(Report { client: self.number, from, place, path, asked, node }));
        got.map_err(|error| Loss { why: format!("no answer: {error}"), had: None, since: asked })
    }

    fn ended(&self, place: Place, talk: Talk, result: Result<(), Loss>) {
        self.tell(Notice::Ended { client: self.number, place, talk, loss: result.err() });
    }

    fn tell(&self, notice: Notice) {
        // Nobody listens any more: the demo ends.
        let _ = self.notices.send(notice);
    }
}

/// What the client makes of an answer that is not 200.
fn refused(got: &Got, kept: Option<Kept>, asked: Instant) -> Loss {
    let reason = xml::text(&got.body, "Text").or_else(|| got.body.lines().next()).unwrap_or_default();
    let why = format!("{} {reason}", got.head.status);
    // An answer of the edge itself is about this request; a node's is about what it should remember.
    match kept.filter(|_| got.node().is_some()) {
        Some(kept) => Loss { why, had: kept.node, since: kept.since },
        None => Loss { why, had: None, since: asked },
    }
}
