//! The server as an agent host sees it: the handshakes, the list of tools, the life of an approval, and the end.

mod approvals;
mod clock;
mod ending;

use serde_json::{Value, json};

use crate::harness::{Answer, Port, Upstream};

const BUILT_IN: [&str; 5] = [
    "agentport_await_approval",
    "agentport_call_tool",
    "agentport_find_tools",
    "agentport_list_integrations",
    "agentport_withdraw_approval",
];

#[test]
fn every_revision_with_a_handshake_is_served() {
    let port = Port::new();
    for revision in ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"] {
        let mut wire = port.silent_wire("local");
        let said = wire.initialize(revision);
        assert_eq!(said["protocolVersion"], json!(revision));
        assert_eq!(said["capabilities"], json!({"tools": {"listChanged": true}}));
        assert_eq!(said["serverInfo"]["name"], json!("agentport"));
        assert_eq!(said["serverInfo"]["version"], json!(env!("CARGO_PKG_VERSION")));
        assert_eq!(wire.tools(), BUILT_IN, "{revision}");
        assert_eq!(wire.call("agentport_list_integrations", json!({})).status(), "completed");
        assert_eq!(wire.end().code, Some(0));
    }
}

#[test]
fn the_revision_without_a_handshake_is_served() {
    let upstream = Upstream::plain();
    let port = Port::connected(&upstream);
    let mut wire = port.silent_wire("local");
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
    });
    let found = wire.ask("server/discover", &json!({"_meta": meta}));
    let versions = found["result"]["supportedVersions"].as_array().unwrap();
    for revision in ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"] {
        assert!(versions.contains(&json!(revision)), "{found}");
    }
    let listed = wire.ask("tools/list", &json!({"_meta": meta}));
    assert!(listed["result"]["tools"].as_array().unwrap().len() > BUILT_IN.len());
    let call = |name: &str, arguments: Value| json!({"name": name, "arguments": arguments, "_meta": meta});
    let read = wire.ask("tools/call", &call("stripe_list_customers", json!({})));
    assert_eq!(Answer::of(&read["result"]).completed(), json!({"id": "x"}));
    let asked = wire.ask("tools/call", &call("stripe_create_refund", json!({"charge": "ch_1"})));
    let id = Answer::of(&asked["result"]).approval_id();
    port.approve(&id);
    let outcome = wire.ask("tools/call", &call("agentport_await_approval", json!({"approval_id": id})));
    assert_eq!(Answer::of(&outcome["result"]).completed(), json!({"id": "x"}));
    assert_eq!(wire.end().code, Some(0));
}

#[test]
fn the_list_of_tools_is_sorted_closed_and_says_what_each_does() {
    let upstream = Upstream::plain();
    let port = Port::connected(&upstream);
    let mut wire = port.wire();
    let listed = wire.ask("tools/list", &json!({}));
    assert_eq!(wire.ask("tools/list", &json!({}))["result"], listed["result"]);
    let mut other = port.wire_as("claude");
    assert_eq!(other.ask("tools/list", &json!({}))["result"], listed["result"]);
    let tools = listed["result"]["tools"].as_array().unwrap();
    let names: Vec<&str> = tools.iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    assert!(names.is_sorted() && names.len() <= 40, "{names:?}");
    assert!(BUILT_IN.iter().all(|name| names.contains(name)), "{names:?}");
    assert!(names.iter().all(|name| BUILT_IN.contains(name) || name.starts_with("stripe_")), "{names:?}");
    // what the policy always denies is not shown
    assert!(!names.contains(&"stripe_create_payout"));
    for tool in tools {
        assert_eq!(tool.get("outputSchema"), None, "{tool}");
        assert!(tool["title"].is_string() && tool["description"].is_string(), "{tool}");
        for hint in ["readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"] {
            assert!(tool["annotations"][hint].is_boolean(), "{tool}");
        }
        let schema = &tool["inputSchema"];
        assert_eq!((&schema["type"], &schema["additionalProperties"]), (&json!("object"), &json!(false)), "{tool}");
        for word in ["anyOf", "oneOf", "allOf", "$ref", "$defs"] {
            assert_eq!(schema.get(word), None, "{tool}");
        }
        let properties = schema["properties"].as_object().unwrap();
        assert!(properties.contains_key("_reason"), "{tool}");
        assert!(properties.values().all(|property| property["description"].is_string()), "{tool}");
        if !BUILT_IN.contains(&tool["name"].as_str().unwrap()) {
            assert_eq!(properties["account"]["enum"], json!(["default"]), "{tool}");
            assert!(!schema["required"].as_array().is_some_and(|required| required.contains(&json!("account"))));
        }
    }
    let hints = |name: &str| {
        let tool = tools.iter().find(|tool| tool["name"] == json!(name)).unwrap();
        (tool["annotations"]["readOnlyHint"].clone(), tool["annotations"]["destructiveHint"].clone())
    };
    assert_eq!(hints("stripe_list_customers"), (json!(true), json!(false)));
    assert_eq!(hints("stripe_create_refund"), (json!(false), json!(true)));
}

