use super::*;

const A: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

fn line(id: &str) -> String {
    format!("{id} {A} 2026-03-01T12:00:00Z\n")
}

fn ids(ring: &KeyRing) -> Vec<String> {
    ring.keys().iter().map(|key| key.id().to_string()).collect()
}

#[test]
fn a_file_is_read_in_order_and_written_back() {
    let text =
        format!("\u{feff}# ours\r\n\r\n  00000001 {A} 2026-03-01\r\n\t0ABCDEF2   {A}\t2026-03-02T00:00:00Z");
    let ring = KeyRing::parse(&text).unwrap();
    assert_eq!(ids(&ring), ["00000001", "0abcdef2"]);
    assert_eq!(ring.signing().id(), KeyId([0, 0, 0, 1]));
    assert_eq!(ring.keys()[1].created(), "2026-03-02T00:00:00Z");
    assert_eq!(ring.youngest_created(), 1_772_409_600);
    assert_eq!(*ring.keys()[1].secret.0, std::array::from_fn::<u8, 32, _>(|index| index as u8));

    let rendered = ring.render();
    assert!(rendered.ends_with(&format!("\n00000001 {A} 2026-03-01\n0abcdef2 {A} 2026-03-02T00:00:00Z\n")));
    assert_eq!(KeyRing::parse(&rendered).unwrap().render(), rendered);
}

#[test]
fn what_is_wrong_with_a_file_is_said_with_its_line() {
    let seventeen: String = (1..=17).map(|id| line(&format!("{id:08x}"))).collect();
    let too_long = format!("{}{}", line("00000001"), "#".repeat(MAX_FILE_LENGTH));
    for (text, line_number, reason) in [
        ("".to_owned(), 0, KeyFileReason::NoKey),
        ("# only a comment\n\n".to_owned(), 0, KeyFileReason::NoKey),
        (too_long, 0, KeyFileReason::TooLong),
        (seventeen, 17, KeyFileReason::TooManyKeys),
        (format!("{}\n{}", line("0000000a"), line("0000000A")), 3, KeyFileReason::DuplicateId),
        (format!("00000001 {A}"), 1, KeyFileReason::Fields),
        (format!("00000001 {A} 2026-03-01 # first"), 1, KeyFileReason::Fields),
        (line("0000001"), 1, KeyFileReason::Id),
        (line("000000001"), 1, KeyFileReason::Id),
        (line("+0000001"), 1, KeyFileReason::Id),
        (line("0000000g"), 1, KeyFileReason::Id),
        (line("00000001").replace("2026-03", "2026-13"), 1, KeyFileReason::Created),
        (line("00000001").replace('=', ""), 1, KeyFileReason::Secret),
        (line("00000001").replace('=', "=="), 1, KeyFileReason::Secret),
        (line("00000001").replace("8=", "9="), 1, KeyFileReason::Secret),
        (line("00000001").replace("AAEC", ""), 1, KeyFileReason::Secret),
        (line("00000001").replace("AAEC", "AAECAAEC"), 1, KeyFileReason::Secret),
        (line("00000001").replace("AAEC", "A-_C"), 1, KeyFileReason::Secret),
    ] {
        assert_eq!(KeyRing::parse(&text).unwrap_err(), KeyFileError { line: line_number, reason }, "{text}");
    }
    let error = KeyRing::parse("x").unwrap_err();
    assert_eq!(error.to_string(), "line 1: expected <id> <base64 of 32 bytes> <created>");
}

