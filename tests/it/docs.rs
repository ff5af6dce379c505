//! What the documentation shows is what the binary accepts.
//!
//! A block of YAML marked `yaml whole` is a configuration of its own. Any other block shows some sections or
//! entries: they replace, or join, those of `conf/edge.yaml`.

use crate::support::edge::{command, finish, said, write};
use rcgen::{CertificateParams, KeyPair};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Marks of blocks of YAML that other programs read.
const OF_OTHERS: [&str; 2] = ["yaml prometheus", "yaml alertmanager"];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The pages, each with its text.
fn pages() -> Vec<(String, String)> {
    let files = std::fs::read_dir(root().join("docs")).unwrap().map(|file| file.unwrap().file_name());
    let pages = files.map(|file| format!("docs/{}", file.to_str().unwrap()));
    let pages = pages.filter(|page| page.ends_with(".md")).chain(["README.md".to_owned()]);
    let read = |page: String| (std::fs::read_to_string(root().join(&page)).unwrap(), page);
    pages.map(read).map(|(text, page)| (page, text)).collect()
}

/// A fenced block of a page.
struct Block {
    /// The page and the line where it starts.
    place: String,
    /// What stands behind the fence.
    language: String,
    text: String,
}

fn blocks(page: &str, text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for (line, number) in text.lines().zip(1..) {
        let at_the_margin = line.starts_with("```");
        assert!(at_the_margin || !line.contains("```"), "{page}:{number}: a block that nobody looks at");
        match (line.strip_prefix("```"), &mut open) {
            (Some(language), None) => {
                let (place, language) = (format!("{page}:{number}"), language.to_owned());
                open = Some(Block { place, language, text: String::new() });
            }
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (None, Some(block)) => block.text += &format!("{line}\n"),
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "{page}: a block that does not end");
    blocks
}

/// A folder with the files that configurations name.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["mim", "reset", "edge"] {
        let key = KeyPair::generate().unwrap();
        let certificate =
            CertificateParams::new([format!("{name}.example.com")]).unwrap().self_signed(&key).unwrap();
        write(folder.path(), &format!("{name}.pem"), &certificate.pem());
        write(folder.path(), &format!("{name}.key"), &key.serialize_pem());
        for authority in ["corp-ca.pem", "partners-ca.pem"] {
            write(folder.path(), authority, &certificate.pem());
        }
    }
    for page in ["sorry.html", "lost.html"] {
        write(folder.path(), page, "<p>{status}, {request_id}</p>\n");
    }
    let token = write(folder.path(), "admin-token.txt", "0123456789abcdef0123456789abcdef\n");
    std::fs::set_permissions(token, std::fs::Permissions::from_mode(0o600)).unwrap();
    let keys = finish(command(["keys", "new"]).arg(folder.path().join("cookie-keys.txt")));
    assert!(keys.status.success(), "{}", said(&keys));
    folder
}

/// What is wrong with a configuration; warnings count, but for those of a `part` about what has no route. Advice does not.
fn wrong(folder: &Path, place: &str, yaml: &str, part: bool) -> Option<String> {
    let file = write(folder, "edge.yaml", yaml);
    let output = finish(command(["check"]).arg(file).env("DEMO_KEYS", "cookie-keys.txt"));
    let told = String::from_utf8_lossy(&output.stderr);
    let clean = output.status.code() == Some(0)
        && told.lines().all(|line| line.starts_with("advice: ") || part && line.contains(": no route, "));
    (!clean).then(|| format!("{place}: {}\n{yaml}", said(&output)))
}

/// The parts of a text that start where `is_head` says so, each with its first line's key; comments go.
fn parts(text: &str, is_head: impl Fn(&str) -> bool) -> Vec<(String, String)> {
    let mut parts: Vec<(String, String)> = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty() && !line.trim().starts_with('#')) {
        if is_head(line) {
            parts.push((line.split(':').next().unwrap().trim().to_owned(), String::new()));
        }
        let (_, part) = parts.last_mut().expect("a key first");
        *part += &format!("{line}\n");
    }
    parts
}

fn sections(text: &str) -> Vec<(String, String)> {
    parts(text, |line| !line.starts_with(' '))
}

