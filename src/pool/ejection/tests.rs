use super::RequestFailure::{Closed, TimedOut};
use super::*;
use proptest::prelude::*;

fn at(millis: u64) -> Micros {
    Millis(millis).into()
}

#[test]
fn so_many_failures_in_a_row_are_too_many() {
    let mut streak = Streak::default();
    for round in 0..4 {
        assert_eq!(streak.failed(Closed, at(10 * round + 1), at(10 * round + 2), 5), None);
    }
    assert_eq!(streak.failed(Closed, at(50), at(51), 5), Some(TooMany { failures: 5, on_probation: false }));
}

#[test]
fn an_answer_starts_the_count_anew() {
    let mut streak = Streak::default();
    for round in 0..20 {
        assert_eq!(streak.failed(Closed, at(10 * round + 1), at(10 * round + 2), 3), None);
        if round % 2 == 1 {
            assert!(streak.is_troubled());
            streak.answered(at(100_000));
            assert!(!streak.is_troubled());
        }
    }
}

#[test]
fn connections_that_break_together_are_one_failure() {
    let mut streak = Streak::default();
    for sent in 0..100 {
        assert_eq!(streak.failed(Closed, at(sent), at(100), 2), None, "sent at {sent}");
    }
    assert_eq!(streak.failed(Closed, at(100), at(101), 2), None, "sent at the moment of the break");
    assert!(streak.failed(Closed, at(101), at(102), 2).is_some());
}

#[test]
fn every_silence_counts() {
    let mut streak = Streak::default();
    assert_eq!(streak.failed(TimedOut, at(0), at(1000), 2), None);
    assert!(streak.failed(TimedOut, at(0), at(1000), 2).is_some());
}

#[test]
fn on_probation_one_failure_is_too_many() {
    let mut streak = Streak::default();
    streak.ejected();
    streak.taken_back(at(1000));
    assert_eq!(streak.failed(TimedOut, at(999), at(1001), 5), None, "sent before the return");
    assert_eq!(
        streak.failed(Closed, at(1000), at(1002), 5),
        Some(TooMany { failures: 1, on_probation: true })
    );
    streak.ejected();
    streak.taken_back(at(2000));
    streak.answered(at(100_000));
    assert_eq!(streak.failed(Closed, at(2001), at(2002), 5), None, "it has answered since");
}

#[test]
fn that_it_is_spared_is_told_once_a_minute() {
    let mut streak = Streak::default();
    let told: Vec<u64> = (0..200_000).step_by(1000).filter(|now| streak.spared(Millis(*now))).collect();
    assert_eq!(told, [0, 60_000, 120_000, 180_000]);
}

#[derive(Clone, Copy, Debug)]
enum Event {
    Answered,
    /// A failure of a request that was sent so long before.
    Failed(RequestFailure, u64),
    TakenBack,
}

/// What happened, with the time and whether a failure counted.
type History = Vec<(Event, u64, bool)>;

/// The rules over the whole history: whether a failure counts, and whether it is one too many.
fn plainly(history: &History, how: RequestFailure, sent: u64, limit: usize) -> (bool, bool) {
    let together = history
        .iter()
        .rev()
        .find(|(event, _, counted)| matches!(event, Event::Failed(..)) && *counted)
        .is_some_and(|(_, when, _)| sent <= *when);
    let row: Vec<_> =
        history.iter().rev().take_while(|(event, ..)| !matches!(event, Event::Answered)).collect();
    let returned = row.iter().find(|(event, ..)| matches!(event, Event::TakenBack)).map(|(_, when, _)| *when);
    let old = returned.is_some_and(|returned| sent < returned);
    let counts = !old && (how == TimedOut || !together);
    let before = row
        .iter()
        .take_while(|(event, ..)| !matches!(event, Event::TakenBack))
        .filter(|(event, _, counted)| matches!(event, Event::Failed(..)) && *counted)
        .count();
    (counts, counts && (returned.is_some() || before + 1 >= limit))
}

fn event() -> impl Strategy<Value = Event> {
    let failed = (prop_oneof![Just(Closed), Just(TimedOut)], 0_u64..30);
    prop_oneof![
        2 => Just(Event::Answered),
        8 => failed.prop_map(|(how, ago)| Event::Failed(how, ago)),
        1 => Just(Event::TakenBack),
    ]
}

proptest! {
    #[test]
    fn it_counts_as_the_rules_say(
        events in proptest::collection::vec((event(), 0_u64..10), 0..60),
        limit in 1_u32..6,
    ) {
        let mut streak = Streak::default();
        let mut history = History::new();
        let mut now = 100;
        for (event, pause) in events {
            now += pause;
            match event {
                Event::Answered => {
                    streak.answered(at(100_000));
                    history.push((event, now, false));
                }
                Event::TakenBack => {
                    streak.ejected();
                    streak.taken_back(at(now));
                    history.push((event, now, false));
                }
                Event::Failed(how, ago) => {
                    let sent = now - ago;
                    let (counts, too_many) = plainly(&history, how, sent, limit as usize);
                    let found = streak.failed(how, at(sent), at(now), limit);
                    prop_assert_eq!(found.is_some(), too_many, "{:?} after {:?}", event, history);
                    history.push((event, now, counts));
                }
            }
        }
    }
}
