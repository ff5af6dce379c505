use super::*;
use proptest::prelude::*;

const NOW: UnixSeconds = UnixSeconds(1_772_326_900);
const IDLE: u64 = 3600;

/// A ring as its file would hold it: the secret of key n is n, 32 times.
fn ring(ids: &[u8]) -> Arc<KeyRing> {
    let lines = ids.iter().map(|id| {
        let mut secret = [0; 43];
        super::super::base64::STANDARD.encode(&[*id; 32], &mut secret);
        format!("{id:08x} {}= 2026-03-01\n", String::from_utf8_lossy(&secret))
    });
    Arc::new(KeyRing::parse(&lines.collect::<String>()).unwrap())
}

fn settings(keys: &Arc<KeyRing>) -> CookieSettings {
    CookieSettings {
        name: "EDGE".into(),
        secure: Secure::Auto,
        http_only: true,
        same_site: SameSite::Lax,
        domain: None,
        path: "/".into(),
        keys: keys.clone(),
    }
}

fn codec_with(keys: Arc<KeyRing>) -> CookieCodec {
    CookieCodec::new("mim-portal", &settings(&keys), keys)
}

fn codec() -> CookieCodec {
    codec_with(ring(&[1]))
}

fn ticket() -> Ticket {
    Ticket {
        node: NodeTag::of("portal1"),
        home: NodeTag::of("portal2"),
        issued: UnixSeconds(NOW.0 - 5000),
        renewed: UnixSeconds(NOW.0 - 10),
        nonce: 0,
    }
}

/// `NAME=value`, as a browser sends it back.
fn issued(codec: &CookieCodec, ticket: &Ticket) -> String {
    let mut line = Vec::new();
    codec.issue(ticket, false, &mut line).unwrap();
    String::from_utf8(line).unwrap().split(';').next().unwrap().to_owned()
}

fn read(codec: &CookieCodec, line: impl AsRef<[u8]>) -> CookieReading {
    read_at(codec, line, NOW)
}

fn read_at(codec: &CookieCodec, line: impl AsRef<[u8]>, now: UnixSeconds) -> CookieReading {
    codec.read(std::iter::once(line.as_ref()), now, IDLE)
}

/// What was read with its nonce cleared, to be compared with what was issued.
fn valid(reading: CookieReading) -> Option<Ticket> {
    match reading {
        CookieReading::Valid(ticket) => Some(Ticket { nonce: 0, ..ticket }),
        _ => None,
    }
}

fn refused(why: CookieRefusal) -> CookieReading {
    CookieReading::Refused(why)
}

/// A value of the right length with some byte of the 65 replaced.
fn altered(cookie: &str, at: usize, byte: u8) -> String {
    let mut bytes = [0; LENGTH];
    assert!(URL.decode(cookie.strip_prefix("EDGE=").unwrap().as_bytes(), &mut bytes));
    bytes[at] = byte;
    let mut value = [0; VALUE_LENGTH];
    URL.encode(&bytes, &mut value);
    format!("EDGE={}", String::from_utf8_lossy(&value))
}

/// Made with Python's `cryptography` from the format's description. Cookies in browsers outlive an upgrade:
/// if this test fails, the new format needs a new version byte, and this one must stay readable.
#[test]
fn the_format_does_not_change() {
    let keys = "0a0b0c0d AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8= 2026-03-01";
    let codec = codec_with(Arc::new(KeyRing::parse(keys).unwrap()));
    let value = "AQoLDA1kZWZnaGlqa2xtbm_rwfZUdplYGX7m2-eB1qt-0RXLGnqK3irOci3IkgAq2JVmwTZj_9IjWocc9RmPqZ8";
    let ticket = Ticket {
        node: NodeTag::of("portal1"),
        home: NodeTag::of("portal2"),
        issued: UnixSeconds(1_772_323_200),
        renewed: UnixSeconds(1_772_326_800),
        nonce: 0x6465_6667_6869_6a6b_6c6d_6e6f,
    };
    assert_eq!(read(&codec, format!("EDGE={value}")), CookieReading::Valid(ticket));
    let nonce = std::array::from_fn(|index| 100 + index as u8);
    assert_eq!(codec.seal(&ticket, nonce).unwrap(), value.as_bytes());
    assert_eq!(value.len(), VALUE_LENGTH);
}

