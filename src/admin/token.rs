//! The secret that metrics and clients' places are given for.

use ring::{hmac, rand};
use std::path::Path;

/// A token, kept so that comparing it takes the same time whatever is compared, and so that it is in no
/// memory dump as it was written.
pub struct Token {
    key: hmac::Key,
    tag: hmac::Tag,
}

impl Token {
    /// A token of this text.
    ///
    /// # Errors
    /// The system has no random numbers.
    pub fn new(text: &str) -> Result<Self, String> {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &rand::SystemRandom::new())
            .map_err(|_| "the system gives no random numbers".to_owned())?;
        let tag = hmac::sign(&key, text.as_bytes());
        Ok(Self { key, tag })
    }

    /// The token in a file, without the white space around it.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn read(file: &Path) -> Result<Self, String> {
        let text = text(file).map_err(|error| format!("{} cannot be read: {error}", file.display()))?;
        Self::new(&text)
    }

    /// Whether the value of `Authorization` carries it (RFC 6750 section 2.1).
    pub(super) fn is_in(&self, field: &[u8]) -> bool {
        const SCHEME: &[u8] = b"bearer ";
        let Some((scheme, given)) = field.split_at_checked(SCHEME.len()) else { return false };
        scheme.eq_ignore_ascii_case(SCHEME)
            && hmac::verify(&self.key, given.trim_ascii(), self.tag.as_ref()).is_ok()
    }
}

/// What a token file says, for those who have to send it: without the white space around it.
///
/// # Errors
/// The file cannot be read.
pub fn text(file: &Path) -> std::io::Result<String> {
    Ok(std::fs::read_to_string(file)?.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::Token;

    #[test]
    fn only_the_token_itself_is_the_token() {
        let token = Token::new("correct-horse-battery").unwrap();
        assert!(token.is_in(b"Bearer correct-horse-battery"));
        assert!(token.is_in(b"bearer  correct-horse-battery "));
        for field in [
            &b""[..],
            b"Bearer",
            b"Bearer ",
            b"Bearer correct-horse",
            b"Basic correct-horse-battery",
            b"Beare",
        ] {
            assert!(!token.is_in(field), "{field:?}");
        }
    }
}
