mod envelope;
mod numbers;
mod properties;

use proptest::prelude::*;
use serde_json::{Map, Number, Value, json};

use super::*;

/// A call whose arguments are this text.
fn call(arguments: &str) -> String {
    format!(
        "{{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"tools/call\",\"params\":{{\"name\":\"t\",\"arguments\":{arguments}}}}}"
    )
}

fn refused(line: impl AsRef<[u8]>) -> Refusal {
    read(line.as_ref()).unwrap_err()
}

/// The code and the message with which a call with these arguments is refused; its id is always known.
fn refused_call(arguments: &str) -> (i32, String) {
    let refusal = refused(call(arguments));
    assert_eq!(refusal.id, Some(RequestId::Number(7)), "{arguments}");
    (refusal.code, refusal.message)
}

fn taken(arguments: &str) -> bool {
    read(call(arguments).as_bytes()).is_ok()
}

#[test]
fn requests_notifications_answers_and_blank_lines_are_told_apart() {
    let line = call("{}");
    assert_eq!(
        read(line.as_bytes()),
        Ok(Frame::Request { id: RequestId::Number(7), method: "tools/call".to_owned(), text: &line })
    );
    let line = r#"{"method":"notifications/initialized","jsonrpc":"2.0"}"#;
    assert_eq!(
        read(line.as_bytes()),
        Ok(Frame::Notification { method: "notifications/initialized".to_owned(), text: line })
    );
    for line in
        [r#"{"jsonrpc":"2.0","id":1,"result":{}}"#, r#"{"jsonrpc":"2.0","id":1,"error":{"code":-1,"message":"x"}}"#]
    {
        assert_eq!(read(line.as_bytes()), Ok(Frame::Response { id: Some(RequestId::Number(1)), text: line }));
    }
    assert_eq!(read(b""), Ok(Frame::Blank));
    assert_eq!(read(b" \t\r"), Ok(Frame::Blank));
    assert!(read(b" {\"jsonrpc\" : \"2.0\" ,\t\"id\":\"a\",\"method\":\"ping\", \"params\":null}\r").is_ok());
}

#[test]
fn t001_what_is_not_one_json_value_is_a_parse_error() {
    let broken = [
        "{",
        "}",
        "nul",
        "{} {}",
        "{}{}",
        "{\"a\":1,}",
        "[1,]",
        "{\"a\" 1}",
        "{\"a\":}",
        "{a:1}",
        "{'a':1}",
        "NaN",
        "Infinity",
        "-",
        "01",
        "+1",
        ".5",
        "1.",
        "1e",
        "1e+",
        "0x1",
        "\"",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u00g0\"",
        "// x\n{}",
        "{} // x",
        "tru",
        "truee",
        "[1 2]",
        "[}",
        "{]",
        "\u{a0}{}",
        "\"a\nb\"",
        "\"a\tb\"",
        "{\"a\":1]",
    ];
    for text in broken {
        let refusal = refused(text);
        assert_eq!((refusal.code, refusal.id), (PARSE_ERROR, None), "{text}");
        let inside = refused(call(text));
        assert_eq!((inside.code, inside.id), (PARSE_ERROR, None), "{text}");
    }
}

#[test]
fn t001_a_refusal_never_repeats_the_line() {
    for line in
        ["{\"sk_live_1\"", "sk_live_1", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"sk_live_1\",\"method\":\"\"}"]
    {
        assert!(!refused(line).message.contains("sk_live_1"), "{line}");
    }
    let (_, message) = refused_call(r#"{"note":"sk_live_1\u0000"}"#);
    assert_eq!(message, "the text at `/params/arguments/note` contains a NUL character");
}

#[test]
fn t002_a_long_frame_is_refused() {
    assert_eq!(refused(vec![b' '; MAX_FRAME + 1]), too_long());
    let strings = format!("[\"{}\",\"{}\"]", "x".repeat(MAX_STRING), "y".repeat(MAX_STRING - 200));
    assert!(taken(&strings));
}

#[test]
fn t004_nesting_is_bounded_without_recursion() {
    let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    // The frame and `params` are two levels.
    assert!(taken(&nested(MAX_DEPTH - 2)));
    let (code, message) = refused_call(&nested(MAX_DEPTH - 1));
    assert_eq!(code, INVALID_PARAMS);
    assert_eq!(message, format!("`/params/arguments{}` is nested deeper than 32 levels", "/0".repeat(30)));
    refused_call(&nested(128));
    refused_call(&nested(500_000));
    refused_call(&format!("{}1{}", "{\"a\":".repeat(33), "}".repeat(33)));
    assert_eq!(refused("[".repeat(1_000_000)).code, PARSE_ERROR);
    assert_eq!(refused("{\"a\":".repeat(200_000)).code, PARSE_ERROR);
}

#[test]
fn t005_the_parsers_own_keys_are_refused() {
    for key in ["$serde_json::private::RawValue", "$serde_json::private::Number", "\\u0024serde_json::private::x"] {
        let (code, message) = refused_call(&format!("{{\"x\":{{\"{key}\":\"5\"}}}}"));
        assert_eq!(code, INVALID_PARAMS);
        assert!(message.starts_with("the key at `/params/arguments/x/$serde_json::private::"), "{message}");
    }
    assert!(taken(r#"{"$serde_json":1,"private":"$serde_json::private::Number"}"#));
}

#[test]
fn t006_only_well_formed_utf8_without_a_byte_order_mark() {
    for bytes in [&b"\xff"[..], b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82"] {
        let mut line = call("{\"a\":\"").into_bytes();
        line.extend_from_slice(bytes);
        assert_eq!(refused(&line).code, PARSE_ERROR);
    }
    assert_eq!(refused("\u{feff}{}").message, "begins with a byte order mark");
    assert_eq!(refused(b"\xff\xfe{\0}\0").code, PARSE_ERROR);
    for text in ["\\ud800", "\\ud800x", "\\ud800\\n", "\\ud800\\u0041", "\\udc00", "\\udc00\\ud800", "\\ud800\\ud800"] {
        assert_eq!(refused(call(&format!("{{\"a\":\"{text}\"}}"))).code, PARSE_ERROR, "{text}");
    }
    assert!(taken(r#"{"a":"\ud83d\ude00 \uD83D\uDE00"}"#));
}

#[test]
fn t007_nul_is_refused_however_it_is_written() {
    assert_eq!(refused(call("{\"a\":\"\0\"}")).code, PARSE_ERROR);
    assert_eq!(refused(call("\0{}")).code, PARSE_ERROR);
    for arguments in [r#"{"a":"x\u0000"}"#, r#"{"a\u0000":1}"#, r#"{"a":["\u0000"]}"#] {
        assert_eq!(refused_call(arguments).0, INVALID_PARAMS, "{arguments}");
    }
    let name = r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"t\u0000"}}"#;
    assert_eq!(refused(name).message, "the text at `/params/name` contains a NUL character");
    let method = refused(r#"{"jsonrpc":"2.0","id":7,"method":"tools/call\u0000"}"#);
    assert_eq!((method.code, method.id), (INVALID_REQUEST, Some(RequestId::Number(7))));
    let id = refused(r#"{"jsonrpc":"2.0","id":"\u0000","method":"ping"}"#);
    assert_eq!((id.code, id.id), (INVALID_REQUEST, None));
}