#[test]
fn what_was_issued_is_read_and_looks_new_each_time() {
    let codec = codec();
    let (one, other) = (issued(&codec, &ticket()), issued(&codec, &ticket()));
    assert_eq!(valid(read(&codec, &one)), Some(ticket()));
    assert_ne!(one, other);
    assert_ne!(read(&codec, &one), read(&codec, &other), "the nonce tells them apart");
    assert!(codec.mentions(one.as_bytes()));
}

#[test]
fn the_attributes_follow_the_settings() {
    let keys = ring(&[1]);
    let lax = settings(&keys);
    let domain = CookieSettings {
        domain: Some("example.com".into()),
        path: "/PasswordReset".into(),
        same_site: SameSite::Strict,
        secure: Secure::Always,
        http_only: false,
        ..lax.clone()
    };
    let never = CookieSettings { secure: Secure::Never, ..lax.clone() };
    let cross_site = CookieSettings { same_site: SameSite::None, ..never.clone() };
    for (settings, https, expected) in [
        (&lax, false, "; Path=/; HttpOnly; SameSite=Lax"),
        (&lax, true, "; Path=/; Secure; HttpOnly; SameSite=Lax"),
        (&domain, false, "; Path=/PasswordReset; Domain=example.com; Secure; SameSite=Strict"),
        (&never, true, "; Path=/; HttpOnly; SameSite=Lax"),
        (&cross_site, false, "; Path=/; Secure; HttpOnly; SameSite=None"),
    ] {
        let codec = CookieCodec::new("mim-portal", settings, keys.clone());
        let mut line = b"before ".to_vec();
        codec.issue(&ticket(), https, &mut line).unwrap();
        let line = String::from_utf8(line).unwrap();
        let value = line.strip_prefix("before EDGE=").unwrap();
        assert_eq!(&value[VALUE_LENGTH..], expected);
    }
}

#[test]
fn a_time_that_does_not_fit_is_an_error() {
    let late = Ticket { renewed: UnixSeconds(1 << 32), ..ticket() };
    let mut line = Vec::new();
    assert_eq!(codec().issue(&late, true, &mut line), Err(CookieError::Time));
    assert!(line.is_empty());
}

#[test]
fn every_refusal_has_its_reason() {
    let codec = codec();
    let good = issued(&codec, &ticket());
    let other_group = CookieCodec::new("sspr-reset", &settings(&ring(&[1])), ring(&[1]));
    let other_name = CookieSettings { name: "EDGF".into(), ..settings(&ring(&[1])) };
    let other_name = CookieCodec::new("mim-portal", &other_name, ring(&[1]));
    let dated = |renewed| issued(&codec, &Ticket { renewed: UnixSeconds(renewed), ..ticket() });
    for (line, why) in [
        ("EDGE=".to_owned(), CookieRefusal::Malformed),
        ("EDGE=portal1".to_owned(), CookieRefusal::Malformed),
        (good.replace("EDGE=", "EDGE=\"") + "\"", CookieRefusal::Malformed),
        (good.replace("EDGE=A", "EDGE=+"), CookieRefusal::Malformed),
        (good.clone() + "=", CookieRefusal::Oversized),
        (good.clone() + "A", CookieRefusal::Oversized),
        (format!("EDGE={}", "A".repeat(5000)), CookieRefusal::Oversized),
        (format!("{good}; EDGE=other"), CookieRefusal::Duplicate),
        (format!("EDGE=; a=b; {good}"), CookieRefusal::Duplicate),
        (format!("{good}; {}", issued(&codec, &ticket())), CookieRefusal::Duplicate),
        (altered(&good, 0, 0), CookieRefusal::UnknownVersion),
        (altered(&good, 0, 2), CookieRefusal::UnknownVersion),
        (altered(&good, KEY_ID_AT + 3, 2), CookieRefusal::UnknownKey),
        (issued(&codec_with(ring(&[2, 1])), &ticket()), CookieRefusal::UnknownKey),
        (issued(&other_name, &ticket()).replace("EDGF", "EDGE"), CookieRefusal::Forged),
        (issued(&other_group, &ticket()), CookieRefusal::Foreign),
        (dated(NOW.0 - IDLE - IDLE / 10 - 1), CookieRefusal::Stale),
        (dated(NOW.0 + CLOCK_TOLERANCE_S + 1), CookieRefusal::FromTheFuture),
    ] {
        assert_eq!(read(&codec, &line), refused(why), "{line}");
    }
    for renewed in [NOW.0 - IDLE - IDLE / 10, NOW.0 + CLOCK_TOLERANCE_S] {
        assert!(valid(read(&codec, dated(renewed))).is_some());
    }
    let endless = codec.read(std::iter::once(dated(0).as_bytes()), NOW, u64::MAX);
    assert!(valid(endless).is_some());
}

