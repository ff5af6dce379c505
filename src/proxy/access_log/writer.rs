//! The thread that writes.
//!
//! A batch that cannot be written is kept and tried again: the file continues with the very byte at which it
//! stopped, so its lines are whole, and what comes meanwhile is dropped once there is no more room for it. To
//! go on with the next batch was rejected: the rest of a line would be missing in the middle of the file.

use super::sink::Out;
use super::waiting::Waiting;
use std::fmt;
use std::io;
use std::time::Duration;

/// Memory of a buffer that is kept for the next batch; larger ones are given back.
const KEPT: usize = 512 * 1024;

/// How long the writing thread waits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// For more lines, before it writes those that are there.
    pub(super) gather: Duration,
    /// Before it tries again what has failed.
    pub(super) retry: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self { gather: Duration::from_millis(10), retry: Duration::from_secs(1) }
    }
}

/// What people are told.
#[derive(Debug)]
pub(super) enum Notice {
    /// Once, until it can be written again.
    Fails(io::Error),
    WritesAgain,
    StaysClosed(io::Error),
    Dropped(u64),
}

impl fmt::Display for Notice {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fails(error) => write!(formatter, "the access log cannot be written: {error}"),
            Self::WritesAgain => formatter.write_str("the access log is written again"),
            Self::StaysClosed(error) => {
                write!(formatter, "the access log cannot be opened again, the old file is kept: {error}")
            }
            Self::Dropped(lines) => {
                write!(formatter, "{lines} lines of the access log were dropped: the writer does not keep up")
            }
        }
    }
}

/// Takes batches to where they go.
pub(super) struct Writer<'a, O, T> {
    waiting: &'a Waiting,
    out: O,
    tell: T,
    pace: Pace,
    /// Writing has failed, and people know.
    fails: bool,
    /// Dropped lines of which people know.
    told: u64,
}

impl<'a, O: Out, T: FnMut(Notice)> Writer<'a, O, T> {
    pub(super) fn new(waiting: &'a Waiting, out: O, tell: T, pace: Pace) -> Self {
        Self { waiting, out, tell, pace, fails: false, told: 0 }
    }

    /// Writes until no more lines will come.
    pub(super) fn run(mut self) {
        let mut batch = Vec::new();
        loop {
            let order = self.waiting.take(&mut batch, self.pace.gather);
            if order.reopen {
                self.reopen();
            }
            self.write(&batch);
            empty(&mut batch);
            self.tell_of_dropped();
            if order.last {
                return;
            }
        }
    }

    fn write(&mut self, batch: &[u8]) {
        if batch.is_empty() {
            // Which says nothing about whether lines could be written.
            return;
        }
        let mut done = 0;
        while let Err(error) = self.out.push(batch, &mut done) {
            if !std::mem::replace(&mut self.fails, true) {
                (self.tell)(Notice::Fails(error));
            }
            let order = self.waiting.pause(self.pace.retry);
            if order.reopen {
                if self.reopen() {
                    // The old file keeps the line's beginning.
                    done = memchr::memrchr(b'\n', &batch[..done]).map_or(0, |end| end + 1);
                }
            } else if order.last {
                return self.waiting.lost(lines(&batch[done..]));
            }
        }
        if std::mem::replace(&mut self.fails, false) {
            (self.tell)(Notice::WritesAgain);
        }
    }

    /// True if lines go to another file from now on, an empty one.
    fn reopen(&mut self) -> bool {
        self.out.reopen().unwrap_or_else(|error| {
            (self.tell)(Notice::StaysClosed(error));
            false
        })
    }

    fn tell_of_dropped(&mut self) {
        let dropped = self.waiting.dropped();
        if dropped > self.told {
            (self.tell)(Notice::Dropped(dropped - self.told));
            self.told = dropped;
        }
    }
}

/// Makes room for the next batch, and gives back what only a large one needs.
fn empty(batch: &mut Vec<u8>) {
    batch.clear();
    if batch.capacity() > KEPT {
        *batch = Vec::new();
    }
}

