use super::*;
use proptest::prelude::*;

fn host(text: &str) -> HostPattern {
    match text.strip_prefix("*.") {
        Some(domain) => HostPattern::Suffix(domain.into()),
        None if text == "*" => HostPattern::Any,
        None => HostPattern::Exact(text.into()),
    }
}

fn table(routes: &[(&str, &str)]) -> Result<RouteTable, Vec<Tie>> {
    let specs = routes.iter().enumerate().map(|(value, (pattern, prefix))| RouteSpec {
        host: host(pattern),
        path: PathPrefix { prefix: (*prefix).into(), case_sensitive: true },
        value,
    });
    RouteTable::build(specs.collect())
}

fn find(table: &RouteTable, host: &str, path: &str) -> Option<usize> {
    table.find(host.as_bytes(), path.as_bytes())
}

#[test]
fn an_exact_host_beats_the_longest_suffix_beats_any() {
    let table =
        table(&[("*", "/"), ("*.example.com", "/"), ("*.b.example.com", "/"), ("a.b.example.com", "/")])
            .unwrap();
    assert_eq!(find(&table, "a.b.example.com", "/"), Some(3));
    assert_eq!(find(&table, "x.b.example.com", "/"), Some(2));
    assert_eq!(find(&table, "y.x.b.example.com", "/"), Some(2));
    assert_eq!(find(&table, "b.example.com", "/"), Some(1));
    assert_eq!(find(&table, "example.com", "/"), Some(0), "a suffix does not serve its own domain");
    assert_eq!(find(&table, ".example.com", "/"), Some(0), "an empty label is no label");
    assert_eq!(find(&table, "", "/"), Some(0));
}

#[test]
fn a_host_without_a_matching_path_gives_way() {
    let table =
        table(&[("a.example.com", "/x"), ("*.example.com", "/y"), ("*.com", "/z"), ("*", "/w")]).unwrap();
    for (path, value) in [("/x", Some(0)), ("/y", Some(1)), ("/z", Some(2)), ("/w", Some(3)), ("/v", None)] {
        assert_eq!(find(&table, "a.example.com", path), value, "{path}");
    }
}

#[test]
fn prefixes_end_at_segments() {
    let table = table(&[("*", "/PasswordReset"), ("*", "/a/b"), ("*", "/a")]).unwrap();
    for path in ["/PasswordReset", "/PasswordReset/", "/PasswordReset/x", "/PasswordReset?x=1"] {
        assert_eq!(find(&table, "h", path), Some(0), "{path}");
    }
    for path in ["/PasswordResetX", "/passwordreset", "/Password", "/", "*", ""] {
        assert_eq!(find(&table, "h", path), None, "{path}");
    }
    assert_eq!(find(&table, "h", "/a/b/c"), Some(1), "the longest prefix wins");
    assert_eq!(find(&table, "h", "/a/bc"), Some(2));
}

#[test]
fn the_root_serves_everything() {
    let table = table(&[("*", "/")]).unwrap();
    for path in ["/", "/x", "*", "", "//"] {
        assert_eq!(find(&table, "h", path), Some(0), "{path}");
    }
}

#[test]
fn a_host_is_found_however_it_is_spelled() {
    let table = table(&[("Mim.Example.Com", "/"), ("[2001:DB8::1]", "/"), ("10.0.0.1", "/")]).unwrap();
    for name in [
        "mim.example.com",
        "MIM.EXAMPLE.COM:443",
        "mim.example.com.",
        "mim.example.com.:80",
        "mim.example.com:",
    ] {
        assert_eq!(find(&table, name, "/"), Some(0), "{name}");
    }
    for name in ["[2001:db8::1]", "[2001:db8::1]:443"] {
        assert_eq!(find(&table, name, "/"), Some(1), "{name}");
    }
    assert_eq!(find(&table, "10.0.0.1:5725", "/"), Some(2));
    for name in
        ["mim.example.com:x", "mim.example.com..", "xmim.example.com", "[2001:db8::2]", "[", "]", ":", "."]
    {
        assert_eq!(find(&table, name, "/"), None, "{name}");
    }
}

