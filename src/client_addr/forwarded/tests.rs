use super::*;

const TRUSTED: [&str; 3] = ["10.0.0.0/8", "192.168.1.1/32", "fd00::/8"];

fn walked(peer: &str, lines: &[&str], kind: Kind) -> Resolved {
    let trusted = TRUSTED.map(|prefix| prefix.parse().unwrap());
    resolve(peer.parse().unwrap(), lines.iter().map(|line| line.as_bytes()), kind, &trusted)
}

#[track_caller]
fn assert_walk(kind: Kind, lines: &[&str], client: &str, fault: Option<Fault>) {
    let expected = Resolved { client: client.parse().unwrap(), fault };
    assert_eq!(walked("10.0.0.1", lines, kind), expected, "{lines:?}");
}

#[test]
fn the_first_address_from_the_right_that_is_no_trusted_proxys_is_the_client() {
    for (lines, client) in [
        (&["192.0.2.1"][..], "192.0.2.1"),
        (&["6.6.6.6, 192.0.2.1"], "192.0.2.1"),
        (&["6.6.6.6, 192.0.2.1, 10.0.0.2,192.168.1.1"], "192.0.2.1"),
        (&["6.6.6.6", "192.0.2.1", "10.0.0.2"], "192.0.2.1"),
        (&["6.6.6.6, 192.0.2.1", "10.0.0.2 , 10.0.0.3"], "192.0.2.1"),
        (&["10.0.0.9, 10.0.0.8"], "10.0.0.9"),
        (&["192.0.2.1:4711"], "192.0.2.1"),
        (&["2001:db8::1"], "2001:db8::1"),
        (&["[2001:db8::1]"], "2001:db8::1"),
        (&["[2001:db8::1]:4711, [fd00::2]:1"], "2001:db8::1"),
        (&["::ffff:192.0.2.1, ::ffff:10.0.0.2"], "192.0.2.1"),
        (&["\"192.0.2.9, 192.0.2.1"], "192.0.2.1"),
        (&[], "10.0.0.1"),
    ] {
        assert_walk(Kind::XForwardedFor, lines, client, None);
    }
}

#[test]
fn nobody_is_believed_who_is_not_trusted() {
    for kind in [Kind::XForwardedFor, Kind::Forwarded] {
        let resolved = walked("203.0.113.5", &["192.0.2.1", "for=192.0.2.1"], kind);
        assert_eq!(resolved, Resolved { client: "203.0.113.5".parse().unwrap(), fault: None });
    }
    let mapped = walked("::ffff:10.0.0.1", &["192.0.2.1"], Kind::XForwardedFor);
    assert_eq!(mapped.client, "192.0.2.1".parse::<IpAddr>().unwrap());
}

#[test]
fn what_names_nobody_ends_the_walk_at_the_last_trusted_proxy() {
    let malformed = [
        "",
        " ",
        "192.0.2.1,",
        "192.0.2.1,,10.0.0.2",
        "192.0.2.1, x",
        "192.0.2.01",
        "192.0.2.256",
        "192.0.2",
        "1",
        "192.0.2.1:",
        "192.0.2.1:x",
        "192.0.2.1:65536",
        "192.0.2.1:+1",
        "[192.0.2.1]",
        "[2001:db8::1",
        "[2001:db8::1]x",
        "[2001:db8::1]:",
        "2001:db8::1%eth0",
        "\"192.0.2.1\"",
        "192.0.2.1 10.0.0.2",
        "for=192.0.2.1",
        "192.0.2.1;x",
        "é",
    ];
    for line in malformed {
        let last = if line.ends_with(",10.0.0.2") { "10.0.0.2" } else { "10.0.0.1" };
        assert_walk(Kind::XForwardedFor, &[line], last, Some(Fault::Malformed));
    }
    for line in ["unknown", "UNKNOWN", "_secret", "192.0.2.1, _h-1.x:_p", "unknown:80"] {
        assert_walk(Kind::XForwardedFor, &[line], "10.0.0.1", Some(Fault::Unnamed));
    }
    assert_walk(Kind::XForwardedFor, &["192.0.2.1, unknown, 10.9.9.9"], "10.9.9.9", Some(Fault::Unnamed));
}

