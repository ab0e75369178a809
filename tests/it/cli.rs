//! The command line: exit codes, the JSON of every command, and that no command does more than it says.

use std::{collections::BTreeMap, fs, os::unix::fs::PermissionsExt as _, path::Path};

use serde_json::{Value, json};

use crate::harness::{Port, Ran, Reply, Upstream};

#[test]
fn init_on_a_home_changes_nothing() {
    let port = Port::enrolled();
    let before = contents(port.folder());
    let again = port.cli(["init", "--store", "vault", "--json"]).exits(1);
    assert!(again.error().contains("there is a home at"), "{again:?}");
    assert_eq!(contents(port.folder()), before);
}

/// As `deploy/compose.yaml` starts it, each time.
#[test]
fn in_a_container_a_home_is_made_once_and_says_where_its_port_is_published() {
    let port = Port::empty();
    let init =
        |address: &str| port.cli(["init", "--store", "vault", "--published-on", address, "--if-absent", "--json"]);
    assert!(init("0.0.0.0").exits(64).error().contains("loopback"));
    assert!(!port.home().exists());
    init("127.0.0.1").done();
    let settings = fs::read_to_string(port.home().join("agentport.toml")).unwrap();
    assert!(settings.contains("published_on = \"127.0.0.1\"\nlisten = \"0.0.0.0:4747\""), "{settings}");
    let before = contents(port.folder());
    assert_eq!(init("127.0.0.1").done().json()["made"], json!(false));
    assert_eq!(contents(port.folder()), before);
}

/// A folder with files of somebody else's is no home to be: they are neither written over nor cleared away.
#[test]
fn init_leaves_a_folder_that_is_not_empty() {
    let port = Port::empty();
    for name in ["policy.toml", "agentport.toml", "run/notes.txt"] {
        let path = port.home().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "mine").unwrap();
    }
    for folder in [port.home(), port.home().join("run")] {
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).unwrap();
    }
    let before = contents(port.folder());
    for store in ["vault", "keyring"] {
        let refused = port
            .cli(["init", "--store", store, "--json"])
            .env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent/bus")
            .exits(1);
        assert!(refused.error().contains("not empty"), "{refused:?}");
        assert_eq!(contents(port.folder()), before);
    }
}

#[test]
fn an_init_that_fails_leaves_nothing() {
    let port = Port::empty();
    let refused = port.cli(["init", "--store", "vault", "--preset", "none", "--json"]).exits(1);
    assert!(refused.error().contains("there is no preset `none`"), "{refused:?}");
    // no bus, no keyring: the cause, and what to do instead
    let bus = ("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent/bus");
    let refused = port.cli(["init", "--json"]).env(bus.0, bus.1).exits(1);
    assert!(refused.error().contains("keyring"), "{refused:?}");
    assert!(refused.json()["error"]["hint"].as_str().unwrap().contains("agentport init --store vault"), "{refused:?}");
    assert_eq!(contents(port.folder()), BTreeMap::new());
    assert!(!port.home().exists());
    // an existing empty folder will do
    fs::create_dir(port.home()).unwrap();
    port.init();
    let settings = fs::read_to_string(port.home().join("agentport.toml")).unwrap();
    for key in [
        "listen",
        "public_url",
        "session",
        "store",
        "key_file",
        "expires",
        "max_pending",
        "hourly",
        "look_up",
        "expose",
        "keep_payloads",
    ] {
        assert!(settings.lines().any(|line| line.starts_with(&format!("{key} = "))), "{key} is not in {settings}");
    }
}

