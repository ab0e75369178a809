//! What is only read: tools and the log.

use std::fs;

use serde_json::{Value, json};

use crate::harness::{Port, Upstream};

#[test]
fn tools_are_listed_shown_searched_and_checked() {
    let port = Port::connected(&Upstream::plain());
    let listed = port.cli(["tools", "list", "--json"]).done().json();
    let all = port.cli(["tools", "list", "--all", "--json"]).done().json();
    let (listed, all) = (listed.as_array().unwrap(), all.as_array().unwrap());
    assert!(listed.len() < all.len() && listed.iter().all(|tool| all.contains(tool)));
    for tool in all {
        let keys: Vec<&String> = tool.as_object().unwrap().keys().collect();
        let keys: Vec<_> = keys.into_iter().filter(|key| !["at_loosest", "up_to"].contains(&key.as_str())).collect();
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
    // a statement without a `WHERE` is denied, every other one waits
    let execute = port.cli(["tools", "show", "sqlite_execute", "--json"]).done().json();
    assert_eq!((&execute["decision"], &execute["at_loosest"]), (&json!("deny"), &json!("ask")));
    assert!(port.cli(["tools", "show", "sqlite_execute"]).done().stdout.contains(" ask or deny "));
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
fn a_person_is_told_of_a_call_without_its_hashes() {
    let port = Port::enrolled();
    port.connect_sqlite("CREATE TABLE customers (id)");
    let sql = r#"{"sql": "DROP TABLE customers"}"#;
    let asked = port.cli(["call", "sqlite.execute", "--args", sql, "--json"]).exits(2).json();
    let told = port.cli(["log", "show", asked["approval"]["id"].as_str().unwrap()]).done().stdout;
    assert!(told.starts_with("Execute: DROP TABLE customers\npending  sqlite.execute\n"), "{told}");
    for part in ["\nasked by     local\n", "\npolicy       ask by ", "(policy.toml:", "\nasked for\n", "\nrequest\n"] {
        assert!(told.contains(part), "{part:?} is not in {told}");
    }
    let hash = |word: &str| word.len() == 64 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    assert!(!told.split(|sign: char| !sign.is_ascii_alphanumeric()).any(hash), "{told}");
    assert!(port.cli(["log", "list"]).done().stdout.contains("  Execute: DROP TABLE customers\n"));
    let asked = port.cli(["call", "sqlite.query", "--args", r#"{"sql": "SELECT ?", "params": [7]}"#]).run();
    assert!(port.log()[0]["body"]["summary"] == "Query: SELECT ?, params [7]", "{asked:?} {:?}", port.log()[0]);
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
    let by_agents = list(&["--agents"]);
    assert_eq!((by_agents.len(), by_agents.contains(&pair("stripe.verify", "succeeded"))), (4, false));
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
