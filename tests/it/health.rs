//! How nodes are judged: by probes, and by what becomes of requests.

mod causes;
mod ejection;
mod groups;
mod probes;
mod recovery;

use crate::support::origin::{Conn, Origin};
use std::fmt::Write;
use std::sync::{Arc, Mutex};

/// Probes one after the other; every result counts.
const BUSY: &str = "interval: 10ms, fast_interval: 10ms, timeout: 20s, rise: 1, fall: 1, start_grace: 10m";
/// One probe, and no other unless somebody asks.
const RARE: &str = "interval: 10m, fast_interval: 10m, timeout: 20s, rise: 1, fall: 100, start_grace: 10m";

/// The pool `p` behind the listener `web`. `nodes`: names with ports, `pool`: further settings of the pool, each
/// followed by a comma; `more`: what follows the route's pool, and further sections.
fn farm(nodes: &[(&str, u16)], pool: &str, more: &str) -> String {
    let mut yaml = "listeners:\n  web: { bind: \"127.0.0.1:0\" }\nnodes:\n".to_owned();
    for (name, _) in nodes {
        writeln!(yaml, "  {name}: {{ address: 127.0.0.1 }}").unwrap();
    }
    let backends: Vec<_> =
        nodes.iter().map(|(name, port)| format!("{{ node: {name}, port: {port} }}")).collect();
    let backends = backends.join(", ");
    write!(
        yaml,
        "pools:\n  p: {{ {pool} slow_start: 0s, nodes: [ {backends} ] }}\nroutes:\n  \
         - {{ listener: web, pool: p{more}"
    )
    .unwrap();
    if !more.contains('}') {
        yaml.push_str(" }\n");
    }
    yaml
}

/// The persistence group `g`, for [`farm`].
fn pinned(settings: &str) -> String {
    format!(", persistence: g }}\npersistence:\n  g: {{ by: source_ip, {settings} }}\n")
}

/// What an origin answers; it may be told something else at any time.
#[derive(Clone, Default)]
struct Script(Arc<Mutex<Vec<u8>>>);

impl Script {
    fn new(bytes: impl AsRef<[u8]>) -> Script {
        let script = Script::default();
        script.say(bytes);
        script
    }

    fn say(&self, bytes: impl AsRef<[u8]>) {
        *self.0.lock().unwrap() = bytes.as_ref().to_vec();
    }

    fn bytes(&self) -> Vec<u8> {
        self.0.lock().unwrap().clone()
    }

    /// An origin that reads a request, says this, and closes.
    fn origin(&self) -> Origin {
        let script = self.clone();
        Origin::start(move |mut conn: Conn| {
            if conn.request().is_some() {
                conn.send(script.bytes());
            }
        })
    }
}

/// Waits until an origin has had so many more connections that sent something.
#[track_caller]
fn probed_again(origin: &Origin, times: usize) {
    let before = origin.records().connections.len();
    origin.wait("more probes", |records| (records.connections.len() >= before + times).then_some(()));
}
