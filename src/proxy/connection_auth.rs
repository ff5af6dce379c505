//! Authentication that lives on a connection (NTLM, Negotiate).
//!
//! NTLM authenticates a TCP connection, and Windows treats Kerberos the same way where it is told to: what
//! comes later on that connection runs as the user who authenticated first. An upstream connection on which
//! this may have happened belongs to one client connection for its whole life. Both ends of a handshake are
//! watched, because a client may send its token before it is asked (RFC 4559 section 4.2).

use crate::engine::head::ResponseHead;

/// Whether the credentials or the challenge in a field's value are of a scheme that authenticates the
/// connection: NTLM, Negotiate and its numbered variants, Kerberos.
pub(super) fn is_connection_bound(value: &[u8]) -> bool {
    // Several challenges may share a line; a scheme follows its start or a comma.
    value.split(|byte| *byte == b',').any(|part| {
        let part = part.trim_ascii_start();
        let scheme = part.split(|byte| byte.is_ascii_whitespace()).next().unwrap_or_default();
        scheme.eq_ignore_ascii_case(b"ntlm")
            || scheme.eq_ignore_ascii_case(b"kerberos")
            || scheme.get(..4).is_some_and(|start| start.eq_ignore_ascii_case(b"nego"))
    })
}

/// Whether a response asks for such authentication, or says that there was one: `Persistent-Auth` tells that what
/// follows on the connection needs no credentials ([MS-N2HT] section 3.2.5), whichever scheme made it so.
pub(super) fn binds(response: &ResponseHead<'_, '_>) -> bool {
    response.facts.status == 401 && response.fields.each("www-authenticate").any(is_connection_bound)
        || response.fields.each("persistent-auth").any(|value| !value.eq_ignore_ascii_case(b"false"))
}

#[cfg(test)]
mod tests {
    use super::is_connection_bound;

    #[test]
    fn schemes_that_authenticate_a_connection_are_told_from_others() {
        for value in [
            "NTLM",
            "ntlm TlRM",
            "Negotiate",
            "Negotiate YII=",
            "Nego2 x",
            "Kerberos",
            "Basic realm=\"a\", Negotiate",
            "Basic realm=\"x\",NTLM",
        ] {
            assert!(is_connection_bound(value.as_bytes()), "{value}");
        }
        for value in
            ["Basic bnRsbQ==", "Bearer ntlm", "Digest realm=\"NTLM\"", "", "NTLMx", "Basic realm=\"n\""]
        {
            assert!(!is_connection_bound(value.as_bytes()), "{value}");
        }
    }
}
