//! A stand-in for a web site of IIS that keeps its sessions in memory: MIM Portal and the password sites.

use super::http::Head;
use super::stand_in::{Reply, fresh_id};
use std::collections::HashMap;

/// The name of ASP.NET's session cookie.
const SESSION: &str = "ASP.NET_SessionId";

/// The sessions of one site on one node: how many pages each has seen.
#[derive(Debug, Default)]
pub(super) struct Memory {
    sessions: HashMap<String, u32>,
}

/// Answers one request. `X-Session` says whether the session that the browser named was known here.
pub(super) fn answer(site: &str, node: &str, memory: &mut Memory, request: &Head) -> Reply {
    if !matches!(request.method.as_str(), "GET" | "HEAD" | "POST") {
        return Reply::text(405, "GET, HEAD or POST\n").with("Allow", "GET, HEAD, POST");
    }
    let named = session(request);
    if let Some(id) = named
        && let Some(pages) = memory.sessions.get_mut(id)
    {
        *pages += 1;
        return page(site, node, *pages).with("X-Session", "known");
    }
    let id = fresh_id();
    memory.sessions.insert(id.clone(), 1);
    page(site, node, 1)
        .with("X-Session", if named.is_some() { "lost" } else { "new" })
        .with("Set-Cookie", &format!("{SESSION}={id}; Path=/; HttpOnly"))
}

fn session(request: &Head) -> Option<&str> {
    let pairs = request.fields("cookie").flat_map(|line| line.split(';'));
    pairs.filter_map(|pair| pair.trim().split_once('=')).find(|(name, _)| *name == SESSION).map(|(_, id)| id)
}

fn page(site: &str, node: &str, pages: u32) -> Reply {
    let body = format!(
        "<!doctype html><html lang=\"en\"><title>{site}</title><h1>{site}</h1><p>Answered by <b>{node}</b>, which has \
         your session in its memory. Page {pages} of this session. <a href=\"\">Again</a></p></html>\n"
    );
    Reply { status: 200, content_type: "text/html; charset=utf-8", fields: Vec::new(), body }
}
