use super::RateLimit;
use crate::client_addr::ClientPrefixes;
use crate::clock::Millis;
use proptest::prelude::*;
use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

const PER: u64 = 1_000;

fn limit(requests: u32) -> RateLimit {
    RateLimit::new(requests, Duration::from_millis(PER), ClientPrefixes { ipv4: 32, ipv6: 64 })
}

fn client(number: u32) -> IpAddr {
    IpAddr::from((0x0a00_0000 + number).to_be_bytes())
}

/// How many of `asked` requests at one moment are taken.
fn taken(limit: &RateLimit, client: IpAddr, now: u64, asked: usize) -> usize {
    (0..asked).filter(|_| limit.take(client, Millis(now)).is_ok()).count()
}

#[test]
fn a_client_gets_the_limit_and_others_get_theirs() {
    let limit = limit(5);
    assert_eq!(taken(&limit, client(1), 300, 9), 5);
    assert_eq!(limit.take(client(1), Millis(300)), Err(Duration::from_millis(700)));
    assert_eq!(taken(&limit, client(2), 300, 9), 5);
}

#[test]
fn what_was_used_comes_back_as_the_next_interval_goes_by() {
    let limit = limit(10);
    assert_eq!(taken(&limit, client(1), 900, 10), 10);
    assert_eq!(taken(&limit, client(1), 1_000, 10), 0, "all of it still counts");
    assert_eq!(taken(&limit, client(1), 1_500, 10), 5, "half of it has gone by");
    assert_eq!(taken(&limit, client(1), 1_999, 10), 4);
    assert_eq!(taken(&limit, client(1), 5_000, 10), 10, "nobody remembers");
}

#[test]
fn who_goes_on_asking_is_served_at_the_limit() {
    let limit = limit(10);
    let served: usize = (0..100_000).step_by(10).map(|now| taken(&limit, client(1), now, 3)).sum();
    assert!((900..=1_000).contains(&served), "{served} of 30,000 in 100 intervals");
}

#[test]
fn neighbours_are_one_client() {
    let limit = RateLimit::new(1, Duration::from_secs(1), ClientPrefixes { ipv4: 24, ipv6: 64 });
    for (first, second, same) in [
        ("10.0.0.1", "10.0.0.200", true),
        ("10.0.0.1", "10.0.1.1", false),
        ("2001:db8::1", "2001:db8::ffff:1", true),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", false),
    ] {
        let now = Millis(10_000 * u64::from(first.as_bytes()[0]) + 10_000 * second.len() as u64);
        assert_eq!(limit.take(first.parse().unwrap(), now), Ok(()));
        assert_eq!(limit.take(second.parse().unwrap(), now).is_err(), same, "{first} {second}");
    }
}

#[test]
fn whether_slots_were_emptied_beforehand_changes_nothing() {
    let (tidy, untidy) = (limit(3), limit(3));
    for now in (0..20_000).step_by(170) {
        tidy.tidy(Millis(now));
        tidy.tidy(Millis(now));
        assert_eq!(tidy.take(client(1), Millis(now)), untidy.take(client(1), Millis(now)), "{now}");
    }
}

/// Ten thousand clients that use all they may do not make innocents look busy.
#[test]
fn a_crowd_does_not_shut_out_others() {
    let limit = limit(10);
    let crowd: usize = (0..10_000).map(|number| taken(&limit, client(number), 500, 20)).sum();
    assert!(crowd <= 100_000, "nobody gets more than the limit");
    // Some four are expected; that there are fifty has no chance.
    let refused = (20_000..30_000).filter(|number| limit.take(client(*number), Millis(500)).is_err()).count();
    assert!(refused < 50, "{refused} of 10,000 were refused");
}

#[test]
fn workers_that_ask_together_exceed_the_limit_by_no_more_than_their_number() {
    const WORKERS: usize = 4;
    let limit = limit(1_000);
    let served: usize = std::thread::scope(|scope| {
        let ask = || taken(&limit, client(1), 500, 2_000);
        let workers: Vec<_> = (0..WORKERS).map(|_| scope.spawn(ask)).collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).sum()
    });
    assert!((1_000..1_000 + WORKERS).contains(&served), "{served}");
}

/// The same rule without a sketch.
#[derive(Default)]
struct Model(HashMap<(u32, u64), u64>);

impl Model {
    fn take(&mut self, requests: u64, client: u32, now: u64) -> bool {
        let interval = now / PER;
        let used = |interval: u64| self.0.get(&(client, interval)).copied().unwrap_or(0);
        let before = interval.checked_sub(1).map_or(0, used);
        let fits = (used(interval) + 1) * PER + before * (PER - now % PER) <= requests * PER;
        if fits {
            *self.0.entry((client, interval)).or_default() += 1;
        }
        fits
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// With few clients the limit does exactly what it says; and what it says is what the page promises.
    #[test]
    fn it_does_what_it_says(
        requests in 1_u32..12,
        steps in prop::collection::vec((0_u32..5, prop_oneof![0_u64..40, 0_u64..400, 0_u64..3_000]), 1..400),
    ) {
        let limit = limit(requests);
        let mut model = Model::default();
        let (mut now, mut served) = (0, HashMap::<u32, Vec<u64>>::new());
        for (number, step) in steps {
            now += step;
            if now % 7 == 0 {
                limit.tidy(Millis(now));
            }
            let taken = limit.take(client(number), Millis(now)).is_ok();
            prop_assert_eq!(taken, model.take(u64::from(requests), number, now), "{} at {}", number, now);
            let times = served.entry(number).or_default();
            let recent = |since: u64| times.iter().filter(|time| **time >= since).count();
            if !taken {
                let before = (now / PER).saturating_sub(1) * PER;
                prop_assert!(recent(before) >= requests as usize, "refused below the limit");
                continue;
            }
            prop_assert!(recent(now / PER * PER) < requests as usize, "more than the limit in an interval");
            prop_assert!(recent((now + 1).saturating_sub(PER)) < 2 * requests as usize, "more than twice of it");
            times.push(now);
        }
    }
}
