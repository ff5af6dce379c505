//! Why a probe failed, in an operator's words.

use crate::engine::refusal::{BodyFault, ResponseFault};
use crate::engine::upstream::ConnectError;
use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

/// How much of a configured text is repeated in a message.
const SHOWN: usize = 60;

/// Why a probe failed.
#[derive(Debug)]
pub(super) enum Cause {
    /// The node's name leads nowhere.
    NotResolved(String),
    /// No connection came about.
    Connect(ConnectError),
    /// The connection was made and the answer was not whole in time.
    Late(Duration),
    /// The connection ended before the first byte.
    Closed,
    /// Something else than an HTTP response came; a stable word says which rule it breaks.
    NotHttp(&'static str),
    /// Another status.
    Status { expected: Vec<RangeInclusive<u16>>, got: u16 },
    /// The configured text was not there.
    Missing(String),
}

impl fmt::Display for Cause {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotResolved(name) => write!(formatter, "the name {name} is not resolved"),
            Self::Connect(error) => formatter.write_str(&error.cause()),
            Self::Late(timeout) => write!(formatter, "no answer within {timeout:?}"),
            Self::Closed => formatter.write_str("the connection was closed before an answer"),
            Self::NotHttp(rule) => write!(formatter, "the answer is not HTTP: {rule}"),
            Self::Status { expected, got } => {
                formatter.write_str("expected ")?;
                for (place, range) in expected.iter().enumerate() {
                    match place {
                        0 => {}
                        _ if place + 1 == expected.len() => formatter.write_str(" or ")?,
                        _ => formatter.write_str(", ")?,
                    }
                    write!(formatter, "{}", range.start())?;
                    if range.end() > range.start() {
                        write!(formatter, "-{}", range.end())?;
                    }
                }
                write!(formatter, ", got {got}")
            }
            Self::Missing(text) if text.chars().count() > SHOWN => {
                let start: String = text.chars().take(SHOWN).collect();
                write!(formatter, "the body does not contain {:?}", format!("{start}…"))
            }
            Self::Missing(text) => write!(formatter, "the body does not contain {text:?}"),
        }
    }
}

impl std::error::Error for Cause {}

impl From<ConnectError> for Cause {
    fn from(error: ConnectError) -> Self {
        Self::Connect(error)
    }
}

impl From<ResponseFault> for Cause {
    fn from(fault: ResponseFault) -> Self {
        Self::NotHttp(fault.reason())
    }
}

impl From<BodyFault> for Cause {
    fn from(fault: BodyFault) -> Self {
        Self::NotHttp(fault.reason())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expected_statuses_are_a_sentence() {
        for (expected, sentence) in [
            (vec![200..=399], "expected 200-399, got 503"),
            (vec![200..=399, 401..=401], "expected 200-399 or 401, got 503"),
            (vec![200..=200, 204..=204, 300..=399], "expected 200, 204 or 300-399, got 503"),
        ] {
            assert_eq!(Cause::Status { expected, got: 503 }.to_string(), sentence);
        }
    }

    #[test]
    fn a_text_is_repeated_on_one_line_and_not_without_end() {
        assert_eq!(
            Cause::Missing("a \"b\"\n".into()).to_string(),
            "the body does not contain \"a \\\"b\\\"\\n\""
        );
        let long = Cause::Missing("ü".repeat(1000)).to_string();
        assert_eq!(long, format!("the body does not contain \"{}…\"", "ü".repeat(60)));
    }
}
