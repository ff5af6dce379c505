//! Just enough HTTP/1.1 to play both ends, and strict: what it does not accept, the edge must not send.

use std::fmt;
use std::io::{self, ErrorKind, Read, Write};

/// A start line and its headers.
#[derive(Clone, PartialEq, Eq)]
pub struct Head {
    /// The first line.
    pub start: String,
    /// Names as they were written, and values without surrounding blanks; a byte is a character.
    pub headers: Vec<(String, String)>,
    /// Every byte, with the empty line.
    pub raw: Vec<u8>,
}

impl fmt::Debug for Head {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&show(&self.raw))
    }
}

impl Head {
    /// Parses a whole head. Panics where it is malformed.
    pub fn parse(raw: &[u8]) -> Head {
        let text: String = raw.iter().map(|byte| *byte as char).collect();
        let text = text.strip_suffix("\r\n\r\n").expect("a head ends with an empty line");
        let mut lines = text.split("\r\n");
        let start = lines.next().unwrap().to_owned();
        let headers = lines
            .map(|line| {
                assert!(!line.contains(['\r', '\n', '\0']), "control characters in {line:?}");
                let (name, value) = line.split_once(':').unwrap_or_else(|| panic!("no colon in {line:?}"));
                let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
                assert!(!name.is_empty() && name.chars().all(token), "bad header name in {line:?}");
                (name.to_owned(), value.trim_matches([' ', '\t']).to_owned())
            })
            .collect();
        Head { start, headers, raw: raw.to_vec() }
    }

    /// Every value of a header, in order.
    pub fn values(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str()).collect()
    }

    /// The value of a header that is there at most once.
    pub fn value(&self, name: &str) -> Option<&str> {
        let values = self.values(name);
        assert!(values.len() <= 1, "{name} is there {} times: {values:?}", values.len());
        values.first().copied()
    }

    /// Whether a list header holds a word, whatever the case.
    pub fn has_token(&self, name: &str, token: &str) -> bool {
        self.values(name).iter().flat_map(|v| v.split(',')).any(|t| t.trim().eq_ignore_ascii_case(token))
    }

    /// A response's status.
    pub fn status(&self) -> u16 {
        let mut words = self.start.split(' ');
        let version = words.next().unwrap();
        assert!(version == "HTTP/1.1" || version == "HTTP/1.0", "odd status line {:?}", self.start);
        words
            .next()
            .and_then(|s| s.parse().ok())
            .unwrap_or_else(|| panic!("odd status line {:?}", self.start))
    }

    /// A request's method.
    pub fn method(&self) -> &str {
        self.start.split(' ').next().unwrap()
    }

    /// A request's target.
    pub fn target(&self) -> &str {
        self.start.split(' ').nth(1).unwrap()
    }

    fn length(&self) -> Option<u64> {
        self.value("content-length").map(|v| v.parse().unwrap_or_else(|_| panic!("odd Content-Length {v:?}")))
    }

    /// Whether the body is chunked.
    pub fn is_chunked(&self) -> bool {
        let coded = self.value("transfer-encoding");
        assert!(coded.is_none_or(|c| c.eq_ignore_ascii_case("chunked")), "odd Transfer-Encoding {coded:?}");
        assert!(coded.is_none() || self.values("content-length").is_empty(), "two framings: {self:?}");
        coded.is_some()
    }
}

/// How a body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// There is none.
    Empty,
    /// After so many bytes.
    Length(u64),
    /// With the chunk of size 0.
    Chunked,
    /// With the connection.
    Close,
}

impl Framing {
    /// How the body after a request head ends.
    pub fn of_request(head: &Head) -> Framing {
        if head.is_chunked() {
            Framing::Chunked
        } else {
            head.length().map_or(Framing::Empty, Framing::Length)
        }
    }

    /// How the body after a response head ends (RFC 9112, section 6.3).
    pub fn of_response(head: &Head, method: &str) -> Framing {
        match head.status() {
            100..=199 | 204 | 304 => Framing::Empty,
            _ if method == "HEAD" => Framing::Empty,
            _ if head.is_chunked() => Framing::Chunked,
            _ => head.length().map_or(Framing::Close, Framing::Length),
        }
    }
}

/// A connection with the bytes that were read from it and not yet used.
pub struct Wire<S> {
    /// The connection.
    pub stream: S,
    unused: Vec<u8>,
}

