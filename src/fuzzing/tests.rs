//! Every entry point over its seeds, whole and mutated: a fixed number of times, the same way each time.
//! `FUZZ_SEED` says another way, `FUZZ_TIMES` how much longer.

use super::TARGETS;
use serde_json::Value;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

const SEED: u64 = 0x9e37_79b9_7f4a_7c15;
const LONGEST: usize = 16 * 1024;

/// What grammars are made of, so that a change hits something that means something.
const TOKENS: [&[u8]; 70] = [
    b"\r\n",
    b"\r\n\r\n",
    b"\n",
    b"\r",
    b"\0",
    b" ",
    b"\t",
    b":",
    b";",
    b",",
    b"\"",
    b"\\",
    b"=",
    b"/",
    b"?",
    b"*",
    b"@",
    b"[::1]",
    b"HTTP/1.0",
    b"HTTP/1.1",
    b"GET ",
    b"HEAD ",
    b"OPTIONS * ",
    b"http://mim/",
    b"Host: mim\r\n",
    b"Host: a:80\r\n",
    b"Content-Length: 3\r\n",
    b"Content-Length: 0\r\n",
    b"Content-Length: +1\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: gzip, chunked\r\n",
    b"Connection: close\r\n",
    b"Connection: Upgrade\r\n",
    b"Connection: cookie\r\n",
    b"Upgrade: websocket\r\n",
    b"Expect: 100-continue\r\n",
    b"Trailer: x\r\n",
    b"0\r\n\r\n",
    b"1;a=\"b\"\r\nx\r\n",
    b"ffffffffffffffff",
    b"EDGE=",
    b"EDGE=@",
    b"; EDGE=@; ",
    b"text/xml",
    b"application/soap+xml",
    b"multipart/related",
    b"start-info=",
    b"/ResourceManagementService/",
    b"+*.b /a",
    b"-a.b /A/",
    b"{",
    b"}",
    b"- ",
    b": ",
    b"null",
    b"${NAME}",
    b"PROXY TCP4 ",
    b"PROXY TCP6 ",
    b"PROXY UNKNOWN",
    b"\r\n\r\n\0\r\nQUIT\n",
    b"\x21\x11\x00\x0c",
    b"\x20\x00\x00\x00",
    b"\x03\x00\x04",
    b"192.0.2.1",
    b"10.0.0.2",
    b"::ffff:10.0.0.3",
    b"fd00::1",
    b"for=",
    b"proto=https",
    b"unknown",
];

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() >> 16).unwrap_or(0) % bound.max(1)
    }

    /// Where a piece of `bytes` lies, seldom a long one.
    fn piece(&mut self, bytes: &[u8]) -> std::ops::Range<usize> {
        let start = self.below(bytes.len() + 1);
        let most = if self.next() & 7 == 0 { 512 } else { 16 };
        start..bytes.len().min(start + self.below(most))
    }

    /// One change: a bit, a byte, a token, or a piece removed, doubled, or taken from another input.
    fn change(&mut self, bytes: &mut Vec<u8>, other: &[u8]) {
        let at = self.below(bytes.len() + 1);
        match self.below(7) {
            0 if at < bytes.len() => bytes[at] ^= 1 << self.below(8),
            1 if at < bytes.len() => bytes[at] = self.next().to_le_bytes()[2],
            2 => drop(bytes.drain(self.piece(bytes))),
            3 => {
                let piece = bytes[self.piece(bytes)].to_vec();
                drop(bytes.splice(at..at, piece));
            }
            4 => drop(bytes.splice(at..at, other[self.piece(other)].to_vec())),
            5 => {
                let piece = self.piece(other);
                bytes.truncate(at);
                bytes.extend_from_slice(&other[piece.start..]);
            }
            _ => {
                let token = TOKENS[self.below(TOKENS.len())];
                drop(bytes.splice(at..at, token.iter().copied()));
            }
        }
        bytes.truncate(LONGEST);
    }
}

fn seeds(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(name);
    let mut files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty(), "no seeds in {}", folder.display());
    files.iter().map(|file| std::fs::read(file).unwrap()).chain(probes(name)).collect()
}

/// The probes of `tests/fixtures/desync`, as inputs of the targets that take requests; `tests/desync/seeds` makes the same
/// for libFuzzer.
fn probes(name: &str) -> Vec<Vec<u8>> {
    fn bytes(value: &Value) -> Vec<u8> {
        match value {
            Value::String(text) => text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect(),
            Value::Array(parts) => parts.iter().flat_map(bytes).collect(),
            part => bytes(&part["repeat"]).repeat(part["times"].as_u64().unwrap() as usize),
        }
    }
    let corpus: Value =
        serde_json::from_str(include_str!("../../tests/fixtures/desync/probes.json")).unwrap();
    let probes = corpus["probes"].as_array().unwrap().iter().map(|probe| bytes(&probe["bytes"]));
    match name {
        "request_head" => probes.collect(),
        "forwarding" => probes.map(|probe| [&[0x80, 0], &probe[..]].concat()).collect(),
        "body" => {
            let body = |probe: Vec<u8>| {
                let head = probe.windows(4).position(|end| end == b"\r\n\r\n")?;
                Some([&[3, 5], &probe[head + 4..]].concat())
            };
            probes.filter_map(body).collect()
        }
        _ => Vec::new(),
    }
}

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().expect(name))
}

/// Seeds as they are, then so many mutations of them.
fn run(name: &str, times: u64) {
    let entry = TARGETS.iter().find(|target| target.0 == name).unwrap().1;
    let seeds = seeds(name);
    let seed = number("FUZZ_SEED", SEED);
    let try_it = |input: &[u8], which: &str| {
        let tried = catch_unwind(AssertUnwindSafe(|| entry(input)));
        if let Err(panic) = tried {
            let hex: String = input.iter().map(|byte| format!("{byte:02x}")).collect();
            eprintln!("{name}, {which}, FUZZ_SEED={seed}, input in hex:\n{hex}\n{}", input.escape_ascii());
            std::panic::resume_unwind(panic);
        }
    };
    for (place, input) in seeds.iter().enumerate() {
        try_it(input, &format!("seed {place}"));
    }
    let mut random = Random(seed | 1);
    for turn in 0..times * number("FUZZ_TIMES", 1) {
        let mut input = seeds[random.below(seeds.len())].clone();
        for _ in 0..=random.below(6) {
            let other = random.below(seeds.len());
            random.change(&mut input, &seeds[other]);
        }
        try_it(&input, &format!("turn {turn}"));
    }
}

macro_rules! bounded {
    ($($name:ident $times:expr),*) => {$(
        #[test]
        fn $name() {
            run(stringify!($name), $times);
        }
    )*};
}

bounded!(
    request_head 100_000, response_head 100_000, body 150_000, cookie 50_000, configuration 10_000, route 40_000,
    client_class 150_000, forwarding 150_000, proxy_protocol 150_000, client_header 100_000
);

#[test]
fn every_target_has_a_program_and_seeds() {
    let manifest = include_str!("../../fuzz/Cargo.toml");
    for (name, _) in TARGETS {
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name}");
        assert!(!seeds(name).is_empty());
    }
}
