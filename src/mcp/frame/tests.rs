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

#[test]
fn t027_plain_spellings_of_numbers_are_taken() {
    let plain = [
        "0",
        "1",
        "-1",
        "1.0",
        "1.5",
        "1e0",
        "1e3",
        "1E+3",
        "10e-1",
        "0.1e1",
        "0.1",
        "-0.5",
        "0.0",
        "0e5",
        "1e23",
        "1.50",
        "0.30000000000000004",
        "1.7976931348623157e308",
        "5e-324",
        "2.2250738585072014e-308",
        "9007199254740992.0",
        "100000000000000000000.0",
        "31.245270191439438",
        "1.2345678901234567",
        "2074581573820579.2",
    ];
    for number in plain {
        assert!(taken(&format!("{{\"n\":{number}}}")), "{number}");
    }
}

#[test]
fn t028_whole_numbers_beyond_64_bits_are_refused() {
    for number in ["9007199254740993", "18446744073709551615", "-9223372036854775808", "9223372036854775808"] {
        assert!(taken(number), "{number}");
    }
    let ten_to_400 = format!("1{}", "0".repeat(400));
    for number in ["18446744073709551616", "18446744073709551617", "-9223372036854775809", &ten_to_400] {
        let (code, message) = refused_call(&format!("{{\"n\":{number}}}"));
        assert_eq!(code, INVALID_PARAMS);
        assert!(message.starts_with("the number at `/params/arguments/n` would lose precision"), "{message}");
    }
}

#[test]
fn t029_numbers_that_would_be_rounded_are_refused() {
    let rounded = [
        "-0",
        "-0.0",
        "-0e1",
        "1e-400",
        "1e400",
        "-1e400",
        "100.0000000000000000001",
        "0.1000000000000000055511151231257827",
        "9007199254740993.0",
        "1e-325",
        "0.30000000000000001",
        "2074581573820579.3",
        "123456789012345678901.0",
        "1e99999999999999999999",
        "1e-99999999999999999999",
    ];
    for number in rounded {
        refused_call(&format!("[{number}]"));
    }
}

/// JSON whose numbers all have an exact spelling; `serde_json` writes floats in their shortest form.
fn document() -> impl Strategy<Value = Value> {
    let float = any::<f64>()
        .prop_filter("JSON has it", |float| float.is_finite() && !(*float == 0.0 && float.is_sign_negative()));
    let text = "[^\u{0}]{0,12}";
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        float.prop_map(|float| Value::Number(Number::from_f64(float).unwrap())),
        text.prop_map(Value::String),
    ];
    leaf.prop_recursive(5, 64, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::Array),
            prop::collection::vec((text, inner), 0..8)
                .prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// Text that is nearly JSON: fragments in a random order.
fn nearly_json() -> impl Strategy<Value = String> {
    let fragment = prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        ":",
        ",",
        " ",
        "\"a\"",
        "\"b\"",
        "\"\\u0061\"",
        "1",
        "-0",
        "1.0",
        "1e5",
        "2e400",
        "true",
        "false",
        "null",
        "\"\\ud83d\\ude00\"",
        "\"\\ud83d\"",
        "\"",
        "\\",
        "0",
        "\"$serde_json::private::Number\"",
        "{\"a\":",
        "[1,",
        "}}",
        "]]",
        "18446744073709551616",
        "\u{feff}",
        "é",
    ]);
    prop::collection::vec(fragment, 0..12).prop_map(|fragments| fragments.concat())
}

/// The text of a value, with every character of its strings escaped: another spelling of the same.
fn escaped(value: &Value) -> String {
    let quoted = |text: &str| {
        let units = text.encode_utf16().map(|unit| format!("\\u{unit:04X}")).collect::<Vec<_>>().concat();
        format!("\"{units}\"")
    };
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::String(text) => quoted(text),
        Value::Array(items) => format!("[{}]", items.iter().map(escaped).collect::<Vec<_>>().join(" , ")),
        Value::Object(members) => {
            let members = members.iter().map(|(key, value)| format!("{}\t:{}", quoted(key), escaped(value)));
            format!("{{{}}}", members.collect::<Vec<_>>().join(","))
        }
    }
}

