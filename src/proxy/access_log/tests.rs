//! The lines beside those of a plain serialiser, and the log as a whole.

use super::*;
use crate::engine::handler::Times;
use crate::persistence::stick_table::Key;
use proptest::prelude::*;
use proptest::{option, sample};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

mod reference;

/// Longer than this the reference's own arithmetic is not exact to a microsecond.
const LONGEST_SECONDS: u64 = 30 * 24 * 3600;

/// Any time that is no tie between two microseconds, where the reference rounds as its binary fractions fall.
fn duration() -> impl Strategy<Value = Duration> {
    let seconds = prop_oneof![Just(0), 0..10u64, 0..LONGEST_SECONDS];
    let nanos = prop_oneof![Just(0), Just(999_999_999), 0..1_000_000u32, 0..1_000_000_000u32];
    (seconds, nanos)
        .prop_map(|(seconds, nanos)| Duration::new(seconds, nanos))
        .prop_filter("a tie", |duration| duration.subsec_nanos() % 1000 != 500)
}

fn times() -> impl Strategy<Value = Times> {
    (duration(), duration(), option::of(duration()), duration())
        .prop_map(|(queue, connect, first_byte, total)| Times { queue, connect, first_byte, total })
}

fn address() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        any::<[u8; 4]>().prop_map(|octets| Ipv4Addr::from(octets).into()),
        any::<[u8; 16]>().prop_map(|octets| Ipv6Addr::from(octets).into()),
        sample::select(vec!["::", "::1", "2001:db8::a:0:0:1", "::ffff:10.0.0.1", "0.0.0.0", "255.10.100.9"])
            .prop_map(|text| text.parse().unwrap()),
    ]
}

fn key() -> impl Strategy<Value = Key> {
    prop_oneof![
        (address(), 0..=32u8, 0..=128u8).prop_map(|(client, v4, v6)| Key::address(client, v4, v6)),
        any::<u128>().prop_map(Key::nonce),
        Just(Key::nonce(7)),
    ]
}

/// Names as they may be configured: anything.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z0-9:*/-]{0,40}",
        "[ -~]{0,20}",
        "[\\x00-\\x1f\"\\\\a]{0,12}",
        "[a-z]{0,9}[\\x00-\\x7f][a-z]{0,9}",
        any::<String>()
    ]
}

/// Paths and methods: bytes, mostly ASCII.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![name().prop_map(String::into_bytes), proptest::collection::vec(any::<u8>(), 0..20)]
}

fn word() -> impl Strategy<Value = Option<&'static str>> {
    option::of(sample::select(vec!["soap", "browser", "default", "unknown_key", "refused", "-"]))
}

fn moment() -> impl Strategy<Value = Duration> {
    let seconds = prop_oneof![Just(0), 1_790_000_000..1_790_000_003u64, 0..253_402_200_000u64];
    let nanos = prop_oneof![Just(0), Just(1), Just(780_000_000), 0..1_000_000_000u32];
    (seconds, nanos).prop_map(|(seconds, nanos)| Duration::new(seconds, nanos))
}

/// An entry that owns its texts.
#[derive(Clone, Debug)]
struct Owned {
    names: [Option<String>; 5],
    words: [Option<&'static str>; 5],
    line: [Vec<u8>; 2],
    addresses: (IpAddr, Option<Key>),
    numbers: (u64, u16, u64, u64, u32),
    times: Times,
}

impl Owned {
    fn entry(&self) -> Entry<'_> {
        let [listener, route, pool, group, node] = self.names.each_ref().map(Option::as_deref);
        let [class, why, cookie, outcome, failure] = self.words;
        let (request_id, status, request_bytes, response_bytes, retries) = self.numbers;
        let [method, path] = self.line.each_ref().map(Vec::as_slice);
        let ((client, key), times) = (self.addresses, self.times);
        let texts = Entry { listener, route, pool, group, node, method, path, ..Entry::empty() };
        let words = Entry { class, why, cookie, outcome, failure, ..texts };
        Entry { client, key, request_id, status, request_bytes, response_bytes, retries, times, ..words }
    }
}

fn owned() -> impl Strategy<Value = Owned> {
    let small = || prop_oneof![Just(0), 0..200u64, any::<u64>()];
    let numbers = (any::<u64>(), any::<u16>(), small(), small(), any::<u32>());
    let names = proptest::array::uniform5(option::of(name()));
    let words = [word(), word(), word(), word(), word()];
    (names, words, [bytes(), bytes()], (address(), option::of(key())), numbers, times()).prop_map(
        |(names, words, line, addresses, numbers, times)| Owned {
            names,
            words,
            line,
            addresses,
            numbers,
            times,
        },
    )
}