#[test]
fn wrong_usage_is_64_and_says_so_in_json_too() {
    let port = Port::connected(&Upstream::plain());
    let wrong: [&[&str]; 23] = [
        &["frobnicate"],
        &["--frobnicate"],
        &["policy"],
        &["approvals", "approve"],
        &["approvals", "approve", "apr_x", "123456"],
        &["approvals", "approve", "apr_x", "--code", "123456"],
        &["connect"],
        &["connect", "nosuch", "--secret-stdin"],
        &["connect", "stripe", "--account", "Not A Name", "--secret-stdin"],
        &["connect", "stripe", "--set", "key=value", "--secret-stdin"],
        &["connect", "stripe", "--env", "live", "--secret-stdin"],
        &["connect", "stripe", "--secret", "sk_test_1"],
        &["call"],
        &["call", "stripe_list_customers", "--args", "{"],
        &["call", "stripe_list_customers", "--args", "[]"],
        &["call", "stripe_list_customers", "--args", "@/nonexistent"],
        &["call", "stripe_list_customers", "--wait", "soon"],
        &["call", "stripe_list_customers", "--as", "agentport"],
        &["policy", "set", "stripe.create_refund", "maybe"],
        &["log", "list", "--since", "soon"],
        &["tools", "list", "--integration", "nosuch"],
        &["factor", "add", "sms"],
        &["stdio", "--as", "Not A Name"],
    ];
    for arguments in wrong {
        let ran = port.cli(arguments.iter().copied()).exits(64);
        assert_eq!(ran.stdout, "", "{arguments:?}");
        let word = if arguments == ["policy"] { "See, " } else { "error: " };
        assert!(ran.stderr.starts_with(word), "{arguments:?}: {ran:?}");
        let message = port.cli(arguments.iter().copied().chain(["--json"])).exits(64).error();
        assert!(!message.is_empty(), "{arguments:?}");
    }
    for asked_for in [&["--help"][..], &["--version"], &["help"], &["connect", "--help"]] {
        assert_ne!(port.cli(asked_for.iter().copied()).done().stdout, "");
    }
    // none of it left a trace beyond the refused calls
    port.cli(["log", "verify"]).done();
}

#[test]
fn without_a_home_every_command_says_so() {
    let port = Port::empty();
    let commands: [&[&str]; 19] = [
        &["accounts"],
        &["connect", "stripe", "--secret-stdin"],
        &["disconnect", "stripe"],
        &["factor", "list"],
        &["factor", "add", "totp"],
        &["approvals", "list"],
        &["approvals", "show", "apr_x"],
        &["approvals", "approve", "apr_x", "--code-stdin"],
        &["approvals", "deny", "apr_x"],
        &["policy", "show"],
        &["policy", "check"],
        &["policy", "apply", "--code-stdin"],
        &["policy", "set", "stripe.create_refund", "deny"],
        &["log", "list"],
        &["log", "verify"],
        &["open"],
        &["backup", "home.backup"],
        &["secrets", "move", "--to", "vault"],
        &["purge", "--yes"],
    ];
    for arguments in commands {
        let message = port.cli(arguments.iter().copied().chain(["--json"])).exits(1).error();
        assert!(message.contains("there is no home"), "{arguments:?}: {message}");
        assert!(port.cli(arguments.iter().copied()).exits(1).stderr.starts_with("error: there is no home"));
    }
    let answer = port.cli(["call", "stripe_list_customers", "--json"]).exits(1).json();
    assert_eq!((&answer["status"], &answer["error"]["kind"]), (&json!("failed"), &json!("setup")));
    // what needs none works
    assert_eq!(port.cli(["tools", "list", "--json"]).done().json(), json!([]));
    assert!(port.cli(["tools", "list", "--all", "--json"]).done().json().as_array().unwrap().len() > 20);
    assert_eq!(port.cli(["tools", "check", "--json"]).done().json()["ok"], json!(true));
    assert!(!port.home().exists());
}

