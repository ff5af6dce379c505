//! From a file to a [`Config`], or to everything that is wrong with it.

use super::error::{ConfigError, Warning};
use super::read::{Document, Environment, Mapping, Value};
use super::tree::{self, Position};
use super::{Config, admin, keys, limits, listeners, nodes, persistence, pools, relations, rest, routes};
use crate::route::HostPattern;
use std::cell::RefCell;
use std::io::Read as _;
use std::path::Path;

/// The largest file that is read, in bytes.
const LARGEST: u64 = 1 << 20;

/// Reads and checks the configuration in `file`.
///
/// # Errors
/// Everything that is wrong, in the order of the file.
pub fn load(file: &Path) -> Result<(Config, Vec<Warning>), Vec<ConfigError>> {
    let mut bytes = Vec::new();
    let read = std::fs::File::open(file).and_then(|opened| opened.take(LARGEST + 1).read_to_end(&mut bytes));
    let environment = |name: &str| std::env::var(name).ok();
    let document = document(file, &environment);
    let problem = match (read, String::from_utf8(bytes)) {
        (Err(error), _) => ("cannot be read", error.to_string()),
        (Ok(length), _) if length as u64 > LARGEST => ("too large", "expected at most 1 MiB".into()),
        (Ok(_), Err(_)) => ("no text", "expected UTF-8".into()),
        (Ok(_), Ok(text)) => return parse(&document, &text),
    };
    document.error(Position::default(), "", problem.0, &problem.1);
    Err(document.errors.into_inner())
}

/// Reads and checks `text` as if it were the contents of `file`, with variables from `environment`.
///
/// # Errors
/// Everything that is wrong, in the order of the text.
pub fn load_text(
    file: &Path,
    text: &str,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<(Config, Vec<Warning>), Vec<ConfigError>> {
    parse(&document(file, environment), text)
}

fn document<'e>(file: &Path, environment: &'e Environment<'e>) -> Document<'e> {
    let folder = std::path::absolute(file).ok().and_then(|path| path.parent().map(Path::to_owned));
    Document {
        file: file.to_owned(),
        folder: folder.unwrap_or_default(),
        environment,
        errors: RefCell::default(),
        warnings: RefCell::default(),
    }
}

fn parse(document: &Document<'_>, text: &str) -> Result<(Config, Vec<Warning>), Vec<ConfigError>> {
    let (tree, problems) = tree::parse(text);
    for problem in problems {
        document.error(problem.position, &problem.path, &problem.value, &problem.expected);
    }
    let root = tree.as_ref().map(|tree| Value::root(document, tree));
    let config = root.and_then(|root| root.mapping(&keys::ROOT, sections));
    let mut errors = document.errors.take();
    let mut warnings = document.warnings.take();
    errors.sort_by(|one, two| one.place.order(&two.place));
    warnings.sort_by(|one, two| one.place.order(&two.place));
    match config {
        Some(config) if errors.is_empty() => Ok((config, warnings)),
        _ => Err(errors),
    }
}

fn sections(root: &mut Mapping<'_>) -> Config {
    let limits = limits::read(root);
    let mut listeners = listeners::read(root, &limits.each);
    let nodes = nodes::read(root);
    let node_names: Vec<&str> = nodes.iter().map(|node| node.name.as_str()).collect();
    let groups = persistence::read(root, &node_names);
    let pools = pools::read(root, &node_names);
    let names = routes::Names {
        listeners: listeners.iter().map(|read| read.listener.name.as_str()).collect(),
        pools: pools.iter().map(|read| read.pool.name.as_str()).collect(),
        groups: groups.iter().map(|read| read.group.name.as_str()).collect(),
    };
    let routes = routes::read(root, &names);
    listeners::offer_http2(&mut listeners, &routes, &pools);
    let admin = admin::read(root, &listeners);
    let log = rest::log(root);
    let shutdown_grace = rest::shutdown_grace(root);
    rest::not_built(root);

    let listeners_and_places: Vec<_> = listeners.iter().map(|read| (&read.listener, &read.whole)).collect();
    relations::check(&relations::Sections {
        listeners: &listeners_and_places,
        nodes: &node_names,
        groups: &groups,
        pools: &pools,
        routes: &routes,
    });
    let complete = routes.iter().all(routes::Read::is_complete);
    let hosts: Vec<Option<String>> = (0..pools.len()).map(|pool| single_host(&routes, pool)).collect();
    let pools: Vec<_> =
        pools.into_iter().zip(&hosts).map(|(read, host)| read.finish(host.as_deref(), complete)).collect();
    let routes = routes::finish(&routes, &listeners, &pools);
    let (groups, key_files) = groups.into_iter().map(|read| (read.group, read.key_files)).unzip();
    let listeners = listeners.into_iter().map(|read| read.listener).collect();
    Config { listeners, nodes, groups, key_files, pools, routes, admin, log, limits, shutdown_grace }
}

/// The host that leads to a pool, if it is an exact one and the only one.
fn single_host(routes: &[routes::Read<'_>], pool: usize) -> Option<String> {
    let mut hosts = routes.iter().filter(|route| route.pool == Some(pool)).map(|route| route.host.as_ref());
    let first = hosts.next()??;
    let HostPattern::Exact(host) = first else { return None };
    hosts.all(|other| other == Some(first)).then(|| host.trim_matches(['[', ']']).to_owned())
}