#[test]
fn a_key_id_of_the_ring_with_another_secret_is_a_forgery() {
    let cookie = issued(&codec_with(ring(&[2])), &ticket());
    assert_eq!(read(&codec(), altered(&cookie, KEY_ID_AT + 3, 1)), refused(CookieRefusal::Forged));
    // Both keys in the ring: the id is part of what was sealed.
    assert_eq!(
        read(&codec_with(ring(&[1, 2])), altered(&cookie, KEY_ID_AT + 3, 1)),
        refused(CookieRefusal::Forged)
    );
}

#[test]
fn the_cookie_is_found_among_others() {
    let codec = codec();
    let good = issued(&codec, &ticket());
    for line in [
        format!("a=b; {good}; c=d"),
        format!("{good};c=\"x y\""),
        format!(" \t{good}\t ;;; =; c"),
        good.replace('=', " = "),
        format!("{good}; {good}"),
        format!("edge=1; XEDGE=2; EDGE2=3; EDGE; \"EDGE=4\"; a=EDGE=5; {good}"),
    ] {
        assert_eq!(valid(read(&codec, &line)), Some(ticket()), "{line}");
    }
    for line in ["", ";", "EDGE", "edge=1", "EDGE2=1", "XEDGE=1", "a=EDGE=1", "\"EDGE\"=1", "a=\"EDGE\""] {
        assert_eq!(read(&codec, line), CookieReading::Absent, "{line}");
    }
    let lines = |list: &[&str]| codec.read(list.iter().map(|line| line.as_bytes()), NOW, IDLE);
    assert_eq!(valid(lines(&["a=b", &good, "c=d", &good])), Some(ticket()));
    assert_eq!(lines(&[&good, "a=b; EDGE=x"]), refused(CookieRefusal::Duplicate));
    assert_eq!(lines(&[]), CookieReading::Absent);
}

#[test]
fn our_cookie_goes_with_one_separator() {
    let codec = codec();
    for (line, rest) in [
        ("EDGE=1", ""),
        ("EDGE=1; ", ""),
        ("EDGE=1; EDGE=2", ""),
        ("EDGE=1; a=b", "a=b"),
        ("a=b; EDGE=1", "a=b"),
        ("a=b; EDGE=1; c=d", "a=b; c=d"),
        ("a=b;EDGE=1;c=d", "a=b;c=d"),
        ("a=b ;\tEDGE = 1 ;  c=d;", "a=b ;  c=d;"),
        ("EDGE=1;;a", ";a"),
        ("  EDGE=\"1\"; a=\"x", "a=\"x"),
    ] {
        let mut out = b"Cookie: ".to_vec();
        assert!(codec.strip(line.as_bytes(), &mut out), "{line}");
        assert_eq!(String::from_utf8(out).unwrap(), format!("Cookie: {rest}"), "{line}");
    }
    for line in ["", " ;; =x; EDGE ;edge=1; aEDGE=1; EDGE2=1; x=\"EDGE=1\" "] {
        let mut out = Vec::new();
        assert!(!codec.strip(line.as_bytes(), &mut out));
        assert_eq!(out, line.as_bytes());
    }
}

#[test]
fn edges_never_disagree_while_keys_are_rotated() {
    // The file's life: new, rotate, promote, rotate, promote … Each edge gets every version, one later than
    // the other; a version is made only after the last one reached both.
    let mut file = KeyRing::generate("2026-01-01").unwrap();
    let mut versions = vec![file.render()];
    for month in 2..=9 {
        file.rotate(&format!("2026-{month:02}-01")).unwrap();
        versions.push(file.render());
        file.promote().unwrap();
        versions.push(file.render());
    }
    let edges: Vec<CookieCodec> =
        versions.iter().map(|text| codec_with(Arc::new(KeyRing::parse(text).unwrap()))).collect();
    for one in 0..edges.len() {
        for other in one.saturating_sub(1)..edges.len().min(one + 2) {
            let cookie = issued(&edges[one], &ticket());
            assert_eq!(valid(read(&edges[other], &cookie)), Some(ticket()), "{one} {other}");
        }
    }
    // A cookie survives four promotions and no fifth.
    let first = issued(&edges[0], &ticket());
    assert!(valid(read(&edges[9], &first)).is_some());
    assert_eq!(read(&edges[10], &first), refused(CookieRefusal::UnknownKey));
    // Skipping the copy is what the procedure is there to prevent.
    let hasty = issued(&edges[2], &ticket());
    assert_eq!(read(&edges[0], hasty), refused(CookieRefusal::UnknownKey));
}

