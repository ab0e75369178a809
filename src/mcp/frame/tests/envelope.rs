//! The envelope of JSON-RPC: ids, duplicates, batches.

use super::*;

#[test]
fn t010_an_id_is_a_short_text_or_a_whole_number() {
    let with = |id: &str| format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"ping\"}}");
    for id in ["0", "-1", "9223372036854775807", "-9223372036854775808", "\"\"", "\"\\u00e9\""] {
        assert!(matches!(read(with(id).as_bytes()), Ok(Frame::Request { .. })), "{id}");
    }
    let longest = format!("\"{}\"", "x".repeat(MAX_NAME));
    assert!(read(with(&longest).as_bytes()).is_ok());
    let long = format!("\"{}\"", "x".repeat(MAX_NAME + 1));
    let huge = format!("\"{}\"", "x".repeat(MAX_FRAME - 100));
    let unusable = [
        "null",
        "true",
        "1.5",
        "1.0",
        "1e0",
        "-0",
        "1e400",
        "9223372036854775808",
        "18446744073709551616",
        "{}",
        "[1]",
        &long,
        &huge,
    ];
    for id in unusable {
        let refusal = refused(with(id));
        assert_eq!((refusal.code, refusal.id), (INVALID_REQUEST, None), "{}", id.len());
    }
}

#[test]
fn t011_a_duplicate_in_the_envelope_is_refused() {
    let duplicates = [
        (r#"{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call"}"#, Some(1), "/method"),
        (r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}"#, None, "/id"),
        (r#"{"jsonrpc":"2.0","id":1,"\u0069d":1,"method":"ping"}"#, None, "/id"),
        (r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":{},"params":{}}"#, Some(1), "/params"),
        (r#"{"jsonrpc":"2.0","jsonrpc":"2.0","id":1,"method":"ping"}"#, Some(1), "/jsonrpc"),
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","name":"b"}}"#, Some(1), "/params/name"),
    ];
    for (line, id, at) in duplicates {
        let refusal = refused(line);
        assert_eq!(refusal.message, format!("the key at `{at}` is given twice"));
        assert_eq!(refusal.id, id.map(RequestId::Number), "{line}");
    }
}

#[test]
fn t011_the_envelope_is_that_of_json_rpc() {
    let broken = [
        ("1", INVALID_REQUEST),
        ("\"x\"", INVALID_REQUEST),
        ("null", INVALID_REQUEST),
        ("{}", INVALID_REQUEST),
        (r#"{"id":1,"method":"ping"}"#, INVALID_REQUEST),
        (r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#, INVALID_REQUEST),
        (r#"{"jsonrpc":2.0,"id":1,"method":"ping"}"#, INVALID_REQUEST),
        (r#"{"jsonrpc":"2.0","id":1}"#, INVALID_REQUEST),
        (r#"{"jsonrpc":"2.0","id":1,"method":5}"#, INVALID_REQUEST),
        (r#"{"jsonrpc":"2.0","id":1,"method":"ping","result":{}}"#, INVALID_REQUEST),
        (r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}"#, INVALID_PARAMS),
        (r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":"x"}"#, INVALID_PARAMS),
    ];
    for (line, code) in broken {
        assert_eq!(refused(line).code, code, "{line}");
    }
    let long = format!("{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"{}\"}}", "x".repeat(MAX_NAME + 1));
    assert_eq!(refused(long).code, INVALID_REQUEST);
}

#[test]
fn t012_a_batch_is_refused_whole() {
    let batch = format!("[{}]", vec![call("{}"); 1_000].join(","));
    let refusal = refused(batch);
    assert_eq!((refusal.code, refusal.id), (INVALID_REQUEST, None));
    assert_eq!(refusal.message, "batches are not taken; send one object a line");
    assert_eq!(refused("[]").code, INVALID_REQUEST);
}

#[test]
fn t013_a_call_without_an_id_is_a_notification() {
    let line = r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"t","arguments":{}}}"#;
    assert!(matches!(read(line.as_bytes()), Ok(Frame::Notification { .. })));
}

#[test]
fn t020_everything_is_bounded() {
    let items = |count: usize| format!("[{}]", vec!["0"; count].join(","));
    // The frame, its four members and the call's two are seven of the values.
    assert!(taken(&items(MAX_VALUES - 7)));
    let (_, message) = refused_call(&items(MAX_VALUES - 6));
    assert_eq!(message, "more than 20000 values, from `/params/arguments/19993` on");
    let keys =
        |count: usize| format!("{{{}}}", (0..count).map(|key| format!("\"k{key}\":0")).collect::<Vec<_>>().join(","));
    assert!(taken(&keys(MAX_KEYS)));
    let (_, message) = refused_call(&keys(MAX_KEYS + 1));
    assert_eq!(message, "more than 10000 keys in one object, from `/params/arguments/k10000` on");
    assert!(taken(&format!("\"{}\"", "x".repeat(MAX_STRING))));
    refused_call(&format!("\"{}\"", "x".repeat(MAX_STRING + 1)));
    refused_call(&format!("{{\"{}\":1}}", "x".repeat(MAX_STRING + 1)));
    // The length is that of the text that is meant.
    assert!(taken(&format!("\"{}\"", "\\u0041".repeat(100_000))));
}

#[test]
fn t026_a_key_that_is_given_twice_is_refused_and_named() {
    let named = |arguments: &str| refused_call(arguments);
    let twice = |at: &str| (INVALID_PARAMS, format!("the key at `/params/arguments/{at}` is given twice"));
    assert_eq!(named(r#"{"amount":1,"amount":99900}"#), twice("amount"));
    assert_eq!(named(r#"{"amount":1,"\u0061mount":99900}"#), twice("amount"));
    assert_eq!(named(r#"{"a":[0,{"b":{"c":1,"d":2,"c":1}}]}"#), twice("a/1/b/c"));
    assert_eq!(named(r#"{"":1,"":1}"#), twice(""));
    assert_eq!(named(r#"{"a/b":{"~":1,"~":1}}"#), twice("a~1b/~0"));
    assert_eq!(named(r#"{"\ud83d\ude00":1,"😀":1}"#), twice("😀"));
    assert_eq!(named(r#"{"\n\"\\\/\b\f\r\t":1,"\u000a\u0022\u005c/\u0008\u000c\u000d\u0009":1}"#).0, INVALID_PARAMS);
    assert!(taken(r#"[{"a":{"a":1}},{"a":2},{"A":1,"a":1,"a ":1}]"#));
    let long = "k".repeat(10_000);
    let (_, message) = named(&format!("{{\"{long}\":1,\"{long}\":2}}"));
    assert!(message.contains('…') && message.len() < 400, "{}", message.len());
}

#[test]
fn t026_the_id_is_known_wherever_it_stands() {
    let line = r#"{"params":{"arguments":{"a":1,"a":2}},"method":"tools/call","jsonrpc":"2.0","id":"x"}"#;
    assert_eq!(refused(line).id, Some(RequestId::Text("x".to_owned())));
}
