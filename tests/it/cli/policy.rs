//! The policy from the terminal: edited, checked, explained, applied.

use std::fs;

use serde_json::{Value, json};

use crate::harness::{Port, Upstream};

#[test]
fn t099_an_edit_that_loosens_waits_for_a_code_and_one_that_tightens_does_not() {
    let upstream = Upstream::plain();
    let port = Port::connected(&upstream);
    let refund = ["call", "stripe.create_refund", "--args", r#"{"charge": "ch_1"}"#, "--json"];
    let list = ["call", "stripe.list_customers", "--json"];
    assert_eq!(port.cli(["policy", "diff", "--json"]).done().json(), json!({"changes": []}));

    let set = port.cli(["policy", "set", "stripe.create_refund", "allow", "--json"]).done().json();
    assert_eq!(
        set,
        json!({"target": "stripe.create_refund", "decision": "allow", "in_force": false, "tightens": false})
    );
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
