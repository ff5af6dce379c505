use super::*;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};

use tempfile::TempDir;

const NOON: &str = "2026-03-01T12:00:00.25Z";

fn apply_at(action: Action, file: &Path, now: &str) -> Result<Report, KeysError> {
    apply(action, file, now.parse().unwrap())
}

fn folder_with_keys() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cookie-keys.txt");
    apply_at(Action::New, &file, NOON).unwrap();
    (folder, file)
}

fn ring(file: &Path) -> KeyRing {
    KeyRing::parse(&fs::read_to_string(file).unwrap()).unwrap()
}

fn ids(file: &Path) -> Vec<KeyId> {
    ring(file).keys().iter().map(|key| key.id()).collect()
}

fn names(folder: &TempDir) -> Vec<String> {
    let entries = fs::read_dir(folder.path()).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_new_file_is_private_and_never_overwrites() {
    let (_folder, file) = folder_with_keys();
    assert_eq!(held::mode(&file).unwrap(), 0o600);
    assert_eq!(ring(&file).signing().created(), "2026-03-01T12:00:00Z");

    let before = fs::read(&file).unwrap();
    assert!(matches!(apply_at(Action::New, &file, NOON), Err(KeysError::Exists(_))));
    assert_eq!(fs::read(&file).unwrap(), before);
}

#[test]
fn a_key_is_added_then_promoted_and_each_message_names_the_next_step() {
    let (folder, file) = folder_with_keys();
    let first = ids(&file)[0];

    // Within the second in which the first was made.
    let report = apply_at(Action::Rotate, &file, NOON).unwrap();
    let second = ids(&file)[1];
    assert_eq!(report.done, Done::Rotated { key: second, signing: first });
    assert_eq!(ids(&file), [first, second]);
    let said = report.to_string();
    assert!(said.contains("every edge") && said.contains("keys promote"), "{said}");
    assert!(!said.contains("Warning"), "{said}");

    let report = apply_at(Action::Promote, &file, NOON).unwrap();
    assert_eq!(report.done, Done::Promoted(Promotion { signing: second, retired: first, dropped: vec![] }));
    assert_eq!(ids(&file), [second, first]);
    assert!(!report.to_string().contains("Dropped"));

    let before = fs::read(&file).unwrap();
    let error = apply_at(Action::Promote, &file, NOON).unwrap_err();
    assert!(matches!(error, KeysError::Ring { source: KeyRingError::NothingToPromote { .. }, .. }));
    assert_eq!(fs::read(&file).unwrap(), before);
    assert_eq!(names(&folder), ["cookie-keys.txt"]);
}

#[test]
fn a_clock_that_is_behind_does_not_hinder() {
    let (_folder, file) = folder_with_keys();
    apply_at(Action::Rotate, &file, "2025-01-01T00:00:00Z").unwrap();
    assert_eq!(ring(&file).keys()[1].created(), "2026-03-01T12:00:01Z");
    apply_at(Action::Promote, &file, "2025-01-01T00:00:00Z").unwrap();
}

#[test]
fn dropped_keys_are_named() {
    let (_folder, file) = folder_with_keys();
    let first = ids(&file)[0];
    let mut last = String::new();
    for _ in 0..5 {
        apply_at(Action::Rotate, &file, NOON).unwrap();
        last = apply_at(Action::Promote, &file, NOON).unwrap().to_string();
    }
    assert!(last.contains(&format!("Dropped, their cookies are no longer accepted: {first}.")), "{last}");
    assert_eq!(ids(&file).len(), 5);
}

#[test]
fn mode_owner_and_links_stay() {
    let (folder, file) = folder_with_keys();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let root = fs::metadata(&file).unwrap().uid() == 0; // only root can give files away
    if root {
        chown(&file, Some(12_345), Some(54_321)).unwrap();
    }
    let owner = |file: &Path| fs::metadata(file).map(|metadata| (metadata.uid(), metadata.gid())).unwrap();
    let before = owner(&file);
    let link = folder.path().join("link");
    symlink(&file, &link).unwrap();

    let said = apply_at(Action::Rotate, &link, NOON).unwrap().to_string();
    assert!(said.contains("Warning") && said.contains("0644"), "{said}");
    assert_eq!(held::mode(&file).unwrap(), 0o644);
    assert_eq!(owner(&file), before);
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(ids(&file).len(), 2);
}

#[test]
fn what_a_killed_run_left_is_cleared_away() {
    let (folder, file) = folder_with_keys();
    fs::write(folder.path().join(".cookie-keys.txt.new"), "half").unwrap();
    apply_at(Action::Rotate, &file, NOON).unwrap();
    assert_eq!(names(&folder), ["cookie-keys.txt"]);
    assert_eq!(ids(&file).len(), 2);
}

#[test]
fn two_at_once_do_not_mix() {
    let (folder, file) = folder_with_keys();
    let held = Held::open(&file).unwrap();
    assert!(matches!(apply_at(Action::Rotate, &file, NOON), Err(KeysError::Busy(_))));
    held.replace(&ring(&file).render()).unwrap();
    apply_at(Action::Rotate, &file, NOON).unwrap();
    assert_eq!(names(&folder), ["cookie-keys.txt"]);
}

#[test]
fn a_change_by_someone_without_the_lock_is_not_lost() {
    let (folder, file) = folder_with_keys();
    let other = folder.path().join("other");
    let changes: [&dyn Fn(); 3] = [
        &|| {
            fs::copy(&file, &other).unwrap();
            fs::rename(&other, &file).unwrap();
        },
        &|| fs::write(&file, fs::read_to_string(&file).unwrap() + "# theirs\n").unwrap(),
        &|| fs::remove_file(&file).unwrap(),
    ];
    for change in changes {
        let held = Held::open(&file).unwrap();
        change();
        let theirs = fs::read(&file).ok();
        assert!(matches!(held.replace("ours"), Err(KeysError::Changed(_) | KeysError::Failed { .. })));
        assert_eq!(fs::read(&file).ok(), theirs);
    }
    assert_eq!(names(&folder), [""; 0]);
}

#[test]
fn what_is_no_key_file_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x");
    assert!(matches!(apply_at(Action::Rotate, &file, NOON), Err(KeysError::Failed { doing: "open", .. })));
    assert!(matches!(apply_at(Action::Rotate, folder.path(), NOON), Err(KeysError::NotAFile(_))));
    assert!(matches!(
        apply_at(Action::New, &folder.path().join("no/such/x"), NOON),
        Err(KeysError::Failed { doing: "create", .. })
    ));
    for content in [b"a b".as_slice(), b"", b"\xff\xfe", &[b'#'; 100_000]] {
        fs::write(&file, content).unwrap();
        let error = apply_at(Action::Promote, &file, NOON).unwrap_err();
        assert!(matches!(error, KeysError::File { .. } | KeysError::NotText(_)), "{error}");
        assert_eq!(fs::read(&file).unwrap(), content);
    }
    assert_eq!(names(&folder), ["x"]);
}
