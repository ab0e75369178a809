//! Calls from the terminal, and deciding what waits.

use std::fs;

use serde_json::{Value, json};

use crate::harness::{Port, Ran, Reply, Upstream};

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
