use super::*;

/// The probes of [`FARM`]'s second pool, whose role and other keys are replaced.
fn probes(folder: &Folder, keys: &str) -> Vec<ProbeCheck> {
    let (config, _) = folder.good(&farm("role: none, nodes: [a, b], port: 80", keys));
    config.pools[1].backends.iter().map(|backend| backend.probe.check.clone()).collect()
}

/// The request of the first of them.
fn request(folder: &Folder, keys: &str) -> HttpProbe {
    match probes(folder, keys).swap_remove(0) {
        ProbeCheck::Http(http) => http,
        ProbeCheck::Tcp => panic!("{keys}: no request"),
    }
}

/// What a pool without a role asks of `site.test`.
fn plain() -> HttpProbe {
    HttpProbe {
        method: "GET".into(),
        path: "/".into(),
        host: Some("site.test".into()),
        headers: Vec::new(),
        body: None,
        expect: vec![200..=399],
        contains: None,
    }
}

#[test]
fn portals_are_asked_for_a_page_and_everything_else_for_a_connection() {
    let folder = Folder::new();
    for role in ["mim_portal", "sspr_registration", "sspr_reset"] {
        let expected = HttpProbe { expect: vec![200..=399, 401..=401], ..plain() };
        for keys in ["", ", tls: null", ", probe: { http: {} }", ", probe: { interval: 1m }"] {
            let found = request(&folder, &format!("role: {role}, nodes: [a, b]{keys}"));
            assert_eq!(found, expected, "{role}{keys}");
        }
        let found = probes(&folder, &format!("role: {role}, nodes: [a, b], probe: {{ tcp: {{}} }}"));
        assert_eq!(found, [ProbeCheck::Tcp, ProbeCheck::Tcp], "{role}");
    }
    for role in ["mim_service", "mim_sts", "none, port: 80"] {
        for keys in ["", ", probe: { tcp: {} }", ", probe: { interval: 1m }"] {
            let found = probes(&folder, &format!("role: {role}, nodes: [a, b]{keys}"));
            assert_eq!(found, [ProbeCheck::Tcp, ProbeCheck::Tcp], "{role}{keys}");
        }
        let found = request(&folder, &format!("role: {role}, nodes: [a, b], probe: {{ http: {{}} }}"));
        assert_eq!(found, plain(), "{role}");
    }
}

#[test]
fn a_node_says_what_is_different_about_its_probe() {
    let folder = Folder::new();
    let pool = "role: mim_portal, nodes: [a, { node: b, probe: NODE }], probe: POOL";
    let of = |pool_probe: &str, node_probe: &str| {
        let keys = pool.replace("POOL", pool_probe).replace("NODE", node_probe);
        let [one, two] = &probes(&folder, &keys)[..] else { panic!("two backends") };
        (one.clone(), two.clone())
    };
    let portal = || HttpProbe { expect: vec![200..=399, 401..=401], ..plain() };
    let http = ProbeCheck::Http;
    let (one, two) = of("{ http: { path: /x } }", "{ tcp: {} }");
    assert_eq!((one, two), (http(HttpProbe { path: "/x".into(), ..portal() }), ProbeCheck::Tcp));
    let (one, two) = of("{ tcp: {} }", "{ http: { path: /y } }");
    assert_eq!((one, two), (ProbeCheck::Tcp, http(HttpProbe { path: "/y".into(), ..portal() })));
    let (one, two) = of("{ http: { path: /x, expect: 204 } }", "{ interval: 1m }");
    assert_eq!(one, two, "the time between probes is all that differs");

    // What is left out is the pool's, and a list or mapping replaces the pool's.
    let pool_probe =
        "{ http: { path: /x, host: h, headers: { A: b }, body: text, expect: [204, 304], contains: c } }";
    let whole = HttpProbe {
        method: "POST".into(),
        path: "/x".into(),
        host: Some("h".into()),
        headers: vec![("A".into(), "b".into())],
        body: Some("text".into()),
        expect: vec![204..=204, 304..=304],
        contains: Some("c".into()),
    };
    for (node_probe, expected) in [
        ("{ http: {} }", whole.clone()),
        ("{ http: { path: / } }", HttpProbe { path: "/".into(), ..whole.clone() }),
        (
            "{ http: { headers: { C: d } } }",
            HttpProbe { headers: vec![("C".into(), "d".into())], ..whole.clone() },
        ),
        (
            "{ http: { headers: {}, expect: 200 } }",
            HttpProbe { headers: vec![], expect: vec![200..=200], ..whole.clone() },
        ),
        ("{ http: { method: PUT } }", HttpProbe { method: "PUT".into(), ..whole.clone() }),
        ("{ http: { body: null } }", HttpProbe { method: "GET".into(), body: None, ..whole.clone() }),
        (
            "{ http: { host: null, contains: ~ } }",
            HttpProbe { host: Some("site.test".into()), contains: None, ..whole.clone() },
        ),
    ] {
        assert_eq!(of(pool_probe, node_probe), (http(whole.clone()), http(expected)), "{node_probe}");
    }
}

