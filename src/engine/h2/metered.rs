//! A client's connection under the eyes of the meter.

use super::meter::{Excess, Frames, Ledger, Limits, PREFACE, Seen, kind};
use crate::engine::deadline::Deadline;
use h2::Reason;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What the meter has to say to the connection's task, which both are on one thread.
#[derive(Debug, Default)]
pub(super) struct Notes {
    /// Why the connection must end, as a place in [`ENDS`] counted from one; zero while it may go on.
    end: AtomicU32,
    /// Streams that the library reset for what the client sent, and those beyond the bound on streams.
    malformed: AtomicU32,
    surplus: AtomicU32,
}

/// Why a connection must end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// More streams were reset than may be.
    Resets,
    /// More frames came than may be that carry nothing of a request.
    ControlFrames,
    /// A header block did not come to its end in time.
    HeadTimeout,
    /// The client takes nothing.
    Stalled,
    /// The library found that the client does not speak HTTP/2, and said so.
    Protocol,
    /// The library found that the client sends too much of something, and said so.
    Excess,
    /// The client goes on although it was told to go.
    Staying,
}

const ENDS: [End; 7] = [
    End::Resets,
    End::ControlFrames,
    End::HeadTimeout,
    End::Stalled,
    End::Protocol,
    End::Excess,
    End::Staying,
];

impl End {
    /// A stable word for metrics.
    pub(super) fn reason(self) -> &'static str {
        match self {
            Self::Resets => "http2_resets",
            Self::ControlFrames => "http2_control_frames",
            Self::HeadTimeout => "http2_head_timeout",
            Self::Stalled => "http2_stalled",
            Self::Protocol => "http2_protocol",
            Self::Excess => "http2_excess",
            Self::Staying => "http2_staying",
        }
    }
}

impl Notes {
    /// The first reason stays.
    pub(super) fn must_end(&self, end: End) {
        let place = ENDS.iter().position(|known| *known == end).map_or(0, |place| place as u32 + 1);
        let _ = self.end.compare_exchange(0, place, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Why the connection must end.
    pub(super) fn end(&self) -> Option<End> {
        let place = (self.end.load(Ordering::Relaxed) as usize).checked_sub(1)?;
        ENDS.get(place).copied()
    }

    /// Streams that the library reset since the last call: for what the client sent, and for their number.
    pub(super) fn take_resets(&self) -> (u32, u32) {
        if self.malformed.load(Ordering::Relaxed) == 0 && self.surplus.load(Ordering::Relaxed) == 0 {
            return (0, 0);
        }
        (self.malformed.swap(0, Ordering::Relaxed), self.surplus.swap(0, Ordering::Relaxed))
    }
}

/// A connection whose frames are counted.
#[derive(Debug)]
pub(super) struct Metered<S> {
    io: S,
    incoming: Frames,
    outgoing: Frames,
    ledger: Ledger,
    notes: Arc<Notes>,
    /// Due while a header block is not whole.
    block: Deadline,
    in_block: bool,
    head_timeout: Duration,
    /// Due while the client takes nothing of what is to be written.
    stalled: Deadline,
    is_stalled: bool,
    write_timeout: Duration,
}

impl<S> Metered<S> {
    /// `deadlines`: two of the worker's, for heads that do not come and writes that do not go.
    pub(super) fn new(
        io: S,
        limits: Limits,
        notes: &Arc<Notes>,
        deadlines: (Deadline, Deadline),
        head_timeout: Duration,
        write_timeout: Duration,
    ) -> Self {
        Self {
            io,
            incoming: Frames::behind(PREFACE),
            outgoing: Frames::behind(0),
            ledger: Ledger::new(limits, Instant::now()),
            notes: notes.clone(),
            block: deadlines.0,
            in_block: false,
            head_timeout,
            stalled: deadlines.1,
            is_stalled: false,
            write_timeout,
        }
    }

    /// The connection itself.
    pub(super) fn into_inner(self) -> S {
        self.io
    }

    fn received(&mut self, bytes: &[u8]) {
        let Self { incoming, ledger, notes, block, in_block, head_timeout, .. } = self;
        let now = Instant::now();
        incoming.pass(bytes, |step| match step {
            Seen::Begun(head) => {
                if head.kind == kind::HEADERS {
                    *in_block = true;
                    block.set(*head_timeout);
                }
                match ledger.received(head, now) {
                    Some(Excess::Resets) => notes.must_end(End::Resets),
                    Some(Excess::ControlFrames) => notes.must_end(End::ControlFrames),
                    None => {}
                }
            }
            Seen::Whole(head, _) => *in_block &= !head.ends_block(),
        });
    }

    fn sent(&mut self, bytes: &[u8]) {
        let Self { outgoing, ledger, notes, .. } = self;
        outgoing.pass(bytes, |step| match step {
            Seen::Begun(head) => ledger.sent(head),
            Seen::Whole(head, code) => match head.kind {
                kind::RST_STREAM => {
                    let provoked = match Reason::from(code) {
                        Reason::REFUSED_STREAM => &notes.surplus,
                        Reason::PROTOCOL_ERROR
                        | Reason::FLOW_CONTROL_ERROR
                        | Reason::STREAM_CLOSED
                        | Reason::FRAME_SIZE_ERROR => &notes.malformed,
                        _ => return,
                    };
                    provoked.fetch_add(1, Ordering::Relaxed);
                    if ledger.provoked(Instant::now()).is_some() {
                        notes.must_end(End::Resets);
                    }
                }
                kind::GOAWAY if code == u32::from(Reason::ENHANCE_YOUR_CALM) => notes.must_end(End::Excess),
                kind::GOAWAY if code != u32::from(Reason::NO_ERROR) => notes.must_end(End::Protocol),
                _ => {}
            },
        });
    }

    /// Watches over a write.
    fn written(&mut self, polled: Poll<io::Result<usize>>, context: &Context<'_>) -> Poll<io::Result<usize>> {
        if polled.is_ready() {
            self.is_stalled = false;
            return polled;
        }
        if !std::mem::replace(&mut self.is_stalled, true) {
            self.stalled.set(self.write_timeout);
        }
        if self.stalled.poll_passed(context) {
            self.notes.must_end(End::Stalled);
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        Poll::Pending
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Metered<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.notes.end().is_some() {
            // Nothing of it is read any more. The task that polls looks at the notes next.
            return Poll::Pending;
        }
        let before = buffer.filled().len();
        let polled = Pin::new(&mut this.io).poll_read(context, buffer);
        match polled {
            Poll::Ready(Ok(())) => this.received(&buffer.filled()[before..]),
            Poll::Pending if this.in_block && this.block.poll_passed(context) => {
                this.notes.must_end(End::HeadTimeout);
            }
            _ => {}
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Metered<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.io).poll_write(context, data);
        if let Poll::Ready(Ok(count)) = polled {
            this.sent(&data[..count.min(data.len())]);
        }
        this.written(polled, context)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.io).poll_write_vectored(context, slices);
        if let Poll::Ready(Ok(count)) = polled {
            let mut left = count;
            for slice in slices {
                let part = left.min(slice.len());
                this.sent(&slice[..part]);
                left -= part;
            }
        }
        this.written(polled, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.io).poll_flush(context);
        this.written(polled.map_ok(|()| 0), context).map_ok(|_| ())
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests;
