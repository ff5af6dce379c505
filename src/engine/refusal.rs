//! Why a message is refused: one variant for each rule, each with a stable word for metrics and the log.

/// A head that is not accepted. The connection it came on has no known end of message any more and must be closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// LF without CR (RFC 9112 section 2.2 allows to accept it, but then readers disagree where a line ends).
    BareLf,
    /// CR without LF (RFC 9112 section 2.2).
    BareCr,
    /// A NUL byte anywhere in a head (RFC 9110 section 5.5).
    Nul,
    /// Empty lines in front of the head, more than [`leading_blank`](super::head::leading_blank) takes away.
    BlankLines,
    /// The head ends in the middle, or more bytes follow it: it is not what `scan` delimited.
    IncompleteHead,
    /// The head is longer than the configured limit.
    HeadTooLarge,
    /// The head did not arrive in time.
    HeadTimeout,
    /// More than [`MAX_FIELDS`](super::head::MAX_FIELDS) field lines.
    TooManyFields,
    /// The request line is not three parts, separated by single spaces (RFC 9112 section 3).
    BadRequestLine,
    /// The method is no token (RFC 9110 section 9.1).
    BadMethod,
    /// `CONNECT`: this edge opens no tunnels (RFC 9110 section 9.3.6).
    Connect,
    /// The target has none of the permitted forms, or a byte that may not be in one (RFC 9112 section 3.2).
    BadTarget,
    /// Another version than HTTP/1.0 and HTTP/1.1.
    BadVersion,
    /// The status line is malformed (RFC 9112 section 4).
    BadStatusLine,
    /// A field line that continues the one before (RFC 9112 section 5.2).
    FoldedLine,
    /// White space between field name and colon (RFC 9112 section 5.1).
    SpaceBeforeColon,
    /// A field name that is empty or no token (RFC 9110 section 5.1), or imitates one that delimits bodies.
    BadFieldName,
    /// A control character in a field value (RFC 9110 section 5.5).
    BadFieldValue,
    /// Content-Length that is no plain number of at most 18 digits (RFC 9110 section 8.6).
    BadContentLength,
    /// More than one Content-Length, even if they agree (RFC 9112 section 6.3).
    DuplicateContentLength,
    /// Both ways to delimit a body at once (RFC 9112 section 6.1).
    ContentLengthAndTransferEncoding,
    /// Transfer-Encoding that does not end in one `chunked` (RFC 9112 section 6.3).
    BadTransferEncoding,
    /// Transfer-Encoding in HTTP/1.0 (RFC 9112 section 6.1).
    TransferEncodingHttp10,
    /// A transfer coding in front of `chunked` that we do not know (RFC 9112 section 6.1).
    UnknownTransferCoding,
    /// An HTTP/1.1 request without Host (RFC 9112 section 3.2).
    NoHost,
    /// More than one Host (RFC 9112 section 3.2).
    SeveralHosts,
    /// A Host, or an authority in the target, that names no host (RFC 9110 section 7.2).
    BadHost,
    /// The authority in the target and Host differ.
    HostDisagrees,
    /// Connection with something that is no token (RFC 9110 section 7.6.1).
    BadConnection,
    /// Connection nominates a field that is meant for everyone (RFC 9110 section 7.6.1).
    NominatedField,
    /// An expectation other than `100-continue` (RFC 9110 section 10.1.1).
    UnknownExpectation,
    /// A stream of HTTP/2 that was reset for what its frames are: malformed fields, a length that lies (RFC 9113
    /// section 8.1.1). No response is sent.
    MalformedStream,
    /// A stream of HTTP/2 beyond the bound on streams (RFC 9113 section 5.1.2). No response is sent.
    TooManyStreams,
}

impl Refusal {
    /// The status of the answer to a request refused for this; zero if there is none.
    #[must_use]
    pub fn status(self) -> u16 {
        match self {
            Self::MalformedStream | Self::TooManyStreams => 0,
            Self::Connect => 405,
            Self::UnknownExpectation => 417,
            Self::HeadTimeout => 408,
            Self::HeadTooLarge | Self::TooManyFields => 431,
            Self::UnknownTransferCoding => 501,
            Self::BadVersion => 505,
            _ => 400,
        }
    }

