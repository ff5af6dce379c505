//! Clients that do one thing after the other.

use super::Random;
use crate::failover::identified;
use crate::support::client::{Client, Response};
use crate::support::edge::Edge;
use crate::support::mim;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex};
use std::time::{Duration, Instant};

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// A node answered.
    Answered {
        /// Its name.
        node: String,
        /// Whether it knew the session, where one was needed.
        knew: bool,
    },
    /// The edge answered with this status, or, if there is none, the connection broke.
    Failed(Option<u16>),
}

/// A session as the model sees it.
#[derive(Clone, Debug)]
pub struct Session {
    /// Where it is known.
    pub node: String,
    /// When the request that made it was sent.
    pub since: Instant,
}

/// A request that is over.
#[derive(Clone, Debug)]
pub struct Done {
    /// Its identity.
    pub id: String,
    /// Who sent it: the model's number of the client.
    pub client: usize,
    /// Whether it may be carried out twice.
    pub is_get: bool,
    /// When it was sent.
    pub sent: Instant,
    /// When all of the response was there.
    pub finished: Instant,
    /// What it relied on.
    pub session: Option<Session>,
    /// What became of it.
    pub end: End,
}

/// Where requests go, who they are, and how many there were.
pub struct Requests {
    service: SocketAddr,
    sts: SocketAddr,
    web: SocketAddr,
    next_id: AtomicUsize,
    next_client: AtomicUsize,
    finished: Mutex<usize>,
    changed: Condvar,
}

impl Requests {
    /// To the listeners of the edge.
    pub fn to(edge: &Edge) -> Requests {
        Requests {
            service: edge.address("mim-service"),
            sts: edge.address("mim-sts"),
            web: edge.address("web"),
            next_id: AtomicUsize::new(0),
            // SOAP clients have numbers of their own, below these.
            next_client: AtomicUsize::new(1_000),
            finished: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    /// Returns when so many more requests are over, or after `limit` at the latest.
    pub fn wait(&self, more: usize, limit: Duration) {
        let finished = self.finished.lock().unwrap();
        let enough = *finished + more;
        drop(self.changed.wait_timeout_while(finished, limit, |finished| *finished < enough).unwrap());
    }

    fn done(&self) {
        *self.finished.lock().unwrap() += 1;
        self.changed.notify_all();
    }
}

/// A client and the connections it keeps.
struct Caller {
    from: String,
    client: usize,
    kept: Vec<(SocketAddr, Client)>,
}

/// A request to be made.
struct Ask<'a> {
    to: SocketAddr,
    request: String,
    session: Option<&'a Session>,
}

impl Caller {
    fn call(&mut self, requests: &Requests, random: &mut Random, ask: Ask<'_>) -> (Done, Option<Response>) {
        let id = format!("s{}", requests.next_id.fetch_add(1, Ordering::Relaxed));
        let kept =
            self.kept.iter().position(|(to, _)| *to == ask.to).map(|place| self.kept.swap_remove(place).1);
        let kept = kept.filter(|_| !random.one_in(4));
        let mut connection = kept.unwrap_or_else(|| Client::connect_from(&self.from, ask.to));
        let sent = Instant::now();
        connection.send(identified(&ask.request, &id));
        let response = connection.try_response("GET").ok();
        let finished = Instant::now();
        if response.as_ref().is_some_and(|response| !response.head.has_token("connection", "close")) {
            self.kept.push((ask.to, connection));
        }
        requests.done();
        let end = match &response {
            Some(response) => match response.head.value("x-node") {
                Some(node) => {
                    let knew = response.status() == 200;
                    assert!(knew || response.text().contains("does not know"), "{response:?}");
                    End::Answered { node: node.to_owned(), knew }
                }
                None => End::Failed(Some(response.status())),
            },
            None => End::Failed(None),
        };
        let is_get = ask.request.starts_with("GET ");
        let done =
            Done { id, client: self.client, is_get, sent, finished, session: ask.session.cloned(), end };
        (done, response)
    }
}

/// The session that a response has made, if one has.
fn made(done: &Done, response: Option<&Response>, element: &str) -> Option<(String, Session)> {
    let End::Answered { node, .. } = &done.end else { return None };
    let made = mim::element(&response?.text(), element)?;
    Some((made, Session { node: node.clone(), since: done.sent }))
}

/// A client of either sort.
pub enum Actor {
    /// Without cookies, on two ports.
    Soap(Soap),
    /// With cookies.
    Browser(Browser),
}

impl Actor {
    /// One request.
    pub fn step(&mut self, requests: &Requests, random: &mut Random) -> Option<Done> {
        Some(match self {
            Actor::Soap(soap) => soap.step(requests, random),
            Actor::Browser(browser) => browser.step(requests, random),
        })
    }
}

enum Task {
    None,
    /// A context, and how many pulls are left before its release.
    Context(String, Session, u64),
    /// A token of the other port, and how often it is spent.
    Token(String, Session, u64),
}

/// A SOAP client: Enumerate, Pull and Release; or Issue on the one port and Get on the other.
pub struct Soap {
    caller: Caller,
    task: Task,
}

impl Soap {
    /// The client of this number has this address.
    pub fn new(number: usize) -> Soap {
        let from = format!("127.0.{}.{}", 20 + number / 100, number % 100 + 1);
        Soap { caller: Caller { from, client: number, kept: Vec::new() }, task: Task::None }
    }

