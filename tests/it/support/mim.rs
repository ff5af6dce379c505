//! A stand-in for a MIM Service node: enumeration contexts and security tokens live in its own memory, so that
//! a request which meets the wrong node fails as it would there.

use super::Gate;
use super::client::get;
use super::http::answer;
use super::origin::{Origin, Request};
use std::collections::HashSet;
use std::sync::{Arc, Mutex};

/// What a node knows, and nobody else.
#[derive(Default)]
pub struct Memory {
    contexts: HashSet<String>,
    tokens: HashSet<String>,
    /// Browsers that have logged in.
    sessions: HashSet<String>,
    made: usize,
    held: Option<Arc<Gate>>,
}

/// A node with its two ports: the service (5725 in life) and the security token service (5726).
pub struct MimNode {
    /// Its name, also in the `X-Node` header of its answers.
    pub name: String,
    /// Its sockets and what they recorded.
    pub origin: Origin,
    memory: Arc<Mutex<Memory>>,
}

/// Index of the service's port.
pub const SERVICE: usize = 0;
/// Index of the security token service's port.
pub const STS: usize = 1;

impl MimNode {
    /// Listens on both ports.
    pub fn start(name: &str) -> MimNode {
        let node = MimNode::refusing(name);
        node.origin.listen();
        node
    }

    /// Listens on none until told so.
    pub fn refusing(name: &str) -> MimNode {
        let memory: Arc<Mutex<Memory>> = Arc::default();
        let (owner, kept) = (name.to_owned(), memory.clone());
        let origin = Origin::refusing(2, move |mut conn| {
            while let Some(request) = conn.request() {
                let held = kept.lock().unwrap().held.clone();
                if let Some(gate) = held {
                    gate.wait();
                }
                conn.send(reply(&owner, &mut kept.lock().unwrap(), &request));
            }
        });
        MimNode { name: name.to_owned(), origin, memory }
    }

    /// From now on requests are received and recorded, but answered only once the gate opens.
    pub fn hold(&self, gate: &Arc<Gate>) {
        self.memory.lock().unwrap().held = Some(gate.clone());
    }

    /// Dies: refuses, breaks its connections and forgets what it knew.
    pub fn kill(&self) {
        self.origin.kill();
        let mut memory = self.memory.lock().unwrap();
        memory.contexts.clear();
        memory.tokens.clear();
    }
}

/// The text between `<name>` and `</name>`.
pub fn element(text: &str, name: &str) -> Option<String> {
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>")).map(|(inner, _)| inner.to_owned())
}

/// The answer of the node `node`.
pub fn reply(node: &str, memory: &mut Memory, request: &Request) -> Vec<u8> {
    let body = String::from_utf8_lossy(&request.body);
    let target = request.head.target();
    let known = |set: &HashSet<String>, name| element(&body, name).is_some_and(|id| set.contains(&id));
    memory.made += 1;
    // A node that was restarted begins to count anew, and must not know what the one before it has made.
    let fresh = format!("{node}-{}-{}", std::process::id(), memory.made);
    let (status, content) = if body.contains("<Enumerate>") {
        memory.contexts.insert(fresh.clone());
        ("200 OK", format!("<Context>{fresh}</Context>"))
    } else if body.contains("<Pull>") && known(&memory.contexts, "Context") {
        ("200 OK", "<Items>one</Items>".to_owned())
    } else if body.contains("<Release>") && known(&memory.contexts, "Context") {
        memory.contexts.remove(&element(&body, "Context").unwrap());
        ("200 OK", "<Released/>".to_owned())
    } else if body.contains("<Issue>") {
        memory.tokens.insert(fresh.clone());
        ("200 OK", format!("<Token>{fresh}</Token>"))
    } else if body.contains("<Get>") && known(&memory.tokens, "Token") {
        ("200 OK", "<Resource/>".to_owned())
    } else if body.contains("<s:Envelope>") {
        ("500 Internal Server Error", "<Fault>this node does not know it</Fault>".to_owned())
    } else if target.starts_with("/login") {
        memory.sessions.insert(fresh.clone());
        ("200 OK", format!("<Session>{fresh}</Session>"))
    } else if target.starts_with("/app") && !knows_browser(memory, request) {
        ("403 Forbidden", "<Fault>this node does not know it</Fault>".to_owned())
    } else {
        ("200 OK", format!("page of {node}"))
    };
    let body = if body.contains("<s:Envelope>") { envelope(&content) } else { content };
    answer(status, &format!("X-Node: {node}\r\nContent-Type: application/soap+xml\r\n"), body.as_bytes())
}

/// Whether the request carries the cookie of a browser that has logged in here.
fn knows_browser(memory: &Memory, request: &Request) -> bool {
    let cookies = request.head.values("cookie").join(";");
    let mut pairs = cookies.split(';').filter_map(|pair| pair.trim().split_once('='));
    pairs.any(|(name, value)| name == "APP" && memory.sessions.contains(value))
}

fn envelope(body: &str) -> String {
    format!("<s:Envelope><s:Body>{body}</s:Body></s:Envelope>")
}

fn soap(path: &str, body: &str) -> String {
    let body = envelope(body);
    format!(
        "POST /ResourceManagementService/{path} HTTP/1.1\r\nHost: mim.test:5725\r\n\
         Content-Type: application/soap+xml; charset=utf-8\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Makes a context.
pub fn enumerate() -> String {
    soap("Enumeration", "<Enumerate></Enumerate>")
}

/// Needs a context.
pub fn pull(context: &str) -> String {
    soap("Enumeration", &format!("<Pull><Context>{context}</Context></Pull>"))
}

/// Ends a context.
pub fn release(context: &str) -> String {
    soap("Enumeration", &format!("<Release><Context>{context}</Context></Release>"))
}

/// Makes a token, on the security token service.
pub fn issue() -> String {
    soap("SecurityTokenService/Registration", "<Issue></Issue>")
}

/// Spends a token, on the service.
pub fn get_resource(token: &str) -> String {
    soap("Resource", &format!("<Get><Token>{token}</Token></Get>"))
}

/// What a browser asks for.
pub fn page() -> String {
    get("/IdentityManagement/default.aspx")
}
