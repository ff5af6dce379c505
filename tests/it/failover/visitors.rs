//! Clients with sessions.

use super::{Kind, Setup};
use crate::support::client::{Client, Response};
use crate::support::mim;
use serde_json::Value;

/// What a visitor asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// A new session: a context, or a log-in. A POST.
    Open,
    /// Something that needs the session, as a POST.
    Post,
    /// The same as a GET; SOAP needs no session for it.
    Get,
    /// A token, on the security token service's port.
    Issue,
}

/// One client.
#[derive(Debug)]
pub struct Visitor {
    kind: Kind,
    from: String,
    /// The edge's cookie, if it has sent one.
    pub cookie: Option<String>,
    session: String,
    /// The nodes that answered.
    history: Vec<String>,
    connection: Kept,
    asked: Option<(String, What)>,
}

/// A connection to the listener of the visitor's kind, if it is still open.
struct Kept(Option<Client>);

impl std::fmt::Debug for Kept {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(if self.0.is_some() { "kept" } else { "none" })
    }
}

/// What became of a request.
#[derive(Debug)]
pub struct Answer {
    /// Its identity.
    pub id: String,
    /// None if no whole response came.
    pub status: Option<u16>,
    /// Who answered; none if that was the edge.
    pub node: Option<String>,
    /// The value of Retry-After.
    pub retry_after: Option<String>,
    /// Whether the edge sent a cookie.
    pub cookie_sent: bool,
    /// What the node said.
    pub text: String,
    /// The line of the access log.
    pub entry: Value,
}

impl Answer {
    #[track_caller]
    fn is(&self, status: u16, node: &str, outcome: &str) {
        let logged = (self.entry["status"].as_u64(), self.entry["outcome"].as_str());
        assert_eq!(logged, (Some(status.into()), Some(outcome)), "{self:?}");
        assert_eq!((self.status, self.node.as_deref()), (Some(status), Some(node)), "{self:?}");
        assert_eq!((&self.entry["node"], &self.entry["failure"]), (&node.into(), &Value::Null), "{self:?}");
    }

    /// The node knew it.
    #[track_caller]
    pub fn served(self, node: &str, outcome: &str) -> Self {
        self.is(200, node, outcome);
        self
    }

    /// The node did not know the session.
    #[track_caller]
    pub fn unknown(self, node: &str, outcome: &str) -> Self {
        assert!(self.text.contains("does not know"), "{self:?}");
        self.is(self.status.unwrap_or(0), node, outcome);
        self
    }

    /// The edge answered for a failure.
    #[track_caller]
    pub fn failed(self, status: u16, failure: &str) -> Self {
        assert_eq!((self.status, self.node.as_deref()), (Some(status), None), "{self:?}");
        let logged = (self.entry["status"].as_u64(), self.entry["failure"].as_str());
        assert_eq!(logged, (Some(status.into()), Some(failure)), "{self:?}");
        self
    }

    /// Sent again so often.
    #[track_caller]
    pub fn retried(self, times: u64) -> Self {
        assert_eq!(self.entry["retries"].as_u64(), Some(times), "{self:?}");
        self
    }
}

impl Visitor {
    /// A client that nobody knows.
    pub fn new(kind: Kind, from: &str) -> Visitor {
        Visitor {
            kind,
            from: from.to_owned(),
            cookie: None,
            session: "none".to_owned(),
            history: Vec::new(),
            connection: Kept(None),
            asked: None,
        }
    }

    /// The node that answered last.
    #[track_caller]
    pub fn node(&self) -> String {
        self.history.last().expect("somebody answered").clone()
    }

    /// How often it was answered by another node than before.
    pub fn moves(&self) -> usize {
        self.history.windows(2).filter(|pair| pair[0] != pair[1]).count()
    }

    /// Whether the edge has left its connection open.
    pub fn is_connected(&self) -> bool {
        self.connection.0.is_some()
    }

    /// From now on over another connection.
    pub fn hang_up(&mut self) {
        self.connection = Kept(None);
    }