#[test]
fn a_call_ends_as_its_answer_says() {
    let upstream = Upstream::start(|request| match request.line.as_str() {
        "GET /v1/customers" => Reply::json(200, &json!({"data": []})),
        "GET /v1/customers/cus_1" => Reply::json(404, &json!({"error": {"message": "No such customer"}})),
        "POST /v1/refunds" => Reply::json(503, &json!({})),
        _ => Reply::json(200, &json!({})),
    });
    let port = Port::connected(&upstream);
    let call = |tool: &str, arguments: &str, code: i32| -> Value {
        port.cli(["call", tool, "--args", arguments, "--json"]).exits(code).json()
    };
    let completed = call("stripe.list_customers", "{}", 0);
    assert_eq!(completed, json!({"status": "completed", "result": {"data": []}, "record": completed["record"]}));
    assert_eq!(call("stripe_list_customers", "{}", 0)["status"], json!("completed"));
    let failed = call("stripe.get_customer", r#"{"customer": "cus_1"}"#, 1);
    assert_eq!(
        failed,
        json!({
            "status": "failed",
            "error": {
                "kind": "upstream",
                "http_status": 404,
                "message": "`stripe` answered 404: No such customer",
                "body": {"error": {"message": "No such customer"}},
            },
            "record": failed["record"],
        })
    );
    let asked = call("stripe.create_refund", r#"{"charge": "ch_1"}"#, 2);
    assert_eq!(asked["status"], json!("approval_required"));
    assert_eq!(
        call("stripe.create_payout", r#"{"amount": 1, "currency": "eur"}"#, 3),
        json!({
            "status": "denied",
            "by": "policy",
            "rule": "stripe.create_payout",
            "message": "the policy of this computer's owner denies this call; nothing was sent",
        })
    );
    assert_eq!(
        call("stripe.create_refun", "{}", 1),
        json!({"status": "not_found", "message": "there is no tool `stripe.create_refun`", "closest": "stripe_create_refund"})
    );
    let invalid = call("stripe.create_refund", r#"{"charge": "ch_1", "amount": "5"}"#, 1);
    assert_eq!(invalid["status"], json!("invalid_arguments"));
    assert_eq!(invalid["problems"][0]["at"], json!("/amount"));
    // as strict as a frame
    for arguments in [
        r#"{"charge": "ch_1", "amount": 1, "amount": 2}"#,
        r#"{"charge": "ch_1", "\u0061mount": 1, "amount": 2}"#,
        r#"{"charge": "ch_1", "amount": 18446744073709551616}"#,
        r#"{"charge": "ch_1", "amount": 1e400}"#,
        "{\"charge\": \"ch_1\", \"\": 1,}",
        "{\"charge\": \"\\ud800\"}",
    ] {
        let refused = port.cli(["call", "stripe.create_refund", "--args", arguments, "--json"]).exits(64);
        assert!(refused.error().starts_with("the arguments are "), "{arguments}: {refused:?}");
    }
    // from standard input and from a file
    let file = port.folder().join("arguments.json");
    fs::write(&file, "{}").unwrap();
    port.cli(["call", "stripe.list_customers", "--args", &format!("@{}", file.display())]).done();
    port.cli(["call", "stripe.list_customers", "--args", "-"]).stdin("{}").done();
    // an unknown outcome is one
    let id = asked["approval"]["id"].as_str().unwrap();
    let unknown = port.cli(["approvals", "approve", id, "--code-stdin", "--json"]).stdin(&port.code()).exits(1).json();
    assert_eq!((&unknown["status"], &unknown["http_status"]), (&json!("unknown"), &json!(503)));
    assert_eq!(port.cli(["approvals", "await", id, "--json"]).exits(1).json(), unknown);
    assert_eq!(upstream.lines().iter().filter(|line| *line == "POST /v1/refunds").count(), 1);
}

#[test]
fn a_call_can_wait_for_its_human() {
    let upstream = Upstream::plain();
    let port = Port::connected(&upstream);
    let arguments = ["call", "stripe.create_refund", "--args", r#"{"charge": "ch_1"}"#, "--reason", "why not"];
    let mut waiting = port.command();
    let waiting = waiting.args(arguments).args(["--wait", "1m", "--json"]).stdout(std::process::Stdio::piped());
    let waiting = waiting.stderr(port.evidence().stderr()).spawn().unwrap();
    let id = loop {
        if let Some(approval) = port.cli(["approvals", "list", "--json"]).done().json().get(0) {
            break approval["id"].as_str().unwrap().to_owned();
        }
    };
    assert_eq!(port.cli(["approvals", "show", &id, "--json"]).done().json()["reason"], json!("why not"));
    assert!(port.cli(["approvals", "show", &id]).done().stdout.contains("the agent says, unverified: why not"));
    port.approve(&id);
    let ran = Ran::of(waiting.wait_with_output().unwrap(), port.evidence());
    assert_eq!((ran.code, &ran.json()["result"]), (0, &json!({"id": "x"})));
    // the agent's reason is not sent
    assert!(!upstream.received_one("POST /v1/refunds").body.contains("why"));
    // nobody decides: it ends as waiting
    let arguments = ["call", "stripe.create_refund", "--args", r#"{"charge": "ch_2"}"#, "--wait", "0s", "--json"];
    assert_eq!(port.cli(arguments).exits(2).json()["status"], json!("pending"));
}

#[test]
fn what_waits_is_listed_shown_and_decided_once() {
    let upstream = Upstream::plain();
    let port = Port::connected(&upstream);
    assert_eq!(port.cli(["approvals", "list", "--json"]).done().json(), json!([]));
    let asked = |charge: &str| -> String {
        let arguments = format!("{{\"charge\": \"{charge}\", \"amount\": 1200}}");
        let answer = port.cli(["call", "stripe.create_refund", "--args", &arguments, "--json"]).exits(2).json();
        answer["approval"]["id"].as_str().unwrap().to_owned()
    };
    let id = asked("ch_1");
    let shown = port.cli(["approvals", "show", &id, "--json"]).done().json();
    let expected = json!({
        "id": id,
        "status": "pending",
        "tool": "stripe.create_refund",
        "caller": "local",
        "summary": "Refund a charge: amount 1200, charge ch_1",
        "created_at": shown["created_at"],
        "expires_at": shown["expires_at"],
        "record": shown["record"],
        "account": "default",
        "environment": "production",
        "origin": upstream.origin(),
        "effect": "destructive",
        "arguments": {"amount": 1200, "charge": "ch_1"},
        "request": shown["request"],
        "digest": shown["digest"],
        "reason": null,
        "evaluation": shown["evaluation"],
        "approved_by": [],
        "outcome": null,
        "note": null,
    });
    assert_eq!(shown, expected);
    assert_eq!(shown["request"]["method"], json!("POST"));
    assert_eq!(shown["request"]["path"], json!("/v1/refunds"));
    assert_eq!(shown["request"]["body"], json!("charge=ch_1&amount=1200"));
    let text = port.cli(["approvals", "show", &id]).done().stdout;
    for fact in ["stripe.create_refund", "stripe/default, PRODUCTION", &upstream.origin(), "amount = 1200", "ch_1"] {
        assert!(text.contains(fact), "{fact} is not in {text}");
    }
    assert!(upstream.lines().is_empty());

    port.cli(["approvals", "approve", &id, "--code-stdin", "--json"]).stdin("no code").exits(1);
    port.cli(["approvals", "approve", &id, "--code-stdin", "--json"]).exits(1);
    port.cli(["approvals", "approve", &id, "--json"]).stdin(&port.code()).exits(64);
    assert!(upstream.lines().is_empty());
    port.approve(&id);
    let sent = upstream.received_one("POST /v1/refunds");
    assert_eq!(sent.body, "charge=ch_1&amount=1200");
    assert_eq!(sent.headers["authorization"], format!("Bearer {}", port.canary()));
    assert_eq!(sent.headers["idempotency-key"], id);
    for arguments in
        [["approvals", "approve", &id, "--code-stdin", "--json"], ["approvals", "deny", &id, "--note", "x"]]
    {
        port.cli(arguments).stdin(&port.code()).exits(1);
    }
    upstream.received_one("POST /v1/refunds");

    let id = asked("ch_2");
    port.cli(["approvals", "deny", &id, "--note", "no"]).done();
    assert_eq!(port.cli(["approvals", "await", &id, "--json"]).exits(3).json()["note"], json!("no"));
    let shown = port.cli(["approvals", "show", &id, "--json"]).done().json();
    assert_eq!((&shown["status"], &shown["note"]), (&json!("denied"), &json!("no")));
    assert_eq!(port.cli(["approvals", "reopen", &id, "--json"]).done().json(), json!({"id": id, "reopened": true}));
    for action in ["show", "await", "deny", "reopen", "approve"] {
        let arguments = ["approvals", action, "apr_doesnotexist", "--json"];
        let code = if action == "approve" { Some("--code-stdin") } else { None };
        let ran = port.cli(arguments.into_iter().chain(code)).stdin("123456").exits(1);
        assert!(ran.error().contains("there is no"), "{ran:?}");
    }
    let listed = port.cli(["approvals", "list", "--json"]).done().json();
    let statuses: Vec<&Value> = listed.as_array().unwrap().iter().map(|one| &one["status"]).collect();
    assert_eq!(statuses, ["denied", "executed"]);
}

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

#[test]
fn t099_an_edit_that_loosens_waits_for_a_code_and_one_that_tightens_does_not() {
    let upstream = Upstream::plain();
    let port = Port::connected(&upstream);
    let refund = ["call", "stripe.create_refund", "--args", r#"{"charge": "ch_1"}"#, "--json"];
    let list = ["call", "stripe.list_customers", "--json"];
    assert_eq!(port.cli(["policy", "diff", "--json"]).done().json(), json!({"changes": []}));

    let set = port.cli(["policy", "set", "stripe.create_refund", "allow", "--json"]).done().json();
    assert_eq!(set, json!({"target": "stripe.create_refund", "decision": "allow", "in_force": false}));
    port.cli(refund).exits(2);
    let changes = port.cli(["policy", "diff", "--json"]).done().json();
    let [change] = changes["changes"].as_array().unwrap().as_slice() else { panic!("{changes}") };
    assert_eq!(
        (&change["tool"], &change["before"], &change["after"], &change["looser"]),
        (&json!("stripe.create_refund"), &json!("ask"), &json!("allow"), &json!(true))
    );
    let shown = port.cli(["policy", "show", "--json"]).done().json();
    assert_eq!(shown["unapplied_changes"], json!(true));
    assert_ne!(shown["in_force"], json!(port.policy()));
    for wrong in ["000000", "", "abcd-efgh-2345-wxyz"] {
        port.cli(["policy", "apply", "--code-stdin", "--json"]).stdin(wrong).exits(1).error();
    }
    port.cli(["policy", "apply", "--json"]).exits(64).error();
    port.cli(refund).exits(2);
    let applied = port.cli(["policy", "apply", "--code-stdin", "--json"]).stdin(&port.code()).done().json();
    assert_eq!(applied["changes"], changes["changes"]);
    assert_eq!(port.cli(["policy", "show", "--json"]).done().json()["in_force"], json!(port.policy()));
    // what waited still waits: an allow now still needs its yes
    port.cli(refund).exits(2);
    port.cli(["call", "stripe.create_refund", "--args", r#"{"charge": "ch_2"}"#]).done();

    // tightening counts at once, by `set` and by an editor
    port.cli(["policy", "set", "stripe.list_customers", "deny", "--json"]).done();
    assert_eq!(port.cli(list).exits(3).json()["by"], json!("policy"));
    let good = port.policy();
    port.edit_policy(&good.replace("\"stripe.list_customers\" = \"deny\"\n", ""));
    port.cli(list).done();
    // a file that does not load changes nothing, and says where it is wrong
    port.edit_policy(&format!("{good}[tools\n"));
    port.cli(list).done();
    port.cli(refund).exits(2);
    let checked = port.cli(["policy", "check", "--json"]).exits(1).error();
    assert!(checked.contains("policy.toml:") && checked.contains('^'), "{checked}");
    port.cli(["policy", "apply", "--code-stdin"]).stdin(&port.code()).exits(1);
    // neither does one that is gone
    fs::remove_file(port.home().join("policy.toml")).unwrap();
    port.cli(list).done();
    port.cli(["policy", "check", "--json"]).exits(1).error();
    assert_eq!(upstream.lines().iter().filter(|line| *line == "POST /v1/refunds").count(), 1);
    port.cli(["log", "verify"]).done();
}

#[test]
fn the_policy_explains_itself_and_finds_mistakes() {
    let port = Port::connected(&Upstream::plain());
    let base = port.policy();
    let explain = |tool: &str, arguments: &str| -> Value {
        port.cli(["policy", "explain", tool, "--args", arguments, "--json"]).done().json()
    };
    let rule = "\n[[rule]]\nid = \"small\"\ntools = [\"stripe.create_refund\"]\nwhere = { amount = { max = 500 } }\ndecision = \"allow\"\nreason = \"Routine.\"\n\n[[test]]\ncall = \"stripe.create_refund\"\nargs = { charge = \"ch_1\", amount = 400 }\nexpect = \"allow\"\n";
    port.edit_policy(&format!("{base}{rule}"));
    assert_eq!(port.cli(["policy", "check", "--json"]).done().json(), json!({"ok": true, "tests": 1}));
    assert_eq!(port.cli(["policy", "test", "--json"]).done().json(), json!({"ok": true, "tests": 1}));
    port.cli(["policy", "apply", "--code-stdin"]).stdin(&port.code()).done();
    let text = port.policy();
    let line = text.lines().collect::<Vec<_>>().iter().rposition(|line| *line == "[[rule]]").unwrap() + 1;
    let small = explain("stripe.create_refund", r#"{"charge": "ch_1", "amount": 500}"#);
    assert_eq!(
        (&small["tool"], &small["decision"], &small["reasons"][0]["rule"], &small["reasons"][0]["text"]),
        (&json!("stripe.create_refund"), &json!("allow"), &json!("small"), &json!("Routine."))
    );
    let named = small["reasons"][0]["line"].as_u64().unwrap();
    assert!((line as u64..line as u64 + 6).contains(&named), "{small}");
    // T037: without the amount nobody knows, so the rule does not allow
    for arguments in [r#"{"charge": "ch_1", "amount": 501}"#, r#"{"charge": "ch_1"}"#] {
        assert_eq!(explain("stripe_create_refund", arguments)["decision"], json!("ask"), "{arguments}");
    }
    assert_eq!(explain("stripe.create_payout", r#"{"amount": 1, "currency": "eur"}"#)["decision"], json!("deny"));
    port.cli(["policy", "explain", "stripe.create_refun", "--json"]).exits(64).error();
    let before = port.policy();
    for (mistake, word) in [
        (base.clone() + &rule.replace("expect = \"allow\"", "expect = \"deny\""), "expect"),
        (base.clone() + &rule.replace("amount = { max", "amont = { max"), "amont"),
        (base.clone() + &rule.replace("max = 500", "maximum = 500"), "maximum"),
        (base.replace("\"stripe.create_payout\"", "\"stripe.create_payot\""), "stripe.create_payot"),
        (base.replace("read = \"allow\"", "read = \"permit\""), "permit"),
        (base.replace("[defaults]", "[default]"), "default"),
    ] {
        assert_ne!(mistake, base);
        port.edit_policy(&mistake);
        for command in [&["policy", "check"][..], &["policy", "test"]] {
            let problem = port.cli(command.iter().copied().chain(["--json"])).exits(1).error();
            assert!(problem.contains(word) && problem.contains("policy.toml:"), "{problem}");
            let text = port.cli(command.iter().copied()).exits(1).stderr;
            assert!(text.starts_with("error: ") && !text.starts_with("error: error: "), "{text}");
        }
        port.cli(["policy", "apply", "--code-stdin"]).stdin("123456").exits(1);
        let file = port.folder().join("candidate.toml");
        fs::write(&file, &mistake).unwrap();
        let problem = port.cli(["policy", "check", file.to_str().unwrap(), "--json"]).exits(1).error();
        assert!(problem.contains("candidate.toml:"), "{problem}");
    }
    port.edit_policy(&before);
    for bad in ["nosuch.tool", "stripe.*_customers", ""] {
        port.cli(["policy", "set", bad, "allow", "--json"]).exits(1).error();
    }
    assert_eq!(port.policy(), before);
    port.cli(["policy", "set", "github.*", "deny"]).done();
    assert_eq!(explain("github.list_issues", r#"{"owner": "o", "repo": "r"}"#)["decision"], json!("deny"));
}

#[test]
fn a_check_without_tests_counts_none() {
    let port = Port::new();
    assert_eq!(port.cli(["policy", "check", "--json"]).done().json(), json!({"ok": true, "tests": 0}));
}

#[test]
fn tools_are_listed_shown_searched_and_checked() {
    let port = Port::connected(&Upstream::plain());
    let listed = port.cli(["tools", "list", "--json"]).done().json();
    let all = port.cli(["tools", "list", "--all", "--json"]).done().json();
    let (listed, all) = (listed.as_array().unwrap(), all.as_array().unwrap());
    assert!(listed.len() < all.len() && listed.iter().all(|tool| all.contains(tool)));
    for tool in all {
        let keys: Vec<&String> = tool.as_object().unwrap().keys().collect();
        let keys: Vec<_> = keys.into_iter().filter(|key| *key != "up_to").collect();
        assert_eq!(keys, ["decision", "effect", "name", "title", "toolset"], "{tool}");
    }
    let refund = json!({
        "name": "stripe.create_refund",
        "title": "Refund a charge",
        "effect": "destructive",
        "toolset": "core",
        "decision": "ask",
    });
    assert!(listed.contains(&refund), "{listed:?}");
    let github = port.cli(["tools", "list", "--all", "--integration", "github", "--json"]).done().json();
    assert!(github.as_array().unwrap().iter().all(|tool| tool["name"].as_str().unwrap().starts_with("github.")));
    let mut shown = port.cli(["tools", "show", "stripe_create_refund", "--json"]).done().json();
    assert!(shown["description"].is_string());
    assert_eq!(shown["inputSchema"]["additionalProperties"], json!(false));
    for more in ["description", "inputSchema"] {
        shown.as_object_mut().unwrap().remove(more);
    }
    assert_eq!(shown, refund);
    let unknown = port.cli(["tools", "show", "stripe.create_refun", "--json"]).exits(64).json();
    assert!(unknown["error"]["hint"].as_str().unwrap().contains("stripe_create_refund"), "{unknown}");
    let found = port.cli(["tools", "search", "REFUND", "charge", "--json"]).done().json();
    assert!(found.as_array().unwrap().contains(&refund), "{found}");
    assert_eq!(port.cli(["tools", "search", "zebra", "--json"]).done().json(), json!([]));

    let broken = port.folder().join("broken.toml");
    let worse = port.folder().join("worse.toml");
    let manifest = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tools/stripe.toml")).unwrap();
    let with = |old: &str, new: &str| {
        assert!(manifest.contains(old), "{old}");
        manifest.replacen(old, new, 1)
    };
    fs::write(
        &broken,
        with("effect = \"read\"", "effect = \"reads\"").replacen(
            "request = \"POST /v1/refunds\"",
            "request = \"POST v1/refunds\"",
            1,
        ),
    )
    .unwrap();
    fs::write(&worse, "schema = 1\n[integration]\nid = \"Mine\"\n").unwrap();
    let files = [broken.to_str().unwrap(), worse.to_str().unwrap()];
    let checked = port.cli(["tools", "check", files[0], files[1], "--json"]).exits(1).error();
    for found in ["broken.toml:", "worse.toml:3:", "reads", "v1/refunds", "Mine", "^"] {
        assert!(checked.contains(found), "{found} is not in {checked}");
    }
    port.cli(["tools", "check", concat!(env!("CARGO_MANIFEST_DIR"), "/tools/stripe.toml"), "--json"]).done();
    port.cli(["tools", "check", "/nonexistent", "--json"]).exits(64).error();
}

#[test]
fn the_log_is_listed_shown_exported_and_summed_up() {
    let upstream = Upstream::plain();
    let port = Port::connected(&upstream);
    port.cli(["call", "stripe.list_customers", "--args", r#"{"email": "needle@example.com"}"#]).done();
    port.cli(["call", "stripe.list_customers", "--as", "claude"]).done();
    port.cli(["call", "stripe.create_payout", "--args", r#"{"amount": 7, "currency": "eur"}"#]).exits(3);
    let asked = port.cli(["call", "stripe.create_refund", "--args", r#"{"charge": "ch_1"}"#, "--json"]).exits(2).json();
    let id = asked["approval"]["id"].as_str().unwrap();
    let list = |filter: &[&str]| -> Vec<(String, String)> {
        let value = port.cli(["log", "list", "--json"].into_iter().chain(filter.iter().copied())).done().json();
        let text = |line: &Value, key: &str| line[key].as_str().unwrap().to_owned();
        value.as_array().unwrap().iter().map(|line| (text(line, "tool"), text(line, "status"))).collect()
    };
    let pair = |tool: &str, status: &str| (tool.to_owned(), status.to_owned());
    assert_eq!(list(&["--tool", "stripe.create_refund"]), [pair("stripe.create_refund", "pending")]);
    assert_eq!(list(&["--tool", "stripe_create_refund"]), [pair("stripe.create_refund", "pending")]);
    assert_eq!(list(&["--caller", "claude"]), [pair("stripe.list_customers", "succeeded")]);
    assert_eq!(list(&["--caller", "agentport"]), [pair("stripe.verify", "succeeded")]);
    assert_eq!(list(&["--status", "denied"]), [pair("stripe.create_payout", "denied")]);
    assert_eq!(list(&["--account", "default", "--caller", "local"]).len(), 3);
    assert_eq!(list(&["--text", "NEEDLE@example"]), [pair("stripe.list_customers", "succeeded")]);
    assert_eq!(list(&["--until", "2020-01-01T00:00:00Z"]), []);
    assert_eq!(list(&["--since", "0s"]), []);
    assert_eq!(list(&["--since", "1h", "--until", "0s", "--limit", "2"]).len(), 2);
    assert_eq!(list(&["--since", "1h"]), list(&[]));

    let shown = port.cli(["log", "show", id, "--json"]).done().json();
    assert_eq!(shown["plan"]["request"]["http"]["body"], json!("charge=ch_1"));
    assert_eq!((&shown["status"], &shown["answer"]), (&json!("pending"), &Value::Null));
    let record = shown["id"].as_str().unwrap();
    assert_eq!(port.cli(["log", "show", record, "--json"]).done().json(), shown);
    port.cli(["log", "show", "rec_doesnotexist", "--json"]).exits(1).error();
    let summary = port.cli(["log", "summary", "--json"]).done().json();
    assert!(
        summary
            .as_array()
            .unwrap()
            .contains(&json!({"tool": "stripe.list_customers", "status": "succeeded", "count": 2})),
        "{summary}"
    );

    let exported = port.cli(["log", "export", "--format", "jsonl"]).done().stdout;
    let records: Vec<Value> = exported.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let verified = port.cli(["log", "verify", "--json"]).done().json();
    assert_eq!(verified, json!({"ok": true, "records": records.len(), "head": records.last().unwrap()["hash"]}));
    let numbers: Vec<u64> = records.iter().map(|record| record["seq"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (1..=records.len() as u64).collect::<Vec<_>>());
    assert!(records.windows(2).all(|two| two[0]["hash"] == two[1]["prev"]));
    port.cli(["log", "export", "--format", "csv"]).exits(64);
}

#[test]
fn a_second_factor_needs_the_first_and_the_last_one_stays() {
    let port = Port::enrolled();
    let first = port.cli(["factor", "list", "--json"]).done().json();
    let id = first["factors"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(first["recovery_codes_left"], json!(10));
    port.cli(["factor", "add", "totp", "--json"]).stdin("000000").stdin("000000").exits(1).error();
    port.cli(["factor", "remove", &id, "--code-stdin", "--json"]).stdin(&port.code()).exits(1).error();
    assert_eq!(port.cli(["factor", "list", "--json"]).done().json(), first);

    let mut adding = port.cli(["factor", "add", "totp", "--json"]).unseen().spawn();
    adding.say(&port.code());
    let uri = adding.line()["otpauth_uri"].as_str().unwrap().to_owned();
    let seed = uri.split("secret=").nth(1).unwrap().split('&').next().unwrap().to_owned();
    port.evidence().keep_from(&seed);
    adding.say(&crate::harness::totp(&seed, crate::harness::now() / 30));
    let active = adding.line();
    assert_eq!((adding.wait(), &active["status"]), (0, &json!("active")));
    let codes: Vec<&str> =
        active["recovery_codes"].as_array().unwrap().iter().map(|code| code.as_str().unwrap()).collect();
    let both = port.cli(["factor", "list", "--json"]).done().json();
    assert_eq!((both["factors"].as_array().unwrap().len(), &both["recovery_codes_left"]), (2, &json!(10)));
    // new recovery codes replace the old ones
    port.cli(["factor", "remove", &id, "--code-stdin"]).stdin(&port.code()).exits(1);
    assert_eq!(
        port.cli(["factor", "remove", &id, "--code-stdin", "--json"]).stdin(codes[0]).done().json(),
        json!({"removed": id})
    );
    port.cli(["factor", "remove", &id, "--code-stdin"]).stdin(codes[1]).exits(1);
    assert_eq!(port.cli(["factor", "list", "--json"]).done().json()["factors"].as_array().unwrap().len(), 1);
    port.cli(["log", "verify"]).done();
}

#[test]
fn reset_lets_the_locked_out_begin_again_and_keeps_the_log() {
    let upstream = Upstream::plain();
    let port = Port::connected(&upstream);
    let arguments = ["call", "stripe.create_refund", "--args", r#"{"charge": "ch_1"}"#, "--json"];
    let id = port.cli(arguments).exits(2).json()["approval"]["id"].as_str().unwrap().to_owned();
    let before = port.log().len();
    port.cli(["factor", "reset", "--json"]).exits(64).error();
    assert_eq!(port.cli(["factor", "reset", "--yes", "--json"]).done().json(), json!({"factors": 1, "accounts": 1}));
    assert_eq!(port.cli(["accounts", "--json"]).done().json(), json!([]));
    assert_eq!(port.cli(["factor", "list", "--json"]).done().json(), json!({"factors": [], "recovery_codes_left": 0}));
    assert_eq!(port.cli(["approvals", "await", &id, "--json"]).exits(1).json()["status"], json!("cancelled"));
    let log = port.log();
    assert_eq!(log.len(), before + 1);
    assert_eq!((&log[0]["kind"], &log[0]["status"]), (&json!("home"), &json!("factors reset")));
    port.cli(["approvals", "approve", &id, "--code-stdin"]).stdin(&port.code()).exits(1);
    port.enrol();
    port.connect_stripe(&upstream.origin());
    port.cli(["approvals", "approve", &id, "--code-stdin"]).stdin(&port.code()).exits(1);
    assert_eq!(upstream.lines(), Vec::<String>::new());
    port.cli(["log", "verify"]).done();
}

/// Every file under a folder, with its bytes; less what the children of the test wrote.
fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(contents(&path));
        } else if path.extension().is_none_or(|extension| extension != "stderr") {
            found.insert(path.display().to_string(), fs::read(&path).unwrap());
        }
    }
    found
}
