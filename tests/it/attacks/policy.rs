//! E: the policy. What it does not know is refused, and nothing that an agent sets selects another.

use std::{fs, os::unix::fs::symlink};

use serde_json::json;

use crate::harness::{Port, Upstream};

#[test]
fn t083_a_tool_that_does_not_exist_is_not_found_noted_and_not_sent() {
    let upstream = Upstream::plain();
    let port = Port::connected(&upstream);
    let mut wire = port.wire();
    let before = port.calls().len();
    let names = [
        "stripe_verify",
        "stripe_create_refun",
        "agentport_approve",
        "agentport__x",
        "Stripe_create_refund",
        "stripe",
        "",
        "stripe.verify",
        "../x",
    ];
    for name in names {
        let answer = wire.call(name, json!({}));
        assert_eq!(answer.status(), "not_found", "{name}");
        let through = wire.call("agentport_call_tool", json!({"tool": name, "arguments": {}}));
        assert!(["not_found", "invalid_arguments"].contains(&through.status()), "{name}: {through:?}");
    }
    assert_eq!(wire.call("stripe_create_refun", json!({})).0["closest"], json!("stripe_create_refund"));
    assert_eq!(upstream.lines(), Vec::<String>::new());
    // T238: probing is seen
    let noted: Vec<_> = port.calls().split_off(before);
    assert!(noted.iter().any(|(tool, status)| tool == "agentport_approve" && status == "not_found"), "{noted:?}");
}

#[test]
fn t100_nothing_that_an_agent_sets_selects_another_policy() {
    let upstream = Upstream::plain();
    let port = Port::connected(&upstream);
    let allow = port.folder().join("allow.toml");
    fs::write(&allow, "schema = 1\n[defaults]\nread = \"allow\"\nwrite = \"allow\"\ndestructive = \"allow\"\n")
        .unwrap();
    let path = allow.to_str().unwrap();
    let refund = ["call", "stripe.create_refund", "--args", r#"{"charge": "ch_1"}"#, "--json"];
    for flag in ["--policy", "--config", "--settings", "--home", "--yes", "--force"] {
        port.cli([flag, path].into_iter().chain(refund)).exits(64);
        port.cli(refund.into_iter().chain([flag, path])).exits(64);
        port.cli(["stdio", flag, path]).exits(64);
    }
    for variable in
        ["AGENTPORT_POLICY", "AGENTPORT_CONFIG", "AGENTPORT_SETTINGS", "AGENTPORT_ALLOW", "XDG_CONFIG_HOME", "HOME"]
    {
        port.cli(refund).env(variable, path).exits(2);
    }
    // a link in the policy's place is not followed
    let policy = port.home().join("policy.toml");
    fs::remove_file(&policy).unwrap();
    symlink(&allow, &policy).unwrap();
    port.cli(refund).exits(2);
    port.cli(["policy", "apply", "--code-stdin"]).stdin(&port.code()).exits(1);
    assert_eq!(upstream.lines(), Vec::<String>::new());
}
