//! Bad configurations and what is said about them.
//!
//! A case is a change to [`FARM`] and the lines it must give, without the file's name: `-` is replaced by `+`,
//! several lines in a row belong together, and there may be several such pairs. Cases are parted by empty lines.

mod alone;
mod together;

use super::*;
use alone::{ENVIRONMENT, KEYS, KINDS, LISTENERS, NODES, PROBES, YAML};
use together::{ADMIN, GROUPS, POOLS, RELATIONS, REST, ROUTES};

/// All tables of cases.
pub(super) const ALL: [&str; 13] =
    [YAML, KEYS, KINDS, LISTENERS, NODES, ENVIRONMENT, PROBES, ADMIN, GROUPS, POOLS, ROUTES, REST, RELATIONS];

#[test]
fn every_error_says_place_value_and_remedy() {
    let folder = Folder::new();
    let mut wrong = String::new();
    let cases = ALL.concat();
    for case in cases.split("\n\n").filter(|case| !case.trim().is_empty()) {
        let (text, expected) = changed(FARM, case);
        let found = folder.bad(&text).join("\n").replace("edge.yaml:", "");
        if found != expected || expected.is_empty() {
            wrong += &format!("{case}\n--- but found\n{found}\n\n");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// The changed `base` and the lines that are expected for it.
pub(super) fn changed(base: &str, case: &str) -> (String, String) {
    let mut text = base.to_owned();
    let (mut from, mut to, mut expected) = (Vec::new(), Vec::new(), Vec::new());
    for line in case.lines().filter(|line| !line.is_empty()) {
        if let Some(line) = line.strip_prefix("- ") {
            if !to.is_empty() {
                text = replaced(&text, &mut from, &mut to);
            }
            from.push(line);
        } else if let Some(line) = line.strip_prefix("+ ") {
            to.push(line);
        } else {
            expected.push(line);
        }
    }
    (replaced(&text, &mut from, &mut to), expected.join("\n"))
}

fn replaced(text: &str, from: &mut Vec<&str>, to: &mut Vec<&str>) -> String {
    let (from, to) = (std::mem::take(from).join("\n"), std::mem::take(to).join("\n"));
    assert!(text.contains(&from), "{from}");
    text.replacen(&from, &to, 1)
}

#[test]
fn files_that_cannot_be_read_say_so() {
    let folder = Folder::new();
    let errors = |name: &str| folder.lines(&load(&folder.path().join(name)).unwrap_err());
    assert_eq!(errors("none.yaml"), ["none.yaml: cannot be read, No such file or directory (os error 2)"]);
    folder.write("large.yaml", &"#".repeat((1 << 20) + 1));
    assert_eq!(errors("large.yaml"), ["large.yaml: too large, expected at most 1 MiB"]);
    std::fs::write(folder.path().join("bytes.yaml"), [b'a', 0xff]).unwrap();
    assert_eq!(errors("bytes.yaml"), ["bytes.yaml: no text, expected UTF-8"]);
    folder.write("empty.yaml", "# nothing\n");
    assert_eq!(errors("empty.yaml"), ["empty.yaml:2:1: empty, expected a configuration"]);
}

#[test]
fn long_and_odd_values_are_shown_on_one_short_line() {
    let folder = Folder::new();
    let found = folder.bad(&farm("10.0.0.1", &format!("\"a\\n{}\"", "b".repeat(80))));
    let shown = format!("a\\n{}…", "b".repeat(58));
    let expected = "expected an IP address or a host name, without a port";
    assert_eq!(found, [format!("edge.yaml:4:17: nodes.a.address: {shown}, {expected}")]);
}

proptest::proptest! {
    /// Whatever is cut out, doubled or overwritten: there is an answer, and errors come in order.
    #[test]
    fn a_mangled_file_is_answered(
        at in 0..super::good::EVERYTHING.len(),
        length in 0usize..40,
        put in "[-a0:\\[\\]{},&*!'\"\\$ \\n]{0,6}",
    ) {
        let text = super::good::EVERYTHING;
        let mangled = format!("{}{put}{}", &text[..at], &text[(at + length).min(text.len())..]);
        let folder = std::path::Path::new("/nowhere/edge.yaml");
        let errors = load_text(folder, &mangled, &|_| None).expect_err("the files are missing");
        proptest::prop_assert!(errors.is_sorted_by_key(|error| (error.place.line, error.place.column)));
    }
}
