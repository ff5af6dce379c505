//! `identity-edge schema`: the JSON Schema of a configuration, for editors.

use crate::config;
use std::io::Write as _;
use std::process::ExitCode;

/// Prints the schema on standard output.
#[must_use]
pub fn run() -> ExitCode {
    let printed = config::schema()
        .map_err(std::io::Error::from)
        .and_then(|schema| writeln!(std::io::stdout(), "{schema}"));
    match printed {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("identity-edge: {error}");
            ExitCode::FAILURE
        }
    }
}
