//! How servers read what reaches them: by the rules, and by the habits that made requests be smuggled.
//!
//! Each reading takes everything that came over a connection and tells the whole requests in it. It stops at what it
//! does not understand. `tests/desync/readings.py` has the same readings for other proxies.

use identity_edge::engine::body::BodyReader;
use identity_edge::engine::head::{FieldStorage, Scan, leading_blank, parse_request, scan};

/// A request as somebody reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Where it ends.
    pub end: usize,
    pub method: String,
    /// Without scheme and authority.
    pub target: String,
    /// The host that is asked for.
    pub host: String,
}

/// What ends a line.
#[derive(Clone, Copy)]
enum Ends {
    CrLf,
    Lf,
    /// CR LF, LF or CR.
    Any,
}

/// Which one counts if there are several.
#[derive(Clone, Copy)]
enum Which {
    Only,
    First,
    Last,
}

/// What follows the data of a chunk.
#[derive(Clone, Copy)]
enum Behind {
    CrLf,
    /// Whatever they are.
    TwoBytes,
    /// A line end, if there is one.
    MaybeLine,
}

/// How one server reads.
pub struct Reader {
    pub name: &'static str,
    lines: Ends,
    /// White space around values.
    blanks: &'static [char],
    /// Blanks around names are dropped, underscores are hyphens, and folded lines joined.
    repairs_names: bool,
    lengths: Which,
    number: fn(&str) -> Option<usize>,
    is_chunked: fn(&str) -> bool,
    length_beats_coding: bool,
    hosts: Which,
    target_beats_host: bool,
    size: fn(&str) -> Option<usize>,
    behind: Behind,
}

/// By RFC 9112, and for the others to differ from.
const STRICT: Reader = Reader {
    name: "strict",
    lines: Ends::CrLf,
    blanks: &[' ', '\t'],
    repairs_names: false,
    lengths: Which::Only,
    number: digits,
    is_chunked: |value| value.eq_ignore_ascii_case("chunked"),
    length_beats_coding: false,
    hosts: Which::Only,
    target_beats_host: true,
    size: hexadecimal,
    behind: Behind::CrLf,
};

/// The readings of other servers.
pub const READERS: [Reader; 6] = [
    STRICT,
    Reader {
        name: "lenient",
        lines: Ends::Lf,
        blanks: &[' ', '\t', '\r', '\u{b}', '\u{c}', '\u{a0}'],
        repairs_names: true,
        lengths: Which::First,
        number: leading_digits,
        is_chunked: |value| value.to_ascii_lowercase().contains("chunked"),
        hosts: Which::First,
        target_beats_host: false,
        size: leading_hexadecimal,
        behind: Behind::MaybeLine,
        ..STRICT
    },
    Reader {
        name: "last length",
        lengths: Which::Last,
        number: c_notation,
        length_beats_coding: true,
        hosts: Which::Last,
        ..STRICT
    },
    Reader {
        name: "literal",
        blanks: &[' '],
        lengths: Which::First,
        is_chunked: |value| value == "chunked",
        hosts: Which::First,
        ..STRICT
    },
    Reader {
        name: "CR ends lines",
        lines: Ends::Any,
        lengths: Which::First,
        is_chunked: |value| value.split(',').any(|coding| coding.trim().eq_ignore_ascii_case("chunked")),
        hosts: Which::First,
        behind: Behind::TwoBytes,
        ..STRICT
    },
    Reader {
        name: "LF is a byte",
        lengths: Which::Last,
        is_chunked: |value| {
            value.rsplit(',').next().is_some_and(|c| c.trim().eq_ignore_ascii_case("chunked"))
        },
        hosts: Which::Last,
        behind: Behind::TwoBytes,
        ..STRICT
    },
];

fn digits(text: &str) -> Option<usize> {
    text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()))
}

