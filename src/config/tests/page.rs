//! `docs/configuration.md` against the schema: every key is explained with its default and its values, and
//! nothing is explained that is not there.

use super::super::persistence::idle_timeout;
use super::super::pools::CONNECTION_AUTH;
use super::super::roles::ROLES;
use super::super::scalar::{parse_duration, show_duration, show_size};
use super::super::show::word;
use super::schema::made;
use super::*;
use crate::persistence::settings::By;
use serde_json::Value;
use std::collections::BTreeSet;

/// The tables of keys: the heading or label above each, and the section that it explains.
const TABLES: [(&str, &str); 24] = [
    ("## listeners", "listener"),
    ("### listeners: tls", "listener_tls"),
    ("### listeners: limits", "listener_limits"),
    ("## nodes", "node"),
    ("## persistence", "group"),
    ("### persistence: source_ip", "source_ip"),
    ("### persistence: cookie", "cookie"),
    ("## pools", "pool"),
    ("`tls`:", "upstream_tls"),
    ("`timeouts`, each `1ms` to `1d`:", "timeouts"),
    ("### pools: queue", "queue"),
    ("### pools: probe", "probe"),
    ("#### probe: http", "http_probe"),
    ("### pools: ejection", "ejection"),
    ("## routes", "route"),
    ("### routes: rate", "rate"),
    ("### routes: response_headers", "response_headers"),
    ("### routes: hsts", "hsts"),
    ("## admin", "admin"),
    ("## log", "log"),
    ("## limits", "limits"),
    ("### limits: connections_per_client", "connections_per_client"),
    ("### limits: http2", "http2_limits"),
    ("## shutdown", "shutdown"),
];

/// Sections that are explained in a line of another's table, or in the block of what this version does not have.
const IN_PASSING: [&str; 7] =
    ["certificate", "pool_node", "access_log", "redirect", "listener_http2_limits", "session_store", "state"];

fn page() -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/configuration.md")).unwrap()
}

/// A line of a table of keys.
struct Line {
    /// The heading or label above the table.
    above: String,
    key: String,
    /// The line without its key.
    text: String,
    meaning: String,
    /// What may be written; above the table where it has no column for it.
    value: String,
    default: String,
}

fn lines(page: &str) -> Vec<Line> {
    let (mut above, mut columns, mut lines) = (String::new(), Vec::new(), Vec::new());
    for line in page.lines().filter(|line| !line.starts_with("|-")) {
        let Some(row) = line.strip_prefix("| ").and_then(|line| line.strip_suffix('|')) else {
            if line.starts_with('#') || (line.starts_with('`') && line.ends_with(':')) {
                above = line.to_owned();
            }
            columns.clear();
            continue;
        };
        let cells: Vec<&str> = row.split(" |").map(str::trim).collect();
        if columns.is_empty() {
            columns = cells;
        } else if columns[0] == "key" {
            let cell = |name: &str| columns.iter().position(|column| *column == name).map(|at| cells[at]);
            lines.push(Line {
                above: above.clone(),
                key: cells[0].trim_matches('`').to_owned(),
                text: cells[1..].join(" "),
                meaning: cell("meaning").unwrap_or_default().to_owned(),
                value: cell("value").unwrap_or(&above).to_owned(),
                default: cell("default").unwrap().to_owned(),
            });
        }
    }
    lines
}

/// The texts in backticks.
fn marked(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// What is wrong with what a line says of a key.
fn wrong(line: &Line, key: &Value, required: bool) -> Option<String> {
    let Line { text, meaning, value, default, .. } = line;
    if meaning.is_empty() {
        return Some("what does it mean?".into());
    }
    let plain = |text: &str| text.replace(['`', '"'], "");
    if (default == "required") != required {
        return Some("required or not".into());
    }
    if let Some(wanted) = key.get("default") {
        let wanted = plain(&wanted.to_string());
        let said = plain(default);
        if !said
            .strip_prefix(&wanted)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with([';', ',', ':']))
        {
            return Some(format!("the default is {wanted}"));
        }
    }
    // A range is that of the value, or of an element.
    let key = if key["anyOf"][1]["items"].is_object() { &key["anyOf"][0] } else { key };
    let said = key["patternErrorMessage"].as_str().unwrap_or_default();
    let range = match said.split_once(" from ").and_then(|(_, rest)| rest.split_once(" to ")) {
        Some((least, rest)) => rest.split_once(',').map(|(most, _)| format!("`{least}` to `{most}`")),
        None => key.get("minimum").map(|least| format!("{least} to {}", key["maximum"])),
    };
    if let Some(range) = range.filter(|range| !value.contains(range)) {
        return Some(format!("the range is {range}"));
    }
    if let Some(longest) = key.get("maxLength").and_then(Value::as_u64).map(show_size)
        && !value.contains(&format!("1 byte to `{longest}`"))
    {
        return Some(format!("the longest is {longest}"));
    }
    let words = key["anyOf"][0]["enum"].as_array().or(key["enum"].as_array());
    let words: Vec<&str> = words.into_iter().flatten().filter_map(Value::as_str).collect();
    if let Some(word) = words.iter().find(|word| !marked(text).iter().any(|said| plain(said) == **word)) {
        return Some(format!("the word {word}"));
    }
    if !words.is_empty()
        && let Some(word) = marked(value).iter().find(|said| !words.contains(&plain(said).as_str()))
    {
        return Some(format!("there is no word {word}"));
    }
    let null = key.to_string().contains("\"null\"");
    if null && !marked(text).contains(&"null") {
        return Some("it may be null".into());
    }
    None
}

