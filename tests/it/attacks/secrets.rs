//! J: secrets. No service and no command gives one out; what is dropped searches everything (T176).

use std::fs;

use serde_json::json;

use crate::harness::{Port, Reply, Upstream};

#[test]
fn t176_t177_t178_t236_a_service_that_sends_the_key_back_sends_it_to_nobody() {
    let upstream = Upstream::start(|request| {
        let sent = request.headers["authorization"].clone();
        let key = sent.trim_start_matches("Bearer ").to_owned();
        let each = |form: fn(u8) -> String| key.bytes().map(form).collect::<Vec<_>>().concat();
        let escaped = each(|byte| format!("\\u{byte:04x}"));
        let url = each(|byte| format!("%{byte:02X}"));
        let b64 = |text: &str| data_encoding::BASE64.encode(text.as_bytes());
        let body = json!({
            "error": {"message": format!("Invalid API Key provided: {key}")},
            "headers": {"authorization": sent, key.as_str(): "as a key"},
            "basic": format!("Basic {}", b64(&format!("user:{key}"))),
            "twice": b64(&b64(&key)),
            "nested": [[{"deep": [key.as_str(), {"deeper": sent}]}]],
            "bytes": key.bytes().collect::<Vec<_>>(),
            "hex": data_encoding::HEXLOWER.encode(key.as_bytes()),
            "url": format!("https://x/?key={url}&a=b"),
        });
        let body = body.to_string().replacen('{', &format!("{{\"escaped\":\"{escaped}\","), 1);
        let (status, body) = match request.line.split('?').next().unwrap() {
            "GET /v1/customers" => (200, body.into_bytes()),
            "GET /v1/customers/cus_1" => (401, body.into_bytes()),
            "GET /v1/charges" => (400, format!("<html>{key} {url} {}</html>", b64(&key)).into_bytes()),
            _ => (500, body.into_bytes()),
        };
        let redirect = format!("https://evil.example/?k={key}");
        let headers =
            [("content-type", "application/json"), ("set-cookie", &key), ("x-echo", &sent), ("location", &redirect)];
        Reply::with(status, &headers, &body)
    });
    let port = Port::connected(&upstream);
    let mut wire = port.wire();
    let answered = wire.call("stripe_list_customers", json!({})).completed();
    assert_eq!(answered["headers"]["authorization"], json!("[redacted]"));
    assert_eq!(answered["escaped"], json!("[redacted]"));
    assert_eq!(answered["error"]["message"], json!("Invalid API Key provided: [redacted]"));
    let refused = wire.call("stripe_get_customer", json!({"customer": "cus_1"}));
    assert_eq!((refused.failed(), &refused.0["error"]["http_status"]), ("upstream", &json!(401)));
    wire.call("agentport_call_tool", json!({"tool": "stripe_list_charges", "arguments": {}})).failed();
    let id = wire.call("stripe_create_refund", json!({"charge": "ch_1"})).approval_id();
    port.cli(["approvals", "approve", &id, "--code-stdin", "--json"]).stdin(&port.code()).exits(1);
    port.cli(["log", "export"]).done();
    assert_eq!(upstream.received().len(), 4);
}

/// Every command that reads, once, each in both forms.
#[test]
fn t183_t185_no_command_gives_a_secret_out() {
    let upstream = Upstream::plain();
    let port = Port::connected(&upstream);
    let id = port.wire().call("stripe_create_refund", json!({"charge": "ch_1"})).approval_id();
    port.approve(&id);
    let commands: [&[&str]; 17] = [
        &["accounts"],
        &["factor", "list"],
        &["approvals", "list"],
        &["approvals", "show", &id],
        &["approvals", "await", &id],
        &["policy", "show"],
        &["policy", "check"],
        &["policy", "diff"],
        &["policy", "explain", "stripe.create_refund"],
        &["tools", "list", "--all"],
        &["tools", "show", "stripe.create_refund"],
        &["tools", "search", "stripe"],
        &["log", "list"],
        &["log", "show", &id],
        &["log", "summary"],
        &["log", "export"],
        &["log", "verify"],
    ];
    for command in commands {
        port.cli(command.iter().copied()).done();
        port.cli(command.iter().copied().chain(["--json"])).done();
    }
    for absent in [
        &["secret", "get"][..],
        &["secrets", "show"],
        &["accounts", "--show-secrets"],
        &["accounts", "show"],
        &["export"],
        &["debug"],
        &["connect", "stripe", "--show"],
        // nor takes one where the list of processes shows it (T183)
        &["connect", "stripe", "--secret", "sk_test_given"],
        &["connect", "stripe", "sk_test_given"],
        &["connect", "stripe", "--token", "sk_test_given"],
        &["approvals", "approve", &id, "--code", "123456"],
        &["policy", "apply", "--code", "123456"],
    ] {
        port.cli(absent.iter().copied()).exits(64);
    }
    // the secret does not stand in the arguments or the environment of a running server either
    let wire = port.wire();
    for file in ["cmdline", "environ"] {
        let bytes = fs::read(format!("/proc/{}/{file}", wire.pid())).unwrap();
        port.evidence().saw(String::from_utf8_lossy(&bytes));
    }
}
