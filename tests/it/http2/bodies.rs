//! Bodies larger than any buffer, both ways, and clients that do not take them.

use super::{Connection, Identity, drive, edge, get, request, upload};
use crate::support::http::{Framing, answer};
use crate::support::origin::Origin;
use bytes::Bytes;
use h2::client;
use http::HeaderValue;

const SIZE: usize = 32 * 1024 * 1024;

/// A byte of a body, by its place.
fn byte(place: usize) -> u8 {
    (place % 251) as u8
}

/// Sends and counts large bodies; none is kept.
fn origin() -> Origin {
    Origin::start(|mut conn| {
        conn.stop_recording();
        while let Some(head) = conn.head() {
            let (mut place, mut wrong) = (0, 0);
            let framing = Framing::of_request(&head);
            let read = conn.wire.body_to(framing, |piece| {
                for value in piece {
                    wrong += usize::from(*value != byte(place));
                    place += 1;
                }
            });
            if read.is_err() {
                return;
            }
            if framing != Framing::Empty {
                conn.send(answer("200 OK", "", format!("{place} {wrong}").as_bytes()));
                continue;
            }
            conn.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {SIZE}\r\n\r\n"));
            for start in (0..SIZE).step_by(1 << 16) {
                let piece: Vec<u8> = (start..(start + (1 << 16)).min(SIZE)).map(byte).collect();
                if conn.wire.send(&piece).is_err() {
                    return;
                }
            }
        }
    })
}

#[test]
fn large_bodies_pass_whole_and_are_not_held() {
    let (identity, origin) = (Identity::new(), origin());
    let edge = edge(&identity, &origin, "", "");
    drive(async {
        let mut connection = Connection::open(&identity, edge.address("web")).await;
        for length in [None, Some(SIZE)] {
            let mut asked = request("PUT", "/up");
            if let Some(length) = length {
                asked.headers_mut().insert("content-length", HeaderValue::from(length));
            }
            let (future, stream) = connection.begin(asked, false).await;
            let body: Vec<u8> = (0..SIZE).map(byte).collect();
            let uploading = tokio::spawn(upload(stream, Bytes::from(body)));
            let response = super::Response::of(future).await.unwrap();
            assert_eq!(response.text(), format!("{SIZE} 0"));
            assert!(uploading.await.unwrap());
        }
        let mut body = connection.ask(get("/down")).await.await.unwrap().into_body();
        let mut place = 0;
        while let Some(piece) = body.data().await {
            let piece = piece.unwrap();
            assert!(piece.iter().all(|value| {
                place += 1;
                *value == byte(place - 1)
            }));
            body.flow_control().release_capacity(piece.len()).unwrap();
        }
        assert_eq!(place, SIZE);
    });
    let most = edge.memory("VmHWM");
    assert!(most < 64 * 1024 * 1024, "{most} bytes");
}

#[test]
fn clients_that_take_nothing_cost_little() {
    let (identity, origin) = (Identity::new(), origin());
    let edge = edge(&identity, &origin, "", "");
    drive(async {
        // Windows that would take everything, and a client that reads nothing of it.
        let mut builder = client::Builder::new();
        builder.initial_window_size(1 << 30).initial_connection_window_size(1 << 30);
        let mut greedy = Connection::with(&identity, edge.address("web"), &builder).await;
        // Windows that take nothing.
        let mut builder = client::Builder::new();
        builder.initial_window_size(0);
        let mut closed = Connection::with(&identity, edge.address("web"), &builder).await;
        let before = edge.memory("VmRSS");
        let mut responses = Vec::new();
        for _ in 0..80 {
            responses.push(closed.ask(get("/down")).await.await.unwrap());
        }
        let mut futures = Vec::new();
        for _ in 0..80 {
            futures.push(greedy.ask(get("/down")).await);
        }
        // The library's client reads what comes; without its task nobody does.
        let first = futures.remove(0).await.unwrap();
        greedy.over.abort();
        let mut fresh = Connection::open(&identity, edge.address("web")).await;
        let (future, stream) = fresh.begin(request("PUT", "/up"), false).await;
        assert!(upload(stream, Bytes::from_static(&[0, 1, 2])).await);
        assert_eq!(super::Response::of(future).await.unwrap().text(), "3 0");
        let grown = edge.memory("VmRSS").saturating_sub(before);
        assert!(grown < 32 * 1024 * 1024, "{grown} bytes for 80 responses of {SIZE}");
        drop((first, responses, closed));
    });
}

#[test]
fn uploads_that_no_backend_takes_stay_with_their_clients() {
    let identity = Identity::new();
    let origin = Origin::start(|mut conn| {
        conn.stop_recording();
        // The head and no more.
        if conn.head().is_some() {
            let _ = conn.stream().peek(&mut [0]);
            std::thread::park();
        }
    });
    let edge = edge(&identity, &origin, "", "");
    drive(async {
        let mut connection = Connection::open(&identity, edge.address("web")).await;
        let before = edge.memory("VmRSS");
        let mut uploads = Vec::new();
        let body = Bytes::from(vec![7; SIZE]);
        for _ in 0..80 {
            let (future, mut stream) = connection.begin(request("PUT", "/up"), false).await;
            // As much as the windows give.
            stream.reserve_capacity(1 << 20);
            uploads.push((future, stream));
        }
        // The kernel's buffers towards the backend take some; then the windows close.
        let mut sent = 0;
        loop {
            let mut moved = 0;
            for (_, stream) in &mut uploads {
                let room = stream.capacity();
                if room > 0 {
                    stream.send_data(body.slice(..room), false).unwrap();
                    moved += room;
                }
            }
            sent += moved;
            if moved == 0 && sent > 1 << 20 {
                break;
            }
            tokio::task::yield_now().await;
        }
        let grown = edge.memory("VmRSS").saturating_sub(before);
        assert!(grown < 32 * 1024 * 1024, "{grown} bytes for {sent} that were sent");
    });
}
