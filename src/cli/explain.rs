//! `identity-edge explain`: what becomes of a request, and why.
//!
//! It reads the configuration as `run` does and lets the request pass the very functions that requests pass, up to
//! the choice of a node. Where a client is can only be known by the edge that serves it: its admin listener is asked.

mod ask;
mod render;
mod url;

use crate::client_addr::canonical;
use crate::clock::UnixSeconds;
use crate::config::Config;
use crate::engine::{Connection, TlsFacts};
use crate::persistence::cookie::{CookieReading, NodeTag, Ticket};
use crate::persistence::settings::FirstChoice;
use crate::persistence::{Decision, KnownBy, Outcome, Recognised};
use crate::proxy::{Explained, Routed, Shared};
use crate::server;
use clap::Args;
use render::{Cookie, Explanation, Place, Refused};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use url::{HeaderLine, Url};

/// Which request is to be explained.
#[derive(Args, Clone, Debug)]
pub struct Arguments {
    /// The configuration file
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// The client's address
    #[arg(long, value_name = "IP")]
    client: IpAddr,
    /// The listener it comes to, where the URL's port and scheme do not say
    #[arg(long, value_name = "NAME")]
    listener: Option<String>,
    /// A header line of the request, such as 'Cookie: EDGE=...'; may be given several times
    #[arg(long, value_name = "NAME: VALUE")]
    header: Vec<HeaderLine>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// The method
    method: String,
    /// The URL, as the client has it
    url: String,
}

/// Explains it on standard output. The exit code is 1 if the request would get no node, or cannot be explained.
#[must_use]
pub fn run(arguments: &Arguments) -> ExitCode {
    let (config, _) = match super::load(&arguments.config, &mut std::io::stderr()) {
        Ok(loaded) => loaded,
        Err(code) => return code,
    };
    match explain(&config, arguments) {
        Ok(explanation) => {
            explanation.print(arguments.json);
            if explanation.refused.is_some() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
        }
        Err(problem) => {
            problem.print(arguments.json);
            ExitCode::FAILURE
        }
    }
}

fn explain(config: &Config, arguments: &Arguments) -> Result<Explanation, Refused> {
    let url: Url =
        arguments.url.parse().map_err(|why| Refused::unexplained(format!("{}: {why}", arguments.url)))?;
    let index = listener(config, arguments.listener.as_deref(), &url).map_err(Refused::unexplained)?;
    let listener = &config.listeners[index];
    let shared = server::offline(config).map_err(|error| Refused::unexplained(error.to_string()))?;
    let shared = Arc::new(shared);
    let client = canonical(arguments.client);
    let local = listener.bind.iter().find(|address| address.port() == url.port).or(listener.bind.first());
    let here = SocketAddr::new(client, 0);
    let facts = || TlsFacts { server_name: url.server_name(), subject: None };
    let tls = listener.tls.is_some().then(|| Arc::new(facts()));
    let connection = Connection::direct(here, local.copied().unwrap_or(here), tls);
    let head = url::head(&arguments.method, &url, &arguments.header);
    match crate::proxy::explain(&shared, index, &connection, &head) {
        Explained::Answered { status, reason } => {
            Err(Refused { status: Some(status), reason, message: format!("listener {}", listener.name) })
        }
        Explained::Routed(routed) => Ok(routed_to(config, &shared, index, &routed)),
    }
}

/// The listener that is named, or the only one that has the URL's port and speaks its scheme.
fn listener(config: &Config, named: Option<&str>, url: &Url) -> Result<usize, String> {
    let names = |found: &[usize]| {
        let names: Vec<&str> = found.iter().map(|index| config.listeners[*index].name.as_str()).collect();
        names.join(", ")
    };
    let all: Vec<usize> = (0..config.listeners.len()).collect();
    if let Some(name) = named {
        let found = config.listeners.iter().position(|listener| listener.name == name);
        return found.ok_or_else(|| format!("no such listener: {name}; known: {}", names(&all)));
    }
    let has_port =
        |index: &usize| config.listeners[*index].bind.iter().any(|address| address.port() == url.port);
    let found: Vec<usize> = all.iter().copied().filter(has_port).collect();
    let speaks: Vec<usize> =
        found.iter().copied().filter(|index| config.listeners[*index].tls.is_some() == url.https).collect();
    match (&speaks[..], &found[..]) {
        ([one], _) => Ok(*one),
        ([], []) => Err(format!(
            "no listener has port {}; say which one is meant by --listener: {}",
            url.port,
            names(&all)
        )),
        ([], [..]) => Err(format!(
            "port {} is {}, say --listener NAME if TLS ends in front of it: {}",
            url.port,
            if url.https { "without TLS" } else { "TLS" },
            names(&found)
        )),
        _ => {
            Err(format!("several listeners have port {}, say --listener NAME: {}", url.port, names(&speaks)))
        }
    }
}

