use crate::catalog::{Catalog, CredentialScheme, EndpointSpec, WarnOn, tests::HEAD};

const SIGN_IN: &str = r#"
[credential.oauth2]
label = "Acme sign-in"
authorize = "/oauth/authorize"
token = "https://api.acme.com/oauth/token"
revoke = "https://auth.acme.com/revoke"
redirect = "loopback"
scopes = ["read", "things:write"]
scope_separator = ","
extra = { access_type = "offline", prompt = "consent" }
"#;

const ALONE: &str = r#"
verify = "GET /me/"
identity = { id = "/id" }
"#;

const TOOL: &str = r#"
[[tool]]
name = "get_thing"
title = "Get a thing"
description = "Fetches a thing."
effect = "read"
toolset = "core"
request = "GET /thing"
"#;

fn compile(text: &str) -> Result<Catalog, Vec<String>> {
    Catalog::compile(&[("acme.toml", &format!("{text}{TOOL}"))])
        .map_err(|problems| problems.0.into_iter().map(|problem| problem.message).collect())
}

fn head_alone() -> &'static str {
    HEAD.split("[credential.header]").next().unwrap()
}

#[test]
fn a_sign_in_stands_beside_a_key_or_alone() {
    let catalog = compile(&format!("{HEAD}{SIGN_IN}")).unwrap();
    let credential = &catalog.integration("acme").unwrap().credential;
    assert_eq!(credential.label, "Acme key");
    let oauth = credential.oauth.as_ref().unwrap();
    assert!(!oauth.alone && !oauth.client_secret);
    assert_eq!(oauth.label, "Acme sign-in");
    assert_eq!(oauth.authorize, Some(EndpointSpec::Own("/oauth/authorize".to_owned())));
    // the integration's own origin, written out, is the own origin
    assert_eq!(oauth.token, EndpointSpec::Own("/oauth/token".to_owned()));
    let elsewhere = EndpointSpec::At { origin: "https://auth.acme.com".to_owned(), path: "/revoke".to_owned() };
    assert_eq!((oauth.revoke.clone(), oauth.device.clone()), (Some(elsewhere), None));
    assert_eq!((oauth.scopes.join(oauth.separator), oauth.extra.len()), ("read,things:write".to_owned(), 2));

    let catalog = compile(&format!("{}{SIGN_IN}{ALONE}", head_alone())).unwrap();
    let credential = &catalog.integration("acme").unwrap().credential;
    assert!(credential.oauth.as_ref().unwrap().alone);
    assert_eq!((credential.label.as_str(), &credential.scheme), ("Acme sign-in", &CredentialScheme::Bearer));
    assert_eq!(credential.identity.id.as_deref(), Some("/id"));
    assert!(catalog.verify_tool("acme").is_some());
}

