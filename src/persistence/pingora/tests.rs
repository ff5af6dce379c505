use super::*;
use crate::persistence::client_class::Why;
use crate::persistence::keys::KeyRing;
use async_trait::async_trait;
use pingora_load_balancing::Backends;
use pingora_load_balancing::discovery::ServiceDiscovery;
use pingora_load_balancing::selection::RoundRobin;
use std::collections::{BTreeSet, HashMap};
use std::sync::Mutex;

/// What a test says there is.
#[derive(Clone, Default)]
struct Said(Arc<Mutex<BTreeSet<Backend>>>);

#[async_trait]
impl ServiceDiscovery for Said {
    async fn discover(&self) -> Result<(BTreeSet<Backend>, HashMap<u64, bool>)> {
        Ok((self.0.lock().unwrap().clone(), HashMap::new()))
    }
}

/// A load balancer whose set is said by the test.
struct Discovered {
    said: Said,
    load_balancer: Arc<LoadBalancer<RoundRobin>>,
}

impl Discovered {
    async fn new(addresses: &[&str]) -> Self {
        let said = Said::default();
        let load_balancer = LoadBalancer::from_backends(Backends::new(Box::new(said.clone())));
        let discovered = Self { said, load_balancer: Arc::new(load_balancer) };
        discovered.become_set(addresses).await;
        discovered
    }

    async fn become_set(&self, addresses: &[&str]) {
        *self.said.0.lock().unwrap() = addresses.iter().map(|text| Backend::new(text).unwrap()).collect();
        self.load_balancer.update().await.unwrap();
    }

    fn enable(&self, address: &str, enabled: bool) {
        self.load_balancer.backends().set_enable(&Backend::new(address).unwrap(), enabled);
    }
}

/// Machines by the last part of their address: 10.0.0.1 and 10.0.9.1 are `n1`.
fn by_last_part(backend: &Backend) -> NodeSettings {
    let ip = backend.addr.as_inet().unwrap().ip().to_string();
    NodeSettings::new(format!("n{}", ip.rsplit('.').next().unwrap()))
}

/// A group that does not wait.
fn impatient() -> GroupSettings {
    GroupSettings { hold: Duration::ZERO, ..GroupSettings::by_source_ip("g") }
}

fn client(last: u8) -> Facts {
    let class = (crate::persistence::client_class::ClientClass::Soap, Why::Default);
    Facts { client: [192, 0, 2, last].into(), class, cookie: CookieReading::Absent }
}

/// Where a request goes now, whenever the load balancers were looked at last.
async fn choose(pool: &PersistentPool, facts: &Facts, context: &mut PersistenceContext) -> String {
    pool.shared.look(pool.shared.clock.refresh().mono);
    pool.choose(facts, context).await.unwrap().addr.to_string()
}

/// A whole request.
async fn serve(pool: &PersistentPool, facts: &Facts) -> String {
    let mut context = PersistenceContext::default();
    let address = choose(pool, facts, &mut context).await;
    let mut response = ResponseHeader::build(200, None).unwrap();
    pool.commit(&mut context, &mut response).unwrap();
    pool.finish(&mut context);
    address
}

fn refused_connect() -> Box<Error> {
    Error::new(ErrorType::ConnectRefused)
}

#[tokio::test]
async fn a_client_stays_with_a_node_whose_address_changes() {
    let farm = Discovered::new(&["10.0.0.1:80", "10.0.0.2:80"]).await;
    let group = PersistenceGroup::new(impatient(), by_last_part);
    let pool = group.pool("p", farm.load_balancer.clone());
    let first = serve(&pool, &client(1)).await;
    let second = serve(&pool, &client(2)).await;
    assert_ne!(first, second, "the fewest pins");
    farm.become_set(&["10.0.9.2:80", "10.0.9.1:80", "10.0.9.3:80"]).await;
    assert_eq!(serve(&pool, &client(1)).await, first.replace("10.0.0", "10.0.9"));
    assert_eq!(serve(&pool, &client(2)).await, second.replace("10.0.0", "10.0.9"));
    assert_eq!(serve(&pool, &client(3)).await, "10.0.9.3:80");
}

#[tokio::test]
async fn clients_of_a_removed_node_move_and_stay() {
    let farm = Discovered::new(&["10.0.0.1:80", "10.0.0.2:80"]).await;
    let group = PersistenceGroup::new(impatient(), by_last_part);
    let pool = group.pool("p", farm.load_balancer.clone());
    let first = serve(&pool, &client(1)).await;
    let other = if first == "10.0.0.1:80" { "10.0.0.2:80" } else { "10.0.0.1:80" };
    farm.become_set(&[other]).await;
    assert_eq!(serve(&pool, &client(1)).await, other);
    farm.become_set(&["10.0.0.1:80", "10.0.0.2:80"]).await;
    assert_eq!(serve(&pool, &client(1)).await, other);
    let pins: u64 = group.pins().iter().map(|(_, pins)| pins).sum();
    assert_eq!(pins, 1);
}

