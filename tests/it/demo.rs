//! The demo tells the truth about the edge it runs.

use crate::support::edge::{command, finish, said};

#[test]
fn the_demo_ends_well_and_shows_what_happened() {
    let output = finish(&mut command(["demo", "--exit"]));
    let said = said(&output);
    assert_eq!(output.status.code(), Some(0), "{said}");
    for word in ["redispatched", "persisted", "both ports together", "Result"] {
        assert!(said.contains(word), "{word} is missing in\n{said}");
    }
}