#[test]
fn what_a_sign_in_must_not_say() {
    let right = format!("{HEAD}{SIGN_IN}");
    let changed = |old: &str, new: &str| {
        assert!(right.contains(old), "{old}");
        compile(&right.replacen(old, new, 1)).err().unwrap_or_default()
    };
    for (old, new, message) in [
        ("\"/oauth/authorize\"", "\"http://api.acme.com/x\"", "`authorize` must use https"),
        ("\"/oauth/authorize\"", "\"https://api.acme.com\"", PLAIN),
        ("\"/oauth/authorize\"", "\"/a?b=c\"", PLAIN),
        ("\"/oauth/authorize\"", "\"/a/../b\"", PLAIN),
        ("\"/oauth/authorize\"", "\"//evil.com/x\"", PLAIN),
        ("\"/oauth/authorize\"", "\"https://u@api.acme.com/x\"", PLAIN),
        ("\"/oauth/authorize\"", "\"javascript:alert(1)\"", "`authorize` must use https"),
        ("\"/oauth/authorize\"", "\"oauth\"", "`authorize` must be an https address or a path"),
        ("https://auth.acme.com/revoke", "https://169.254.169.254/x", "`revoke` is at a private or loopback address"),
        ("redirect = \"loopback\"\n", "", "`authorize` needs `redirect`"),
        ("authorize = \"/oauth/authorize\"\n", "", "`redirect` needs `authorize`"),
        ("\"loopback\"", "\"oob\"", "`oob` is not a way back"),
        ("\"things:write\"", "\"read\"", "this scope is there twice"),
        ("\"things:write\"", "\"a b\"", "`a b` is not a scope"),
        ("= \",\"", "= \";\"", "`;` does not stand between scopes"),
        ("access_type", "state", "`state` is not for manifests to set"),
        ("access_type", "code_challenge", "`code_challenge` is not for manifests to set"),
        ("token = \"https://api.acme.com/oauth/token\"\n", "", "`token` is missing in `[credential.oauth2]`"),
        ("revoke = ", "revokes = ", "unknown key `revokes` in `[credential.oauth2]`"),
        ("label = \"Acme sign-in\"", "label = \"Acme sign-in\"\nverify = \"GET /me\"", ALONE_ONLY),
    ] {
        assert_eq!(changed(old, new), [message], "{old} -> {new}");
    }
    let neither = changed("authorize = \"/oauth/authorize\"", "");
    assert_eq!(neither, ["`redirect` needs `authorize`"]);
    let without = right.replace("authorize = \"/oauth/authorize\"\n", "").replace("redirect = \"loopback\"\n", "");
    assert_eq!(compile(&without).unwrap_err(), ["nobody could sign in: neither `authorize` nor `device` is there"]);
    assert_eq!(
        compile(&format!("{}{SIGN_IN}", head_alone())).unwrap_err(),
        ["`verify` is missing in `[credential.oauth2]`"]
    );
}

const PLAIN: &str = "`authorize` must be a plain address with a path, as it goes out: no query, no fragment";
const ALONE_ONLY: &str = "unknown key `verify` in `[credential.oauth2]`";

#[test]
fn problems_point_at_their_line() {
    let text = format!("{HEAD}{}{TOOL}", SIGN_IN.replace("\"/oauth/authorize\"", "\"http://login.acme.com/oauth\""));
    let problems = Catalog::compile(&[("acme.toml", &text)]).unwrap_err();
    insta::assert_snapshot!(problems, @r#"
    error: `authorize` must use https
      --> acme.toml:18:13
       |
    18 | authorize = "http://login.acme.com/oauth"
       |             ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
       |
       = help: write it as "https://auth.example.com/oauth/token", or as "/oauth/token" on the integration's own origin
    "#);
}

#[test]
fn warnings_are_about_a_secret_or_a_scope() {
    let warn = |body: &str| compile(&format!("{HEAD}[[credential.warn]]\n{body}\n"));
    let catalog = warn("pattern = \"^sk_live_\"\nmessage = \"Take a restricted key.\"").unwrap();
    let [warning] = catalog.integration("acme").unwrap().credential.warnings.as_slice() else { panic!() };
    let WarnOn::Secret(pattern) = &warning.on else { panic!() };
    assert!(pattern.matches("sk_live_1") && !pattern.matches("xsk_live_1"));
    let catalog = warn("scope = \"delete_repo\"\nmessage = \"Leave it out.\"").unwrap();
    let [warning] = catalog.integration("acme").unwrap().credential.warnings.as_slice() else { panic!() };
    assert_eq!(warning.on, WarnOn::Scope("delete_repo".to_owned()));

    assert_eq!(warn("message = \"x\"").unwrap_err(), ["a warning has either `pattern` or `scope`"]);
    assert_eq!(
        warn("pattern = \"a\"\nscope = \"b\"\nmessage = \"x\"").unwrap_err(),
        ["a warning has either `pattern` or `scope`"]
    );
    assert_eq!(warn("scope = \"b\"").unwrap_err(), ["`message` is missing in [[credential.warn]]"]);
    let header = HEAD.replace("verify =", "scopes_header = \"X-OAuth-Scopes\"\nverify =");
    let credential = |text: &str| compile(text).unwrap().integration("acme").unwrap().credential.scopes_header.clone();
    assert_eq!(credential(&header).as_deref(), Some("x-oauth-scopes"));
}