/// `base` with the sections and entries of `shown` in it.
fn merged(base: &str, shown: &str) -> String {
    let mut base = sections(base);
    for (name, section) in sections(shown) {
        let known = base.iter_mut().find(|(known, _)| *known == name);
        let Some((_, known)) = known else { panic!("conf/edge.yaml has no section {name}") };
        let by_name = ["listeners", "nodes", "persistence", "pools"].contains(&name.as_str());
        *known = if by_name { with_entries(known, &section) } else { section };
    }
    base.into_iter().map(|(_, section)| section).collect()
}

fn with_entries(known: &str, shown: &str) -> String {
    let entries = |section: &str| {
        let (head, rest) = section.split_once('\n').unwrap();
        (head.to_owned(), parts(rest, |line| line.starts_with("  ") && !line.starts_with("   ")))
    };
    let ((head, mut known), (_, shown)) = (entries(known), entries(shown));
    for (name, entry) in shown {
        match known.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = entry,
            None => known.push((name, entry)),
        }
    }
    let entries: String = known.into_iter().map(|(_, entry)| entry).collect();
    format!("{head}\n{entries}")
}

#[test]
fn every_file_that_ships_passes_check() {
    let folder = folder();
    let mut checked = 0;
    for file in std::fs::read_dir(root().join("conf")).unwrap() {
        let path = file.unwrap().path();
        // Folders hold what belongs to other programs; the schema is for editors.
        if path.extension().is_none_or(|ending| ending != "yaml") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let wrong = wrong(folder.path(), &path.display().to_string(), &text, false);
        assert_eq!(wrong, None);
        checked += 1;
    }
    assert!(checked >= 3, "{checked}");
}

#[test]
fn every_configuration_in_the_documentation_passes_check() {
    let folder = folder();
    let base = std::fs::read_to_string(root().join("conf/edge.yaml")).unwrap();
    let (mut found, mut whole, mut part) = (String::new(), 0, 0);
    for (page, text) in pages() {
        for block in blocks(&page, &text) {
            let wrong = match block.language.as_str() {
                "yaml whole" => {
                    whole += 1;
                    wrong(folder.path(), &block.place, &block.text, false)
                }
                // An entry that joins has no route, of which there is a warning.
                "yaml" => {
                    part += 1;
                    wrong(folder.path(), &block.place, &merged(&base, &block.text), true)
                }
                other => {
                    let is_other = OF_OTHERS.contains(&other) || !other.contains("yaml");
                    assert!(is_other, "{}: {other} is not known", block.place);
                    None
                }
            };
            found.extend(wrong);
        }
    }
    assert!(found.is_empty(), "{found}");
    assert!(whole >= 2 && part >= 8, "{whole} whole, {part} in part: has the marking changed?");
}

/// The examples of the library are doctests on the crate's front page; the README shows the same, without the lines
/// that the page hides.
#[test]
fn the_readme_shows_the_examples_that_are_tested() {
    let source = std::fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let page: String = source
        .lines()
        .filter_map(|line| line.strip_prefix("//!"))
        .map(|line| format!("{}\n", line.strip_prefix(' ').unwrap_or(line)))
        .collect();
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let texts = |blocks: Vec<Block>, languages: [&str; 2]| -> Vec<String> {
        let rust = blocks.into_iter().filter(|block| languages.contains(&block.language.as_str()));
        let seen = |text: &str| -> String {
            text.split_inclusive('\n').filter(|line| !line.starts_with("# ")).collect()
        };
        rust.map(|block| seen(&block.text)).collect()
    };
    let tested = texts(blocks("src/lib.rs", &page), ["", "no_run"]);
    let shown = texts(blocks("README.md", &readme), ["rust", "rust"]);
    assert_eq!(shown, tested);
    assert_eq!(shown.len(), 2, "one for Pingora services, one for anything else");
}

/// The words, in quotes, that follow `before` in a file of the source.
fn words(file: &str, before: &str) -> Vec<String> {
    let source = std::fs::read_to_string(root().join(file)).unwrap();
    let words = source.split(before).skip(1).filter_map(|rest| rest.split('"').next());
    let is_word = |text: &&str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    words.filter(is_word).map(str::to_owned).collect()
}

