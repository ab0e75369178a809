//! A: the protocol. What an agent writes on the wire is one message with one reading, or none.

use std::sync::{Mutex, mpsc};

use serde_json::{Value, json};

use super::peak_memory;
use crate::harness::{Answer, Port, Reply, Upstream};

#[test]
fn t001_a_line_that_is_no_json_is_refused_and_not_repeated() {
    let upstream = Upstream::plain();
    let port = Port::connected(&upstream);
    let mut wire = port.wire();
    for line in [
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"MARKER"}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"MARKER"} {"jsonrpc":"2.0","id":2,"method":"ping"}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"MARKER",}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"MARKER","params":{"x":NaN}}"#,
        "{'jsonrpc':'2.0','id':1,'method':'MARKER'}",
        r#"{"jsonrpc":"2.0","id":1,"method":"MARKER"} // comment"#,
        "MARKER",
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"MARKER\u{0}\"}",
        "\u{feff}{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"MARKER\"}",
    ] {
        wire.send(line);
        let answer = wire.hear();
        assert_eq!((&answer["id"], &answer["error"]["code"]), (&Value::Null, &json!(-32700)), "{line}: {answer}");
        assert!(!answer.to_string().contains("MARKER"), "{answer}");
    }
    wire.send([b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"".as_slice(), &[0xff, 0xc0, 0x80], b"\"}"].concat());
    assert_eq!(wire.hear()["error"]["code"], json!(-32700));
    assert_eq!(wire.call("stripe_list_customers", json!({})).completed(), json!({"id": "x"}));
    assert!(!port.evidence().said().contains("MARKER"));
    upstream.received_one("GET /v1/customers");
}

#[test]
fn t002_a_line_without_end_is_dropped_and_the_next_one_served() {
    let port = Port::new();
    let mut wire = port.wire();
    // the catalog is read when it is first needed
    wire.tools();
    let before = peak_memory(wire.pid());
    wire.send(vec![b'a'; 100 << 20]);
    let answer = wire.hear();
    assert_eq!(answer["id"], Value::Null);
    assert!(answer["error"]["code"].as_i64().unwrap() < 0, "{answer}");
    assert_eq!(wire.ask("ping", &json!({}))["result"], json!({}));
    let grown = peak_memory(wire.pid()) - before;
    assert!(grown < 16 << 10, "{grown} KiB more");
}