    /// The word for metrics and the log.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::BareLf => "bare_lf",
            Self::BareCr => "bare_cr",
            Self::Nul => "nul",
            Self::BlankLines => "blank_lines",
            Self::IncompleteHead => "incomplete_head",
            Self::HeadTooLarge => "head_too_large",
            Self::HeadTimeout => "head_timeout",
            Self::TooManyFields => "too_many_fields",
            Self::BadRequestLine => "bad_request_line",
            Self::BadMethod => "bad_method",
            Self::Connect => "connect",
            Self::BadTarget => "bad_target",
            Self::BadVersion => "bad_version",
            Self::BadStatusLine => "bad_status_line",
            Self::FoldedLine => "folded_line",
            Self::SpaceBeforeColon => "space_before_colon",
            Self::BadFieldName => "bad_field_name",
            Self::BadFieldValue => "bad_field_value",
            Self::BadContentLength => "bad_content_length",
            Self::DuplicateContentLength => "duplicate_content_length",
            Self::ContentLengthAndTransferEncoding => "content_length_and_transfer_encoding",
            Self::BadTransferEncoding => "bad_transfer_encoding",
            Self::TransferEncodingHttp10 => "transfer_encoding_http10",
            Self::UnknownTransferCoding => "unknown_transfer_coding",
            Self::NoHost => "no_host",
            Self::SeveralHosts => "several_hosts",
            Self::BadHost => "bad_host",
            Self::HostDisagrees => "host_disagrees",
            Self::BadConnection => "bad_connection",
            Self::NominatedField => "nominated_field",
            Self::UnknownExpectation => "unknown_expectation",
            Self::MalformedStream => "malformed_stream",
            Self::TooManyStreams => "too_many_streams",
        }
    }
}

/// A response head that is not passed on: the answer is 502, and the upstream connection is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ResponseFault {
    /// A rule that holds for requests, too.
    Head(Refusal),
    /// A status outside of 100 to 599 (RFC 9110 section 15).
    BadStatus,
    /// 101 that nobody asked for, or that does not switch to `websocket` (RFC 9110 section 15.2.2).
    UnexpectedSwitch,
    /// More interim responses than anybody needs.
    TooManyInterims,
    /// Transfer-Encoding or a length in a message that has no body (RFC 9112 section 6.1, RFC 9110 section 8.6).
    BodyNotAllowed,
}

impl From<Refusal> for ResponseFault {
    fn from(refusal: Refusal) -> Self {
        Self::Head(refusal)
    }
}

impl ResponseFault {
    /// The word for metrics and the log.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::Head(refusal) => refusal.reason(),
            Self::BadStatus => "bad_status",
            Self::UnexpectedSwitch => "unexpected_switch",
            Self::TooManyInterims => "too_many_interims",
            Self::BodyNotAllowed => "body_not_allowed",
        }
    }
}

/// A body that cannot be followed any further. Whatever comes behind is nobody's: the connection must be closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BodyFault {
    /// No plain hexadecimal number of 1 to 15 digits (RFC 9112 section 7.1).
    BadChunkSize,
    /// A byte that may not be in a chunk extension, or a quoted string that does not end (section 7.1.1).
    BadChunkExtension,
    /// More than 256 bytes of extensions in one chunk, or 16 KiB in a body.
    ChunkExtensionTooLong,
    /// A chunk's data or size is not followed by CRLF (section 7.1).
    BadChunkEnd,
    /// A malformed trailer field line (section 7.1.2).
    BadTrailer,
    /// More than 8 KiB of trailers.
    TrailerTooLong,
    /// The connection ended before the body did (section 8).
    Truncated,
}

impl BodyFault {
    /// The status of the answer to a request whose body is refused, where one can still be given.
    #[must_use]
    pub fn status(self) -> u16 {
        match self {
            Self::TrailerTooLong => 431,
            _ => 400,
        }
    }

    /// The word for metrics and the log.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::BadChunkSize => "bad_chunk_size",
            Self::BadChunkExtension => "bad_chunk_extension",
            Self::ChunkExtensionTooLong => "chunk_extension_too_long",
            Self::BadChunkEnd => "bad_chunk_end",
            Self::BadTrailer => "bad_trailer",
            Self::TrailerTooLong => "trailer_too_long",
            Self::Truncated => "truncated",
        }
    }
}

macro_rules! display_reason {
    ($($kind:ty),*) => {$(
        impl std::fmt::Display for $kind {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str(self.reason())
            }
        }
        impl std::error::Error for $kind {}
    )*};
}
display_reason!(Refusal, ResponseFault, BodyFault);
