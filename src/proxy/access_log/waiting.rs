//! Lines that wait to be written.
//!
//! Workers append whole lines to one buffer, under a lock that is held for a copy of some hundred bytes, and the
//! writing thread takes the buffer away whole. A buffer for each worker was rejected: workers seldom meet at
//! this lock, and one buffer keeps the lines of all of them in the order in which requests ended.

use parking_lot::{Condvar, Mutex};
use std::time::{Duration, Instant};

/// Bytes that may wait; as many again may be on their way out.
pub(super) const ROOM: usize = 4 * 1024 * 1024;

/// The longest line that is taken, in bytes. Paths are cut long before, so only names of that size exceed it.
const LONGEST: usize = 64 * 1024;

/// So many bytes are not left to gather more.
const PLENTY: usize = ROOM / 2;

/// What the writing thread is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Doing {
    /// Nothing, until it is called.
    Asleep,
    /// It lets lines gather, and may be called before its time.
    Gathering,
    /// It will look at the lines without being called.
    #[default]
    Awake,
}

/// Lines, and what the writing thread must know of them. Pure: who is called and when to give up waiting is
/// [`Waiting`]'s matter.
#[derive(Debug, Default)]
pub(super) struct Lines {
    bytes: Vec<u8>,
    dropped: u64,
    writer: Doing,
    reopen: bool,
    closed: bool,
}

impl Lines {
    /// Appends a line, or counts it as dropped. True if the writing thread must be called: at most once for a
    /// batch, and once more if the batch grows very large.
    fn add(&mut self, line: &[u8]) -> bool {
        if line.len() > LONGEST || line.len() > ROOM - self.bytes.len() {
            self.dropped += 1;
            return false;
        }
        self.bytes.extend_from_slice(line);
        let due = match self.writer {
            Doing::Asleep => true,
            Doing::Gathering => self.bytes.len() >= PLENTY,
            Doing::Awake => false,
        };
        if due {
            self.writer = Doing::Awake;
        }
        due
    }

    /// Whether the writing thread has nothing to do.
    fn is_idle(&self) -> bool {
        self.bytes.is_empty() && !self.is_urgent()
    }

    /// Whether something else than lines waits for the writing thread.
    fn is_urgent(&self) -> bool {
        self.reopen || self.closed
    }

    /// Whether more lines may gather before these are written.
    fn may_gather(&self) -> bool {
        self.bytes.len() < PLENTY && !self.is_urgent()
    }

    /// Exchanges the lines for `empty`.
    fn take(&mut self, empty: &mut Vec<u8>) -> Order {
        self.writer = Doing::Awake;
        std::mem::swap(&mut self.bytes, empty);
        self.order()
    }

    fn order(&mut self) -> Order {
        Order { reopen: std::mem::take(&mut self.reopen), last: self.closed }
    }
}

/// What comes with the lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Order {
    /// Open the file anew first.
    pub(super) reopen: bool,
    /// No lines will come after these.
    pub(super) last: bool,
}

/// [`Lines`] between the workers and the writing thread.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    lines: Mutex<Lines>,
    called: Condvar,
}

impl Waiting {
    /// Appends a line, or counts it as dropped.
    pub(super) fn add(&self, line: &[u8]) {
        let must_call = self.lines.lock().add(line);
        if must_call {
            self.called.notify_one();
        }
    }

    /// Asks for the file to be opened anew, before what waits is written.
    pub(super) fn reopen(&self) {
        self.lines.lock().reopen = true;
        self.called.notify_one();
    }

    /// Says that no more lines will come.
    pub(super) fn close(&self) {
        self.lines.lock().closed = true;
        self.called.notify_one();
    }

    /// Lines dropped so far.
    pub(super) fn dropped(&self) -> u64 {
        self.lines.lock().dropped
    }

    /// Waits for something to do, lets lines `gather`, and exchanges them for `empty`.
    pub(super) fn take(&self, empty: &mut Vec<u8>, gather: Duration) -> Order {
        let mut lines = self.lines.lock();
        while lines.is_idle() {
            lines.writer = Doing::Asleep;
            self.called.wait(&mut lines);
        }
        let until = Instant::now() + gather;
        while lines.may_gather() {
            lines.writer = Doing::Gathering;
            if self.called.wait_until(&mut lines, until).timed_out() {
                break;
            }
        }
        lines.take(empty)
    }