#[test]
fn the_method_follows_from_the_body_unless_it_is_written() {
    let folder = Folder::new();
    for (keys, method) in [
        ("", "GET"),
        ("body: null", "GET"),
        ("body: x", "POST"),
        ("body: x, method: OPTIONS", "OPTIONS"),
        ("method: HEAD", "HEAD"),
        ("method: POST", "POST"),
        ("method: M-SEARCH", "M-SEARCH"),
    ] {
        let keys = format!("nodes: [a], port: 80, probe: {{ http: {{ {keys} }} }}");
        assert_eq!(request(&folder, &keys).method, method, "{keys}");
    }
}

#[test]
fn the_host_is_the_certificates_or_that_of_the_routes() {
    let folder = Folder::new();
    let host = |keys: &str, routes: &[(&str, &str)]| {
        let mut text = farm("role: none, nodes: [a, b], port: 80", keys);
        for (from, to) in routes {
            text = text.replacen(from, to, 1);
        }
        let (config, _) = folder.good(&text);
        assert_eq!(format!("{:?}", folder.good(&show(&config)).0), format!("{config:?}"));
        match &config.pools[1].backends[0].probe.check {
            ProbeCheck::Http(http) => http.host.clone(),
            ProbeCheck::Tcp => None,
        }
    };
    let any = ("host: site.test", "host: null");
    let v6 = ("host: site.test", "host: \"[2001:DB8::1]\"");
    let plain = "nodes: [a], port: 80, probe: { http: {} }";
    let written = "nodes: [a], port: 80, tls: { server_name: x.test }, probe: { http: { host: HOST } }";
    for (found, expected) in [
        (host(plain, &[]), Some("site.test")),
        (host(plain, &[any]), None),
        (host(plain, &[v6]), Some("[2001:db8::1]")),
        (host(&plain.replace("probe", "tls: { server_name: x.test }, probe"), &[]), Some("x.test")),
        (host(&plain.replace("probe", "tls: { server_name: x.test }, probe"), &[any]), Some("x.test")),
        (host(&plain.replace("probe", "tls: { server_name: 10.0.0.1 }, probe"), &[any]), Some("10.0.0.1")),
        (host(&plain.replace("probe", "tls: { server_name: \"::1\" }, probe"), &[any]), Some("[::1]")),
        (host(&written.replace("HOST", "Y.test"), &[]), Some("Y.test")),
        (host(&written.replace("HOST", "y_1.test:65535"), &[any]), Some("y_1.test:65535")),
        (host(&written.replace("HOST", "10.0.0.1:1"), &[]), Some("10.0.0.1:1")),
        (host(&written.replace("HOST", "\"[::1]\""), &[]), Some("[::1]")),
        (host(&written.replace("HOST", "\"[::1]:5725\""), &[]), Some("[::1]:5725")),
    ] {
        assert_eq!(found.as_deref(), expected);
    }
}

#[test]
fn texts_have_a_longest_length() {
    let folder = Folder::new();
    let text = |key: &str, length: usize| {
        let probe = format!("port: 80, probe: {{ http: {{ {key}: {} }} }}", "x".repeat(length));
        folder.bad(&farm("port: 80", &probe))
    };
    for (key, longest, expected) in [
        (
            "body",
            65_536,
            "11:71: pools.site.probe.http.body: 65537 bytes, expected a text of 1 byte to 64KiB, or null for none",
        ),
        (
            "contains",
            1_024,
            "11:75: pools.site.probe.http.contains: 1025 bytes, expected a text of 1 byte to 1KiB, or null for none",
        ),
    ] {
        assert_eq!(text(key, longest), [""; 0]);
        assert_eq!(text(key, longest + 1), [format!("edge.yaml:{expected}")]);
    }
}

