//! Keys change without losing anybody, on two edges that do not change them at the same time.

use super::{issued, visit, with_cookie};
use crate::support::edge::{Edge, Keys};
use crate::support::farm::site;
use crate::support::mim::MimNode;

/// Two edges with their own copies of the key file, and browsers that must never be lost.
struct Edges<'a> {
    nodes: [&'a MimNode; 2],
    files: [Keys; 2],
    browsers: Vec<(String, String)>,
}

impl Edges<'_> {
    /// Starts both with the files as they are: every browser is known to both, and each makes new ones.
    #[track_caller]
    fn check(&mut self, step: &str) {
        let [a, b] = self.nodes;
        // Browsers of this test come from new addresses; nothing but the cookie can know them.
        let edges = self
            .files
            .each_ref()
            .map(|keys| Edge::start(&site([(a, ""), (b, "")], keys, ", by: cookie, first_requests: 1ms")));
        for edge in &edges {
            for _ in 0..2 {
                let from = format!("127.0.8.{}", self.browsers.len() + 1);
                self.browsers.push(visit(&from, edge.address("web")));
            }
        }
        for (n, (node, cookie)) in self.browsers.iter_mut().enumerate() {
            for edge in &edges {
                let from = format!("127.0.9.{}", n + 1);
                let response = with_cookie(&from, edge.address("web"), cookie);
                let entry = edge.next_request(|e| e["client"] == from.as_str());
                assert_eq!(entry["outcome"], "persisted", "{step}, browser {n}: {entry}");
                assert_eq!(&response.node(), node, "{step}, browser {n}");
                // A cookie under an old key may be renewed.
                if let Some(renewed) = issued(&response) {
                    *cookie = renewed;
                }
            }
        }
    }
}

#[test]
fn rotating_keys_over_two_edges_loses_nobody() {
    let (a, b) = (MimNode::start("portal1"), MimNode::start("portal2"));
    let first = Keys::new();
    let second = first.copy();
    let mut edges = Edges { nodes: [&a, &b], files: [first, second], browsers: Vec::new() };
    edges.check("one key");
    edges.files[0].run("rotate");
    edges.check("the first edge can verify the next key");
    edges.files[1] = edges.files[0].copy();
    edges.check("both can verify it");
    edges.files[0].run("promote");
    edges.check("the first signs with it");
    edges.files[1] = edges.files[0].copy();
    edges.check("both sign with it");
    edges.files[0].run("rotate");
    edges.check("and once more");
}

#[test]
fn a_new_key_file_is_never_written_over_an_old_one() {
    let keys = Keys::new();
    let before = std::fs::read(keys.path()).unwrap();
    let output =
        crate::support::edge::finish(crate::support::edge::command(["keys", "new"]).arg(keys.path()));
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(std::fs::read(keys.path()).unwrap(), before);
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(keys.path()).unwrap().permissions().mode();
    assert_eq!(mode & 0o077, 0, "keys are for their owner only");
}
