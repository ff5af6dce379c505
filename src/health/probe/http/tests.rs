use super::*;
use tokio::io::AsyncReadExt;

fn check() -> HttpCheck {
    HttpCheck {
        method: "GET".into(),
        path: "/".into(),
        host: None,
        headers: Vec::new(),
        body: None,
        expect: vec![200..=399],
        contains: None,
    }
}

fn looking_for(text: &str) -> HttpCheck {
    HttpCheck { contains: Some(text.into()), ..check() }
}

/// What a check makes of an answer that comes in pieces of `step` bytes, with the end of the connection
/// behind it.
async fn judged(check: &HttpCheck, answer: &[u8], step: usize) -> Result<(), String> {
    let (mut ours, mut theirs) = tokio::io::duplex(step);
    let (request, answer) = (check.request("node:80"), answer.to_vec());
    let length = request.len();
    let backend = tokio::spawn(async move {
        theirs.read_exact(&mut vec![0; length]).await.unwrap();
        for piece in answer.chunks(step) {
            if theirs.write_all(piece).await.is_err() {
                return;
            }
        }
        let _ = theirs.shutdown().await;
        let _ = theirs.read_to_end(&mut Vec::new()).await;
    });
    let result = check.ask(&mut ours, &request).await;
    drop(ours);
    backend.await.unwrap();
    result.map_err(|cause| cause.to_string())
}

/// The same however the answer is cut.
async fn always(check: &HttpCheck, answer: impl AsRef<[u8]>) -> Result<(), String> {
    let answer = answer.as_ref();
    let whole = judged(check, answer, answer.len().max(1)).await;
    for step in [1, 2, 7] {
        assert_eq!(judged(check, answer, step).await, whole, "in pieces of {step}");
    }
    whole
}

fn fails(why: &str) -> Result<(), String> {
    Err(why.to_owned())
}

#[test]
fn the_plain_request() {
    let expected = "GET / HTTP/1.1\r\nHost: [::1]:80\r\nUser-Agent: identity-edge\r\n\
                    Connection: close\r\nAccept: */*\r\n\r\n";
    assert_eq!(String::from_utf8(check().request("[::1]:80")).unwrap(), expected);
}

#[test]
fn a_request_with_everything() {
    let check = HttpCheck {
        method: "POST".into(),
        path: "/ResourceManagementService/MEX?a=b".into(),
        host: Some("mim.example.com".into()),
        headers: vec![
            ("Content-Type".into(), "application/soap+xml".into()),
            ("user-agent".into(), "watch".into()),
        ],
        body: Some("<s:Envelope>ü</s:Envelope>".into()),
        ..check()
    };
    let expected = "POST /ResourceManagementService/MEX?a=b HTTP/1.1\r\nHost: mim.example.com\r\n\
                    Connection: close\r\nAccept: */*\r\nContent-Type: application/soap+xml\r\nuser-agent: watch\r\n\
                    Content-Length: 27\r\n\r\n<s:Envelope>ü</s:Envelope>";
    assert_eq!(String::from_utf8(check.request("node:80")).unwrap(), expected);
    let empty = HttpCheck { body: None, ..check };
    assert!(String::from_utf8(empty.request("node:80")).unwrap().ends_with("Content-Length: 0\r\n\r\n"));
}

#[tokio::test]
async fn the_final_status_decides() {
    let ok = "HTTP/1.1 204 No Content\r\n\r\n";
    assert_eq!(always(&check(), ok).await, Ok(()));
    assert_eq!(always(&check(), format!("HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n{ok}")).await, Ok(()));
    assert_eq!(always(&check(), "HTTP/1.0 200 OK\r\n\r\n").await, Ok(()));
    let stopped = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\ngone";
    assert_eq!(always(&check(), stopped).await, fails("expected 200-399, got 503"));
    let lenient = HttpCheck { expect: vec![200..=399, 401..=401], ..check() };
    assert_eq!(always(&lenient, "HTTP/1.1 401 Unauthorized\r\n\r\n").await, Ok(()));
    assert_eq!(always(&lenient, stopped).await, fails("expected 200-399 or 401, got 503"));
}