    fn request(&self, what: What, id: &str) -> String {
        let soap = |request: String| identified(&request, id);
        let mut cookies = format!("APP={}", self.session);
        if let Some(cookie) = &self.cookie {
            cookies = format!("{cookies}; {cookie}");
        }
        let page = |line: &str, body: &str| {
            let more = format!("Cookie: {cookies}\r\n{body}\r\n");
            format!("{line}/{id} HTTP/1.1\r\nHost: portal.test\r\n{more}")
        };
        match (self.kind, what) {
            (Kind::SourceIp, What::Open) => soap(mim::enumerate()),
            (Kind::SourceIp, What::Post) => soap(mim::pull(&self.session)),
            (Kind::SourceIp, What::Get) => soap(mim::page()),
            (_, What::Issue) => soap(mim::issue()),
            (Kind::Cookie, What::Open) => page("POST /login", "Content-Length: 0\r\n"),
            (Kind::Cookie, What::Post) => page("POST /app", "Content-Length: 0\r\n"),
            (Kind::Cookie, What::Get) => page("GET /app", ""),
        }
    }

    /// Sends a request and tells its identity.
    #[track_caller]
    pub fn send(&mut self, setup: &Setup, what: What) -> String {
        let id = setup.next_id();
        let request = self.request(what, &id);
        let connection = if what == What::Issue {
            Client::connect_from(&self.from, setup.edge.address("mim-sts"))
        } else {
            let kept = self.connection.0.take();
            kept.unwrap_or_else(|| Client::connect_from(&self.from, setup.edge.address(self.kind.listener())))
        };
        self.connection.0.insert(connection).send(request);
        self.asked = Some((id.clone(), what));
        id
    }

    /// Waits for what becomes of it.
    #[track_caller]
    pub fn answer(&mut self, setup: &Setup) -> Answer {
        let (id, what) = self.asked.take().expect("something was asked");
        let mut connection = self.connection.0.take().unwrap();
        let method = if what == What::Get { "GET" } else { "POST" };
        let response = connection.try_response(method).ok();
        let entry =
            setup.edge.next_request(|e| e["path"].as_str().is_some_and(|p| p.ends_with(&format!("/{id}"))));
        let Some(response) = response else {
            let nothing = String::new();
            let (status, node, retry_after) = (None, None, None);
            return Answer { id, status, node, retry_after, cookie_sent: false, text: nothing, entry };
        };
        if what != What::Issue && !response.head.has_token("connection", "close") {
            self.connection.0 = Some(connection);
        }
        let cookie_sent = self.note(what, &response);
        Answer {
            id,
            status: Some(response.status()),
            node: response.head.value("x-node").map(str::to_owned),
            retry_after: response.head.value("retry-after").map(str::to_owned),
            cookie_sent,
            text: response.text(),
            entry,
        }
    }

    /// Keeps what a client keeps of a response.
    fn note(&mut self, what: What, response: &Response) -> bool {
        self.history.extend(response.head.value("x-node").map(str::to_owned));
        let text = response.text();
        let made = mim::element(&text, "Context").or_else(|| mim::element(&text, "Session"));
        if let (What::Open, Some(made)) = (what, made) {
            self.session = made;
        }
        let lines = response.head.values("set-cookie");
        let sent = lines.into_iter().find(|line| line.starts_with("EDGE="));
        if let Some(line) = sent {
            assert_eq!(self.kind, Kind::Cookie, "SOAP clients get no cookie");
            self.cookie = line.split(';').next().map(str::to_owned);
        }
        sent.is_some()
    }

    /// Sends a request and waits.
    #[track_caller]
    pub fn ask(&mut self, setup: &Setup, what: What) -> Answer {
        self.send(setup, what);
        self.answer(setup)
    }

    /// A token of one port is known at the other. Nothing to do for browsers.
    #[track_caller]
    pub fn assert_one_node_on_both_ports(&mut self, setup: &Setup) {
        if self.kind == Kind::Cookie {
            return;
        }
        let node = self.node();
        let issued = self.ask(setup, What::Issue).served(&node, "persisted");
        let token = mim::element(&issued.text, "Token").unwrap();
        let mut client = Client::connect_from(&self.from, setup.edge.address("mim-service"));
        let spend = identified(&mim::get_resource(&token), &setup.next_id());
        assert_eq!(client.exchange(spend).expect(200).node(), node);
    }
}

/// The request with its identity behind its path.
pub fn identified(request: &str, id: &str) -> String {
    request.replacen(" HTTP/1.1", &format!("/{id} HTTP/1.1"), 1)
}
