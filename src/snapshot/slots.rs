//! How many requests a backend has in flight, and the few that wait until one of them ends.
//!
//! A request holds a [`Slot`] from the choice of its backend to its end, connects and answers of the edge's own
//! included; a tunnel (WebSocket) is one request for as long as it stands. Who waits is served in order: a slot that
//! comes free goes to the one who waits longest, and never to a request that has just arrived.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The slots of one backend.
#[derive(Debug)]
pub struct Slots {
    free: Arc<Semaphore>,
    limit: u32,
    queued: AtomicUsize,
    length: usize,
    timeout: Duration,
}

/// Held by a request in flight; free again when it is dropped.
#[derive(Debug)]
pub struct Slot(OwnedSemaphorePermit);

/// Why a request got no slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unserved {
    /// As many wait as may.
    Full,
    /// It has waited for as long as it may.
    Late,
}

/// A place in the queue, given back however the wait ends.
struct Place<'s>(&'s AtomicUsize);

impl Slots {
    /// `limit` requests at once; `length` more may wait, each for at most `timeout`.
    #[must_use]
    pub fn new(limit: u32, length: usize, timeout: Duration) -> Self {
        let permits = usize::try_from(limit).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
        let free = Arc::new(Semaphore::new(permits));
        Self { free, limit, queued: AtomicUsize::new(0), length, timeout }
    }

    /// The most requests at once.
    #[must_use]
    pub fn limit(&self) -> u32 {
        self.limit
    }

    /// How many wait now.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.queued.load(Ordering::Relaxed)
    }

    /// Whether a slot is free.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.free.available_permits() > 0
    }

    /// Whether one more may wait.
    #[must_use]
    pub fn has_queue(&self) -> bool {
        self.queued() < self.length
    }

    /// Makes `held` one of these slots, if it is not, and one is free. What it was before is given back. True if it
    /// is one.
    pub fn hold(&self, held: &mut Option<Slot>) -> bool {
        if held.as_ref().is_some_and(|slot| Arc::ptr_eq(slot.0.semaphore(), &self.free)) {
            return true;
        }
        *held = Arc::clone(&self.free).try_acquire_owned().ok().map(Slot);
        held.is_some()
    }

    /// Waits for a slot. Who stops waiting, by dropping the future, leaves the queue.
    ///
    /// # Errors
    /// There is no room to wait, or the time is over.
    pub async fn wait(&self) -> Result<Slot, Unserved> {
        let _place = self.enter().ok_or(Unserved::Full)?;
        let slot = tokio::time::timeout(self.timeout, Arc::clone(&self.free).acquire_owned()).await;
        // The semaphore is never closed.
        slot.map_err(|_| Unserved::Late)?.map(Slot).map_err(|_| Unserved::Late)
    }

    fn enter(&self) -> Option<Place<'_>> {
        let enter = |queued: usize| (queued < self.length).then_some(queued + 1);
        self.queued.fetch_update(Ordering::Relaxed, Ordering::Relaxed, enter).ok()?;
        Some(Place(&self.queued))
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    const LONG: Duration = Duration::from_secs(3600);

    fn poll<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
        future.poll(&mut Context::from_waker(Waker::noop()))
    }

    fn taken(slots: &Slots) -> Option<Slot> {
        let mut slot = None;
        slots.hold(&mut slot);
        slot
    }

    #[test]
    fn as_many_as_may_are_in_flight_and_no_more() {
        let slots = Slots::new(2, 0, LONG);
        let (one, two) = (taken(&slots), taken(&slots));
        assert!(one.is_some() && two.is_some());
        assert!(!slots.has_room());
        assert!(taken(&slots).is_none());
        drop(one);
        assert!(slots.has_room());
        assert!(taken(&slots).is_some());
    }

    #[test]
    fn a_slot_that_is_held_is_not_taken_twice_and_another_ones_is_given_back() {
        let (here, there) = (Slots::new(1, 0, LONG), Slots::new(1, 0, LONG));
        let mut held = None;
        assert!(here.hold(&mut held) && here.hold(&mut held));
        assert!(there.hold(&mut held));
        assert!(here.has_room() && !there.has_room());
        // Also where the other has none.
        let kept = taken(&here);
        assert!(!here.hold(&mut held));
        assert!(there.has_room() && held.is_none());
        drop(kept);
    }

    #[tokio::test]
    async fn who_waits_longest_is_served_first_and_before_who_comes() {
        let slots = Slots::new(1, 2, LONG);
        let busy = taken(&slots);
        let (mut first, mut second) = (pin!(slots.wait()), pin!(slots.wait()));
        assert!(poll(first.as_mut()).is_pending() && poll(second.as_mut()).is_pending());
        assert_eq!(slots.queued(), 2);
        assert_eq!(slots.wait().await.err(), Some(Unserved::Full));
        drop(busy);
        assert!(taken(&slots).is_none(), "it is the first one's already");
        assert!(poll(second.as_mut()).is_pending());
        let Poll::Ready(Ok(slot)) = poll(first.as_mut()) else { panic!("its turn has come") };
        assert_eq!(slots.queued(), 1);
        drop(slot);
        assert!(matches!(poll(second.as_mut()), Poll::Ready(Ok(_))));
        assert_eq!(slots.queued(), 0);
        assert!(slots.has_room());
    }

    #[tokio::test]
    async fn who_goes_away_leaves_the_queue() {
        let slots = Slots::new(1, 1, LONG);
        let busy = taken(&slots);
        {
            let mut gone = Box::pin(slots.wait());
            assert!(poll(gone.as_mut()).is_pending());
        }
        assert_eq!(slots.queued(), 0);
        let mut next = pin!(slots.wait());
        assert!(poll(next.as_mut()).is_pending());
        drop(busy);
        assert!(matches!(poll(next.as_mut()), Poll::Ready(Ok(_))));
    }

    #[tokio::test]
    async fn waiting_ends_with_the_time() {
        let slots = Slots::new(1, 1, Duration::ZERO);
        let busy = taken(&slots);
        assert_eq!(slots.wait().await.err(), Some(Unserved::Late));
        assert_eq!(slots.queued(), 0);
        drop(busy);
        assert!(slots.has_room(), "nothing is given to who has gone");
    }
}
