//! The explanation as words for people and as JSON for machines.

use super::ask::Pin;
use crate::persistence::KnownBy;
use crate::persistence::client_class::{ClientClass, Why};
use crate::persistence::settings::FirstChoice;
use serde_json::{Value, json};
use std::io::Write;
use std::net::{IpAddr, SocketAddr};

/// All that is known of a request.
pub(super) struct Explanation {
    pub(super) client: IpAddr,
    pub(super) listener: String,
    pub(super) bind: Vec<SocketAddr>,
    pub(super) tls: bool,
    pub(super) route: String,
    pub(super) pool: String,
    pub(super) group: Option<String>,
    /// What the head looks like, where anybody asks.
    pub(super) class: Option<(ClientClass, Why)>,
    pub(super) known_by: KnownBy,
    pub(super) why: Option<Why>,
    pub(super) key: Option<String>,
    /// None where the group has no cookie.
    pub(super) cookie: Option<Cookie>,
    pub(super) first_choice: FirstChoice,
    pub(super) place: Place,
    /// What the running edge said, if it had to be asked.
    pub(super) edge: Option<Result<Option<Pin>, String>>,
    /// Why it gets no node.
    pub(super) refused: Option<&'static str>,
}

/// What the persistence cookie of a request says.
pub(super) enum Cookie {
    Absent,
    Refused(&'static str),
    /// A node that is not in the configuration has no name.
    Valid {
        node: Option<String>,
        home: Option<String>,
        issued_seconds_ago: u64,
        renewed_seconds_ago: u64,
    },
}

/// Where it goes, as far as that can be said without the running edge.
pub(super) enum Place {
    /// Its home by `static`.
    Home(String),
    /// The node that the cookie names.
    Cookie(String),
    /// The cookie's home.
    Return(String),
    /// By the first choice; the node is known if a hash chooses it. `lost`: a home that takes nobody now.
    Chosen {
        node: Option<String>,
        lost: Option<String>,
    },
    Nowhere,
}

/// A request that gets no explanation but a reason.
pub(super) struct Refused {
    /// What the edge answers, if it would.
    pub(super) status: Option<u16>,
    pub(super) reason: &'static str,
    pub(super) message: String,
}

impl Refused {
    pub(super) fn unexplained(message: String) -> Self {
        Self { status: None, reason: "unexplained", message }
    }

    pub(super) fn print(&self, as_json: bool) {
        if as_json {
            say(&format!(
                "{}\n",
                json!({ "status": self.status, "reason": self.reason, "message": self.message })
            ));
            return;
        }
        match self.status {
            Some(status) => eprintln!("{} answers {status}: {}", self.message, self.reason),
            None => eprintln!("error: {}", self.message),
        }
    }
}

impl Explanation {
    pub(super) fn print(&self, as_json: bool) {
        if as_json {
            say(&format!("{}\n", self.json()));
            return;
        }
        let rows = self.rows();
        let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        say(&rows.iter().map(|(name, value)| format!("{name:width$}  {value}\n")).collect::<String>());
    }

    fn rows(&self) -> Vec<(&'static str, String)> {
        let bind: Vec<String> = self.bind.iter().map(SocketAddr::to_string).collect();
        let tls = if self.tls { ", TLS" } else { "" };
        let mut rows = vec![
            ("client", self.client.to_string()),
            ("listener", format!("{} ({}{tls})", self.listener, bind.join(", "))),
            ("route", self.route.clone()),
            ("pool", self.pool.clone()),
            ("group", self.group.clone().unwrap_or_else(|| "none: every request is placed anew".into())),
        ];
        if let Some((class, sign)) = self.class {
            rows.push(("class", format!("{}: {}", class.name(), words_of(sign))));
        }
        if let (Some(why), Some(_)) = (self.why, &self.group) {
            rows.push(("known by", format!("{}: {}", known_by(self.known_by).1, words_of(why))));
        }
        if let Some(key) = &self.key {
            rows.push(("key", key.clone()));
        }
        if let Some(cookie) = &self.cookie {
            rows.push(("cookie", cookie.words()));
        }
        let (name, rule) = self.first_choice();
        rows.push(("first choice", format!("{name}: {rule}")));
        rows.push(("node", self.node_in_words()));
        if let Some(edge) = &self.edge {
            rows.push(("now", now(edge)));
        }
        rows
    }

    fn first_choice(&self) -> (&'static str, &'static str) {
        let requests = "the node with the fewest requests in flight for its weight";
        match self.first_choice {
            FirstChoice::LeastPins if self.known_by == KnownBy::Address => {
                ("least_pins", "the node with the fewest pins for its weight")
            }
            FirstChoice::LeastPins => ("least_pins", requests),
            FirstChoice::LeastRequests => ("least_requests", requests),
            FirstChoice::RoundRobin => ("round_robin", "each node in turn, by weight"),
            FirstChoice::Hash => ("hash", "the node that the client's key and the nodes' names hash to"),
        }
    }