    fn step(&mut self, requests: &Requests, random: &mut Random) -> Done {
        match std::mem::replace(&mut self.task, Task::None) {
            Task::None => {
                let tokens = random.one_in(3);
                let (to, request, element) = if tokens {
                    (requests.sts, mim::issue(), "Token")
                } else {
                    (requests.service, mim::enumerate(), "Context")
                };
                let (done, response) = self.caller.call(requests, random, Ask { to, request, session: None });
                if let Some((made, session)) = made(&done, response.as_ref(), element) {
                    let left = 1 + random.below(5);
                    let task = if tokens { Task::Token } else { Task::Context };
                    self.task = task(made, session, left);
                }
                done
            }
            Task::Context(context, session, left) => {
                let request = if left > 0 { mim::pull(&context) } else { mim::release(&context) };
                let ask = Ask { to: requests.service, request, session: Some(&session) };
                let (done, _) = self.caller.call(requests, random, ask);
                if left > 0 && goes_on(&done) {
                    self.task = Task::Context(context, session, left - 1);
                }
                done
            }
            Task::Token(token, session, left) => {
                let ask =
                    Ask { to: requests.service, request: mim::get_resource(&token), session: Some(&session) };
                let (done, _) = self.caller.call(requests, random, ask);
                if left > 0 && goes_on(&done) {
                    self.task = Task::Token(token, session, left - 1);
                }
                done
            }
        }
    }
}

/// After a failure clients try again; once their session is unknown they begin anew.
fn goes_on(done: &Done) -> bool {
    !matches!(done.end, End::Answered { knew: false, .. })
}

/// A browser: logs in, loads pages, goes away.
pub struct Browser {
    caller: Caller,
    cookie: Option<String>,
    session: Option<(String, Session, u64)>,
}

impl Browser {
    /// Browser of this number, at an address of its own.
    pub fn new(number: usize) -> Browser {
        let from = format!("127.0.40.{}", number + 1);
        // Below those of browsers to come, above those of SOAP clients.
        let caller = Caller { from, client: 500 + number, kept: Vec::new() };
        Browser { caller, cookie: None, session: None }
    }

    fn page(&self, line: &str, session: &str, body: &str) -> String {
        let ours = self.cookie.as_ref().map(|cookie| format!("; {cookie}")).unwrap_or_default();
        format!("{line} HTTP/1.1\r\nHost: portal.test\r\nCookie: APP={session}{ours}\r\n{body}\r\n")
    }

    fn keep_cookie(&mut self, response: Option<&Response>) {
        let lines = response.map(|response| response.head.values("set-cookie")).unwrap_or_default();
        if let Some(line) = lines.into_iter().find(|line| line.starts_with("EDGE=")) {
            self.cookie = line.split(';').next().map(str::to_owned);
        }
    }

    fn step(&mut self, requests: &Requests, random: &mut Random) -> Done {
        const NO_BODY: &str = "Content-Length: 0\r\n";
        let Some((value, session, left)) = self.session.take() else {
            let request = self.page("POST /login", "none", NO_BODY);
            let ask = Ask { to: requests.web, request, session: None };
            let (done, response) = self.caller.call(requests, random, ask);
            self.keep_cookie(response.as_ref());
            self.session = made(&done, response.as_ref(), "Session")
                .map(|(value, session)| (value, session, 3 + random.below(10)));
            return done;
        };
        let request = if random.one_in(5) {
            self.page("POST /app", &value, NO_BODY)
        } else {
            self.page("GET /app", &value, "")
        };
        let ask = Ask { to: requests.web, request, session: Some(&session) };
        let (done, response) = self.caller.call(requests, random, ask);
        self.keep_cookie(response.as_ref());
        if left > 0 && goes_on(&done) {
            self.session = Some((value, session, left - 1));
        } else if left == 0 && random.one_in(2) {
            // Somebody else sits down: to the model it is another client.
            self.cookie = None;
            self.caller.kept.clear();
            self.caller.client = requests.next_client.fetch_add(1, Ordering::Relaxed);
        }
        done
    }
}