#[tokio::test]
async fn weights_and_backups_are_those_of_the_names() {
    let farm = Discovered::new(&["10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80"]).await;
    let group = PersistenceGroup::new(impatient(), |backend| match by_last_part(backend) {
        node if node.name == "n1" => node.weight(3),
        node if node.name == "n3" => node.backup(),
        node => node,
    });
    let pool = group.pool("p", farm.load_balancer.clone());
    for last in 0..8 {
        serve(&pool, &client(last)).await;
    }
    let mut pins = group.pins();
    pins.sort();
    assert_eq!(pins, [("n1".to_owned(), 6), ("n2".to_owned(), 2), ("n3".to_owned(), 0)]);
    assert_eq!(NodeSettings::by_address(&Backend::new_with_weight("10.0.0.1:80", 7).unwrap()).weight, 7);
}

#[tokio::test]
async fn two_pools_send_a_client_to_one_node() {
    let service = Discovered::new(&["10.0.0.1:5725", "10.0.0.2:5725"]).await;
    let sts = Discovered::new(&["10.0.0.1:5726", "10.0.0.2:5726"]).await;
    let group = PersistenceGroup::new(impatient(), by_last_part);
    let [service_pool, sts_pool] = [&service, &sts].map(|pool| group.pool("p", pool.load_balancer.clone()));
    for last in 0..4 {
        let address = serve(&service_pool, &client(last)).await;
        assert_eq!(serve(&sts_pool, &client(last)).await, address.replace(":5725", ":5726"));
    }
    // A node that is not whole takes no new clients; those it has stay where they can.
    sts.enable("10.0.0.1:5726", false);
    for last in 4..8 {
        assert_eq!(serve(&service_pool, &client(last)).await, "10.0.0.2:5725");
    }
}

#[tokio::test]
async fn a_failed_node_is_left_and_a_drained_one_is_not() {
    let farm = Discovered::new(&["10.0.0.1:80", "10.0.0.2:80"]).await;
    let group = PersistenceGroup::new(impatient(), by_last_part);
    let pool = group.pool("p", farm.load_balancer.clone());
    farm.enable("10.0.0.2:80", false);
    assert_eq!(serve(&pool, &client(1)).await, "10.0.0.1:80");
    farm.enable("10.0.0.2:80", true);
    assert_eq!(group.set_state("n1", AdminState::Drain), AdminState::Ready);
    assert_eq!(serve(&pool, &client(1)).await, "10.0.0.1:80");
    assert_eq!(serve(&pool, &client(2)).await, "10.0.0.2:80");
    assert_eq!(serve(&pool, &client(3)).await, "10.0.0.2:80");
    farm.enable("10.0.0.1:80", false);
    assert_eq!(serve(&pool, &client(1)).await, "10.0.0.2:80");
}

#[tokio::test]
async fn the_view_is_made_anew_only_when_the_set_changes() {
    let farm = Discovered::new(&["10.0.0.1:80", "10.0.0.2:80"]).await;
    let group = PersistenceGroup::new(impatient(), by_last_part);
    let pool = group.pool("p", farm.load_balancer.clone());
    let view = pool.shared.view.load_full();
    farm.become_set(&["10.0.0.1:80", "10.0.0.2:80"]).await;
    farm.enable("10.0.0.1:80", false);
    assert_eq!(serve(&pool, &client(1)).await, "10.0.0.2:80");
    assert!(pool.shared.shows(&view));
    farm.become_set(&["10.0.0.1:80"]).await;
    pool.shared.look(pool.shared.clock.refresh().mono);
    assert!(!pool.shared.shows(&view));
}