#[test]
fn with_two_accounts_the_account_must_be_named() {
    let upstream = Upstream::plain();
    let port = Port::connected(&upstream);
    let origin = upstream.origin();
    let arguments = ["connect", "stripe", "--account", "eu", "--origin", &origin, "--allow-private", "--secret-stdin"];
    port.cli(arguments).stdin(port.canary()).done();
    let mut wire = port.wire();
    let listed = wire.ask("tools/list", &json!({}));
    let tools = listed["result"]["tools"].as_array().unwrap();
    for tool in tools.iter().filter(|tool| !BUILT_IN.contains(&tool["name"].as_str().unwrap())) {
        let schema = &tool["inputSchema"];
        assert_eq!(schema["properties"]["account"]["enum"], json!(["default", "eu"]), "{tool}");
        assert!(schema["required"].as_array().unwrap().contains(&json!("account")), "{tool}");
    }
    assert_eq!(wire.call("stripe_list_customers", json!({})).invalid(), ["/account"]);
    assert_eq!(wire.call("stripe_list_customers", json!({"account": "us"})).invalid(), ["/account"]);
    assert_eq!(wire.call("stripe_list_customers", json!({"account": "eu"})).completed(), json!({"id": "x"}));
}

#[test]
fn without_a_home_it_starts_and_says_that_a_human_must_finish() {
    let port = Port::empty();
    let mut wire = port.wire();
    assert_eq!(wire.tools(), BUILT_IN);
    let calls = [
        ("agentport_list_integrations", json!({})),
        ("agentport_find_tools", json!({"query": "refund"})),
        ("agentport_await_approval", json!({})),
        ("agentport_withdraw_approval", json!({"approval_id": "apr_x"})),
        ("agentport_call_tool", json!({"tool": "stripe_list_customers", "arguments": {}})),
        ("stripe_list_customers", json!({})),
    ];
    for (tool, arguments) in calls {
        let answer = wire.call(tool, arguments);
        assert_eq!(answer.failed(), "setup", "{tool}");
        names_no_way_round(&answer);
        assert!(
            answer.0["error"]["message"].as_str().unwrap().contains("a human must finish the set-up"),
            "{answer:?}"
        );
    }
    assert!(!port.home().exists());
    assert_eq!(wire.end().code, Some(0));
}

#[test]
fn what_is_set_up_while_it_runs_is_seen() {
    let upstream = Upstream::plain();
    let port = Port::empty();
    let mut wire = port.wire();
    assert_eq!(wire.tools(), BUILT_IN);
    port.init();
    let answer = wire.call("stripe_list_customers", json!({}));
    assert_eq!(answer.failed(), "setup");
    names_no_way_round(&answer);
    port.connect_stripe(&upstream.origin());
    wire.told("notifications/tools/list_changed");
    assert!(wire.tools().contains(&"stripe_create_refund".to_owned()));
    assert_eq!(wire.call("stripe_list_customers", json!({})).completed(), json!({"id": "x"}));
    // nobody could approve yet
    let answer = wire.call("stripe_create_refund", json!({"charge": "ch_1"}));
    assert_eq!(answer.failed(), "setup");
    names_no_way_round(&answer);
    port.enrol();
    wire.call("stripe_create_refund", json!({"charge": "ch_1"})).approval_id();
    // an edit that denies counts at once, and hides what is always denied
    port.cli(["policy", "set", "stripe.create_refund", "deny"]).done();
    wire.told("notifications/tools/list_changed");
    assert!(!wire.tools().contains(&"stripe_create_refund".to_owned()));
    assert_eq!(wire.call("stripe_create_refund", json!({"charge": "ch_1"})).denied(), "policy");
    port.cli(["disconnect", "stripe"]).done();
    wire.told("notifications/tools/list_changed");
    assert_eq!(wire.tools(), BUILT_IN);
    assert_eq!(wire.call("stripe_list_customers", json!({})).failed(), "setup");
    assert_eq!(upstream.lines(), ["GET /v1/customers"]);
}

#[test]
fn a_client_of_the_newest_revision_is_told_of_changes_when_it_listens() {
    let upstream = Upstream::plain();
    let port = Port::new();
    let mut wire = port.silent_wire("local");
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let params = json!({"_meta": meta, "notifications": {"toolsListChanged": true}});
    wire.say(&json!({"jsonrpc": "2.0", "id": 1, "method": "subscriptions/listen", "params": params}));
    wire.told("notifications/subscriptions/acknowledged");
    port.connect_stripe(&upstream.origin());
    wire.told("notifications/tools/list_changed");
    assert_eq!(wire.end().code, Some(0));
}

/// No answer to an agent names a command, a route or a code that enrols or approves.
fn names_no_way_round(answer: &Answer) {
    let text = answer.0.to_string();
    for word in ["agentport init", "agentport connect", "agentport factor", "--", "`agentport", "/approve", "enrol"] {
        assert!(!text.contains(word), "{text}");
    }
}