#[test]
fn hosts_longer_than_a_name_can_be_are_nobodys() {
    let table = table(&[("*.example.com", "/"), ("*", "/any")]).unwrap();
    let long = format!("{}example.com", "a.".repeat(60_000));
    assert_eq!(find(&table, &long, "/"), None);
    assert_eq!(find(&table, &long, "/any"), Some(1));
}

#[test]
fn case_matters_where_the_prefix_says_so() {
    let spec = |prefix: &str, case_sensitive, value| RouteSpec {
        host: HostPattern::Any,
        path: PathPrefix { prefix: prefix.into(), case_sensitive },
        value,
    };
    let table = RouteTable::build(vec![spec("/Portal", false, 0), spec("/Soap", true, 1)]).unwrap();
    assert_eq!(find(&table, "", "/pORTAL/x"), Some(0));
    assert_eq!(find(&table, "", "/soap"), None);
    assert!(RouteTable::build(vec![spec("/A", true, 0), spec("/a", true, 1)]).is_ok());
    let ties = RouteTable::build(vec![spec("/A", true, 0), spec("/a", false, 1)]).unwrap_err();
    assert_eq!(ties, [Tie { first: 0, second: 1 }]);
}

#[test]
fn every_tie_is_named() {
    let ties =
        table(&[("a.com", "/x"), ("A.com", "/x"), ("*", "/"), ("a.com.", "/x/"), ("*", "/y")]).unwrap_err();
    assert_eq!(ties, [Tie { first: 0, second: 1 }, Tie { first: 0, second: 3 }]);
}

#[test]
fn a_path_that_leads_to_two_routes_leads_to_none() {
    let table = table(&[("*", "/"), ("*", "/app"), ("*", "/app/sub"), ("h", "/only")]).unwrap();
    let decide = |host: &str, path: &str| table.decide(host.as_bytes(), path.as_bytes());
    for (path, found) in [
        ("/app/x%20y", Found::One(1)),
        ("/app//sub/x", Found::Ambiguous),
        ("/x/../app", Found::Ambiguous),
        ("/app/x/../y", Found::One(1)),
        ("/app/sub/../y", Found::Ambiguous),
        ("/%61pp", Found::Ambiguous),
        ("/ap%70/x", Found::Ambiguous),
        ("/app/%73ub", Found::Ambiguous),
        ("/app%2fx", Found::Ambiguous),
        ("/app;v=1/x", Found::Ambiguous),
        ("/app/x;v=1", Found::One(1)),
        ("/other%2Fx", Found::One(0)),
        ("/x/..%5capp", Found::Ambiguous),
    ] {
        assert_eq!(decide("other", path), found, "{path}");
    }
    assert_eq!(decide("h", "/%6fnly"), Found::Ambiguous, "one reading has a route, the other has none");
    assert_eq!(decide("h", "/only/%6fnly"), Found::One(3));
    assert_eq!(table.decide(b"h", b"*"), Found::One(0));
}

#[test]
fn one_route_takes_every_path_but_those_nobody_may_send() {
    let table = table(&[("*", "/")]).unwrap();
    for path in ["/a//b", "/a/../b", "/a%2f..%2fb", "/a;b/c", "/a\\b"] {
        assert_eq!(table.decide(b"h", path.as_bytes()), Found::One(0), "{path}");
    }
    for path in ["/..", "/%00", "/a/..%2f..", "/%c0%af"] {
        assert_eq!(table.decide(b"h", path.as_bytes()), Found::Ambiguous, "{path}");
    }
}

#[test]
fn overlap_is_what_some_host_shows() {
    for (one, two, overlap) in [
        ("a.com", "A.com", true),
        ("a.com", "b.com", false),
        ("*.a.com", "x.a.com", true),
        ("*.a.com", "a.com", false),
        ("*.a.com", "xa.com", false),
        ("*.a.com", "*.b.a.com", true),
        ("*.a.com", "*.b.com", false),
        ("*", "*.b.com", true),
    ] {
        assert_eq!(host(one).overlaps(&host(two)), overlap, "{one} {two}");
        assert_eq!(host(two).overlaps(&host(one)), overlap, "{two} {one}");
    }
}