#[test]
fn t004_t005_t011_frames_with_two_readings_are_refused_whole() {
    let upstream = Upstream::plain();
    let port = Port::connected(&upstream);
    let mut wire = port.wire();
    let deep = |levels: usize| format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
    let call = |more: &str| {
        format!(
            r#"{{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{{"name":"stripe_list_customers","arguments":{more}}}}}"#
        )
    };
    let lines = [
        call(r#"{"$serde_json::private::RawValue":"{}"}"#),
        call(r#"{"limit":{"$serde_json::private::Number":"5"}}"#),
        call(r#"{"x":"a","x":"b"}"#),
        call(&format!(r#"{{"x":{}}}"#, deep(33))),
        call(&format!(r#"{{"x":{}}}"#, deep(128))),
        call(&format!(r#"{{"x":{}}}"#, deep(100_000))),
        call(r#"{"x":"\u0000"}"#),
        call(r#"{"x":"\ud800"}"#),
        r#"{"jsonrpc":"2.0","id":7,"method":"ping","method":"tools/call","params":{"name":"stripe_list_customers","arguments":{}}}"#.to_owned(),
        r#"{"jsonrpc":"2.0","id":7,"id":8,"method":"tools/call","params":{"name":"stripe_list_customers","arguments":{}}}"#.to_owned(),
        r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"ping","name":"stripe_list_customers","arguments":{}}}"#.to_owned(),
        r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{},"params":{"name":"stripe_list_customers","arguments":{}}}"#.to_owned(),
        r#"[{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"stripe_list_customers","arguments":{}}}]"#.to_owned(),
    ];
    for line in lines {
        wire.send(&line);
        let answer = wire.hear();
        assert!(answer["error"]["code"].is_i64() && answer.get("result").is_none(), "{line}: {answer}");
    }
    assert_eq!(upstream.lines(), Vec::<String>::new());
    wire.call("stripe_list_customers", json!({})).completed();
    upstream.received_one("GET /v1/customers");
}

#[test]
fn t009_an_id_that_is_in_use_is_refused_and_the_first_request_goes_on() {
    let (release, gate) = mpsc::channel::<()>();
    let gate = Mutex::new(gate);
    let upstream = Upstream::start(move |_| {
        gate.lock().unwrap().recv().ok();
        Reply::json(200, &json!({"id": "first"}))
    });
    let port = Port::connected(&upstream);
    let mut wire = port.wire();
    let call = |name: &str| json!({"jsonrpc": "2.0", "id": 777, "method": "tools/call", "params": {"name": name, "arguments": {}}});
    wire.say(&call("stripe_list_customers"));
    upstream.arrival();
    wire.say(&call("agentport_list_integrations"));
    let refused = wire.hear();
    assert_eq!((&refused["id"], &refused["error"]["code"]), (&json!(777), &json!(-32600)), "{refused}");
    release.send(()).unwrap();
    assert_eq!(Answer::of(&wire.hear()["result"]).completed(), json!({"id": "first"}));
    upstream.received_one("GET /v1/customers");
}

/// Withdrawn while the service has it: it is done once, its outcome is on record, and the yes stays spent.
#[test]
fn t015_a_call_that_is_cancelled_on_the_wire_keeps_its_outcome() {
    let (release, gate) = mpsc::channel::<()>();
    let gate = Mutex::new(gate);
    let upstream = Upstream::start(move |_| {
        gate.lock().unwrap().recv().ok();
        Reply::json(200, &json!({"id": "re_1"}))
    });
    let port = Port::connected(&upstream);
    port.allow("stripe.create_refund");
    let mut wire = port.wire();
    let id = wire.begin("stripe_create_refund", &json!({"charge": "ch_1"}));
    upstream.arrival();
    wire.say(
        &json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": id, "reason": "x"}}),
    );
    // the server has read it when it answers what came after
    assert_eq!(wire.ask("ping", &json!({}))["result"], json!({}));
    release.send(()).unwrap();
    let ended = wire.end();
    assert_eq!((ended.code, ended.rest), (Some(0), vec![]), "a cancelled request is not answered");
    upstream.received_one("POST /v1/refunds");
    assert_eq!(port.calls().last().unwrap(), &("stripe.create_refund".to_owned(), "succeeded".to_owned()));
}

/// What a client calls itself is its own word: no rule listens to it, and nothing shows it as it came.
#[test]
fn t024_what_a_client_calls_itself_decides_nothing() {
    let upstream = Upstream::plain();
    let port = Port::connected(&upstream);
    port.edit_policy("schema = 1\n[tools]\n\"stripe.create_refund\" = \"ask\"\n[[rule]]\nid = \"admin\"\ntools = [\"stripe.create_refund\"]\ncaller = [\"admin\"]\ndecision = \"allow\"\n");
    port.cli(["policy", "apply", "--code-stdin"]).stdin(&port.code()).done();
    for name in
        ["admin", "agentport-admin", "<script>alert(1)</script>", "a\u{202e}b\u{1b}[2J\nadmin", &"x".repeat(1 << 18)]
    {
        let mut wire = port.silent_wire("local");
        let client = json!({"name": name, "title": name, "version": name});
        let params = json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client});
        wire.ask("initialize", &params);
        let asked = wire.call("stripe_create_refund", json!({"charge": "ch_1", "amount": name.len()}));
        if asked.status() == "approval_required" {
            let id = asked.approval_id();
            let shown = port.cli(["approvals", "show", &id]).done().stdout;
            assert!(!shown.contains("<script>") && !shown.contains('\u{202e}') && shown.len() < 64 << 10, "{shown}");
        } else {
            panic!("{name:.40} got {asked:?}");
        }
    }
    assert_eq!(upstream.lines(), Vec::<String>::new());
}

#[test]
fn t013_a_notification_calls_nothing() {
    let upstream = Upstream::plain();
    let port = Port::connected(&upstream);
    let mut wire = port.wire();
    let before = port.log().len();
    wire.say(&json!({"jsonrpc": "2.0", "method": "tools/call", "params": {"name": "stripe_list_customers", "arguments": {}}}));
    wire.say(&json!({"jsonrpc": "2.0", "method": "tools/call", "params": {"name": "stripe_create_refund", "arguments": {"charge": "ch_1"}}}));
    assert_eq!(wire.ask("ping", &json!({}))["result"], json!({}));
    let ended = wire.end();
    assert_eq!((ended.code, ended.rest), (Some(0), vec![]));
    assert_eq!((port.log().len(), upstream.lines()), (before, Vec::<String>::new()));
}
