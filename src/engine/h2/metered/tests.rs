use super::*;
use crate::engine::deadline::Deadlines;
use crate::metrics::tally::CONNECTION_REFUSALS;
use std::future::poll_fn;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

const LIMITS: Limits = Limits { streams: 10, resets: 3, control_frames: 5 };
const PING: &[u8] = b"\0\0\x08\x06\0\0\0\0\0pingping";
const PREFACE_TEXT: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

struct Scene {
    deadlines: Arc<Deadlines>,
    notes: Arc<Notes>,
    metered: Metered<DuplexStream>,
    far: DuplexStream,
}

fn scene() -> Scene {
    let (near, far) = tokio::io::duplex(4096);
    let deadlines = Arc::new(Deadlines::default());
    let notes = Arc::new(Notes::default());
    let pair = (deadlines.register(), deadlines.register());
    let second = Duration::from_secs(1);
    let metered = Metered::new(near, LIMITS, &notes, pair, second, second);
    Scene { deadlines, notes, metered, far }
}

/// Reads once; whether anything came.
async fn reads(metered: &mut Metered<DuplexStream>) -> bool {
    let mut block = [0; 4096];
    poll_fn(|context| {
        let mut buffer = ReadBuf::new(&mut block);
        let polled = Pin::new(&mut *metered).poll_read(context, &mut buffer);
        Poll::Ready(polled.is_ready() && !buffer.filled().is_empty())
    })
    .await
}

#[test]
fn every_end_has_a_word_that_is_counted() {
    for end in ENDS {
        assert!(CONNECTION_REFUSALS.contains(&end.reason()), "{end:?}");
        let notes = Notes::default();
        assert_eq!(notes.end(), None);
        notes.must_end(end);
        notes.must_end(End::Resets);
        assert_eq!(notes.end(), Some(end), "the first reason stays");
    }
}

#[tokio::test]
async fn nothing_is_read_any_more_once_there_was_too_much() {
    let Scene { notes, mut metered, mut far, .. } = scene();
    far.write_all(PREFACE_TEXT).await.unwrap();
    for _ in 0..5 {
        far.write_all(PING).await.unwrap();
        assert!(reads(&mut metered).await);
    }
    assert_eq!(notes.end(), None);
    far.write_all(PING).await.unwrap();
    assert!(reads(&mut metered).await);
    assert_eq!(notes.end(), Some(End::ControlFrames));
    far.write_all(PING).await.unwrap();
    assert!(!reads(&mut metered).await);
    // Writing goes on: the client is told why.
    metered.write_all(PING).await.unwrap();
}

#[tokio::test]
async fn a_header_block_has_a_deadline_and_other_silence_has_none() {
    let Scene { deadlines, notes, mut metered, mut far } = scene();
    far.write_all(PREFACE_TEXT).await.unwrap();
    assert!(reads(&mut metered).await);
    assert!(!reads(&mut metered).await);
    deadlines.sweep(Duration::from_secs(100), false);
    assert!(!reads(&mut metered).await);
    assert_eq!(notes.end(), None, "an idle connection is somebody else's");
    // A HEADERS frame whose block ends with it, then one that goes on.
    far.write_all(b"\0\0\x02\x01\x05\0\0\0\x01..\0\0\x02\x01\x01\0\0\0\x03..").await.unwrap();
    assert!(reads(&mut metered).await);
    far.write_all(b"\0\0\x20\x09\x04\0\0\0\x03half of the block").await.unwrap();
    assert!(reads(&mut metered).await);
    assert!(!reads(&mut metered).await);
    deadlines.sweep(Duration::from_secs(102), false);
    assert!(!reads(&mut metered).await);
    assert_eq!(notes.end(), Some(End::HeadTimeout));
}

#[tokio::test]
async fn a_header_block_that_ends_has_no_deadline() {
    let Scene { deadlines, notes, mut metered, mut far } = scene();
    far.write_all(PREFACE_TEXT).await.unwrap();
    far.write_all(b"\0\0\x02\x01\x01\0\0\0\x03..").await.unwrap();
    assert!(reads(&mut metered).await);
    far.write_all(b"\0\0\x02\x09\x04\0\0\0\x03..").await.unwrap();
    assert!(reads(&mut metered).await);
    assert!(!reads(&mut metered).await);
    deadlines.sweep(Duration::from_secs(100), false);
    assert!(!reads(&mut metered).await);
    assert_eq!(notes.end(), None);
}

#[tokio::test]
async fn a_client_that_takes_nothing_is_given_up() {
    let Scene { deadlines, notes, mut metered, mut far } = scene();
    let mut write = async |context: &mut Context<'_>| Pin::new(&mut metered).poll_write(context, &[0; 3000]);
    let mut context = Context::from_waker(std::task::Waker::noop());
    assert!(matches!(write(&mut context).await, Poll::Ready(Ok(3000))));
    assert!(matches!(write(&mut context).await, Poll::Ready(Ok(1096))));
    assert!(write(&mut context).await.is_pending());
    // What it takes renews its time.
    deadlines.sweep(Duration::from_millis(1000), false);
    far.read_exact(&mut [0; 1000]).await.unwrap();
    assert!(write(&mut context).await.is_ready());
    assert!(write(&mut context).await.is_pending());
    deadlines.sweep(Duration::from_millis(1750), false);
    assert!(write(&mut context).await.is_pending());
    deadlines.sweep(Duration::from_millis(2500), false);
    assert!(matches!(write(&mut context).await, Poll::Ready(Err(_))));
    assert_eq!(notes.end(), Some(End::Stalled));
}

#[tokio::test]
async fn what_the_library_refuses_is_noted() {
    let Scene { notes, mut metered, far: _far, .. } = scene();
    for code in [1_u8, 7, 5, 8, 0, 2, 13] {
        metered.write_all(&[0, 0, 4, 3, 0, 0, 0, 0, 1, 0, 0, 0, code]).await.unwrap();
    }
    assert_eq!(notes.take_resets(), (2, 1));
    assert_eq!(notes.take_resets(), (0, 0));
    assert_eq!(notes.end(), None);
    metered.write_all(&[0, 0, 4, 3, 0, 0, 0, 0, 1, 0, 0, 0, 1]).await.unwrap();
    assert_eq!(notes.end(), Some(End::Resets), "four of them were provoked");
}

#[tokio::test]
async fn goodbyes_of_the_library_are_noted() {
    for (code, end) in
        [(0, None), (1, Some(End::Protocol)), (9, Some(End::Protocol)), (11, Some(End::Excess))]
    {
        let Scene { notes, mut metered, far: _far, .. } = scene();
        let goodbye = [0, 0, 10, 7, 0, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, code, b'h', b'i'];
        let (one, two) = goodbye.split_at(12);
        metered.write_all(one).await.unwrap();
        let slices = [IoSlice::new(&two[..3]), IoSlice::new(&two[3..])];
        let written = poll_fn(|context| Pin::new(&mut metered).poll_write_vectored(context, &slices)).await;
        // The pipe may take only the first.
        let rest = &two[written.unwrap()..];
        metered.write_all(rest).await.unwrap();
        assert_eq!(notes.end(), end, "{code}");
    }
}
