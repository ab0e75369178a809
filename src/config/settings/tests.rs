use super::*;

#[test]
fn what_init_writes_is_what_a_missing_key_means() {
    for store in [StoreKind::Keyring, StoreKind::Vault] {
        let written = Settings::parse(&Settings::template(store), &Environment::default()).unwrap();
        let missing = Settings::parse("", &Environment::default()).unwrap();
        assert_eq!(written, Settings { store, ..missing });
    }
}

#[test]
fn every_problem_is_named_with_its_line() {
    let text = "[site]\nlisten = \"0.0.0.0:80\"\nsession = \"soon\"\n[approvals]\nexpires = \"30d\"\nmax_pending = 0\n[tools]\nexpose = [\"stripe\"]\n";
    let Diagnostics(problems) = Settings::parse(text, &Environment::default()).unwrap_err();
    let found: Vec<_> = problems.iter().map(|problem| (problem.line(), problem.message.as_str())).collect();
    assert_eq!(
        found,
        [
            (2, "`listen` must be a loopback address with a port"),
            (3, "`session` must be a duration between 1m and 365d"),
            (5, "`expires` must be a duration between 1m and 7d"),
            (6, "`max_pending` must be 1 to 100"),
            (8, "`stripe` is not a toolset"),
        ]
    );
}

#[test]
fn an_unknown_key_is_a_problem() {
    let Diagnostics(problems) = Settings::parse("[site]\nlissten = \"x\"\n", &Environment::default()).unwrap_err();
    assert_eq!(problems[0].line(), 2);
}

#[test]
fn a_client_has_an_id_and_no_secret_in_a_file() {
    let parse = |text: &str| Settings::parse(text, &Environment::default());
    let settings = parse("[oauth.gmail]\nclient_id = \"1-a.apps\"\nredirect_port = 4750\n").unwrap();
    let client = OAuthClient { client_id: "1-a.apps".to_owned(), redirect_port: Some(4750) };
    assert_eq!(settings.oauth, [("gmail".to_owned(), client)].into());
    for (text, message) in [
        ("client_id = \"\"", "this is not a client's id"),
        ("client_id = \"a b\"", "this is not a client's id"),
        ("client_id = \"a\"\nredirect_port = 80", "port 80 is not for programs of yours"),
        (
            "client_id = \"a\"\nclient_secret = \"GOCSPX-hidden\"",
            "`client_secret` of [oauth.gmail] must not stand in a file",
        ),
    ] {
        let Diagnostics(problems) = parse(&format!("[oauth.gmail]\n{text}\n")).unwrap_err();
        assert_eq!(problems[0].message, message);
        assert!(!problems[0].to_string().contains("hidden"), "{}", problems[0]);
    }
}

#[test]
fn a_private_authority_is_a_file_for_one_host() {
    let parse = |line: &str| Settings::parse(&format!("[trust]\n{line}\n"), &Environment::default());
    let settings = parse("\"db.internal\" = \"/etc/ca.pem\"\n\"[::1]\" = \"/etc/v6.pem\"").unwrap();
    let expected = [("::1", "/etc/v6.pem"), ("db.internal", "/etc/ca.pem")];
    assert_eq!(settings.trust, expected.map(|(host, file)| (host.to_owned(), PathBuf::from(file))).into());
    for host in ["", "*", "*.internal", "DB.internal", "db.internal:443", "https://db.internal", "a b", "0x7f000001"] {
        let Diagnostics(problems) = parse(&format!("\"{host}\" = \"/etc/ca.pem\"")).unwrap_err();
        assert_eq!(problems[0].message, format!("`{host}` of [trust] is not the name of a host"));
    }
    let Diagnostics(problems) = parse("\"db.internal\" = \"ca.pem\"").unwrap_err();
    assert_eq!((problems[0].line(), problems[0].message.as_str()), (2, "[trust] names files by their absolute paths"));
}

#[test]
fn a_home_for_a_gateway_waits_a_day_for_a_human() {
    let text = Settings::for_gateway(&Settings::template(StoreKind::Vault));
    let hours = |gateway: bool| {
        let environment = Environment { gateway, ..Environment::default() };
        Settings::parse(&text, &environment).unwrap().expires / 3_600_000
    };
    assert_eq!((hours(true), hours(false)), (24, 1));
}