fn lines(bytes: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', bytes).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proxy::access_log::sink;
    use std::collections::VecDeque;

    /// A file that does what the script says, one step for each write, and then takes everything.
    #[derive(Default)]
    struct Scripted<'a> {
        script: VecDeque<Step<'a>>,
        /// The files there were; the last is open.
        files: Vec<Vec<u8>>,
        /// Opening it anew makes another one.
        moved: bool,
    }

    /// What happens during a write, and how many bytes it takes at most; it fails if none.
    type Step<'a> = (&'a dyn Fn(), Option<usize>);

    const ALL: Option<usize> = Some(usize::MAX);
    const FAIL: Option<usize> = None;

    impl<'a> Scripted<'a> {
        fn new<const N: usize>(script: [Step<'a>; N]) -> Self {
            Self { script: script.into(), files: vec![Vec::new()], moved: false }
        }

        fn files(&self) -> Vec<&str> {
            self.files.iter().map(|file| std::str::from_utf8(file).unwrap()).collect()
        }
    }

    impl io::Write for Scripted<'_> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let (meanwhile, most) = self.script.pop_front().unwrap_or((&|| {}, ALL));
            meanwhile();
            let taken = most.ok_or(io::ErrorKind::StorageFull)?.min(bytes.len());
            self.files.last_mut().unwrap().extend_from_slice(&bytes[..taken]);
            Ok(taken)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Out for &mut Scripted<'_> {
        fn push(&mut self, bytes: &[u8], done: &mut usize) -> io::Result<()> {
            sink::push(self, bytes, done)
        }

        fn reopen(&mut self) -> io::Result<bool> {
            if !self.moved {
                return Err(io::ErrorKind::NotFound.into());
            }
            self.files.push(Vec::new());
            Ok(true)
        }
    }

    fn waiting(lines: &[&str]) -> Waiting {
        let waiting = Waiting::default();
        lines.iter().for_each(|line| waiting.add(line.as_bytes()));
        waiting
    }

    /// Writes until the script has closed the log. What people are told meanwhile.
    fn run(waiting: &Waiting, out: &mut Scripted<'_>) -> Vec<String> {
        let mut told = Vec::new();
        let pace = Pace { gather: Duration::ZERO, retry: Duration::ZERO };
        Writer::new(waiting, out, |notice: Notice| told.push(notice.to_string()), pace).run();
        told
    }

    const FAILS: &str = "the access log cannot be written: no storage space";
    const AGAIN: &str = "the access log is written again";

    #[test]
    fn what_is_taken_in_parts_arrives_whole() {
        let waiting = waiting(&["first\n", "second\n"]);
        let close = || waiting.close();
        let mut out = Scripted::new([(&|| {}, Some(1)), (&|| {}, Some(4)), (&close, Some(3))]);
        assert!(run(&waiting, &mut out).is_empty());
        assert_eq!(out.files(), ["first\nsecond\n"]);
    }

    #[test]
    fn a_full_disk_is_told_once_and_goes_on_where_it_stopped() {
        let waiting = waiting(&["first\n", "second\n"]);
        let more = || waiting.add(b"meanwhile\n");
        let close = || waiting.close();
        let mut out = Scripted::new([
            (&|| {}, Some(9)),
            (&more, FAIL),
            (&more, FAIL),
            (&|| {}, Some(1)),
            (&more, FAIL),
            (&close, ALL),
        ]);
        assert_eq!(run(&waiting, &mut out), [FAILS, AGAIN]);
        assert_eq!(out.files(), ["first\nsecond\nmeanwhile\nmeanwhile\nmeanwhile\n"]);
    }

    #[test]
    fn what_a_full_disk_does_not_take_before_the_end_is_counted() {
        let waiting = waiting(&["first\n", "second\n", "third\n"]);
        let close = || waiting.close();
        let mut out = Scripted::new([(&|| {}, Some(9)), (&close, FAIL), (&|| {}, FAIL)]);
        let lost = "2 lines of the access log were dropped: the writer does not keep up";
        assert_eq!(run(&waiting, &mut out), [FAILS, lost]);
        assert_eq!(waiting.dropped(), 2);
    }

    #[test]
    fn a_line_that_was_begun_is_whole_in_the_new_file() {
        let waiting = waiting(&["first\n", "second\n"]);
        let reopen = || waiting.reopen();
        let close = || waiting.close();
        let mut out = Scripted::new([(&|| {}, Some(9)), (&reopen, FAIL), (&close, ALL)]);
        out.moved = true;
        assert_eq!(run(&waiting, &mut out), [FAILS, AGAIN]);
        assert_eq!(out.files(), ["first\nsec", "second\n"]);
    }

    #[test]
    fn the_old_file_is_kept_where_no_new_one_can_be_had() {
        let waiting = waiting(&["first\n", "second\n"]);
        let reopen = || waiting.reopen();
        let close = || waiting.close();
        let mut out = Scripted::new([(&reopen, Some(9)), (&close, ALL)]);
        let kept = "the access log cannot be opened again, the old file is kept: entity not found";
        assert_eq!(run(&waiting, &mut out), [kept]);
        assert_eq!(out.files(), ["first\nsecond\n"]);
    }

    #[test]
    fn memory_of_a_large_batch_is_given_back() {
        let (mut small, mut large) = (vec![0; KEPT / 2], vec![0; 2 * KEPT]);
        empty(&mut small);
        empty(&mut large);
        assert!(small.is_empty() && small.capacity() >= KEPT / 2);
        assert_eq!(large.capacity(), 0);
    }
}
