//! Configuration text.

use crate::config::{load_text, show};
use std::path::Path;

/// The text. Nothing it names exists, and no variable is set but `NAME`.
pub fn configuration(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let environment = |name: &str| (name == "NAME").then(|| "value".to_owned());
    let file = Path::new("/nowhere/edge.yaml");
    let read = || load_text(file, text, &environment);
    // YAML takes a lone CR for a line's end too, and our parser the end of a last comment.
    let breaks = text.bytes().filter(|byte| matches!(byte, b'\r' | b'\n')).count();
    let lines = u32::try_from(breaks + 2).unwrap_or(u32::MAX);
    match read() {
        Ok((config, warnings)) => {
            assert_eq!(
                show(&config),
                show(&read().expect("the same text").0),
                "reading twice is reading once"
            );
            for warning in warnings {
                assert!(warning.place.line <= lines && !warning.why.is_empty(), "{warning}");
            }
            assert!(
                config
                    .routes
                    .iter()
                    .all(|route| route.action.pool().is_none_or(|pool| pool < config.pools.len()))
            );
        }
        Err(errors) => {
            assert!(!errors.is_empty(), "a refusal without a reason");
            assert!(errors.is_sorted_by_key(|error| (error.place.line, error.place.column)));
            for error in errors {
                assert!(error.place.line <= lines, "{error}");
                assert!(!error.expected.is_empty(), "{error}");
            }
        }
    }
}
