//! Buffers that exist only while data is in them.
//!
//! An idle connection holds no buffer: [`poll_fill`] takes one from its thread's free list for the poll and
//! gives it back when nothing had arrived. Nine thousand idle connections therefore cost what their sockets
//! and tasks cost. A buffer keeps room in front of its first byte, so that a rewritten head, usually a little
//! longer than the one that came, is put right in front of the body and both leave in one write.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Room in front of the first byte for header fields that the edge adds.
const HEADROOM: usize = 1024;

/// How much memory a free list keeps on each thread; what comes back beyond it is freed.
const KEPT_SMALL: usize = 256;
const KEPT_LARGE: usize = 64;

/// How large a buffer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// For heads: 16 KiB.
    Small,
    /// For bodies: 128 KiB, which halves the system calls of a 64 KiB response against 64 KiB.
    Large,
}

impl Class {
    const fn bytes(self) -> usize {
        match self {
            Self::Small => 16 * 1024,
            Self::Large => 128 * 1024,
        }
    }
}

#[derive(Default)]
struct FreeLists {
    small: Vec<Box<[u8]>>,
    large: Vec<Box<[u8]>>,
}

thread_local! {
    static FREE: RefCell<FreeLists> = const { RefCell::new(FreeLists { small: Vec::new(), large: Vec::new() }) };
}

/// Bytes that arrived and were not yet used up.
#[derive(Debug)]
pub struct Buffer {
    memory: Box<[u8]>,
    start: usize,
    end: usize,
}

impl Buffer {
    /// An empty buffer, warm from the thread's free list if there is one (last in, first out).
    #[must_use]
    pub fn take(class: Class) -> Self {
        let kept = FREE.with_borrow_mut(|free| match class {
            Class::Small => free.small.pop(),
            Class::Large => free.large.pop(),
        });
        let memory = kept.unwrap_or_else(|| vec![0; class.bytes()].into_boxed_slice());
        Self { memory, start: HEADROOM, end: HEADROOM }
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.memory[self.start..self.end]
    }

    /// Number of bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.end - self.start
    }

    /// Whether no byte is left.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Forgets the first `count` bytes.
    pub fn advance(&mut self, count: usize) {
        debug_assert!(count <= self.len());
        self.start = (self.start + count).min(self.end);
        if self.is_empty() {
            self.start = HEADROOM;
            self.end = HEADROOM;
        }
    }

    /// Replaces the first `old` bytes by `new`, in place where the room in front allows it.
    pub fn replace_front(&mut self, old: usize, new: &[u8]) {
        debug_assert!(old <= self.len());
        let rest = self.start + old;
        if new.len() <= rest {
            self.start = rest - new.len();
        } else {
            let kept = self.end - rest;
            let needed = HEADROOM + new.len() + kept;
            if needed > self.memory.len() {
                let mut larger = vec![0; needed.next_power_of_two()].into_boxed_slice();
                larger[HEADROOM + new.len()..needed].copy_from_slice(&self.memory[rest..self.end]);
                self.exchange_memory(larger);
            } else {
                self.memory.copy_within(rest..self.end, HEADROOM + new.len());
            }
            self.start = HEADROOM;
            self.end = needed;
        }
        self.memory[self.start..self.start + new.len()].copy_from_slice(new);
    }

    /// Removes `count` bytes that start at `at`; what follows moves up.
    pub fn remove(&mut self, at: usize, count: usize) {
        debug_assert!(at + count <= self.len());
        let from = self.start + at;
        self.memory.copy_within(from + count..self.end, from);
        self.end -= count;
    }

    /// Makes the buffer hold at least `bytes` in all, for a head larger than its class.
    fn grow(&mut self, bytes: usize) {
        // By doubling: a head of 20 KiB must not cost what one of 128 KiB does.
        let size = (self.memory.len() * 2).min((HEADROOM + bytes).max(Class::Large.bytes()));
        if size <= self.memory.len() {
            return;
        }
        let mut larger = if size == Class::Large.bytes() {
            Self::take(Class::Large).take_memory()
        } else {
            vec![0; size].into_boxed_slice()
        };
        let kept = self.len();
        larger[HEADROOM..HEADROOM + kept].copy_from_slice(&self.memory[self.start..self.end]);
        self.exchange_memory(larger);
        self.start = HEADROOM;
        self.end = HEADROOM + kept;
    }

    /// Room behind the last byte; moves the bytes to the front if that is what it takes.
    fn has_room(&mut self) -> bool {
        if self.end < self.memory.len() {
            return true;
        }
        if self.start <= HEADROOM {
            return false;
        }
        let kept = self.len();
        self.memory.copy_within(self.start..self.end, HEADROOM);
        self.start = HEADROOM;
        self.end = HEADROOM + kept;
        true
    }

    fn take_memory(&mut self) -> Box<[u8]> {
        std::mem::take(&mut self.memory)
    }

    fn exchange_memory(&mut self, memory: Box<[u8]>) {
        give_back(std::mem::replace(&mut self.memory, memory));
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        give_back(self.take_memory());
    }
}

