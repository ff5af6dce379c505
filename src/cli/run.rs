//! `identity-edge run`: serve until told to stop.

use crate::server;
use std::path::Path;
use std::process::ExitCode;

/// Loads the configuration and serves. Errors go to standard error, with exit code 1.
#[must_use]
pub fn run(file: &Path) -> ExitCode {
    let (config, warnings) = match super::load(file, &mut std::io::stderr()) {
        Ok(loaded) => loaded,
        Err(code) => return code,
    };
    super::logger::start(config.log.level);
    for warning in warnings {
        let level = if warning.is_advice { log::Level::Info } else { log::Level::Warn };
        log::log!(level, "{warning}");
    }
    let result = server::run(&config);
    log::logger().flush();
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let mut message = error.to_string();
            let mut source = std::error::Error::source(&error);
            while let Some(cause) = source {
                message = format!("{message}: {cause}");
                source = cause.source();
            }
            eprintln!("identity-edge: {message}");
            ExitCode::FAILURE
        }
    }
}
