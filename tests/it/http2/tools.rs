//! Clients that nobody here wrote: curl, nghttp and h2load.

use super::{Identity, edge};
use crate::support::edge::{Edge, finish, said};
use crate::support::http::answer;
use crate::support::origin::Origin;
use std::process::{Command, Output};

/// Runs curl for one path.
pub fn curl(identity: &Identity, edge: &Edge, arguments: &[&str], path: &str) -> Output {
    let port = edge.address("web").port();
    let mut curl = Command::new("curl");
    curl.args(["-sS", "--max-time", "25", "--noproxy", "*", "--cacert", &identity.path("edge.pem")])
        .args(["--resolve", &format!("edge.test:{port}:127.0.0.1")])
        .args(arguments)
        .arg(format!("https://edge.test:{port}{path}"));
    finish(&mut curl)
}

/// Tells the start line and the body's length and sum.
fn origin() -> Origin {
    Origin::answering(|request| {
        let sum: u64 = request.body.iter().map(|byte| u64::from(*byte)).sum();
        answer("200 OK", "", format!("{} {} {sum}\n", request.head.start, request.body.len()).as_bytes())
    })
}

#[test]
fn curl_gets_posts_and_asks_for_heads() {
    let (identity, origin) = (Identity::new(), origin());
    let edge = edge(&identity, &origin, "", "");
    let body: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
    let sum: u64 = body.iter().map(|byte| u64::from(*byte)).sum();
    let file = identity.path("body");
    std::fs::write(&file, &body).unwrap();
    let binary = format!("@{file}");
    for (arguments, answer) in [
        (&[][..], "GET /a?b HTTP/1.1 0 0\n2 200\n".to_owned()),
        (&["--data-binary", &binary], format!("POST /a?b HTTP/1.1 3000000 {sum}\n2 200\n")),
        (&["-T", &file], format!("PUT /a?b HTTP/1.1 3000000 {sum}\n2 200\n")),
        (
            &["-H", "Expect: 100-continue", "--expect100-timeout", "60", "--data-binary", &binary],
            format!("POST /a?b HTTP/1.1 3000000 {sum}\n2 200\n"),
        ),
        (&["-X", "POST"], "POST /a?b HTTP/1.1 0 0\n2 200\n".to_owned()),
    ] {
        let whole = [&["--http2", "-w", "%{http_version} %{http_code}\n"], arguments].concat();
        let output = curl(&identity, &edge, &whole, "/a?b");
        assert_eq!(said(&output), answer, "{arguments:?}");
    }
    let head = curl(&identity, &edge, &["--http2", "--head"], "/head");
    assert!(said(&head).starts_with("HTTP/2 200"), "{}", said(&head));
    let older = curl(&identity, &edge, &["--http1.1", "-w", "%{http_version}\n"], "/");
    assert!(said(&older).ends_with("1.1\n"), "{}", said(&older));
}

#[test]
fn nghttp_sees_a_clean_connection() {
    let (identity, origin) = (Identity::new(), origin());
    let edge = edge(&identity, &origin, "", "");
    let address = format!("https://{}/page", edge.address("web"));
    let mut nghttp = Command::new("nghttp");
    nghttp.args(["-v", "-m", "5", "--no-verify-peer", "-H", ":authority: edge.test", &address]);
    let output = finish(&mut nghttp);
    let said = said(&output);
    assert!(output.status.success(), "{said}");
    assert_eq!(said.matches("GET /page HTTP/1.1 0 0").count(), 5, "{said}");
    assert!(
        !said.contains("RST_STREAM") && said.contains("SETTINGS_MAX_CONCURRENT_STREAMS(0x03):100"),
        "{said}"
    );
}

#[test]
fn h2load_gets_all_of_its_answers() {
    let (identity, origin) = (Identity::new(), origin());
    let edge = edge(&identity, &origin, "", "");
    let address = format!("https://{}/page", edge.address("web"));
    let mut h2load = Command::new("h2load");
    h2load.args(["-n", "4000", "-c", "8", "-m", "50", "-H", ":authority: edge.test", &address]);
    let output = finish(&mut h2load);
    let said = said(&output);
    assert!(said.contains("4000 succeeded, 0 failed, 0 errored, 0 timeout"), "{said}");
    assert!(said.contains("4000 2xx"), "{said}");
}
