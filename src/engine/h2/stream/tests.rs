//! Streams between the library's client and these, over a pipe.

use super::*;
use crate::engine::h2::request::write_head;
use ::h2::client::{self, ResponseFuture, SendRequest};
use http::{Method, Request};
use std::future::poll_fn;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// A client, and the server's side, which is driven in the background: it hands over each stream with its head.
async fn pair(window: u32) -> (SendRequest<Bytes>, tokio::sync::mpsc::UnboundedReceiver<(String, Stream)>) {
    let (near, far) = tokio::io::duplex(256 * 1024);
    let (tell, told) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        let mut server =
            ::h2::server::Builder::new().max_send_buffer_size(32 * 1024).handshake(far).await.unwrap();
        while let Some(Ok((request, response))) = server.accept().await {
            let (parts, body) = request.into_parts();
            let mut head = Vec::new();
            let payload = write_head(&parts, body.is_end_stream(), &mut head).unwrap();
            let to_head = parts.method == Method::HEAD;
            let stream = Stream::new(body, payload, response, to_head);
            let _ = tell.send((String::from_utf8(head).unwrap(), stream));
        }
    });
    let (client, connection) =
        client::Builder::new().initial_window_size(window).handshake(near).await.unwrap();
    tokio::spawn(connection);
    (client.ready().await.unwrap(), told)
}

fn request(method: &str, length: Option<&str>) -> Request<()> {
    let mut request = Request::builder().method(method).uri("https://edge.test/x");
    if let Some(length) = length {
        request = request.header("content-length", length);
    }
    request.body(()).unwrap()
}

/// The status, fields, body and trailers of a response.
async fn response(future: ResponseFuture) -> (u16, HeaderMap, Vec<u8>, Option<HeaderMap>) {
    let (parts, mut body) = future.await.unwrap().into_parts();
    let mut bytes = Vec::new();
    while let Some(piece) = body.data().await {
        let piece = piece.unwrap();
        body.flow_control().release_capacity(piece.len()).unwrap();
        bytes.extend_from_slice(&piece);
    }
    (parts.status.as_u16(), parts.headers, bytes, body.trailers().await.unwrap())
}

#[test]
fn size_lines_are_plain_hexadecimal() {
    for length in [1, 9, 10, 15, 16, 17, 255, 256, 4095, 16_384, 0xff_ffff, usize::MAX] {
        let line = Line::of_chunk(length);
        assert_eq!(line.bytes[..line.end], *format!("{length:x}\r\n").as_bytes());
    }
}

