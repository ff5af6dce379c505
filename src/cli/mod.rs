//! The command line: one file a command.

pub mod check;
pub mod demo;
pub mod explain;
pub mod keys;
mod logger;
pub mod run;
pub mod schema;

use crate::config::{self, Config, Warning};
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

/// The configuration in `file`, or the exit code after everything that is wrong with it was written to `err`.
/// Nobody is left to tell when a line cannot be written.
fn load(file: &Path, err: &mut dyn Write) -> Result<(Config, Vec<Warning>), ExitCode> {
    config::load(file).map_err(|errors| {
        for error in errors {
            let _ = writeln!(err, "{error}");
        }
        ExitCode::FAILURE
    })
}
