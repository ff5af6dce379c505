use super::*;
use proptest::prelude::*;

/// Every reading, in order; none where the path is refused whatever the routes are.
fn readings(path: &str) -> Option<Vec<String>> {
    let mut seen: Vec<String> = Vec::new();
    agree(path.as_bytes(), |reading| {
        let reading = String::from_utf8_lossy(reading).into_owned();
        if !seen.contains(&reading) {
            seen.push(reading);
        }
        true
    })
    .ok()
    .map(|()| seen)
}

#[test]
fn each_way_to_read_a_path_is_taken() {
    for (path, expected) in [
        ("/a/b", &["/a/b"][..]),
        ("/a/./b/", &["/a/./b/", "/a/b/"]),
        ("/a/../b", &["/a/../b", "/b"]),
        ("/a/..", &["/a/..", "/"]),
        ("/a//b", &["/a//b", "/a/b"]),
        // An empty segment is a segment, or is not.
        ("/a//../b", &["/a//../b", "/a/../b", "/a/b", "/b"]),
        ("/a\\b", &["/a\\b", "/a/b"]),
        ("/x\\..\\a", &["/x\\..\\a", "/x/../a", "/a"]),
        ("/%61", &["/%61", "/a"]),
        ("/%2561", &["/%2561", "/%61", "/a"]),
        ("/%252561", &["/%252561", "/%2561", "/%61"]),
        ("/x%2f..%2Fa", &["/x%2f..%2Fa", "/x/../a", "/a"]),
        ("/a;b=c/d", &["/a;b=c/d", "/a/d"]),
        ("/x/..;/a", &["/x/..;/a", "/x/../a", "/a"]),
        ("/a%3bb", &["/a%3bb", "/a;b", "/a"]),
        // Cut before the escapes behind it are decoded, or after.
        ("/a;%2fb", &["/a;%2fb", "/a", "/a;/b", "/a/b"]),
        ("/a%3f/../b", &["/a%3f/../b", "/b", "/a?/../b", "/a"]),
        ("/100%/%zz/%4", &["/100%/%zz/%4"]),
    ] {
        let mut found = readings(path).unwrap_or_else(|| panic!("{path} is refused"));
        let mut expected: Vec<String> = expected.iter().map(ToString::to_string).collect();
        assert_eq!(found[0], path, "as it was sent comes first");
        found.sort();
        expected.sort();
        assert_eq!(found, expected, "{path}");
    }
}

#[test]
fn what_no_path_may_have_is_refused() {
    for path in [
        "/..",
        "/a/../..",
        "/a/..//..",
        "/%2e%2e/a",
        "/..;/a",
        "/..\\a",
        "/%252e%252e/a",
        "/a%00",
        "/a%0d%0aSet-Cookie:x",
        "/a%250a",
        "/%7f",
        "/%09",
        "/%c0%af",
        "/%C0%AE%c0%ae/",
        "/%c1%9c",
        "/%c0%2f",
        "/%c1%5c",
        "/%c0%2e%c0%2e/",
        "/%e0%80%af",
        "/%e0%9f%bf",
        "/%f0%80%80%af",
        "/%f8%80%80%80%af",
        "/%fc%80%80%80%80%af",
        "/%25c0%25af",
        "/%c0%25af",
        "/%u002e",
        "/%U2215",
        "/%25u002f",
    ] {
        assert_eq!(readings(path), None, "{path}");
    }
}

#[test]
fn what_people_and_programs_name_things_is_not_refused() {
    for path in [
        "/sites/My%20Documents/50%25%20off.docx",
        "/%D0%9F%D0%B0%D1%80%D0%BE%D0%BB%D1%8C",
        // The same word in Windows-1251.
        "/%CF%E0%F0%EE%EB%FC",
        "/%E6%97%A5%E6%9C%AC",
        "/%F0%9F%94%91",
        "/%e0%a0%80",
        "/_layouts/15/..%2fimages",
        "/Lists/a;b/All Items.aspx",
        "/.well-known/acme-challenge/x",
        "/a//b",
        "/%user",
        "/a%2Fb",
    ] {
        assert!(readings(path).is_some(), "{path}");
    }
}

#[test]
fn a_long_path_full_of_tricks_costs_no_more_than_a_bound() {
    let mut read = 0;
    let path = format!("/a{}", "//./b;%253b%5c%3f\\".repeat(6000));
    let count = |reading: &[u8]| {
        read += reading.len();
        true
    };
    assert_eq!(agree(path.as_bytes(), count), Err(Ambiguous));
    assert!(read <= MOST_READ, "{read}");
    // Escapes alone are names in another script.
    assert_eq!(agree("/%D0%9F".repeat(10_000).as_bytes(), |_| true), Ok(()));
}

#[test]
fn ordinary_paths_are_plain() {
    for path in
        ["/", "/a", "/default.aspx", "/a-b/c_d/e.f/", "/ResourceManagementService/Enumeration", "*", ""]
    {
        assert!(is_plain(path.as_bytes()), "{path}");
    }
    for path in [
        "/a/b/c/d//e",
        "/a/b/c//d",
        "/a/b/c/%64",
        "//",
        "/.",
        "/aaaaaa;",
        "/aaaaaaa;",
        "/aaaaaa//",
        "/aaaaaaaaaaaaa/.",
    ] {
        assert!(!is_plain(path.as_bytes()), "{path}");
    }
}

proptest! {
    #[test]
    fn a_plain_path_has_one_reading(path in "/[a-z/.%;\\\\?25ef]{0,40}") {
        let mut several = false;
        let outcome = agree(path.as_bytes(), |reading| {
            several |= reading != path.as_bytes();
            true
        });
        if is_plain(path.as_bytes()) {
            prop_assert_eq!((outcome, several), (Ok(()), false), "{}", path);
        }
        let tricks = ["%", "\\", ";", "//", "/."];
        let tricky = tricks.iter().any(|trick| path.contains(trick));
        prop_assert!(!tricky || !is_plain(path.as_bytes()), "{}", path);
    }
}