fn hexadecimal(text: &str) -> Option<usize> {
    usize::from_str_radix(text, 16).ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// `atoi`.
fn leading_digits(text: &str) -> Option<usize> {
    let text = text.trim_start().trim_start_matches('+');
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    digits(&text[..end])
}

/// `strtoul` with base 16.
fn leading_hexadecimal(text: &str) -> Option<usize> {
    let text = text.trim_start().trim_start_matches('+');
    let text = text.strip_prefix("0x").unwrap_or(text);
    let end = text.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(text.len());
    hexadecimal(&text[..end])
}

/// `strtoul` with base 0, of a whole number.
fn c_notation(text: &str) -> Option<usize> {
    match text.strip_prefix("0x") {
        Some(text) => hexadecimal(text),
        None if text.len() > 1 && text.starts_with('0') => usize::from_str_radix(text, 8).ok(),
        None => digits(text),
    }
}

impl Reader {
    /// The whole requests in `bytes`.
    pub fn read(&self, bytes: &[u8]) -> Vec<Seen> {
        // A byte is a character: positions and lengths are the same.
        let mut requests = Vec::new();
        while let Some(seen) = self.request(bytes, requests.last().map_or(0, |seen: &Seen| seen.end)) {
            requests.push(seen);
        }
        requests
    }

    fn line(&self, bytes: &[u8], at: &mut usize) -> Option<String> {
        let rest = bytes.get(*at..)?;
        let (length, end) = match self.lines {
            Ends::CrLf => (rest.windows(2).position(|pair| pair == b"\r\n")?, 2),
            Ends::Lf => (rest.iter().position(|byte| *byte == b'\n')?, 1),
            Ends::Any => {
                let length = rest.iter().position(|byte| matches!(byte, b'\r' | b'\n'))?;
                (length, if rest[length..].starts_with(b"\r\n") { 2 } else { 1 })
            }
        };
        *at += length + end;
        let line: String = rest[..length].iter().map(|byte| char::from(*byte)).collect();
        Some(if end == 1 { line.trim_end_matches('\r').to_owned() } else { line })
    }

    fn fields(&self, bytes: &[u8], at: &mut usize) -> Option<Vec<(String, String)>> {
        let mut fields: Vec<(String, String)> = Vec::new();
        loop {
            let line = self.line(bytes, at)?;
            if line.is_empty() {
                return Some(fields);
            }
            let folds = self.repairs_names && line.starts_with([' ', '\t']);
            if let Some((_, value)) = fields.last_mut().filter(|_| folds) {
                *value = format!("{value} {}", line.trim_matches(self.blanks)).trim().to_owned();
                continue;
            }
            let (name, value) = line.split_once(':').unwrap_or((&line, ""));
            let name = if self.repairs_names { name.trim().replace('_', "-") } else { name.to_owned() };
            fields.push((name.to_ascii_lowercase(), value.trim_matches(self.blanks).to_owned()));
        }
    }

    fn request(&self, bytes: &[u8], from: usize) -> Option<Seen> {
        let mut at = from;
        let first = loop {
            let line = self.line(bytes, &mut at)?;
            if !line.is_empty() {
                break line;
            }
        };
        let mut words = first.split([' ', '\t']).filter(|word| !word.is_empty());
        let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
        let fields = self.fields(bytes, &mut at)?;
        let values = |name: &str| -> Vec<&str> {
            fields.iter().filter(|field| field.0 == name).map(|field| field.1.as_str()).collect()
        };
        let length = match (self.lengths, &values("content-length")[..]) {
            (_, []) => None,
            (Which::Only, [only]) => Some((self.number)(only)?),
            (Which::Only, _) => return None,
            (Which::First, [first, ..]) => (self.number)(first),
            (Which::Last, [.., last]) => (self.number)(last),
        };
        let coded = values("transfer-encoding").iter().any(|value| (self.is_chunked)(value));
        if coded && !(self.length_beats_coding && length.is_some()) {
            self.chunks(bytes, &mut at)?;
        } else {
            at += length.unwrap_or(0);
        }
        let hosts = values("host");
        let host = match self.hosts {
            Which::First | Which::Only => hosts.first(),
            Which::Last => hosts.last(),
        };
        let host = host.map_or(String::new(), |host| (*host).to_owned());
        let (target, host) = match target.split_once("://") {
            Some((_, rest)) => {
                let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
                (path.to_owned(), if self.target_beats_host { authority.to_owned() } else { host })
            }
            None => (target, host),
        };
        (at <= bytes.len()).then_some(Seen { end: at, method, target, host })
    }

    fn chunks(&self, bytes: &[u8], at: &mut usize) -> Option<()> {
        loop {
            let line = self.line(bytes, at)?;
            let size = (self.size)(line.split(';').next()?.trim_end_matches(self.blanks))?;
            if size == 0 {
                return self.fields(bytes, at).map(|_| ());
            }
            *at = at.checked_add(size)?;
            let rest = bytes.get(*at..)?;
            *at += match self.behind {
                Behind::CrLf => rest.starts_with(b"\r\n").then_some(2)?,
                Behind::TwoBytes => 2,
                Behind::MaybeLine if rest.starts_with(b"\r\n") => 2,
                Behind::MaybeLine => usize::from(rest.starts_with(b"\n")),
            };
        }
    }
}

/// The edge's own reading.
pub fn ours(bytes: &[u8]) -> Vec<Seen> {
    let (mut requests, mut at) = (Vec::new(), 0);
    loop {
        at += leading_blank(&bytes[at..]);
        let Scan::Complete(length) = scan(&bytes[at..], 0) else { return requests };
        let mut storage = FieldStorage::new();
        let Ok(head) = parse_request(&bytes[at..at + length], &mut storage) else { return requests };
        at += length;
        let mut body = BodyReader::new(head.facts.framing);
        while !body.is_complete() {
            match body.next(&bytes[at..]) {
                Ok(Some((_, length))) => at += length,
                _ => return requests,
            }
        }
        let host = String::from_utf8_lossy(head.host().unwrap_or_default()).into_owned();
        let (lead, rest) = head.origin_form();
        let target = format!("{lead}{rest}");
        requests.push(Seen { end: at, method: head.method.to_owned(), target, host });
    }
}

/// What the readings agree on, or each of them with what it sees.
pub fn agreed(bytes: &[u8]) -> Result<Vec<Seen>, String> {
    let mut readings = vec![("ours", ours(bytes))];
    readings.extend(READERS.iter().map(|reader| (reader.name, reader.read(bytes))));
    if readings.iter().all(|reading| reading.1 == readings[0].1) {
        return Ok(readings.swap_remove(0).1);
    }
    Err(readings.iter().map(|(name, seen)| format!("  {name}: {seen:?}\n")).collect())
}