#[test]
fn credentials_are_used_and_never_shown() {
    let folder = Folder::new();
    let fields =
        r#"{ Authorization: "${SECRET}", X-Other: "a", cookie: "secret=1", PROXY-Authorization: secret }"#;
    let text = farm("port: 80", &format!("port: 80, probe: {{ http: {{ headers: {fields} }} }}"));
    let (config, warnings) = folder.good(&text);
    assert_eq!(warnings, [""; 0]);
    let check = |config: &Config| match &config.pools[1].backends[0].probe.check {
        ProbeCheck::Http(http) => http.clone(),
        ProbeCheck::Tcp => panic!("no request"),
    };
    let probe = check(&config);
    let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let read = [
        field("Authorization", "Bearer secret"),
        field("X-Other", "a"),
        field("cookie", "secret=1"),
        field("PROXY-Authorization", "secret"),
    ];
    assert_eq!(probe.headers, read);
    let debug = format!("{config:#?}");
    assert!(!debug.contains("secret") && debug.contains("X-Other"), "{debug}");

    // What is shown is a configuration, but not an equal one.
    let shown = show(&config);
    assert!(!shown.contains("secret"), "{shown}");
    let again = folder.good(&shown).0;
    let (hidden, expected) = (
        check(&again),
        probe
            .headers
            .iter()
            .map(|(name, value)| field(name, if name == "X-Other" { value } else { "(not shown)" })),
    );
    assert_eq!(hidden.headers, expected.collect::<Vec<_>>());
    assert_ne!(hidden, probe);
    assert_eq!(show(&again), shown);
}

#[test]
fn a_status_of_the_server_as_a_sign_of_health_is_a_warning() {
    let folder = Folder::new();
    let why = "server errors count as up; IIS answers 503 itself while an application pool is stopped";
    for (expect, expected) in [
        ("[\"200-499\", 401]", &[][..]),
        ("500", &["11:73: pools.site.probe.http.expect: 500"]),
        ("\"200-500\"", &["11:73: pools.site.probe.http.expect: 200-500"]),
        (
            "[503, \"200-299\", \"200-599\"]",
            &[
                "11:74: pools.site.probe.http.expect[0]: 503",
                "11:90: pools.site.probe.http.expect[2]: 200-599",
            ],
        ),
    ] {
        let (_, warnings) =
            folder.good(&farm("port: 80", &format!("port: 80, probe: {{ http: {{ expect: {expect} }} }}")));
        let expected: Vec<String> =
            expected.iter().map(|line| format!("warning: edge.yaml:{line}, {why}")).collect();
        assert_eq!(warnings, expected);
    }
}

proptest::proptest! {
    /// Whatever a probe is told, what is shown loads to the same.
    #[test]
    fn any_text_of_a_probe_is_shown_so_that_it_is_read_back(
        body in "[ -~\\n\\t\\r${}é\u{85}\u{feff}\u{2028}😀]{1,40}",
        value in "[ -~\\t]{0,40}",
    ) {
        let folder = std::path::Path::new("/nowhere/edge.yaml");
        let environment = |name: &str| match name {
            "BODY" => Some(body.clone()),
            "VALUE" => Some(value.clone()),
            _ => None,
        };
        let text = "
listeners: { web: { bind: 127.0.0.1:8080 } }
nodes: { a: { address: 127.0.0.11 } }
pools: { site: { nodes: [a], port: 80, probe: { http: { body: \"${BODY}\", contains: \"${BODY}\", headers: { X: \"${VALUE}\" } } } } }
routes: [ { listener: web, pool: site } ]
";
        let (config, _) = load_text(folder, text, &environment).expect("a good configuration");
        let (again, _) = load_text(folder, &show(&config), &|_| None).expect("what was shown");
        proptest::prop_assert_eq!(&again.pools[0].backends, &config.pools[0].backends);
    }
}
