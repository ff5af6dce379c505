//! Why requests are refused or fail: the values of the label `reason`.
//!
//! The words are those of the access log and belong to the modules that say them; the list is here so that a
//! worker can count them in a row of cells instead of a map. `docs/operations.md` explains each.

/// Every reason.
pub const REASONS: &[&str] = &[
    // Heads that cannot be read, and bodies and responses that cannot be followed.
    "bare_lf",
    "bare_cr",
    "nul",
    "blank_lines",
    "incomplete_head",
    "head_too_large",
    "head_timeout",
    "too_many_fields",
    "bad_request_line",
    "bad_method",
    "connect",
    "bad_target",
    "bad_version",
    "bad_status_line",
    "folded_line",
    "space_before_colon",
    "bad_field_name",
    "bad_field_value",
    "bad_content_length",
    "duplicate_content_length",
    "content_length_and_transfer_encoding",
    "bad_transfer_encoding",
    "transfer_encoding_http10",
    "unknown_transfer_coding",
    "no_host",
    "several_hosts",
    "bad_host",
    "host_disagrees",
    "bad_connection",
    "nominated_field",
    "unknown_expectation",
    "malformed_stream",
    "too_many_streams",
    "bad_status",
    "unexpected_switch",
    "too_many_interims",
    "body_not_allowed",
    "bad_chunk_size",
    "bad_chunk_extension",
    "chunk_extension_too_long",
    "bad_chunk_end",
    "bad_trailer",
    "trailer_too_long",
    "truncated",
    // Requests on their way.
    "body_too_large",
    "client_timeout",
    "body_too_slow",
    "client_too_slow",
    "client_gone",
    "upstream_closed",
    "upstream_timeout",
    "bound_connection_closed",
    "client_changed",
    "http_1_1_required",
    "no_route",
    "ambiguous_path",
    "tls_failed",
    "scheme_disagrees",
    "misdirected",
    "rate_limited",
    // No node.
    "no_node",
    "persisted_node_down",
    "table_full",
    "waiting_full",
    "queue_full",
    "queue_timeout",
];

#[cfg(test)]
mod tests {
    use super::REASONS;

    /// The quoted words that follow `before` in a source.
    fn words<'s>(source: &'s str, before: &str) -> Vec<&'s str> {
        source.split(before).skip(1).filter_map(|rest| rest.split('"').next()).collect()
    }

    #[test]
    fn every_word_that_is_said_can_be_counted() {
        let mut said = Vec::new();
        said.extend(words(include_str!("../engine/refusal.rs"), "=> \""));
        said.extend(words(include_str!("../engine/handler.rs"), "=> \""));
        said.extend(words(include_str!("../persistence/decision.rs"), "=> \""));
        said.extend(words(include_str!("../engine/exchange/respond.rs"), "=> \""));
        said.extend(words(include_str!("../proxy/rescue.rs"), "context.request_id, \""));
        said.extend(words(include_str!("../proxy/select.rs"), "refuse(context, \""));
        assert!(said.len() > 50, "{said:?}");
        let outcomes = ["persisted", "fresh", "redispatched", "returned", "unpinned"];
        said.retain(|word| !outcomes.contains(word));
        let missing: Vec<_> = said.iter().filter(|word| !REASONS.contains(word)).collect();
        assert!(missing.is_empty(), "{missing:?}");
        let unsaid: Vec<_> = REASONS.iter().filter(|word| !said.contains(word)).collect();
        assert!(unsaid.is_empty(), "{unsaid:?}");
    }

    #[test]
    fn no_reason_is_there_twice() {
        let mut sorted = REASONS.to_vec();
        sorted.sort_unstable();
        assert!(sorted.windows(2).all(|pair| pair[0] != pair[1]));
    }
}
