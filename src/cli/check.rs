//! `identity-edge check FILE`: what is wrong with a configuration, without running it.

use crate::config::{self, Config};
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

/// Checks `file`. Errors and warnings go to standard error; a configuration that can be used ends in one line
/// that counts what it has. With `show_defaults` standard output is the whole configuration as YAML, and that
/// line goes to standard error.
///
/// The exit code is 1 if there is an error, and 0 with warnings alone.
#[must_use]
pub fn run(file: &Path, show_defaults: bool) -> ExitCode {
    check(file, show_defaults, &mut std::io::stdout().lock(), &mut std::io::stderr().lock())
}

/// Nobody is left to tell when a line cannot be written: failures to write are ignored.
fn check(file: &Path, show_defaults: bool, out: &mut dyn Write, err: &mut dyn Write) -> ExitCode {
    let (config, warnings) = match super::load(file, err) {
        Ok(loaded) => loaded,
        Err(code) => return code,
    };
    for warning in warnings {
        let _ = writeln!(err, "{warning}");
    }
    let summary = summary(file, &config);
    let _ = if show_defaults {
        write!(out, "{}", config::show(&config)).and_then(|()| writeln!(err, "{summary}"))
    } else {
        writeln!(out, "{summary}")
    };
    ExitCode::SUCCESS
}

fn summary(file: &Path, config: &Config) -> String {
    let count = |number: usize, what: &str| format!("{number} {what}{}", if number == 1 { "" } else { "s" });
    format!(
        "{}: ok, {}, {}, {}",
        file.display(),
        count(config.listeners.len(), "listener"),
        count(config.pools.len(), "pool"),
        count(config.routes.len(), "route")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "
listeners: { web: { bind: 127.0.0.1:8080 }, spare: { bind: 127.0.0.1:8081 } }
nodes: { a: { address: 127.0.0.11 } }
pools: { site: { nodes: [a], port: 80 } }
routes: [ { listener: web, pool: site } ]
";

    fn checked(text: &str, show_defaults: bool) -> (ExitCode, String, String) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("edge.yaml");
        std::fs::write(&file, text).unwrap();
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let code = check(&file, show_defaults, &mut out, &mut err);
        let named = |bytes| String::from_utf8(bytes).unwrap().replace(file.to_str().unwrap(), "FILE");
        (code, named(out), named(err))
    }

    #[test]
    fn a_good_file_is_counted() {
        let (code, out, err) = checked(GOOD, false);
        assert_eq!(code, ExitCode::SUCCESS);
        assert_eq!(out, "FILE: ok, 2 listeners, 1 pool, 1 route\n");
        assert_eq!(
            err,
            "warning: FILE:2:52: listeners.spare: no route, every request to this listener is answered 404\n"
        );
    }

    #[test]
    fn a_bad_file_fails_with_every_error() {
        let (code, out, err) = checked(&GOOD.replace("port: 80", "prot: 80"), false);
        assert_eq!((code, out.as_str()), (ExitCode::FAILURE, ""));
        assert_eq!(
            err,
            "FILE:4:16: pools.site.port: missing, expected the nodes' port: a pool without a role has none of its \
             own\nFILE:4:30: pools.site.prot: unknown key, did you mean port?\n"
        );
    }

    #[test]
    fn with_defaults_the_output_is_a_configuration() {
        let (code, out, err) = checked(GOOD, true);
        assert_eq!(code, ExitCode::SUCCESS);
        assert!(err.ends_with("FILE: ok, 2 listeners, 1 pool, 1 route\n"));
        let (code, again, _) = checked(&out, true);
        assert_eq!((code, again), (ExitCode::SUCCESS, out));
    }
}