#[tokio::test]
async fn a_new_client_tries_another_node_at_once_and_a_known_one_its_own_again() {
    let farm = Discovered::new(&["10.0.0.1:80", "10.0.0.2:80"]).await;
    let group = PersistenceGroup::new(GroupSettings::by_source_ip("g"), by_last_part);
    let pool = group.pool("p", farm.load_balancer.clone());
    let mut context = PersistenceContext::default();
    let first = choose(&pool, &client(1), &mut context).await;
    assert!(pool.connect_failed(&mut context, refused_connect()).retry());
    let second = choose(&pool, &client(1), &mut context).await;
    assert_ne!(first, second);
    let mut response = ResponseHeader::build(500, None).unwrap();
    pool.commit(&mut context, &mut response).unwrap();
    assert!(pool.connect_failed(&mut context, refused_connect()).retry());
    assert_eq!(choose(&pool, &client(1), &mut context).await, second, "after a pause");
    let mut options = pingora_core::upstreams::peer::PeerOptions::new();
    context.bound_connect(&mut options);
    assert!(options.total_connection_timeout.unwrap() <= Duration::from_secs(2));
}

#[tokio::test]
async fn a_dropped_context_holds_nothing() {
    let farm = Discovered::new(&["10.0.0.1:80"]).await;
    let group = PersistenceGroup::new(impatient(), by_last_part);
    let pool = group.pool("p", farm.load_balancer.clone());
    let mut context = PersistenceContext::default();
    choose(&pool, &client(1), &mut context).await;
    let backend = context.selection().unwrap().backend().clone();
    assert_eq!(backend.live.in_flight(), 1);
    drop(context);
    assert_eq!(backend.live.in_flight(), 0);
}

#[tokio::test]
async fn who_may_not_wait_is_refused_and_told_why() {
    let farm = Discovered::new(&["10.0.0.1:80", "10.0.0.2:80"]).await;
    let group = PersistenceGroup::new(GroupSettings::by_source_ip("g"), by_last_part);
    let pool = group.pool("p", farm.load_balancer.clone());
    let home = serve(&pool, &client(1)).await;
    farm.enable(&home, false);
    group.limit_waiting(0);
    pool.shared.look(pool.shared.clock.refresh().mono);
    let mut context = PersistenceContext::default();
    let error = pool.choose(&client(1), &mut context).await.unwrap_err();
    assert_eq!(error.etype(), &ErrorType::HTTPStatus(503));
    assert_eq!(context.refused(), Some("waiting_full"));
    farm.become_set(&[]).await;
    pool.shared.look(pool.shared.clock.refresh().mono);
    let mut context = PersistenceContext::default();
    assert!(pool.choose(&client(1), &mut context).await.is_err());
    assert_eq!(context.refused(), Some("no_node"));
}

#[tokio::test]
async fn a_known_client_waits_for_its_node() {
    let farm = Discovered::new(&["10.0.0.1:80", "10.0.0.2:80"]).await;
    let settings = GroupSettings { hold: Duration::from_secs(60), ..GroupSettings::by_source_ip("g") };
    let group = PersistenceGroup::new(settings, by_last_part);
    let pool = group.pool("p", farm.load_balancer.clone());
    let home = serve(&pool, &client(1)).await;
    farm.enable(&home, false);
    let mut context = PersistenceContext::default();
    let facts = client(1);
    let request = choose(&pool, &facts, &mut context);
    // Polled after the request, which waits by then.
    let recovery = async { farm.enable(&home, true) };
    assert_eq!(tokio::join!(request, recovery).0, home);
}

#[tokio::test]
async fn a_cookie_goes_out_once_and_never_upstream() {
    let farm = Discovered::new(&["10.0.0.1:80", "10.0.0.2:80"]).await;
    let keys = Arc::new(KeyRing::generate("2026-01-01T00:00:00Z").unwrap());
    let group = PersistenceGroup::new(GroupSettings::by_cookie("g", keys), by_last_part);
    let pool = group.pool("p", farm.load_balancer.clone());
    let mut context = PersistenceContext::default();
    choose(&pool, &client(1), &mut context).await;
    let mut interim = ResponseHeader::build(103, None).unwrap();
    pool.commit(&mut context, &mut interim).unwrap();
    assert!(!interim.headers.contains_key("set-cookie"));
    let mut response = ResponseHeader::build(200, None).unwrap();
    response.append_header("set-cookie", "theirs=1").unwrap();
    pool.commit(&mut context, &mut response).unwrap();
    let lines: Vec<_> = response.headers.get_all("set-cookie").iter().collect();
    assert!(lines.len() == 2 && lines[1].to_str().unwrap().starts_with("EDGE-g="), "{lines:?}");

    let mut request = RequestHeader::build("GET", b"/", None).unwrap();
    for line in ["a=1; EDGE-g=forged; b=2", "EDGE-g=x", "c=3"] {
        request.append_header("cookie", line).unwrap();
    }
    pool.strip_cookie(&mut request).unwrap();
    assert_eq!(heads::cookies(&request).collect::<Vec<_>>(), [&b"a=1; b=2"[..], b"c=3"]);
}
