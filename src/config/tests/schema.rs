//! The schema against what is read: files that are good, files that are not, and the page that explains them.

use super::super::tree::{self, Raw, RawKind};
use super::bad::{ALL, changed};
use super::good::EVERYTHING;
use super::warnings::{self, MIM};
use super::*;
use jsonschema::Validator;
use serde_json::{Map, Number, Value, json};
use std::collections::BTreeSet;

/// What only `check` finds: a case passes the schema if every line of it has one of these in it.
const CHECK_ALONE: [&str; 45] = [
    // What the environment gives.
    "the environment has no variable",
    "expected } behind the variable's name",
    "expected the name of a variable between ${ and }",
    "nodes.a.address: 10.0.0.7:80",
    "headers.Authorization: (not shown)",
    "headers.X-Lines: Bearer secret",
    // Files.
    "no such file",
    "cannot be read",
    "in the file, expected PEM",
    "without its END line",
    "no usable certificate",
    "no usable key",
    "not the key of the certificate",
    "no key file",
    "no token",
    "expected HTML in UTF-8",
    // Names that lead nowhere.
    "no such listener",
    "no such node",
    "no such pool",
    "no such persistence group",
    "not in the group's pools",
    // Keys that contradict each other, or need each other.
    "the lower status first",
    "http and tcp",
    "a body with",
    "a text with HEAD",
    "set token_file",
    "cookie.keys: missing",
    "browsers drop such a cookie",
    "a pool without a role has none of its own",
    "Windows authenticates connections",
    "expected client_ca beside it",
    "expected its key beside it",
    "expected its certificate beside it",
    "expected either pool or redirect",
    "or redirect: https instead of it",
    "beside redirect: no node answers",
    "one page for each status",
    "expected whole seconds",
    // Underscores that stand for hyphens.
    "client_subject_header: X_Forwarded_For",
    // Sections that contradict each other.
    " binds ",
    "a tie with",
    "both belong to the persistence group",
    "both cookies reach the same hosts",
    "already, expected another",
    "no single exact host leads here",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub(super) fn made() -> Value {
    serde_json::from_str(&schema().unwrap()).unwrap()
}

fn validator() -> Validator {
    jsonschema::draft202012::new(&made()).unwrap()
}

/// YAML as an editor sees it (YAML 1.2.2 section 10.3); none where it is no YAML.
fn yaml(text: &str) -> Option<Value> {
    match tree::parse(text) {
        (Some(tree), problems) if problems.is_empty() => Some(json(&tree)),
        _ => None,
    }
}

fn json(raw: &Raw) -> Value {
    match &raw.kind {
        RawKind::Empty => Value::Null,
        RawKind::Scalar { text, quoted: true } => text.as_str().into(),
        RawKind::Scalar { text, quoted: false } => plain(text),
        RawKind::List(items) => items.iter().map(json).collect(),
        RawKind::Mapping(entries) => Value::Object(
            entries.iter().map(|entry| (entry.key.clone(), json(&entry.value))).collect::<Map<_, _>>(),
        ),
    }
}

fn plain(text: &str) -> Value {
    let number = || {
        let digits = text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.".contains(&byte));
        let integer = text.parse::<i64>().ok().map(Value::from);
        let fraction = || Some(Value::Number(Number::from_f64(text.parse().ok()?)?));
        digits.then(|| integer.or_else(fraction)).flatten()
    };
    match text {
        "null" | "Null" | "NULL" | "~" => Value::Null,
        "true" | "True" | "TRUE" => true.into(),
        "false" | "False" | "FALSE" => false.into(),
        text => number().unwrap_or_else(|| text.into()),
    }
}

/// What the schema has against a text.
fn wrong(validator: &Validator, text: &str) -> String {
    let Some(value) = yaml(text) else { return "no YAML".into() };
    let errors = validator.iter_errors(&value);
    errors.map(|error| format!("{}: {error}\n", error.instance_path())).collect()
}

#[test]
fn it_is_a_schema() {
    assert!(jsonschema::draft202012::meta::validate(&made()).is_ok());
}

#[test]
fn what_is_good_fits() {
    let validator = validator();
    let folder = Folder::new();
    let shown = [FARM, EVERYTHING].map(|text| show(&folder.good(text).0));
    for text in [FARM, EVERYTHING].into_iter().chain(shown.iter().map(String::as_str)) {
        assert_eq!(wrong(&validator, text), "", "{text}");
    }
}

/// What `check` only warns of is no error in an editor.
#[test]
fn what_is_legal_fits() {
    let validator = validator();
    let cases = warnings::ALL.concat();
    for case in cases.split("\n\n").filter(|case| !case.trim().is_empty()) {
        let (text, _) = changed(MIM, case);
        assert_eq!(wrong(&validator, &text), "", "{text}");
    }
}

#[test]
fn what_is_bad_by_itself_does_not_fit() {
    let validator = validator();
    let (mut passed, mut unexpected) = (Vec::new(), String::new());
    let cases = ALL.concat();
    for case in cases.split("\n\n").filter(|case| !case.trim().is_empty()) {
        let (text, errors) = changed(FARM, case);
        if !wrong(&validator, &text).is_empty() {
            continue;
        }
        for line in errors.lines() {
            match CHECK_ALONE.iter().find(|known| line.contains(**known)) {
                Some(known) => passed.push(*known),
                None => unexpected += &format!("{line}\n"),
            }
        }
    }
    assert!(unexpected.is_empty(), "{unexpected}");
    let unused: Vec<_> = CHECK_ALONE.iter().filter(|known| !passed.contains(known)).collect();
    assert!(unused.is_empty(), "{unused:?}");
}

/// Where the values of a value are, as JSON pointers (RFC 6901).
fn places(value: &Value, above: &str, found: &mut Vec<String>) {
    let below: Vec<(String, &Value)> = match value {
        Value::Object(entries) => {
            entries.iter().map(|(key, value)| (key.replace('/', "~1"), value)).collect()
        }
        Value::Array(values) => {
            values.iter().enumerate().map(|(at, value)| (at.to_string(), value)).collect()
        }
        _ => Vec::new(),
    };
    for (key, value) in below {
        let place = format!("{above}/{key}");
        places(value, &place, found);
        found.push(place);
    }
}

/// An editor complains of nothing that is accepted, whatever stands in the place of each value.
#[test]
fn whatever_is_read_fits() {
    let validator = validator();
    let folder = Folder::new();
    // In JSON every text is in quotes, where these would be words.
    let text = EVERYTHING.replace("http2: no", "http2: false").replace("enabled: off", "enabled: false");
    let whole = yaml(&text).unwrap();
    folder.good(&whole.to_string());
    let others = json!([
        null, true, false, 0, 1, 9, 24, 200, 404, 599, 600, 1.2, 65536, -1,
        "", "1", "0009", "on", "Off", "no", "auto", "none", "null", "GET", "two", "mim.pem", "a b", "é", "${PORT}", "$${",
        "0s", "1ms", "090s", "1d", "400d", "401d", "1024", "64KiB", "1TiB", "2 MiB", "stdout", "/", "/a", "/a/", "/a?b", "/a;b",
        "x.test", "X_1.test:80", "*.x.test", "*", "10.0.0.2", "::1", "[::1]", "[::1]:9", "127.0.0.1:9", "200-299", "299-200",
        [], ["two"], ["Server"], { "404": "sorry.html" }, { "limit": 3 }, { "https": 1 }, ["127.0.0.1:9"], [204, "200-399"], {}, { "a": "b" }, { "::1": "two" }, { "tcp": {} }, { "to": "off" }
    ]);
    let mut found = Vec::new();
    places(&whole, "", &mut found);
    let (mut read, mut wrong) = (0, String::new());
    for place in &found {
        for other in others.as_array().unwrap() {
            let mut changed = whole.clone();
            *changed.pointer_mut(place).unwrap() = other.clone();
            if folder.load(&changed.to_string()).is_ok() {
                read += 1;
                if let Err(error) = validator.validate(&changed) {
                    wrong += &format!("{place}: {other}: {error}\n");
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(found.len() > 150 && read > 900, "{read} of {} places", found.len());
}

/// Defaults and examples are values of their keys.
#[test]
fn what_it_suggests_fits() {
    let made = made();
    let mut suggested = 0;
    let sections = made["$defs"].as_object().unwrap().values().chain([&made]);
    for (name, key) in sections.flat_map(|section| section["properties"].as_object().unwrap()) {
        let mut alone = key.clone();
        alone["$defs"] = made["$defs"].clone();
        let validator = jsonschema::draft202012::new(&alone).unwrap();
        let examples = key.get("examples").and_then(Value::as_array);
        for value in key.get("default").into_iter().chain(examples.into_iter().flatten()) {
            assert!(validator.is_valid(value), "{name}: {value}");
            suggested += 1;
        }
    }
    assert!(suggested > 80, "{suggested}");
}

/// A text of the environment may stand where a text is read.
#[test]
fn what_the_environment_gives_passes() {
    let validator = validator();
    let folder = Folder::new();
    for (from, to) in [
        ("127.0.0.1:8080", "127.0.0.1:${PORT}"),
        ("10.0.0.1", "\"${ADDRESS}\""),
        ("[keys.txt]", "[\"${KEYS}\"]"),
        ("port: 80 ", "port: \"${PORT}\" "),
        ("port: 80 ", "port: \"0080\" "),
    ] {
        let text = farm(from, to);
        assert_eq!(folder.bad(&text), [""; 0], "{text}");
        assert_eq!(wrong(&validator, &text), "", "{text}");
    }
}

/// The words of YAML 1.1 are booleans to some editors and texts to others.
#[test]
fn switches_may_be_words() {
    let validator = validator();
    let folder = Folder::new();
    for (from, to) in [
        ("10.0.0.1 ", "10.0.0.1, backup: WORD "),
        ("[keys.txt]", "[keys.txt], secure: WORD"),
        ("127.0.0.1:8080\"", "127.0.0.1:8080\", http2: WORD"),
        ("nodes:\n", "log: { level: WORD }\nnodes:\n"),
        ("nodes:\n", "session_store: { enabled: WORD }\nnodes:\n"),
    ] {
        for word in ["off", "Off", "false", "no", "on", "true", "maybe"] {
            let text = farm(from, &to.replace("WORD", word));
            assert_eq!(wrong(&validator, &text).is_empty(), folder.bad(&text).is_empty(), "{text}");
        }
    }
}

/// The blocks of YAML of a page: where each starts, whether it is a whole configuration, and its text.
fn blocks(name: &str, page: &str) -> Vec<(String, bool, String)> {
    let mut blocks = Vec::new();
    let mut open: Option<(String, bool, String)> = None;
    for (line, number) in page.lines().zip(1..) {
        match (line.strip_prefix("```"), &mut open) {
            (Some(language @ ("yaml" | "yaml whole")), None) => {
                open = Some((format!("{name}:{number}"), language != "yaml", String::new()));
            }
            (Some(_), _) => blocks.extend(open.take()),
            (None, Some((.., text))) => *text += &format!("{line}\n"),
            (None, None) => {}
        }
    }
    blocks
}

#[test]
fn what_is_documented_and_what_ships_fits() {
    let whole = validator();
    let mut some = made();
    some.as_object_mut().unwrap().remove("required");
    let some = jsonschema::draft202012::new(&some).unwrap();
    let in_folder = |name: &str, ending: &str| -> Vec<String> {
        let files = std::fs::read_dir(root().join(name)).unwrap().map(|file| file.unwrap().file_name());
        let files = files.map(|file| format!("{name}/{}", file.to_str().unwrap()));
        files.filter(|file| file.ends_with(ending)).collect()
    };
    let read = |name: &str| std::fs::read_to_string(root().join(name)).unwrap();
    let files = in_folder("conf", ".yaml");
    for file in &files {
        assert_eq!(wrong(&whole, &read(file)), "", "{file}");
    }
    let pages = in_folder("docs", ".md").into_iter().chain(["README.md".to_owned()]);
    let blocks: Vec<_> = pages.flat_map(|page| blocks(&page, &read(&page))).collect();
    for (place, is_whole, text) in &blocks {
        assert_eq!(wrong(if *is_whole { &whole } else { &some }, text), "", "{place}");
    }
    assert!(files.len() >= 3 && blocks.len() >= 10, "{} files, {} blocks", files.len(), blocks.len());
}

/// Every key of every section, as `section.key`.
fn keys(made: &Value) -> Vec<(String, &Value)> {
    let sections = made["$defs"].as_object().unwrap().iter();
    let sections = sections.map(|(name, section)| (name.as_str(), section)).chain([("", made)]);
    let keys = sections.map(|(name, section)| (name, section["properties"].as_object().unwrap()));
    keys.flat_map(|(name, keys)| keys.iter().map(move |(key, value)| (format!("{name}.{key}"), value)))
        .collect()
}

/// Adds to `met` the keys that `value` has, as `schema` calls them; `section` is what that belongs to.
fn meet(made: &Value, (section, schema): (&str, &Value), value: &Value, met: &mut BTreeSet<String>) {
    let schemas = schema["anyOf"].as_array().into_iter().flatten().map(|schema| (section, schema));
    let reference = schema["$ref"].as_str().and_then(|path| path.strip_prefix("#/$defs/"));
    for schema in schemas.chain(reference.map(|name| (name, &made["$defs"][name]))) {
        meet(made, schema, value, met);
    }
    match value {
        Value::Array(values) => {
            for value in values {
                meet(made, (section, &schema["items"]), value, met);
            }
        }
        Value::Object(entries) => {
            let named = schema["patternProperties"].as_object().and_then(|named| named.values().next());
            for (key, value) in entries {
                if let Some(schema) = schema["properties"].get(key) {
                    met.insert(format!("{section}.{key}"));
                    meet(made, (section, schema), value, met);
                } else if let Some(schema) = named {
                    meet(made, (section, schema), value, met);
                }
            }
        }
        _ => {}
    }
}

/// Whether a key is more than a place for what this version does not do.
fn is_built(made: &Value, key: &Value) -> bool {
    let below = key["$ref"].as_str().and_then(|path| made.pointer(path.strip_prefix('#')?));
    let mut below = below.into_iter().flat_map(|section| section["properties"].as_object().unwrap().values());
    match key["$ref"] {
        Value::Null => !key["description"].as_str().unwrap().contains("Not in this version"),
        _ => below.any(|key| is_built(made, key)),
    }
}

/// The annotated file and the examples of the page have every key, and the page's have all that can be set.
#[test]
fn every_key_has_an_example() {
    let made = made();
    let read = |name: &str| std::fs::read_to_string(root().join(name)).unwrap();
    let shown = |text: &str| {
        let mut met = BTreeSet::new();
        meet(&made, ("", &made), &yaml(text).unwrap(), &mut met);
        met
    };
    let page = "docs/configuration.md";
    let on_the_page: BTreeSet<String> =
        blocks(page, &read(page)).iter().flat_map(|(.., text)| shown(text)).collect();
    let annotated = shown(&read("conf/edge.yaml"));
    let missing: Vec<String> = keys(&made)
        .into_iter()
        .filter(|(name, key)| {
            !on_the_page.contains(name) && (is_built(&made, key) || !annotated.contains(name))
        })
        .map(|(name, _)| name)
        .collect();
    assert_eq!(missing, [""; 0]);
}