#[test]
fn debug_output_shows_no_secrets() {
    let text = format!("{:?}", codec_with(ring(&[65])));
    assert!(text.contains("00000041") && !text.contains("65, 65") && !text.contains("QUFB"), "{text}");
}

#[test]
fn reasons_differ() {
    let mut reasons: Vec<_> = CookieRefusal::ALL.iter().map(CookieRefusal::reason).collect();
    reasons.sort_unstable();
    reasons.dedup();
    assert_eq!(reasons.len(), CookieRefusal::ALL.len());
}

/// What stands between two semicolons: application cookies, odd ones, and ours in all dresses.
fn segment() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ \t]{0,2}EDGE[ \t]{0,2}=[ -:<-~]{0,6}",
        "[ \t]{0,2}(EDGE|edge|XEDGE|EDGEX|E|\")[=\" ]{0,2}[ -:<-~]{0,6}",
        "[\\x00-:<-~]{0,8}",
    ]
}

proptest! {
    #[test]
    fn any_ticket_comes_back(node: u64, home: u64, issued_at: u32, renewed: u32) {
        let ticket = Ticket {
            node: NodeTag(node),
            home: NodeTag(home),
            issued: UnixSeconds(issued_at.into()),
            renewed: UnixSeconds(renewed.into()),
            nonce: 0,
        };
        let codec = codec();
        prop_assert_eq!(valid(read_at(&codec, issued(&codec, &ticket), ticket.renewed)), Some(ticket));
    }

    #[test]
    fn a_flipped_bit_is_refused(at in 0..VALUE_LENGTH, bit in 0..8_u32) {
        let codec = codec();
        let mut cookie = issued(&codec, &ticket()).into_bytes();
        cookie[5 + at] ^= 1 << bit;
        // A flip may make a semicolon, and the value shorter: refused too.
        prop_assert!(matches!(read(&codec, &cookie), CookieReading::Refused(_)));
    }

    #[test]
    fn another_byte_is_refused(at in 0..LENGTH, byte: u8) {
        let codec = codec();
        let cookie = issued(&codec, &ticket());
        let other = altered(&cookie, at, byte);
        prop_assert_eq!(matches!(read(&codec, &other), CookieReading::Refused(_)), other != cookie);
    }

    #[test]
    fn a_longer_or_shorter_value_is_refused(length in 0..VALUE_LENGTH, more in "[A-Za-z0-9_=-]{1,100}") {
        let codec = codec();
        let cookie = issued(&codec, &ticket());
        prop_assert_eq!(read(&codec, &cookie[..5 + length]), refused(CookieRefusal::Malformed));
        prop_assert_eq!(read(&codec, format!("{cookie}{more}")), refused(CookieRefusal::Oversized));
    }

    #[test]
    fn arbitrary_lines_are_never_valid(line in prop::collection::vec(any::<u8>(), 0..200)) {
        let codec = codec();
        prop_assert_eq!(valid(read(&codec, &line)), None);
        prop_assert_eq!(valid(read(&codec, [b"EDGE=".as_slice(), &line].concat())), None);
    }

    #[test]
    fn stripping_does_what_a_plain_model_does(segments in prop::collection::vec(segment(), 1..8)) {
        let line = segments.join(";");
        let ours = |text: &&str| text.split_once('=').is_some_and(|(name, _)| name.trim_matches([' ', '\t']) == "EDGE");
        let kept: Vec<&str> = line.split(';').filter(|text| !ours(text)).collect();
        let removed = kept.len() < line.split(';').count();
        let mut expected = kept.join(";");
        if line.split(';').next().is_some_and(|first| ours(&first)) {
            expected = expected.trim_start_matches([' ', '\t']).to_owned();
        }

        let codec = codec();
        let mut out = Vec::new();
        prop_assert_eq!(codec.strip(line.as_bytes(), &mut out), removed);
        prop_assert_eq!(String::from_utf8_lossy(&out), expected);

        // What was removed is exactly what would have been read.
        prop_assert_eq!(read(&codec, &out), CookieReading::Absent);
        prop_assert_eq!(read(&codec, &line) != CookieReading::Absent, removed);
        let mut again = Vec::new();
        prop_assert!(!codec.strip(&out, &mut again));
    }
}
