//! Just enough HTTP/1.1 for both ends of the demo: heads by `httparse`, bodies by `Content-Length`.

use std::io::{Error, ErrorKind, Result};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const LARGEST_HEAD: usize = 64 * 1024;
/// The largest body that either end takes, in bytes.
pub(super) const LARGEST_BODY: usize = 1 << 20;
const FIELDS: usize = 64;

/// A request's or response's head.
#[derive(Debug)]
pub(super) struct Head {
    /// Of a request; empty for a response.
    pub(super) method: String,
    /// Of a response; 0 for a request.
    pub(super) status: u16,
    /// Whether the version is HTTP/1.1.
    pub(super) is_1_1: bool,
    fields: Vec<(String, String)>,
}

impl Head {
    /// The values of every field of this name, in order.
    pub(super) fn fields<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let same = self.fields.iter().filter(move |(known, _)| known.eq_ignore_ascii_case(name));
        same.map(|(_, value)| value.as_str())
    }

    /// The first value of the field.
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        self.fields
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// Whether the field's first value says this word.
    pub(super) fn says(&self, name: &str, word: &str) -> bool {
        self.field(name).is_some_and(|value| value.eq_ignore_ascii_case(word))
    }
}

/// A connection and what has been read of it and not yet been used.
#[derive(Debug)]
pub(super) struct Wire {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Wire {
    pub(super) fn new(stream: TcpStream) -> Self {
        // Without it small answers wait for nothing; with it failing they are slower, no more.
        let _ = stream.set_nodelay(true);
        Self { stream, buffer: Vec::new() }
    }

    pub(super) async fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.stream.write_all(bytes).await
    }

    /// The next request's head; none when the client has closed between requests.
    pub(super) async fn request(&mut self) -> Result<Option<Head>> {
        self.head(|bytes| {
            let mut fields = [httparse::EMPTY_HEADER; FIELDS];
            let mut request = httparse::Request::new(&mut fields);
            let httparse::Status::Complete(length) = request.parse(bytes).map_err(malformed)? else {
                return Ok(None);
            };
            let head = Head {
                method: request.method.unwrap_or_default().to_owned(),
                status: 0,
                is_1_1: request.version == Some(1),
                fields: owned(request.headers),
            };
            Ok(Some((length, head)))
        })
        .await
    }

    /// The next response's head, interim ones included. May be dropped while it waits and called again.
    pub(super) async fn response(&mut self) -> Result<Head> {
        let head = self.head(|bytes| {
            let mut fields = [httparse::EMPTY_HEADER; FIELDS];
            let mut response = httparse::Response::new(&mut fields);
            let httparse::Status::Complete(length) = response.parse(bytes).map_err(malformed)? else {
                return Ok(None);
            };
            let head = Head {
                method: String::new(),
                status: response.code.unwrap_or_default(),
                is_1_1: response.version == Some(1),
                fields: owned(response.headers),
            };
            Ok(Some((length, head)))
        });
        head.await?.ok_or_else(|| Error::new(ErrorKind::UnexpectedEof, "closed without an answer"))
    }

    /// The body that belongs to `head`.
    pub(super) async fn body(&mut self, head: &Head) -> Result<Vec<u8>> {
        if head.field("transfer-encoding").is_some() {
            return Err(Error::new(ErrorKind::Unsupported, "a body without Content-Length"));
        }
        let length = match head.field("content-length") {
            Some(text) => text.parse().map_err(malformed)?,
            None => 0,
        };
        if length > LARGEST_BODY {
            return Err(Error::new(ErrorKind::FileTooLarge, "a body of more than 1 MiB"));
        }
        while self.buffer.len() < length {
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
        let rest = self.buffer.split_off(length);
        Ok(std::mem::replace(&mut self.buffer, rest))
    }

    async fn head(&mut self, parse: impl Fn(&[u8]) -> Result<Option<(usize, Head)>>) -> Result<Option<Head>> {
        loop {
            if !self.buffer.is_empty()
                && let Some((length, head)) = parse(&self.buffer)?
            {
                self.buffer.drain(..length);
                return Ok(Some(head));
            }
            if self.buffer.len() > LARGEST_HEAD {
                return Err(Error::new(ErrorKind::InvalidData, "a head of more than 64 KiB"));
            }
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return if self.buffer.is_empty() { Ok(None) } else { Err(ErrorKind::UnexpectedEof.into()) };
            }
        }
    }
}

fn owned(fields: &[httparse::Header<'_>]) -> Vec<(String, String)> {
    let text = |value: &[u8]| String::from_utf8_lossy(value).trim().to_owned();
    fields.iter().map(|field| (field.name.to_owned(), text(field.value))).collect()
}

fn malformed(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(ErrorKind::InvalidData, error)
}