#[test]
fn heads_lose_what_belongs_to_a_connection() {
    let head =
        b"HTTP/1.1 200 All fine\r\nX-One:  a b \r\nConnection: close\r\nSet-Cookie: a\r\nset-cookie: b\r\n\
        Transfer-Encoding: chunked\r\nKeep-Alive: 5\r\nX-Empty:\r\nX-Raw: \xe4\r\n\r\n";
    let (status, fields) = read_head(head).unwrap();
    assert_eq!(status, 200);
    let all: Vec<(&str, &[u8])> =
        fields.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
    let expected: [(&str, &[u8]); 5] =
        [("x-one", b"a b"), ("set-cookie", b"a"), ("set-cookie", b"b"), ("x-empty", b""), ("x-raw", b"\xe4")];
    assert_eq!(all, expected);
    for broken in
        [&b"HTTP/1.1 20\r\n\r\n"[..], b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", b"HTTP/1.1 200 OK\r\n"]
    {
        assert!(read_head(broken).is_none());
    }
}

#[tokio::test]
async fn bodies_are_read_in_chunks_or_as_they_are() {
    let (mut client, mut streams) = pair(65_535).await;
    for (length, chunked) in [(None, true), (Some("40000"), false)] {
        let (_response, mut sender) = client.send_request(request("POST", length), false).unwrap();
        let data: Vec<u8> = (0..40_000_u32).map(|n| (n % 251) as u8).collect();
        sender.send_data(Bytes::from(data.clone()), false).unwrap();
        sender.send_data(Bytes::new(), true).unwrap();
        let (head, mut stream) = streams.recv().await.unwrap();
        assert_eq!(head.contains("transfer-encoding: chunked\r\n"), chunked, "{head}");
        let mut read = Vec::new();
        // Buffers of every small size: framing may end anywhere in them.
        for size in (1..40).cycle() {
            let mut block = vec![0; size * size];
            match stream.read(&mut block).await.unwrap() {
                0 => break,
                count => read.extend_from_slice(&block[..count]),
            }
        }
        if chunked {
            let (payload, used) = crate::engine::body::plain::plain(&read).unwrap();
            assert_eq!((payload, used), (data, read.len()));
        } else {
            assert_eq!(read, data);
        }
    }
}

#[tokio::test]
async fn what_is_not_read_is_not_sent() {
    let (mut client, mut streams) = pair(65_535).await;
    let (_response, mut sender) = client.send_request(request("POST", None), false).unwrap();
    let (_, mut stream) = streams.recv().await.unwrap();
    sender.reserve_capacity(1 << 20);
    // All of the window is given, and no more, until somebody reads.
    let mut given = 0;
    while given < 65_535 {
        given += poll_fn(|context| sender.poll_capacity(context)).await.unwrap().unwrap() - sender.capacity();
        let now = sender.capacity();
        sender.send_data(Bytes::from(vec![1; now]), false).unwrap();
        given += now;
        sender.reserve_capacity(1 << 20);
    }
    assert_eq!(sender.capacity(), 0);
    let mut block = vec![0; 60_000];
    let mut read = 0;
    while read < 50_000 {
        read += stream.read(&mut block).await.unwrap();
    }
    assert!(poll_fn(|context| sender.poll_capacity(context)).await.unwrap().unwrap() > 0);
}

#[tokio::test]
async fn requests_trailers_are_dropped() {
    let (mut client, mut streams) = pair(65_535).await;
    let (_response, mut sender) = client.send_request(request("POST", None), false).unwrap();
    sender.send_data(Bytes::from_static(b"hello"), false).unwrap();
    let mut trailers = HeaderMap::new();
    trailers.insert("x-sum", HeaderValue::from_static("5"));
    sender.send_trailers(trailers).unwrap();
    let (_, mut stream) = streams.recv().await.unwrap();
    let mut read = Vec::new();
    stream.read_to_end(&mut read).await.unwrap();
    assert_eq!(read, b"5\r\nhello\r\n0\r\n\r\n");
}

#[tokio::test]
async fn responses_with_interim_heads_and_trailers() {
    let (mut client, mut streams) = pair(65_535).await;
    let (mut future, _) = client.send_request(request("GET", None), true).unwrap();
    let (head, mut stream) = streams.recv().await.unwrap();
    assert_eq!(head, "GET https://edge.test/x HTTP/1.1\r\nhost: edge.test\r\n\r\n");
    assert_eq!(stream.read(&mut [0; 10]).await.unwrap(), 0);
    let interim = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";
    assert_eq!(stream.write(interim).await.unwrap(), interim.len());
    stream.write_all(b"HTTP/1.1 200 OK\r\nX-One: 1\r\nConnection: close\r\n\r\nthe body").await.unwrap();
    stream.set_trailers(b"X-Sum: 8\r\n");
    stream.shutdown().await.unwrap();
    let early = poll_fn(|context| future.poll_informational(context)).await.unwrap().unwrap();
    assert_eq!((early.status().as_u16(), early.headers()["link"].as_bytes()), (103, &b"</a>"[..]));
    let (status, fields, body, trailers) = response(future).await;
    assert_eq!((status, body.as_slice()), (200, &b"the body"[..]));
    assert_eq!(fields.len(), 1, "{fields:?}");
    assert_eq!(trailers.unwrap()["x-sum"], "8");
}

#[tokio::test]
async fn what_has_no_body_ends_with_its_head() {
    let (mut client, mut streams) = pair(65_535).await;
    for (method, head) in [
        ("HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n"),
        ("GET", "HTTP/1.1 204 No Content\r\n\r\n"),
        ("GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n"),
        ("GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
    ] {
        let (future, _) = client.send_request(request(method, None), true).unwrap();
        let (_, mut stream) = streams.recv().await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        assert!(future.await.unwrap().into_body().is_end_stream(), "{head}");
        assert!(stream.write(b"more").await.is_err(), "nothing can follow");
        stream.shutdown().await.unwrap();
    }
}

#[tokio::test]
async fn a_reader_that_does_not_read_stops_the_writer() {
    let (mut client, mut streams) = pair(1000).await;
    let (future, _) = client.send_request(request("GET", None), true).unwrap();
    let (_, mut stream) = streams.recv().await.unwrap();
    stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
    let mut body = future.await.unwrap().into_body();
    let mut written = 0;
    let mut context = Context::from_waker(std::task::Waker::noop());
    while let Poll::Ready(count) = Pin::new(&mut stream).poll_write(&mut context, &[7; 700]) {
        written += count.unwrap();
        tokio::task::yield_now().await;
    }
    assert_eq!(written, 1000, "as much as the window takes");
    let mut read = 0;
    while read < 1000 {
        let piece = body.data().await.unwrap().unwrap();
        read += piece.len();
    }
    body.flow_control().release_capacity(1000).unwrap();
    assert!(stream.write(&[7; 700]).await.unwrap() > 0);
}

#[tokio::test]
async fn a_client_that_resets_is_noticed_by_everybody() {
    let (mut client, mut streams) = pair(65_535).await;
    let (future, mut sender) = client.send_request(request("POST", None), false).unwrap();
    let (_, mut stream) = streams.recv().await.unwrap();
    sender.send_reset(Reason::CANCEL);
    poll_fn(|context| stream.poll_gone(context)).await;
    let error = stream.read(&mut [0; 10]).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    assert!(stream.write(b"HTTP/1.1 200 OK\r\n\r\n").await.is_err());
    drop(future);
    // Also in the middle of a response.
    let (future, mut sender) = client.send_request(request("POST", None), false).unwrap();
    let (_, mut stream) = streams.recv().await.unwrap();
    stream.write_all(b"HTTP/1.1 200 OK\r\n\r\nhalf").await.unwrap();
    assert_eq!(future.await.unwrap().status(), 200);
    sender.send_reset(Reason::CANCEL);
    poll_fn(|context| stream.poll_gone(context)).await;
}

#[tokio::test]
async fn what_breaks_off_is_an_error_and_no_end() {
    let (mut client, mut streams) = pair(65_535).await;
    for (http11, reason) in [(false, Reason::INTERNAL_ERROR), (true, Reason::HTTP_1_1_REQUIRED)] {
        let (future, _) = client.send_request(request("GET", None), true).unwrap();
        let (_, mut stream) = streams.recv().await.unwrap();
        if http11 {
            stream.ask_for_http11();
            stream.abort();
            assert_eq!(future.await.unwrap_err().reason(), Some(reason));
            continue;
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\nhalf").await.unwrap();
        let mut body = future.await.unwrap().into_body();
        assert_eq!(body.data().await.unwrap().unwrap(), "half");
        stream.abort();
        assert_eq!(body.data().await.unwrap().unwrap_err().reason(), Some(reason));
    }
}

#[tokio::test]
async fn what_is_no_head_is_not_written() {
    let (mut client, mut streams) = pair(65_535).await;
    let (_future, _) = client.send_request(request("GET", None), true).unwrap();
    let (_, mut stream) = streams.recv().await.unwrap();
    for data in [&b"HTTP/1.1 200 OK\r\n"[..], b"HTTP/1.1 nothing\r\n\r\n", b"body"] {
        assert_eq!(stream.write(data).await.unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
    assert!(stream.shutdown().await.is_err(), "no end without a head");
}