#[test]
fn elements_of_forwarded_are_read_as_they_are_written() {
    for (lines, client) in [
        (&["for=192.0.2.1"][..], "192.0.2.1"),
        (&["For=192.0.2.1;proto=http;by=203.0.113.43"], "192.0.2.1"),
        (&["for=192.0.2.1; proto=http ;by=203.0.113.43"], "192.0.2.1"),
        (&["proto=https;for=\"192.0.2.1:4711\""], "192.0.2.1"),
        (&["for=\"[2001:db8::1]\""], "2001:db8::1"),
        (&["for=\"[2001:db8::1]:4711\", for=\"[fd00::1]\";by=\"a,b;\\\"c\""], "2001:db8::1"),
        (&["for=\"192.0.2\\.1\""], "192.0.2.1"),
        (&["for=\"192.0.2.1:_port\""], "192.0.2.1"),
        (&["for=6.6.6.6", "for=192.0.2.1, for=10.0.0.3"], "192.0.2.1"),
        // What a client began does not reach into what the proxy appended.
        (&["for=\"6.6.6.6, for=192.0.2.1"], "192.0.2.1"),
        (&["for=\"6.6.6.6\\, for=192.0.2.1"], "192.0.2.1"),
        (&["\"\\\\\", for=192.0.2.1"], "192.0.2.1"),
    ] {
        assert_walk(Kind::Forwarded, lines, client, None);
    }
    for line in [
        "192.0.2.1",
        "for=",
        "for=\"192.0.2.1",
        "for=192.0.2.1;for=192.0.2.2",
        "for=192.0.2.1;",
        "for=192.0.2.1 x=y",
        "for =192.0.2.1",
        "for= 192.0.2.1",
        "for=192.0.2.1:80",
        "for=[2001:db8::1]",
        "for=\"2001:db8::1\"",
        "",
        ",",
        "for=\"\x01\"",
        "for=\"192.0.2.1\"x",
        "=192.0.2.1",
        ";for=192.0.2.1",
        "for=\"192.0.2.1 \"",
        "by=\"a, for=192.0.2.1\"\"",
    ] {
        assert_walk(Kind::Forwarded, &[line], "10.0.0.1", Some(Fault::Malformed));
    }
    for line in ["for=unknown", "for=_gazonk", "for=\"_gazonk:80\"", "proto=https", "by=192.0.2.1"] {
        assert_walk(Kind::Forwarded, &[line], "10.0.0.1", Some(Fault::Unnamed));
    }
}

#[test]
fn a_chain_without_end_is_not_walked_to_its_end() {
    let chain = |proxies: usize| format!("192.0.2.1{}", ", 10.0.0.2".repeat(proxies));
    assert_walk(Kind::XForwardedFor, &[&chain(MOST_ELEMENTS - 1)], "192.0.2.1", None);
    assert_walk(Kind::XForwardedFor, &[&chain(MOST_ELEMENTS)], "10.0.0.2", Some(Fault::TooMany));
}

#[test]
fn the_scheme_is_the_nearest_proxys_word() {
    let told = |lines: &[&str], kind| scheme(lines.iter().map(|line| line.as_bytes()), kind);
    for (lines, expected) in [
        (&["https"][..], Some(true)),
        (&["http"], Some(false)),
        (&["https, HTTP"], Some(false)),
        (&["http", "https"], Some(true)),
        (&["wss"], None),
        (&["https,"], None),
        (&[], None),
    ] {
        assert_eq!(told(lines, Kind::XForwardedFor), expected, "{lines:?}");
    }
    assert_eq!(told(&["for=1.2.3.4;proto=http, for=unknown;proto=\"https\""], Kind::Forwarded), Some(true));
    assert_eq!(told(&["proto=https, for=1.2.3.4"], Kind::Forwarded), None);
    assert_eq!(told(&["proto=https;x"], Kind::Forwarded), None);
}