proptest! {
    #[test]
    fn lines_are_those_of_a_plain_serialiser(
        entries in proptest::collection::vec((owned(), moment()), 1..4)
    ) {
        // One stamp for all: seconds come and go.
        let mut stamp = Stamp::default();
        for (owned, ended) in entries {
            let (entry, mut line) = (owned.entry(), Vec::new());
            entry.write_json(&mut line, &mut stamp, ended);
            prop_assert_eq!(String::from_utf8(line).unwrap(), reference::json(&entry, ended));
            let mut line = Vec::new();
            entry.write_text(&mut line, &mut stamp, ended);
            prop_assert_eq!(String::from_utf8(line).unwrap(), reference::text(&entry, ended));
        }
    }
}

#[test]
fn a_line_reads_as_it_always_did() {
    let times = Times {
        queue: Duration::from_micros(120),
        connect: Duration::ZERO,
        first_byte: Some(Duration::from_millis(3)),
        total: Duration::from_nanos(1_904_727_500),
    };
    let (listener, route, node) = (Some("mim-service"), Some("mim-service:*/"), Some("mim2"));
    let client = [10, 20, 3, 7].into();
    let key = Some(Key::address(client, 24, 128));
    let names = Entry { request_id: 0xf2d, listener, route, node, client, key, ..Entry::empty() };
    let entry =
        Entry { class: Some("soap"), method: b"POST", path: b"/a \"b\"", status: 200, times, ..names };
    let (mut json, mut text) = (Vec::new(), Vec::new());
    let ended = Duration::new(1_795_311_248, 780_001_700);
    entry.write_json(&mut json, &mut Stamp::default(), ended);
    assert_eq!(
        String::from_utf8(json).unwrap(),
        r#"{"event":"request","time":"2026-11-22T01:34:08.7800017Z","request_id":"0000000000000f2d","listener":"mim-service","route":"mim-service:*/","pool":null,"group":null,"client":"10.20.3.7","key":"10.20.3.0","class":"soap","why":null,"cookie":null,"outcome":null,"node":"mim2","method":"POST","path":"/a \"b\"","status":200,"request_bytes":0,"response_bytes":0,"queue_ms":0.12,"connect_ms":0.0,"first_byte_ms":3.0,"total_ms":1904.728,"retries":0,"failure":null}"#
    );
    entry.write_text(&mut text, &mut Stamp::default(), ended);
    assert_eq!(
        String::from_utf8(text).unwrap(),
        r#"class=soap client=10.20.3.7 connect_ms=0.0 first_byte_ms=3.0 key=10.20.3.0 listener=mim-service method=POST node=mim2 path="/a \"b\"" queue_ms=0.12 request_bytes=0 request_id=0000000000000f2d response_bytes=0 retries=0 route=mim-service:*/ status=200 time=2026-11-22T01:34:08.7800017Z total_ms=1904.728"#
    );
}

const PATIENCE: Duration = Duration::from_secs(20);

/// Two threads write while the file is moved away again and again: each line is in one of the files, whole, and
/// those of a thread are in its order.
#[test]
fn no_line_is_lost_while_files_come_and_go() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("access.log");
    let out = Open::new(&Sink::File(path.clone())).unwrap();
    let pace = Pace { gather: Duration::from_micros(100), ..Pace::default() };
    let (log, writer) = AccessLog::onto(out, Format::Json, pace).unwrap();
    let (each, moves) = (4000, 20);
    std::thread::scope(|scope| {
        for thread in 0..2 {
            let log = &log;
            scope.spawn(move || {
                for number in 0..each {
                    log.write(&Entry { request_bytes: thread, response_bytes: number, ..Entry::empty() });
                    std::thread::yield_now();
                }
            });
        }
        for number in 0..moves {
            // Not there yet if the last one has not been opened so far.
            let _ = std::fs::rename(&path, folder.path().join(format!("access.log.{number:02}")));
            log.reopen();
            std::thread::yield_now();
        }
    });
    assert_eq!(log.dropped(), 0);
    drop(log);
    assert!(writer.finish(PATIENCE));
    let mut files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    // Older ones have a number; the present one is the last.
    files.sort_by_key(|file| (*file == path, file.clone()));
    let all: String = files.iter().map(|file| std::fs::read_to_string(file).unwrap()).collect();
    let mut next = [0; 2];
    for line in all.lines() {
        let entry: serde_json::Value = serde_json::from_str(line).unwrap();
        let next = &mut next[entry["request_bytes"].as_u64().unwrap() as usize];
        assert_eq!(entry["response_bytes"].as_u64(), Some(*next));
        *next += 1;
    }
    assert_eq!(next, [each; 2]);
}

/// The end does not wait for more lines to gather.
#[test]
fn the_end_writes_what_waits_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("access.log");
    let out = Open::new(&Sink::File(path.clone())).unwrap();
    let pace = Pace { gather: 100 * PATIENCE, retry: 100 * PATIENCE };
    let (log, writer) = AccessLog::onto(out, Format::Text, pace).unwrap();
    log.write(&Entry::empty());
    log.write(&Entry::empty());
    drop(log);
    assert!(writer.finish(PATIENCE));
    assert_eq!(std::fs::read_to_string(path).unwrap().lines().count(), 2);
}