fn give_back(memory: Box<[u8]>) {
    // The thread may be ending: then the memory is simply freed.
    let _ = FREE.try_with(|free| {
        let mut free = free.borrow_mut();
        let (list, kept) = if memory.len() == Class::Small.bytes() {
            (&mut free.small, KEPT_SMALL)
        } else if memory.len() == Class::Large.bytes() {
            (&mut free.large, KEPT_LARGE)
        } else {
            return;
        };
        if list.len() < kept {
            list.push(memory);
        }
    });
}

/// Reads once into `buffer`, which is made when there is none and given back when nothing had arrived.
///
/// `limit` is how many unread bytes the buffer may hold: reaching it is an error of kind
/// [`io::ErrorKind::StorageFull`], so a caller asks for more only where it is willing to hold more.
pub fn poll_fill<S: AsyncRead + Unpin>(
    stream: &mut S,
    buffer: &mut Option<Buffer>,
    class: Class,
    limit: usize,
    context: &mut Context<'_>,
) -> Poll<io::Result<usize>> {
    let room = buffer.get_or_insert_with(|| Buffer::take(class));
    if !room.has_room() {
        if room.len() >= limit {
            return Poll::Ready(Err(io::ErrorKind::StorageFull.into()));
        }
        room.grow(limit);
        if !room.has_room() {
            return Poll::Ready(Err(io::ErrorKind::StorageFull.into()));
        }
    }
    let end = room.end;
    let mut unfilled = ReadBuf::new(&mut room.memory[end..]);
    match Pin::new(stream).poll_read(context, &mut unfilled) {
        Poll::Pending => {
            if room.is_empty() {
                *buffer = None;
            }
            Poll::Pending
        }
        Poll::Ready(result) => {
            let count = unfilled.filled().len();
            room.end += count;
            if room.is_empty() {
                *buffer = None;
            }
            Poll::Ready(result.map(|()| count))
        }
    }
}

/// Writes all of `data` and flushes it: a TLS stream may hold the last record back otherwise.
pub(super) async fn write_all<S, F>(stream: &mut S, data: &[u8], mut expired: F) -> io::Result<()>
where
    S: AsyncWrite + Unpin,
    F: FnMut(&mut Context<'_>) -> bool,
{
    let mut written = 0;
    poll_fn(|context| match poll_write_some(stream, data, &mut written, context) {
        Poll::Pending if expired(context) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
        other => other,
    })
    .await
}

/// Writes what is left of `data` behind `written`, then flushes.
pub(super) fn poll_write_some<S: AsyncWrite + Unpin>(
    stream: &mut S,
    data: &[u8],
    written: &mut usize,
    context: &mut Context<'_>,
) -> Poll<io::Result<()>> {
    while *written < data.len() {
        let count = ready!(Pin::new(&mut *stream).poll_write(context, &data[*written..]))?;
        if count == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        *written += count;
    }
    Pin::new(stream).poll_flush(context)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(bytes: &[u8]) -> Buffer {
        let mut buffer = Buffer::take(Class::Small);
        buffer.replace_front(0, bytes);
        buffer
    }

    #[test]
    fn the_front_is_replaced_by_something_shorter_or_longer() {
        let mut buffer = filled(b"headbody");
        buffer.replace_front(4, b"HD");
        assert_eq!(buffer.bytes(), b"HDbody");
        buffer.replace_front(2, b"a longer head ");
        assert_eq!(buffer.bytes(), b"a longer head body");
    }

    #[test]
    fn a_front_beyond_headroom_and_class_still_fits() {
        let mut buffer = filled(b"headbody");
        let long = vec![b'x'; 5000];
        buffer.replace_front(4, &long);
        assert_eq!(&buffer.bytes()[..5000], &long[..]);
        assert_eq!(&buffer.bytes()[5000..], b"body");
        let longer = vec![b'y'; 200_000];
        buffer.replace_front(5000, &longer);
        assert_eq!(&buffer.bytes()[..200_000], &longer[..]);
        assert_eq!(&buffer.bytes()[200_000..], b"body");
    }

    #[test]
    fn removing_a_middle_keeps_both_sides() {
        let mut buffer = filled(b"chunk TRAILER next");
        buffer.remove(6, 8);
        assert_eq!(buffer.bytes(), b"chunk next");
    }

    #[test]
    fn using_everything_up_resets_the_buffer() {
        let mut buffer = filled(b"abc");
        buffer.advance(3);
        assert!(buffer.is_empty());
        assert_eq!(buffer.start, HEADROOM);
    }

    #[tokio::test]
    async fn filling_grows_to_the_limit_and_no_further() {
        let data = vec![7; 300 * 1024];
        let mut reader = &data[..];
        let mut buffer = None;
        let limit = 200 * 1024;
        let error = loop {
            match poll_fn(|context| poll_fill(&mut reader, &mut buffer, Class::Small, limit, context)).await {
                Ok(0) => panic!("the reader had more"),
                Ok(_) => {}
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        let held = buffer.as_ref().map_or(0, Buffer::len);
        assert!(held >= limit && held <= limit + Class::Large.bytes(), "{held}");
    }

    #[tokio::test]
    async fn an_idle_reader_holds_no_buffer() {
        let (mut quiet, _other) = tokio::io::duplex(64);
        let mut buffer = None;
        let waker = std::task::Waker::noop();
        let poll = poll_fill(&mut quiet, &mut buffer, Class::Small, 1024, &mut Context::from_waker(waker));
        assert!(poll.is_pending());
        assert!(buffer.is_none());
    }
}
