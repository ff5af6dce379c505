//! A selector in front of two nodes, as `identity_edge`'s documentation makes it.

use identity_edge::clock::{Millis, Now, UnixSeconds};
use identity_edge::id::Interner;
use identity_edge::persistence::client_class::{ClientClass, Why};
use identity_edge::persistence::cookie::{CookieReading, Ticket};
use identity_edge::persistence::keys::KeyRing;
use identity_edge::persistence::settings::{
    AfterRecovery, By, CookieSettings, FirstChoice, GroupSettings, SameSite, Secure, SourceIpSettings,
    Unavailable, WhenFull,
};
use identity_edge::persistence::{Decision, Facts, Selector, SelectorLive};
use identity_edge::pool::{AdminState, Backend, BackendLive, DownCause, Health, Node, NodeLive, Pool};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

/// The moment `millis` after the start.
pub fn at(millis: u64) -> Now {
    Now { mono: Millis(millis), wall: UnixSeconds(1_790_000_000 + millis / 1000) }
}

/// The address of client `number`.
pub fn address(number: u64) -> IpAddr {
    Ipv6Addr::from_bits(0x2001_0db8 << 96 | u128::from(number.wrapping_mul(0x9e37_79b9_7f4a_7c15))).into()
}

/// A selector with one group `by`, for up to `capacity` pins; its pool has the index 0, and so has the group.
pub fn selector(by: By, capacity: usize) -> Selector {
    let names = Interner::default();
    let nodes = ["mim1", "mim2"].map(|name| {
        let live = Arc::new(NodeLive::new(AdminState::Ready));
        Arc::new(Node::new(names.intern(name).expect("few names"), name, 1, false, live))
    });
    let backends = nodes.clone().map(|node| {
        let live = Arc::new(BackendLive::new());
        live.set_health(Health::Up, DownCause::Probe, Millis(0));
        Arc::new(Backend { node, pool: 0, port: 5725, slow_start: Duration::ZERO, live })
    });
    let cookie = CookieSettings {
        name: "identity_edge".into(),
        secure: Secure::Auto,
        http_only: true,
        same_site: SameSite::Lax,
        domain: None,
        path: "/".into(),
        keys: Arc::new(KeyRing::generate("2026-01-01T00:00:00Z").expect("randomness")),
    };
    let settings = GroupSettings {
        name: "mim".into(),
        by,
        source_ip: SourceIpSettings {
            ipv4_prefix: 32,
            ipv6_prefix: 128,
            capacity,
            when_full: WhenFull::EvictOldest,
        },
        static_pins: Vec::new(),
        cookie: (by == By::Cookie).then_some(cookie),
        idle_timeout: Duration::from_secs(36_000),
        max_age: None,
        first_choice: FirstChoice::LeastPins,
        unavailable: Unavailable::Redispatch,
        hold: Duration::from_secs(2),
        after_recovery: AfterRecovery::Stay,
        return_idle: Duration::from_secs(300),
        first_requests: Duration::from_secs(10),
    };
    let pool = Arc::new(Pool::new(0, "mim", backends.to_vec()));
    Selector::new(nodes.to_vec(), vec![pool], vec![(settings, vec![0])], &SelectorLive::default())
}

/// What a request of `client` says; with a cookie it is a browser's.
pub fn facts(client: IpAddr, cookie: Option<Ticket>) -> Facts {
    match cookie {
        Some(ticket) => Facts {
            client,
            class: (ClientClass::Browser, Why::Default),
            cookie: CookieReading::Valid(ticket),
        },
        None => {
            Facts { client, class: (ClientClass::Soap, Why::SoapContentType), cookie: CookieReading::Absent }
        }
    }
}

/// A whole request, as far as the selector sees it. The number of the node that served.
pub fn serve(selector: &Selector, facts: &Facts, now: Now) -> u16 {
    let Decision::Use(mut selection) = selector.select(0, Some(0), facts, now) else {
        panic!("every node is up")
    };
    let node = selection.backend().node.id;
    let _for_other_edges = selector.commit(&mut selection, node, now);
    selector.finish(selection, now);
    node.0
}

/// The ticket and the `Cookie` line of a browser that has just got its cookie.
pub fn browser(selector: &Selector, client: IpAddr, now: Now) -> (Ticket, Vec<u8>) {
    let class = (ClientClass::Browser, Why::Default);
    let new = Facts { client, class, cookie: CookieReading::Absent };
    let Decision::Use(selection) = selector.select(0, Some(0), &new, now) else { panic!("every node is up") };
    let mut set = Vec::new();
    assert!(selector.set_cookie(&selection, true, now, &mut set));
    let pair = set.split(|byte| *byte == b';').next().expect("a pair");
    let line = [b"WSS_FullScreenMode=false; ", pair, b"; ASP.NET_SessionId=0123456789abcdef"].concat();
    let codec = selector.codec(0).expect("a group with cookies");
    let CookieReading::Valid(ticket) = codec.read(std::iter::once(&line[..]), now.wall, 36_000) else {
        panic!("its own cookie")
    };
    (ticket, line)
}