#[test]
fn no_output_for_people_shows_key_bytes() {
    let ring = KeyRing::parse(&line("00000001")).unwrap();
    assert_eq!(format!("{ring:?}"), r#"[Key { id: 00000001, created: "2026-03-01T12:00:00Z", .. }]"#);
    // A key that stands where something else belongs must not end up in a log either.
    let error = KeyRing::parse(&format!("{A} 00000001 2026-03-01")).unwrap_err();
    assert!(!format!("{error:?} {error}").contains("AAEC"));
}

#[test]
fn a_new_ring_has_one_random_key() {
    let (one, other) = (KeyRing::generate("2026-03-01").unwrap(), KeyRing::generate("2026-03-01").unwrap());
    assert_eq!(one.keys().len(), 1);
    assert_ne!(one.signing().id(), other.signing().id());
    assert_ne!(one.signing().secret.0, other.signing().secret.0);
    assert_eq!(KeyRing::generate("yesterday").unwrap_err(), KeyRingError::Created);
}

#[test]
fn a_key_opens_first_and_signs_later() {
    let mut ring = KeyRing::generate("2026-01-01").unwrap();
    let first = ring.signing().id();
    assert_eq!(ring.promote(), Err(KeyRingError::NothingToPromote { signing: first }));

    let second = ring.rotate("2026-02-01").unwrap();
    assert_eq!(ring.signing().id(), first);
    assert_eq!(ring.keys()[1].id(), second);

    assert_eq!(ring.promote(), Ok(Promotion { signing: second, retired: first, dropped: vec![] }));
    assert_eq!(ring.signing().id(), second);
    assert_eq!(ring.keys()[1].id(), first);
    assert_eq!(ring.promote(), Err(KeyRingError::NothingToPromote { signing: second }));
    assert_eq!(ring.keys().len(), 2);
}

#[test]
fn four_retired_keys_are_kept() {
    let mut ring = KeyRing::generate("2026-01-01").unwrap();
    let mut signed = vec![ring.signing().id()]; // the newest first
    for month in 2..=8 {
        let new = ring.rotate(&format!("2026-0{month}-01")).unwrap();
        let promotion = ring.promote().unwrap();
        signed.insert(0, new);
        let dropped: Vec<KeyId> = signed.drain(signed.len().min(1 + MAX_RETIRED)..).collect();
        assert_eq!(promotion, Promotion { signing: new, retired: signed[1], dropped });
        assert_eq!(ring.keys().iter().map(Key::id).collect::<Vec<_>>(), signed);
    }
}

#[test]
fn a_key_that_is_not_the_newest_or_one_too_many_is_not_added() {
    let mut ring = KeyRing::generate("2026-01-01T00:00:00Z").unwrap();
    for created in ["2025-12-31", "2026-01-01", "2026-01-01T01:00:00+01:00"] {
        assert_eq!(ring.rotate(created), Err(KeyRingError::NotNewest), "{created}");
    }
    for day in 2..=16 {
        ring.rotate(&format!("2026-01-{day:02}")).unwrap();
    }
    assert_eq!(ring.rotate("2026-01-17"), Err(KeyRingError::TooManyKeys));
    assert_eq!(ring.keys().len(), MAX_KEYS);
    assert_eq!(ring.promote().unwrap().dropped.len(), 11);
}

#[test]
fn rings_are_merged_in_order() {
    let ring = |list: &[&str]| KeyRing::parse(&list.iter().map(|id| line(id)).collect::<String>()).unwrap();
    let merged =
        KeyRing::merge(vec![ring(&["00000002"]), ring(&["00000001", "00000002"]), ring(&["00000003"])])
            .unwrap();
    assert_eq!(ids(&merged), ["00000002", "00000001", "00000003"]);

    let other = KeyRing::parse(&line("00000002").replace("AAEC", "BAEC")).unwrap();
    let conflict = KeyRing::merge(vec![ring(&["00000002"]), other]).unwrap_err();
    assert_eq!(conflict, KeyRingError::ConflictingId(KeyId([0, 0, 0, 2])));
    assert_eq!(KeyRing::merge(vec![]).unwrap_err(), KeyRingError::NoRing);

    let many = |from: u32| {
        KeyRing::parse(&(from..from + 9).map(|id| line(&format!("{id:08x}"))).collect::<String>()).unwrap()
    };
    assert_eq!(KeyRing::merge(vec![many(0), many(9)]).unwrap_err(), KeyRingError::TooManyKeys);
    assert_eq!(KeyRing::merge(vec![many(0), many(7)]).unwrap().keys().len(), 16);
}

#[test]
fn a_ring_is_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<KeyRing>();
}