#[test]
fn every_reason_and_every_field_of_the_log_is_explained() {
    let page = std::fs::read_to_string(root().join("docs/operations.md")).unwrap();
    let mut words: Vec<String> = Vec::new();
    for (file, before) in [
        ("src/engine/refusal.rs", "=> \""),
        ("src/engine/handler.rs", "=> \""),
        ("src/engine/upstream.rs", "=> \""),
        ("src/persistence/cookie.rs", "=> \""),
        ("src/persistence/client_class.rs", "=> \""),
        ("src/persistence/decision.rs", "=> \""),
        ("src/proxy/access_log/entry.rs", "json!(\""),
        ("src/proxy/access_log/entry.rs", "json_string!(line, \""),
    ] {
        let found = self::words(file, before);
        assert!(!found.is_empty(), "{file}");
        words.extend(found);
    }
    let missing: Vec<&String> = words.iter().filter(|word| !page.contains(&format!("`{word}`"))).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// The errors that the configuration's page shows are those of the tests of the configuration.
#[test]
fn errors_are_shown_as_they_are_said() {
    let page = std::fs::read_to_string(root().join("docs/configuration.md")).unwrap();
    let tested = ["alone", "together"]
        .map(|file| std::fs::read_to_string(root().join(format!("src/config/tests/bad/{file}.rs"))).unwrap())
        .concat();
    let shown: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("edge.yaml:")).collect();
    let unknown: Vec<&&str> = shown.iter().filter(|line| !tested.contains(&format!("\n{line}\n"))).collect();
    assert!(unknown.is_empty() && shown.len() > 10, "{unknown:#?}");
}

/// Links between the pages lead to files, and to headings, that are there.
#[test]
fn links_lead_somewhere() {
    let anchor = |heading: &str| -> String {
        let heading = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = heading.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        kept.collect::<String>().replace(' ', "-")
    };
    let mut lost = String::new();
    for (page, text) in pages() {
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if target.contains("://") {
                continue;
            }
            let (path, heading) = target.split_once('#').unwrap_or((target, ""));
            let file = match path {
                "" => root().join(&page),
                path => root().join(&page).parent().unwrap().join(path),
            };
            let text = std::fs::read_to_string(&file).unwrap_or_default();
            let found = match heading {
                "" => file.exists(),
                heading => text.lines().any(|line| line.starts_with('#') && anchor(line) == heading),
            };
            if !found {
                lost += &format!("{page}: {target}\n");
            }
        }
    }
    assert!(lost.is_empty(), "{lost}");
}

/// Every test that the security page names is there.
#[test]
fn the_security_page_names_tests_that_exist() {
    fn sources(folder: &Path, found: &mut String) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                sources(&path, found);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                *found += &std::fs::read_to_string(&path).unwrap();
            }
        }
    }
    let mut code = String::new();
    ["src", "tests"].iter().for_each(|folder| sources(&root().join(folder), &mut code));
    let page = std::fs::read_to_string(root().join("docs/security.md")).unwrap();
    let named: Vec<&str> = page.split('`').skip(1).step_by(2).filter(|word| word.contains("::")).collect();
    let lost: Vec<&&str> = named
        .iter()
        .filter(|name| !code.contains(&format!("fn {}(", name.rsplit("::").next().unwrap())))
        .collect();
    assert!(lost.is_empty() && named.len() > 30, "{lost:?} of {}", named.len());
}

/// The security page says where it is and why.
#[test]
fn one_unsafe_block_and_the_page_names_its_file() {
    fn places(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                places(&path, found);
            } else {
                let text = std::fs::read_to_string(&path).unwrap();
                let blocks = text.matches("unsafe {").count() + text.matches("unsafe fn").count();
                found.extend(std::iter::repeat_n(path, blocks));
            }
        }
    }
    let mut found = Vec::new();
    places(&root().join("src"), &mut found);
    assert_eq!(found, [root().join("src/engine/reset.rs")]);
    let page = std::fs::read_to_string(root().join("docs/security.md")).unwrap();
    assert!(page.contains("one `unsafe` block, in `src/engine/reset.rs`"));
}