impl<S: Read + Write> Wire<S> {
    /// Nothing read yet.
    pub fn new(stream: S) -> Self {
        Wire { stream, unused: Vec::new() }
    }

    /// Writes everything.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)?;
        self.stream.flush()
    }

    fn fill(&mut self) -> io::Result<usize> {
        let mut block = [0; 16 * 1024];
        loop {
            match self.stream.read(&mut block) {
                Ok(read) => {
                    self.unused.extend_from_slice(&block[..read]);
                    return Ok(read);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    panic!("nothing came; read and not used so far: {:?}", show(&self.unused))
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn fill_or_fail(&mut self) -> io::Result<()> {
        match self.fill()? {
            0 => {
                Err(io::Error::new(ErrorKind::UnexpectedEof, format!("ended after {:?}", show(&self.unused))))
            }
            _ => Ok(()),
        }
    }

    /// Waits for at least one byte; false at a clean end.
    pub fn has_more(&mut self) -> io::Result<bool> {
        Ok(!self.unused.is_empty() || self.fill()? > 0)
    }

    /// A head, or nothing if the connection ended before its first byte.
    pub fn head(&mut self) -> io::Result<Option<Head>> {
        if !self.has_more()? {
            return Ok(None);
        }
        loop {
            if let Some(end) = self.unused.windows(4).position(|w| w == b"\r\n\r\n") {
                return Ok(Some(Head::parse(&self.take(end + 4))));
            }
            self.fill_or_fail()?;
        }
    }

    fn take(&mut self, length: usize) -> Vec<u8> {
        let rest = self.unused.split_off(length);
        std::mem::replace(&mut self.unused, rest)
    }

    /// Exactly so many bytes.
    pub fn exactly(&mut self, length: usize) -> io::Result<Vec<u8>> {
        while self.unused.len() < length {
            self.fill_or_fail()?;
        }
        Ok(self.take(length))
    }

    /// Everything to the end of the connection.
    pub fn rest(&mut self) -> io::Result<Vec<u8>> {
        while self.fill()? > 0 {}
        Ok(std::mem::take(&mut self.unused))
    }

    fn line(&mut self) -> io::Result<String> {
        loop {
            if let Some(end) = self.unused.windows(2).position(|w| w == b"\r\n") {
                let line = self.take(end + 2);
                return Ok(line[..end].iter().map(|byte| *byte as char).collect());
            }
            self.fill_or_fail()?;
        }
    }

    /// A body, decoded; trailers are read and dropped.
    pub fn body(&mut self, framing: Framing) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        self.body_to(framing, |piece| body.extend_from_slice(piece))?;
        Ok(body)
    }

    /// A body, decoded and handed over piece by piece.
    pub fn body_to(&mut self, framing: Framing, mut take: impl FnMut(&[u8])) -> io::Result<()> {
        match framing {
            Framing::Empty => Ok(()),
            Framing::Length(length) => self.pieces(length, &mut take),
            Framing::Close => {
                while self.has_more()? {
                    take(&std::mem::take(&mut self.unused));
                }
                Ok(())
            }
            Framing::Chunked => loop {
                let line = self.line()?;
                let size = line.split(';').next().unwrap();
                let size =
                    u64::from_str_radix(size, 16).unwrap_or_else(|_| panic!("odd chunk size {line:?}"));
                if size == 0 {
                    while !self.line()?.is_empty() {}
                    return Ok(());
                }
                self.pieces(size, &mut take)?;
                assert_eq!(self.exactly(2)?, b"\r\n", "a chunk must end with CRLF");
            },
        }
    }

    fn pieces(&mut self, mut length: u64, take: &mut impl FnMut(&[u8])) -> io::Result<()> {
        while length > 0 {
            if self.unused.is_empty() {
                self.fill_or_fail()?;
            }
            let now = self.unused.len().min(usize::try_from(length).unwrap_or(usize::MAX));
            take(&self.take(now));
            length -= now as u64;
        }
        Ok(())
    }
}

/// Bytes as a person can read them.
pub fn show(bytes: &[u8]) -> String {
    let shown = bytes[..bytes.len().min(2000)].escape_ascii().to_string();
    if bytes.len() > 2000 { format!("{shown}… ({} bytes)", bytes.len()) } else { shown }
}

/// A response with Content-Length and the given further header lines (each with CRLF).
pub fn answer(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let mut answer =
        format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n", body.len()).into_bytes();
    answer.extend_from_slice(body);
    answer
}
