//! The command line: exit codes, the JSON of every command, and that no command does more than it says.

mod calls;
mod connect;
mod factors;
mod homes;
mod policy;
mod reading;

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