#[test]
fn every_key_is_explained_as_it_is() {
    let (page, made) = (page(), made());
    let lines = lines(&page);
    let mut found = String::new();
    for (above, section) in TABLES {
        let (properties, required) =
            (&made["$defs"][section]["properties"], &made["$defs"][section]["required"]);
        let mut explained = BTreeSet::new();
        for line in lines.iter().filter(|line| line.above == above) {
            // `access.to` is a key of the section below.
            let (name, key) = match line.key.split_once('.') {
                Some((name, below)) => {
                    (name, &made["$defs"][format!("{name}_{section}")]["properties"][below])
                }
                None => (line.key.as_str(), &properties[&line.key]),
            };
            explained.insert(name);
            let required = required.as_array().is_some_and(|names| names.iter().any(|it| *it == name));
            let problem = match key {
                Value::Null => Some("there is no such key".into()),
                key => wrong(line, key, required),
            };
            if let Some(problem) = problem {
                found += &format!("{above}: {}: {problem}\n", line.key);
            }
        }
        for name in properties.as_object().unwrap().keys().filter(|name| !explained.contains(name.as_str())) {
            found += &format!("{above}: {name} is not explained\n");
        }
    }
    for section in IN_PASSING {
        for name in made["$defs"][section]["properties"].as_object().unwrap().keys() {
            let said = [format!("`{name}`"), format!("{name}: "), format!(".{name}`")];
            if !said.iter().any(|said| page.contains(said)) {
                found += &format!("{section}.{name} is not explained\n");
            }
        }
    }
    assert!(found.is_empty(), "{found}");
}

#[test]
fn every_section_has_a_place() {
    let (page, made) = (page(), made());
    let explained = TABLES.iter().map(|(_, section)| *section).chain(IN_PASSING);
    let sections: BTreeSet<&str> = made["$defs"].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(explained.collect::<BTreeSet<_>>(), sections);
    let tables: BTreeSet<String> = lines(&page).into_iter().map(|line| line.above).collect();
    assert_eq!(tables, TABLES.iter().map(|(above, _)| (*above).to_owned()).collect());
    for (name, _) in made["properties"].as_object().unwrap() {
        let place = [format!("\n## {name}\n"), format!("\n{name}: ")];
        assert!(place.iter().any(|place| page.contains(place)), "{name}");
    }
}

#[test]
fn defaults_that_depend_are_told() {
    let page = page();
    let (_, roles) = page.split_once("\n## roles\n").unwrap();
    for (name, role) in ROLES {
        let row = roles.lines().find_map(|line| line.strip_prefix(&format!("| `{name}` | ")));
        let cells: Vec<&str> = row.unwrap().split(" | ").map(|cell| cell.trim_matches('`')).collect();
        let [port, _, probe, read, auth, _] = cells[..] else { panic!("{name}: {cells:?}") };
        assert_eq!(port.parse().ok(), role.port(), "{name}");
        assert_eq!(probe.starts_with("http"), matches!(role.probe().check, ProbeCheck::Http(_)), "{name}");
        assert_eq!(parse_duration(read), Some(role.timeouts().read), "{name}");
        assert_eq!(auth, word(&CONNECTION_AUTH, role.connection_auth()), "{name}");
    }
    let idle = [By::SourceIp, By::Cookie].map(|by| show_duration(idle_timeout(by)));
    assert!(page.contains(&format!("| `{}`; for `cookie` `{}` |", idle[0], idle[1])), "{idle:?}");
}
