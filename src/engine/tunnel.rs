//! Bytes both ways after a protocol switch.

use super::buffer::{Buffer, Class, poll_fill, poll_write_some};
use super::client::Client;
use super::stream::Upstream;
use super::upstream::Patience;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite};

/// How much one direction holds before it must be written.
const LIMIT: usize = 32 * 1024;

/// One direction of a tunnel.
struct Direction {
    written: usize,
    carried: u64,
    ended: bool,
    closed: bool,
    progressed: bool,
}

impl Direction {
    const fn new() -> Self {
        Self { written: 0, carried: 0, ended: false, closed: false, progressed: false }
    }

    /// Carries bytes until the source ends; then the sink's write side is closed, and the direction is over.
    fn poll<A, B>(
        &mut self,
        source: &mut A,
        buffer: &mut Option<Buffer>,
        sink: &mut B,
        context: &mut Context<'_>,
    ) -> Poll<std::io::Result<()>>
    where
        A: AsyncRead + Unpin,
        B: AsyncWrite + Unpin,
    {
        loop {
            if let Some(held) = buffer {
                ready!(poll_write_some(sink, held.bytes(), &mut self.written, context))?;
                self.carried += self.written as u64;
                self.written = 0;
                self.progressed = true;
                *buffer = None;
            }
            if self.ended {
                if !self.closed {
                    ready!(Pin::new(&mut *sink).poll_shutdown(context))?;
                    self.closed = true;
                }
                return Poll::Ready(Ok(()));
            }
            if ready!(poll_fill(source, buffer, Class::Small, LIMIT, context))? == 0 {
                self.ended = true;
            }
        }
    }
}

/// Carries bytes both ways until both sides have ended, one fails, or nothing moved for the tunnel's timeout.
/// Returns the bytes carried upstream and downstream.
pub(super) async fn tunnel(client: &mut Client, upstream: &mut Upstream, patience: &Patience) -> (u64, u64) {
    let (mut up, mut down) = (Direction::new(), Direction::new());
    let mut arrived = None;
    client.deadline.set(patience.tunnel);
    poll_fn(|context| {
        // Both directions use both streams, one after the other.
        let upwards = up.poll(&mut client.stream, &mut client.buffer, upstream, context);
        let downwards = down.poll(upstream, &mut arrived, &mut client.stream, context);
        if std::mem::take(&mut up.progressed) | std::mem::take(&mut down.progressed) {
            client.deadline.set(patience.tunnel);
        }
        match (upwards, downwards) {
            (Poll::Ready(Err(_)), _) | (_, Poll::Ready(Err(_))) => Poll::Ready(()),
            (Poll::Ready(Ok(())), Poll::Ready(Ok(()))) => Poll::Ready(()),
            _ if client.deadline.poll_passed(context) => Poll::Ready(()),
            _ => Poll::Pending,
        }
    })
    .await;
    (up.carried, down.carried)
}