    /// Lets time pass after a failure, without taking lines, until something else is asked for.
    pub(super) fn pause(&self, limit: Duration) -> Order {
        let until = Instant::now() + limit;
        let mut lines = self.lines.lock();
        while !lines.is_urgent() && !self.called.wait_until(&mut lines, until).timed_out() {}
        lines.order()
    }

    /// Counts lines that were taken and could not be written.
    pub(super) fn lost(&self, count: u64) {
        self.lines.lock().dropped += count;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_writer_is_called_once_for_a_batch() {
        let mut lines = Lines { writer: Doing::Asleep, ..Lines::default() };
        assert!(lines.add(b"first\n"));
        assert!(!lines.add(b"second\n"));
        lines.writer = Doing::Gathering;
        assert!(!lines.add(b"third\n"));
        let mut batch = Vec::new();
        lines.take(&mut batch);
        assert_eq!(batch, b"first\nsecond\nthird\n");
        assert!(!lines.add(b"while it writes\n"), "it looks before it sleeps");
        assert!(!lines.is_idle());
    }

    #[test]
    fn plenty_of_lines_end_the_gathering() {
        let mut lines = Lines { writer: Doing::Gathering, ..Lines::default() };
        let line = [b'x'; LONGEST];
        let calls = (0..PLENTY / LONGEST + 5).filter(|_| lines.add(&line)).count();
        assert_eq!(calls, 1);
        assert!(!lines.may_gather());
    }

    #[test]
    fn what_has_no_room_is_dropped_whole_and_counted() {
        let mut lines = Lines::default();
        lines.add(&[b'x'; LONGEST + 1]);
        assert_eq!((lines.dropped, lines.bytes.len()), (1, 0));
        let line = [b'x'; 1000];
        for _ in 0..2 * ROOM / line.len() {
            lines.add(&line);
        }
        assert_eq!(lines.bytes.len(), ROOM / line.len() * line.len());
        assert_eq!(lines.dropped, 1 + (2 * ROOM / line.len() - ROOM / line.len()) as u64);
        assert!(!lines.add(b"a short one\n"));
        assert!(lines.bytes.ends_with(b"a short one\n"), "there is room for it");
    }

    #[test]
    fn a_reopening_is_ordered_once_and_the_end_stays() {
        let waiting = Waiting::default();
        waiting.add(b"line\n");
        waiting.reopen();
        let mut batch = Vec::new();
        let order = waiting.take(&mut batch, Duration::from_secs(3600));
        assert_eq!(order, Order { reopen: true, last: false });
        assert_eq!(batch, b"line\n");
        waiting.close();
        for _ in 0..2 {
            batch.clear();
            let order = waiting.take(&mut batch, Duration::from_secs(3600));
            assert_eq!(order, Order { reopen: false, last: true });
            assert!(batch.is_empty());
        }
    }

    #[test]
    fn each_thread_keeps_the_order_of_its_lines() {
        let waiting = Waiting::default();
        let (threads, each) = (4, 5000);
        let mut all = Vec::new();
        std::thread::scope(|scope| {
            let writers: Vec<_> = (0..threads)
                .map(|thread| {
                    let waiting = &waiting;
                    scope.spawn(move || {
                        (0..each).for_each(|number| waiting.add(format!("{thread} {number}\n").as_bytes()));
                    })
                })
                .collect();
            scope.spawn(|| {
                writers.into_iter().for_each(|writer| writer.join().unwrap());
                waiting.close();
            });
            loop {
                let mut batch = Vec::new();
                let order = waiting.take(&mut batch, Duration::ZERO);
                assert!(batch.is_empty() || batch.ends_with(b"\n"));
                all.extend_from_slice(&batch);
                if order.last {
                    break;
                }
            }
        });
        let all = String::from_utf8(all).unwrap();
        for thread in 0..threads {
            let own = all.lines().filter_map(|line| line.strip_prefix(&format!("{thread} ")));
            let numbers: Vec<usize> = own.map(|number| number.parse().unwrap()).collect();
            assert_eq!(numbers, (0..each).collect::<Vec<_>>());
        }
    }
}
