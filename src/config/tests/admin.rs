use super::*;

/// [`FARM`] with a section `admin`.
fn with_admin(section: &str) -> String {
    farm("nodes:\n", &format!("admin: {section}\nnodes:\n"))
}

#[test]
fn its_address_is_local_unless_there_is_a_token() {
    let folder = Folder::new();
    for (section, bind, token_file) in [
        ("{}", Some("127.0.0.1:9901"), None),
        ("null", None, None),
        ("{ bind: ~ }", None, None),
        ("{ bind: null, token_file: token.txt }", None, Some("token.txt")),
        ("{ token_file: null }", Some("127.0.0.1:9901"), None),
        ("{ bind: \"127.9.9.9:0\" }", Some("127.9.9.9:0"), None),
        ("{ bind: \"[::1]:9901\" }", Some("[::1]:9901"), None),
        ("{ bind: \"[::ffff:127.0.0.1]:1\" }", Some("127.0.0.1:1"), None),
        ("{ bind: \"0.0.0.0:9901\", token_file: token.txt }", Some("0.0.0.0:9901"), Some("token.txt")),
        ("{ bind: \"127.0.0.2:8080\" }", Some("127.0.0.2:8080"), None),
        ("{ bind: \"[::]:8080\", token_file: token.txt }", Some("[::]:8080"), Some("token.txt")),
    ] {
        let (config, warnings) = folder.good(&with_admin(section));
        let bind = bind.map(|address| address.parse().unwrap());
        let token_file = token_file.map(|name| folder.path().join(name));
        assert_eq!(config.admin, Admin { bind, token_file }, "{section}");
        assert_eq!(warnings, [""; 0], "{section}");
        assert_eq!(folder.good(&show(&config)).0.admin, config.admin, "{section}");
    }
}

#[test]
fn a_listener_may_have_its_port_once_it_is_elsewhere_or_off() {
    let folder = Folder::new();
    for section in ["null", "{ bind: null }", "{ bind: \"127.0.0.1:9902\" }", "{ bind: \"[::1]:9901\" }"] {
        let text = with_admin(section).replacen("127.0.0.1:8080", "127.0.0.1:9901", 1);
        assert_eq!(folder.bad(&text), [""; 0], "{section}");
    }
}

#[test]
fn its_token_has_a_length_and_belongs_to_one_user() {
    let folder = Folder::new();
    for (token, fits) in [
        ("0123456789abcdef".to_owned(), true),
        (format!("\r\n {} \t\n", "~".repeat(256)), true),
        ("0123456789abcde".to_owned(), false),
        ("0123456789 abcdef".to_owned(), false),
        ("0123456789abcdéf".to_owned(), false),
        ("0123456789abcdef\u{7f}".to_owned(), false),
        (" \n".to_owned(), false),
    ] {
        folder.write("a-token.txt", &token);
        folder.set_mode("a-token.txt", 0o400);
        let errors = folder.bad(&with_admin("{ token_file: a-token.txt }"));
        assert_eq!(errors.is_empty(), fits, "{token:?}");
        assert!(!errors.concat().contains("0123456789"), "{errors:?}");
        std::fs::remove_file(folder.path().join("a-token.txt")).unwrap();
    }
    let (_, warnings) = folder.good(&with_admin("{ token_file: shared-token.txt }"));
    let expected = "warning: edge.yaml:3:22: admin.token_file: the file's mode is 0640, other users may read the token of the admin interface; make it 0600";
    assert_eq!(warnings, [expected]);
}
