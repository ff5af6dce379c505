use super::super::{Ejection, PoolTargets};
use super::*;
use crate::engine::upstream::Patience;
use crate::id::Interner;
use crate::metrics::PerWorker;
use crate::pool::{AdminState, BackendLive, Node, NodeLive, Pool};
use crate::snapshot::Binds;

const SECOND: Duration = Duration::from_secs(1);

/// A pool of ready nodes that are up.
fn pool<const N: usize>(names: [&str; N], connect_proves: bool) -> PoolTargets {
    let interner = Interner::default();
    let endpoint = |name: &str| {
        let state = Arc::new(NodeLive::new(AdminState::Ready));
        let node = Arc::new(Node::new(interner.intern(name).unwrap(), name, 1, false, state));
        let live = Arc::new(BackendLive::new());
        live.set_health(Health::Up, DownCause::Probe, Millis(0));
        let backend = Arc::new(Backend { node, pool: 0, port: 80, slow_start: 10 * SECOND, live });
        let patience =
            Patience { connect: SECOND, read: SECOND, write: SECOND, idle: SECOND, tunnel: SECOND };
        let address = Arc::new(Address::fixed("127.0.0.1".parse().unwrap()));
        let rules = EndpointRules { eject_after: 3, eject_for: 30 * SECOND, connect_proves };
        Arc::new(Endpoint::new("p", backend, Arc::new(Origin::new(None, patience, 0)), address, rules))
    };
    let endpoints: Vec<_> = names.into_iter().map(endpoint).collect();
    let backends = endpoints.iter().map(|endpoint| endpoint.backend.clone()).collect();
    PoolTargets {
        pool: Arc::new(Pool::new(0, "p", backends)),
        name: "p".into(),
        traffic: endpoints.iter().map(|_| Arc::new(PerWorker::new(1, Default::default))).collect(),
        endpoints,
        tally: Arc::new(PerWorker::new(1, Default::default)),
        binds: Binds::Never,
        ejecting: Mutex::default(),
    }
}

/// A request that is sent at `now` and closed a millisecond later.
fn closed(pool: &PoolTargets, node: usize, now: u64) -> Option<Ejection> {
    let how = RequestFailure::Closed;
    pool.request_failed(
        &pool.endpoints[node],
        how,
        "upstream_closed",
        Millis(now).into(),
        Millis(now + 1).into(),
    )
}

fn ejected(found: Option<Ejection>) -> bool {
    matches!(found, Some(Ejection::Ejected(_)))
}

fn told(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

#[test]
fn only_time_ends_an_ejection() {
    let pool = pool(["a", "b"], true);
    let a = &pool.endpoints[0];
    let live = &a.backend.live;
    assert!(closed(&pool, 0, 10).is_none() && closed(&pool, 0, 20).is_none());
    assert!(ejected(closed(&pool, 0, 30)));
    assert_eq!((live.health(), live.down_cause()), (Health::Down, Some(DownCause::Ejected)));
    assert_eq!(live.ejected_until(), Some(Millis(30_031)));
    assert_eq!(live.failing_since(), Some(Millis(31)), "a client is held from here");
    assert_eq!(a.why_down().as_deref(), Some("upstream_closed"));
    assert!(!a.connect_succeeded(Millis(40)) && !a.judged(Health::Up, Millis(50), String::new));
    assert!(closed(&pool, 0, 60).is_none(), "it is out already");
    assert!(!a.take_back(Millis(30_030)));
    assert!(a.take_back(Millis(30_031)));
    assert_eq!((live.health(), live.ejected_until(), live.failing_since()), (Health::Up, None, None));
    assert_eq!(a.backend.slow_start_share(Millis(30_031)), 100, "its slow start begins");
    assert_eq!(a.why_down(), None);
    let tally = &a.tally;
    let told =
        [&tally.ejections_closed, &tally.ejections_timed_out, &tally.went_down, &tally.went_up].map(told);
    assert_eq!(told, [1, 0, 1, 1]);
}

#[test]
fn probation_ends_with_an_answer() {
    let pool = pool(["a", "b"], true);
    let a = &pool.endpoints[0];
    let eject_once = |start: u64| (0..3).any(|n| ejected(closed(&pool, 0, start + 10 * n)));
    assert!(eject_once(0));
    assert!(a.take_back(Millis(40_000)));
    let again = closed(&pool, 0, 40_001);
    assert_eq!(again, Some(Ejection::Ejected(TooMany { failures: 1, on_probation: true })));
    assert!(a.take_back(Millis(80_000)));
    a.answered(|| Micros(u64::MAX));
    assert!(closed(&pool, 0, 80_001).is_none());
}

#[test]
fn the_last_backend_is_spared() {
    let pool = pool(["a", "b"], true);
    let [a, b] = [&pool.endpoints[0], &pool.endpoints[1]];
    b.backend.node.live.set_admin(AdminState::Drain);
    let found: Vec<_> = (0..5).map(|n| closed(&pool, 0, 10 * n)).collect();
    let spared = |failures, tell| Some(Ejection::Spared(TooMany { failures, on_probation: false }, tell));
    assert_eq!(found, [None, None, spared(3, true), spared(4, false), spared(5, false)]);
    assert_eq!((a.backend.live.health(), told(&a.tally.ejections_spared)), (Health::Up, 3));
    b.backend.node.live.set_admin(AdminState::Ready);
    assert!(ejected(closed(&pool, 0, 100)));
    // Now b is the last one.
    assert!((0..5).all(|n| !ejected(closed(&pool, 1, 200 + 10 * n))));
}

#[test]
fn failing_probes_take_an_ejection_over() {
    for connect_proves in [false, true] {
        let pool = pool(["a", "b"], connect_proves);
        let a = &pool.endpoints[0];
        assert!((0..3).any(|n| ejected(closed(&pool, 0, 10 * n))));
        assert!(a.judged(Health::Down, Millis(100), || "connection refused".into()));
        assert_eq!((a.backend.live.ejected_until(), told(&a.tally.went_down)), (None, 1));
        assert_eq!(a.why_down().as_deref(), Some("connection refused"));
        assert!(!a.take_back(Millis(99_999)), "its time ends nothing now");
        assert_eq!(a.connect_succeeded(Millis(100_000)), connect_proves);
    }
}

#[test]
fn a_connect_proves_only_what_its_probe_would() {
    for connect_proves in [false, true] {
        let pool = pool(["a", "b"], connect_proves);
        let a = &pool.endpoints[0];
        let fails = |at| a.connect_failed(Millis(at), Millis(at + 1), || "connection refused".into());
        assert_eq!([fails(1), fails(2), fails(3), fails(4)], [None, None, Some(3), None]);
        let cause = if connect_proves { DownCause::Connect } else { DownCause::Probe };
        assert_eq!(a.backend.live.down_cause(), Some(cause));
        assert_eq!(a.connect_succeeded(Millis(10)), connect_proves);
        assert_eq!(a.judged(Health::Up, Millis(20), String::new), !connect_proves);
    }
}