/// How many objects a value has.
fn objects(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
        Value::Array(items) => items.iter().map(objects).sum(),
        Value::Object(members) => 1 + members.values().map(objects).sum::<usize>(),
    }
}

/// The text of a value whose object after the first `before` ones has one key twice.
fn with_twice(value: &Value, key: &str, before: &mut usize) -> String {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.to_string(),
        Value::Array(items) => {
            format!("[{}]", items.iter().map(|item| with_twice(item, key, before)).collect::<Vec<_>>().join(","))
        }
        Value::Object(members) => {
            let mut texts = Vec::new();
            if *before == 0 {
                texts.extend([format!("{}:0", Value::from(key)), format!("{}:[]", escaped(&Value::from(key)))]);
            }
            *before = before.wrapping_sub(1);
            for (name, value) in members {
                texts.push(format!("{}:{}", Value::from(name.as_str()), with_twice(value, key, before)));
            }
            format!("{{{}}}", texts.join(","))
        }
    }
}

/// The value that a line's `arguments` have for `serde_json`.
fn arguments(line: &str) -> Value {
    serde_json::from_str::<Value>(line).unwrap()["params"]["arguments"].clone()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn t026_documents_without_a_problem_pass_and_mean_the_same(value in document()) {
        for text in [value.to_string(), serde_json::to_string_pretty(&value).unwrap().replace('\n', "\r"), escaped(&value)] {
            let line = call(&text);
            prop_assert!(read(line.as_bytes()).is_ok(), "{text}: {:?}", read(line.as_bytes()));
            prop_assert_eq!(arguments(&line), value.clone());
        }
    }

    #[test]
    fn t026_a_duplicate_is_found_wherever_it_is(value in document(), key in "[^\u{0}]{0,6}", index in 0..100usize) {
        let value = json!({ "k": value });
        let mut before = index % objects(&value);
        let line = call(&with_twice(&value, &key, &mut before));
        prop_assert!(serde_json::from_str::<Value>(&line).is_ok(), "{line}");
        let refusal = read(line.as_bytes()).unwrap_err();
        prop_assert!(refusal.message.ends_with("is given twice"), "{}", refusal.message);
    }

    #[test]
    fn t001_what_is_taken_serde_takes_and_what_serde_refuses_is_refused(text in nearly_json()) {
        let line = call(&text);
        let by_serde = serde_json::from_str::<Value>(&line);
        match read(line.as_bytes()) {
            Ok(_) => prop_assert!(by_serde.is_ok(), "{text}"),
            Err(refusal) if refusal.code == PARSE_ERROR => {
                prop_assert!(by_serde.is_err(), "{text}: {}", refusal.message);
            }
            Err(_) => {}
        }
    }

    #[test]
    fn t027_a_number_is_taken_as_what_it_says(
        negative: bool, whole in "0|[1-9][0-9]{0,19}", fraction in "(\\.[0-9]{1,18})?", power in "([eE][+-]?[0-9]{1,3})?",
    ) {
        let spelling = format!("{}{whole}{fraction}{power}", if negative { "-" } else { "" });
        if number::is_exact(&spelling) {
            let read: Value = serde_json::from_str(&spelling).unwrap();
            if fraction.is_empty() && power.is_empty() {
                prop_assert_eq!(read.to_string(), spelling);
            } else {
                let float: f64 = spelling.parse().unwrap();
                prop_assert_eq!(read.as_f64().map(f64::to_bits), Some(float.to_bits()));
                // Written again and read again it is the same, and no shorter spelling was lost.
                prop_assert_eq!(read.to_string().parse::<f64>().unwrap().to_bits(), float.to_bits());
                prop_assert!(number::is_exact(&read.to_string()));
            }
        }
    }

    #[test]
    fn t027_every_float_passes_as_it_is_written(float in any::<f64>()) {
        if float.is_finite() && !(float == 0.0 && float.is_sign_negative()) {
            let spelling = Value::from(float).to_string();
            prop_assert!(number::is_exact(&spelling), "{spelling}");
        }
    }

    #[test]
    fn t001_no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        drop(read(&bytes));
        drop(read(call(&String::from_utf8_lossy(&bytes)).as_bytes()));
    }
}