/// The rules as a plain list: every route that matches, the best of them by what the module promises.
fn model(specs: &[RouteSpec], host: &str, path: &str) -> Option<usize> {
    let host = host.to_ascii_lowercase();
    let matching = specs.iter().filter_map(|spec| {
        let rank = match &spec.host {
            HostPattern::Exact(exact) => (exact.to_ascii_lowercase() == host).then_some(usize::MAX),
            HostPattern::Suffix(domain) => {
                let front = host.strip_suffix(&format!(".{}", domain.to_ascii_lowercase()))?;
                (!front.is_empty()).then_some(domain.len())
            }
            HostPattern::Any => Some(0),
        }?;
        let fold = |text: &str| {
            if spec.path.case_sensitive { text.to_owned() } else { text.to_ascii_lowercase() }
        };
        let prefix: Vec<String> = spec.path.prefix.split('/').filter(|s| !s.is_empty()).map(fold).collect();
        let segments: Vec<String> = path[1..].split('/').map(fold).collect();
        segments.starts_with(&prefix).then_some((rank, prefix.join("/").len(), spec.value))
    });
    matching.max_by_key(|(rank, length, _)| (*rank, *length)).map(|(_, _, value)| value)
}

fn host_strategy() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(vec!["a", "B", "com", "xa"]), 1..4)
        .prop_map(|labels| labels.join("."))
}

fn path_strategy() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(vec!["p", "P", "pp", "q"]), 0..4)
        .prop_map(|segments| format!("/{}", segments.join("/")))
}

fn spec_strategy() -> impl Strategy<Value = (HostPattern, PathPrefix)> {
    let host = prop_oneof![
        host_strategy().prop_map(HostPattern::Exact),
        host_strategy().prop_map(HostPattern::Suffix),
        Just(HostPattern::Any),
    ];
    (host, path_strategy(), any::<bool>())
        .prop_map(|(host, prefix, case_sensitive)| (host, PathPrefix { prefix, case_sensitive }))
}

proptest! {
    #[test]
    fn the_table_finds_what_a_linear_search_finds(
        routes in prop::collection::vec(spec_strategy(), 0..12),
        requests in prop::collection::vec((host_strategy(), path_strategy()), 1..20),
    ) {
        let mut specs: Vec<RouteSpec> = Vec::new();
        for (value, (host, path)) in routes.into_iter().enumerate() {
            specs.push(RouteSpec { host, path, value });
            if RouteTable::build(specs.clone()).is_err() {
                specs.pop();
            }
        }
        let table = RouteTable::build(specs.clone()).unwrap();
        for (host, path) in requests {
            prop_assert_eq!(
                table.find(host.as_bytes(), path.as_bytes()),
                model(&specs, &host, &path),
                "{} {}", host, path
            );
        }
    }

    #[test]
    fn two_readers_of_tricks_agree(
        prefixes in prop::collection::btree_set("(/(a|b|\\.a)){1,2}", 1..4),
        paths in prop::collection::vec(
            prop::collection::vec(prop::sample::select(vec![
                "/", "/a", "/b", "a", "b", "..", "/..", "/.", "//", "\\", ";", ";x", "%2f", "%2F", "%5c", "%2e", "%252e",
                "%252f", "%3b", "%3f", "%25", "%61", "%2561", "%c0%ae", "%c3%a4", "%u0061", "%",
            ]), 0..8),
            1..20,
        ),
    ) {
        let mut input: Vec<u8> = Vec::new();
        for prefix in prefixes {
            input.extend_from_slice(format!("+* {prefix}\n").as_bytes());
        }
        for path in paths {
            input.extend_from_slice(format!("h /{}\n", path.concat()).as_bytes());
        }
        crate::fuzzing::route(&input);
    }

    #[test]
    fn any_bytes_are_answered(host in prop::collection::vec(any::<u8>(), 0..40), path in prop::collection::vec(any::<u8>(), 0..20)) {
        let table = table(&[("a.b", "/x"), ("*.b", "/"), ("*", "/y")]).unwrap();
        let _ = table.find(&host, &path);
        let _ = table.decide(&host, &path);
    }
}
