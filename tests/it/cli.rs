//! The command line: exit codes, the JSON of every command, and that no command does more than it says.

mod calls;
mod connect;
mod factors;
mod homes;
mod policy;
mod reading;
mod walk;

use serde_json::json;

use crate::harness::{Port, Upstream};

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

/// Where the terminal is not the place, it says which page is.
#[test]
fn the_terminal_names_the_page_where_something_happens_there() {
    let upstream = Upstream::plain();
    let port = Port::connected(&upstream);
    let policy = "schema = 1\n[defaults]\nread = \"allow\"\nwrite = \"ask\"\ndestructive = \"ask\"\n\
                  [[rule]]\nid = \"key\"\ntools = [\"stripe.*\"]\ndecision = \"ask\"\napprove = \"passkey\"\n";
    port.edit_policy(policy);
    port.cli(["policy", "apply", "--code-stdin", "--json"]).stdin(&port.code()).done();
    let mut wire = port.wire();
    let answer = wire.call("stripe_create_refund", json!({"charge": "ch_1", "amount": 500}));
    let (id, page) = (answer.approval_id(), answer.0["approval"]["url"].as_str().unwrap().to_owned());
    let shown = port.cli(["approvals", "show", &id]).done().stdout;
    assert!(shown.contains(&format!("  page         {page}\n")), "{shown}");
    let weak = port.cli(["approvals", "approve", &id, "--code-stdin", "--json"]).stdin(&port.code()).exits(1).json();
    assert_eq!(weak["error"]["hint"], json!(page), "{weak}");
    port.cli(["approvals", "deny", &id, "--json"]).done();
    let over = port.cli(["approvals", "show", &id]).done().stdout;
    assert!(!over.contains(&page), "{over}");
    // nobody has a passkey: there is no other way to name
    let wrong = port.cli(["people", "add", "ann", "--code-stdin", "--json"]).stdin("000000").exits(1).json();
    assert_eq!(wrong["error"]["hint"], json!(null), "{wrong}");
}
