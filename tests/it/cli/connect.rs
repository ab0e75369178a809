//! Connecting: nothing that does not fit is stored, and nothing is spent for what cannot be opened.

use std::fs;

use serde_json::json;

use crate::harness::{Port, Reply, Upstream};

#[test]
fn connect_stores_nothing_that_does_not_fit() {
    let upstream = Upstream::bare(|request| {
        let key = request.headers.get("authorization").map(String::as_str).unwrap_or_default();
        let wrong = key.contains("wrong");
        Reply::json(
            if wrong { 401 } else { 200 },
            &json!({"livemode": true, "error": {"message": format!("bad {key}")}}),
        )
    });
    let port = Port::enrolled();
    let origin = upstream.origin();
    let connect = |origin: &str, more: &[&str], secret: &str, code: i32| {
        let arguments = ["connect", "stripe", "--origin", origin, "--secret-stdin", "--json"];
        port.cli(arguments.into_iter().chain(more.iter().copied())).stdin(secret).exits(code)
    };
    let private = ["--allow-private"];
    for bad in [
        "stripe",
        "http://",
        "ftp://127.0.0.1",
        "https://api.stripe.com/v1",
        "https://user@api.stripe.com",
        "https://api.stripe.com?x=1",
        "http://api.stripe.com",
        "http://169.254.169.254",
        "",
    ] {
        assert!(!connect(bad, &private, port.canary(), 64).error().is_empty());
    }
    // private addresses only where the person says so
    for private in
        [&origin, "https://127.0.0.1", "https://10.0.0.1", "https://localhost", "https://[::1]", "https://0x7f000001"]
    {
        assert!(connect(private, &[], port.canary(), 64).error().contains("--allow-private"), "{private}");
    }
    assert!(connect(&origin, &private, "pk_test_1", 1).error().contains("nothing was stored"));
    assert!(connect(&origin, &private, "", 1).error().contains("nothing was stored"));
    let refused = connect(&origin, &private, "sk_test_wrong_key_of_somebody", 1);
    assert!(refused.error().contains("401") && refused.error().contains("nothing was stored"), "{refused:?}");
    assert!(!format!("{refused:?}").contains("wrong_key"), "{refused:?}");
    assert_eq!(port.cli(["accounts", "--json"]).done().json(), json!([]));
    assert!(
        !fs::exists(port.home().join("vault.age")).unwrap()
            || port.calls().iter().all(|(tool, _)| tool == "stripe.verify")
    );

    // live, or not asked
    assert_eq!(port.connect_stripe(&origin)["identity"]["live"], json!(true));
    let unverified = connect(
        &origin,
        &["--allow-private", "--account", "later", "--no-verify", "--env", "test"],
        "sk_test_wrong_key",
        0,
    );
    assert_eq!(
        unverified.json(),
        json!({
            "integration": "stripe",
            "account": "later",
            "origin": origin,
            "environment": "test",
            "verified": false,
            "identity": {"id": null, "name": null, "live": null},
        })
    );
    let accounts = port.cli(["accounts", "--json"]).done().json();
    let facts: Vec<_> =
        accounts.as_array().unwrap().iter().map(|one| (&one["account"], &one["environment"], &one["secret"])).collect();
    assert_eq!(
        facts,
        [(&json!("default"), &json!("production"), &json!("ok")), (&json!("later"), &json!("test"), &json!("ok"))]
    );
    // a credential that is refused later is the vendor's failure, not ours
    let answer =
        port.cli(["call", "stripe.list_customers", "--args", r#"{"account": "later"}"#, "--json"]).exits(1).json();
    assert_eq!(answer["error"]["http_status"], json!(401));
}

#[test]
fn another_account_in_its_place_cancels_what_waits() {
    let upstream = Upstream::plain();
    let port = Port::connected(&upstream);
    let asked = || -> String {
        let arguments = ["call", "stripe.create_refund", "--args", r#"{"charge": "ch_1"}"#, "--json"];
        port.cli(arguments).exits(2).json()["approval"]["id"].as_str().unwrap().to_owned()
    };
    let id = asked();
    let origin = upstream.origin();
    let connect = ["connect", "stripe", "--origin", &origin, "--allow-private", "--secret-stdin", "--json"];
    let refused = port.cli(connect).stdin(port.canary()).exits(1);
    assert!(refused.error().contains("nothing was changed"), "{refused:?}");
    assert_eq!(
        port.cli(["approvals", "await", &id, "--wait", "0s", "--json"]).exits(2).json()["status"],
        json!("pending")
    );
    port.cli(connect.into_iter().chain(["--replace"])).stdin(port.canary()).done();
    let cancelled = port.cli(["approvals", "await", &id, "--json"]).exits(1).json();
    assert_eq!((&cancelled["status"], &cancelled["by"]), (&json!("cancelled"), &json!("human")), "{cancelled}");
    port.cli(["approvals", "approve", &id, "--code-stdin"]).stdin(&port.code()).exits(1);

    let id = asked();
    let gone = port.cli(["disconnect", "stripe", "--json"]).done().json();
    assert_eq!(gone, json!({"integration": "stripe", "account": "default", "disconnected": true}));
    assert_eq!(port.cli(["approvals", "await", &id, "--json"]).exits(1).json()["by"], json!("human"));
    port.cli(["approvals", "approve", &id, "--code-stdin"]).stdin(&port.code()).exits(1);
    port.cli(["disconnect", "stripe", "--json"]).exits(1);
    assert_eq!(port.cli(["accounts", "--json"]).done().json(), json!([]));
    assert_eq!(port.cli(["call", "stripe.list_customers", "--json"]).exits(1).json()["error"]["kind"], json!("setup"));
    assert_eq!(upstream.lines(), Vec::<String>::new());
}

/// Another key of an account goes where the account's goes, and not to the vendor's own address, which may be another company's.
#[test]
fn another_key_goes_where_the_one_before_went() {
    let upstream = Upstream::plain();
    let port = Port::connected(&upstream);
    let again = ["connect", "stripe", "--replace", "--secret-stdin", "--json"];
    let connected = port.cli(again).stdin(port.canary()).done().json();
    assert_eq!(connected["origin"], json!(upstream.origin()));
    assert_eq!(upstream.lines(), Vec::<String>::new(), "what is replaced is verified where it is");
    // a new account of the same service has the vendor's own
    let other = ["connect", "stripe", "--account", "other", "--no-verify", "--secret-stdin", "--json"];
    assert_eq!(port.cli(other).stdin(port.canary()).done().json()["origin"], json!("https://api.stripe.com"));
    // where a database is, its URL says; in a private network only where it was before
    let private = port.cli(["connect", "postgres", "--no-verify", "--secret-stdin", "--json"]);
    let refused = private.stdin("postgres://me:hidden-1@127.0.0.1:5999/shop").exits(64).error();
    assert!(refused.contains("--allow-private"), "{refused}");
    let connect = ["connect", "postgres", "--no-verify", "--replace", "--secret-stdin", "--json"];
    let allowed = port.cli(connect.into_iter().chain(["--allow-private"]));
    allowed.stdin("postgres://me:hidden-1@127.0.0.1:5999/shop").done();
    port.cli(connect).stdin("postgres://me:hidden-2@127.0.0.1:5999/shop").done();
    port.cli(connect).stdin("postgres://me:hidden-2@127.0.0.1:5998/shop").exits(64);
}

#[test]
fn connect_without_a_service_says_which_there_are() {
    let port = Port::new();
    let asked = port.cli(["connect", "--json"]).exits(64).json();
    let hint = asked["error"]["hint"].as_str().unwrap();
    assert!(["github", "postgres", "sqlite", "stripe"].iter().all(|known| hint.contains(known)), "{asked}");
}

/// The account's row in the database and the copy beside the secret must agree, and the vault must open.
#[test]
fn a_credential_that_cannot_be_opened_spends_nothing() {
    let upstream = Upstream::plain();
    let port = Port::connected(&upstream);
    let arguments = ["call", "stripe.create_refund", "--args", r#"{"charge": "ch_1"}"#, "--json"];
    let id = port.cli(arguments).exits(2).json()["approval"]["id"].as_str().unwrap().to_owned();
    let vault = port.home().join("vault.age");
    fs::rename(&vault, port.folder().join("aside")).unwrap();
    assert_eq!(port.cli(["accounts", "--json"]).done().json()[0]["secret"], json!("needs secret"));
    let failed = port.cli(["call", "stripe.list_customers", "--json"]).exits(1).json();
    assert_eq!(failed["error"]["kind"], json!("credential"));
    let code = port.code();
    let approve = ["approvals", "approve", &id, "--code-stdin", "--json"];
    assert!(port.cli(approve).stdin(&code).exits(1).error().contains("nothing was spent"));
    fs::rename(port.folder().join("aside"), &vault).unwrap();
    // the same code, unspent
    port.cli(approve).stdin(&code).done();
    upstream.received_one("POST /v1/refunds");
}