#[tokio::test]
async fn what_is_no_answer_fails() {
    let http = |rule: &str| fails(&format!("the answer is not HTTP: {rule}"));
    for (answer, expected) in [
        ("", fails("the connection was closed before an answer")),
        ("HTTP/1.1 200 OK\r\nA: b\r\n", http("incomplete_head")),
        ("SSH-2.0-OpenSSH_9.2\r\n", http("bad_status_line")),
        ("\u{15}\u{3}\u{3}", http("bad_status_line")),
        ("HTTP/1.1 2000 OK\r\n\r\n", http("bad_status_line")),
        ("HTTP/2.0 200 OK\r\n\r\n", http("bad_version")),
        ("HTTP/1.1 200 OK\nA: b\n\n", http("bare_lf")),
        ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", {
            http("content_length_and_transfer_encoding")
        }),
        ("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n", {
            http("unexpected_switch")
        }),
    ] {
        assert_eq!(always(&check(), answer).await, expected, "{answer:?}");
    }
    let interims = "HTTP/1.1 100 Continue\r\n\r\n".repeat(51);
    assert_eq!(always(&check(), interims).await, http("too_many_interims"));
}

#[tokio::test]
async fn garbage_is_not_waited_for() {
    let (mut ours, mut theirs) = tokio::io::duplex(1024);
    theirs.write_all(b"220 mail.test ESMTP").await.unwrap();
    let check = check();
    let error = check.ask(&mut ours, &check.request("node:80")).await.unwrap_err();
    assert_eq!(error.to_string(), "the answer is not HTTP: bad_status_line");
}

#[tokio::test]
async fn a_head_without_end_is_bounded() {
    let endless = format!("HTTP/1.1 200 OK\r\nA: {}", "x".repeat(400 * 1024));
    let result = judged(&check(), endless.as_bytes(), 16 * 1024).await;
    assert_eq!(result, fails("the answer is not HTTP: head_too_large"));
}

#[tokio::test]
async fn the_text_is_looked_for_in_the_payload() {
    let missing = fails("the body does not contain \"needle\"");
    let cut_off = fails("the answer is not HTTP: truncated");
    for (answer, expected) in [
        ("Content-Length: 14\r\n\r\nhay needle hay", Ok(())),
        ("Content-Length: 3\r\n\r\nhayneedle", missing.clone()),
        ("Content-Length: 99\r\n\r\nhay", cut_off.clone()),
        (
            "Transfer-Encoding: chunked\r\n\r\n3\r\nhay\r\n4\r\nneed\r\n5;x=needle\r\nle ha\r\n0\r\n\r\n",
            Ok(()),
        ),
        ("Transfer-Encoding: chunked\r\n\r\n5;x=needle\r\nhay..\r\n0\r\nneedle: x\r\n\r\n", missing.clone()),
        ("Transfer-Encoding: chunked\r\n\r\n5\r\nhay..\r\n", cut_off),
        ("Transfer-Encoding: chunked\r\n\r\n5\r\nhay..hay", fails("the answer is not HTTP: bad_chunk_end")),
        ("\r\n\r\nhay until the end needle", Ok(())),
        ("X-Needle: needle\r\n\r\nhay until the end", missing),
    ] {
        let answer = answer.strip_prefix("\r\n").unwrap_or(answer);
        let answer = format!("HTTP/1.1 200 OK\r\n{answer}");
        assert_eq!(always(&looking_for("needle"), &answer).await, expected, "{answer:?}");
    }
}

#[tokio::test]
async fn what_is_looked_through_is_bounded() {
    let head = "HTTP/1.1 200 OK\r\n\r\n";
    for (before, expected) in [
        (BODY - 6, Ok(())),
        (BODY - 5, fails("the body does not contain \"needle\"")),
        (BODY * 4, fails("the body does not contain \"needle\"")),
    ] {
        let answer = format!("{head}{}needle", "x".repeat(before));
        assert_eq!(judged(&looking_for("needle"), answer.as_bytes(), 1000).await, expected, "{before}");
    }
}