fn routed_to(config: &Config, shared: &Shared, listener: usize, routed: &Routed) -> Explanation {
    // Whom a trusted proxy named, if it did.
    let client = routed.facts.client;
    let snapshot = shared.snapshot.load();
    let route = &snapshot.routes[routed.route];
    let index = route.group.as_ref().map(|group| group.index);
    let settings = index.map(|index| &config.groups[index]);
    let recognised = snapshot.selector.recognise(routed.pool, index, &routed.facts);
    let by = recognised.map_or(KnownBy::Nothing, |recognised| recognised.by);
    let first_choice = settings.map_or(FirstChoice::LeastRequests, |settings| settings.first_choice);
    let place = place(routed, recognised.as_ref(), first_choice);
    let cookie = settings
        .filter(|settings| settings.cookie.is_some())
        .map(|_| cookie(config, &routed.facts.cookie, shared.clock.now().wall));
    let edge = match settings {
        Some(settings) if by == KnownBy::Address => Some(ask::ask(&config.admin, client, &settings.name)),
        _ => None,
    };
    let listener = &config.listeners[listener];
    Explanation {
        client,
        listener: listener.name.clone(),
        bind: listener.bind.clone(),
        tls: listener.tls.is_some(),
        route: route.name.to_string(),
        pool: config.pools[routed.pool].name.clone(),
        group: settings.map(|settings| settings.name.clone()),
        class: settings.map(|_| routed.facts.class),
        known_by: by,
        why: recognised.map(|recognised| recognised.why),
        key: recognised.and_then(|recognised| recognised.key).map(|key| key.to_string()),
        cookie,
        first_choice,
        place,
        edge,
        refused: match &routed.decision {
            Decision::Refuse(refusal) => Some(refusal.as_str()),
            _ => None,
        },
    }
}

/// The node, as far as the configuration and the request say it.
fn place(routed: &Routed, recognised: Option<&Recognised<'_>>, first_choice: FirstChoice) -> Place {
    let selection = match &routed.decision {
        Decision::Use(selection) | Decision::Claim { proposal: selection } => selection,
        Decision::Wait(_) | Decision::Refuse(_) => return Place::Nowhere,
    };
    let node = &selection.backend().node;
    let cookie = matches!(routed.facts.cookie, CookieReading::Valid(_))
        && recognised.is_some_and(|recognised| recognised.by == KnownBy::Cookie);
    let home = recognised.and_then(|recognised| recognised.home);
    match (home, selection.outcome()) {
        (Some(home), _) if home.id == node.id => Place::Home(node.name.clone()),
        (None, Outcome::Persisted) if cookie => Place::Cookie(node.name.clone()),
        (None, Outcome::Returned) if cookie => Place::Return(node.name.clone()),
        (home, _) => {
            let lost = home.map(|home| home.name.clone());
            let node = (first_choice == FirstChoice::Hash).then(|| node.name.clone());
            Place::Chosen { node, lost }
        }
    }
}

fn cookie(config: &Config, reading: &CookieReading, now: UnixSeconds) -> Cookie {
    let name = |tag: NodeTag| {
        config.nodes.iter().find(|node| NodeTag::of(&node.name) == tag).map(|node| node.name.clone())
    };
    match reading {
        CookieReading::Absent => Cookie::Absent,
        CookieReading::Refused(refusal) => Cookie::Refused(refusal.reason()),
        CookieReading::Valid(Ticket { node, home, issued, renewed, .. }) => Cookie::Valid {
            node: name(*node),
            home: name(*home),
            issued_seconds_ago: now.0.saturating_sub(issued.0),
            renewed_seconds_ago: now.0.saturating_sub(renewed.0),
        },
    }
}