    fn node_in_words(&self) -> String {
        let by_hash = |node: &str| format!("{node}, if every node is up: the hash of its key");
        match &self.place {
            Place::Home(node) => format!("{node}, its home by static"),
            Place::Cookie(node) => format!("{node}, named by its cookie"),
            Place::Return(node) => format!("{node}, the home of its cookie, to which it returns"),
            Place::Chosen { node: Some(node), lost: None } => by_hash(node),
            Place::Chosen { node: None, lost: None } => "by the first choice, when it comes".into(),
            Place::Chosen { node, lost: Some(home) } => {
                let instead = node.as_deref().map_or_else(|| "by the first choice".to_owned(), by_hash);
                format!("{instead}; its home by static, {home}, takes nobody now")
            }
            Place::Nowhere => {
                format!("none: the edge answers 503, {}", self.refused.unwrap_or("no_node"))
            }
        }
    }

    fn json(&self) -> Value {
        let (node, because) = match &self.place {
            Place::Home(node) => (Some(node), Some("static")),
            Place::Cookie(node) => (Some(node), Some("cookie")),
            Place::Return(node) => (Some(node), Some("return")),
            Place::Chosen { node, .. } => (node.as_ref(), node.as_ref().map(|_| "hash")),
            Place::Nowhere => (None, None),
        };
        let (asked, pin, problem) = match &self.edge {
            None => (false, None, None),
            Some(Ok(pin)) => (true, pin.as_ref(), None),
            Some(Err(why)) => (true, None, Some(why)),
        };
        json!({
            "client": self.client,
            "listener": self.listener,
            "route": self.route,
            "pool": self.pool,
            "group": self.group,
            "class": self.class.map(|(class, _)| class.name()),
            "sign": self.class.map(|(_, sign)| sign.name()),
            "known_by": known_by(self.known_by).0,
            "why": self.why.map(Why::name),
            "key": self.key,
            "cookie": self.cookie.as_ref().map(Cookie::json),
            "first_choice": self.first_choice().0,
            "node": node,
            "because": because,
            "refused": self.refused,
            "edge": { "asked": asked, "pin": pin, "problem": problem },
        })
    }
}

impl Cookie {
    fn words(&self) -> String {
        match self {
            Self::Absent => "none in the request".into(),
            Self::Refused(reason) => format!("counts as none: {reason}"),
            Self::Valid { node: None, .. } => "good, for a node that is not in the configuration".into(),
            Self::Valid { node: Some(node), home, issued_seconds_ago, renewed_seconds_ago } => {
                let home = match home {
                    Some(home) if home != node => format!(", home {home}"),
                    _ => String::new(),
                };
                format!(
                    "good, for {node}{home}; first one {issued_seconds_ago} s ago, renewed {renewed_seconds_ago} s ago"
                )
            }
        }
    }

    fn json(&self) -> Value {
        match self {
            Self::Absent => json!({ "state": "absent" }),
            Self::Refused(reason) => json!({ "state": "refused", "reason": reason }),
            Self::Valid { node, home, issued_seconds_ago, renewed_seconds_ago } => json!({
                "state": "valid",
                "node": node,
                "home": home,
                "issued_seconds_ago": issued_seconds_ago,
                "renewed_seconds_ago": renewed_seconds_ago,
            }),
        }
    }
}

fn known_by(by: KnownBy) -> (&'static str, &'static str) {
    match by {
        KnownBy::Nothing => ("nothing", "nothing"),
        KnownBy::Address => ("address", "its address"),
        KnownBy::Cookie => ("cookie", "its cookie"),
    }
}

fn words_of(why: Why) -> &'static str {
    match why {
        Why::Cookie => "it has a good persistence cookie",
        Why::Static => "the address has a fixed home",
        Why::SoapContentType => "its content type is one of SOAP's",
        Why::SoapAction => "text/xml with SOAPAction is SOAP 1.1",
        Why::MimPath => "its path is one of MIM Service's",
        Why::Mtom => "it is SOAP in MTOM's wrapping",
        Why::Default => "nothing in its head speaks for SOAP",
        Why::Group => "the group knows all its clients so",
    }
}

fn now(edge: &Result<Option<Pin>, String>) -> String {
    let pin = match edge {
        Err(problem) => return problem.clone(),
        Ok(None) => return "nowhere: the running edge does not know it, so it would be a new client".into(),
        Ok(Some(pin)) => pin,
    };
    let node = pin.node.as_deref().unwrap_or("a node that is not in the group any more");
    let home = match &pin.home {
        Some(home) if Some(home) != pin.node.as_ref() => format!(", home {home}"),
        _ => String::new(),
    };
    let provisional = if pin.provisional { ", which has not answered yet" } else { "" };
    let times = match (pin.idle_seconds, pin.expires_in_seconds) {
        (Some(idle), Some(left)) => format!("idle for {idle:.0} s, forgotten in {left:.0} s"),
        _ => format!("{} requests in flight", pin.in_flight),
    };
    format!("{node}{home}{provisional}; {times}")
}

/// Nobody is left to tell when it cannot be written.
fn say(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}
