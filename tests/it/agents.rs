//! Who is let in over a gateway: tokens are shown once, kept as hashes, and take a code of the owner.

use std::fs;

use serde_json::json;

use crate::harness::Port;

#[test]
fn an_agent_is_let_in_with_a_code_and_shut_out_without_one() {
    let port = Port::enrolled();
    let without = port.cli(["agents", "add", "claude", "--code-stdin", "--json"]).stdin("000000").exits(1);
    assert!(without.error().contains("not right"), "{without:?}");
    assert_eq!(port.cli(["agents", "list", "--json"]).done().json(), json!([]));

    let token = port.let_in(&["claude", "--integrations", "stripe,github", "--expires", "90d"]);
    assert!(token.starts_with("apt_") && token.len() == 47, "{}", token.len());
    let listed = port.cli(["agents", "list", "--json"]).done().json();
    assert_eq!(listed[0]["name"], json!("claude"));
    assert_eq!(listed[0]["integrations"], json!(["github", "stripe"]));
    assert_eq!(listed[0]["last_used_at"], json!(null));
    assert!(listed[0]["expires_at"].is_string());
    let again = port.cli(["agents", "add", "claude", "--code-stdin", "--json"]).exits(1);
    assert!(again.error().contains("already"), "{again:?}");

    let arguments = ["agents", "rotate", "claude", "--code-stdin", "--json"];
    let rotated = port.cli(arguments).stdin(&port.code()).unseen().done().json();
    let rotated = rotated["token"].as_str().unwrap().to_owned();
    port.evidence().keep_from(&rotated);
    assert_ne!(rotated, token);
    for entry in fs::read_dir(port.home()).unwrap().map(Result::unwrap).filter(|entry| entry.path().is_file()) {
        let bytes = fs::read(entry.path()).unwrap();
        for token in [&token, &rotated] {
            assert!(!bytes.windows(token.len()).any(|part| part == token.as_bytes()), "{:?}", entry.path());
        }
    }

    assert_eq!(port.cli(["agents", "revoke", "claude", "--json"]).done().json(), json!({"revoked": "claude"}));
    port.cli(["agents", "revoke", "claude", "--json"]).exits(1);
    let events = port.cli(["log", "list", "--json"]).done();
    for word in ["agent added", "agent token rotated", "agent revoked"] {
        assert!(events.stdout.contains(word), "{word}: {events:?}");
    }
}

#[test]
fn what_is_no_name_or_no_integration_or_no_duration_is_wrong_usage() {
    let port = Port::new();
    for arguments in [
        &["agents", "add", "Claude"][..],
        &["agents", "add", "agentport"],
        &["agents", "add", "claude", "--integrations", "nothing"],
        &["agents", "add", "claude", "--expires", "soon"],
    ] {
        port.cli(arguments.iter().copied()).exits(64);
    }
}
