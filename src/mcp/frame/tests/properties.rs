//! Whatever the line: it is read as `serde_json` reads it, or refused.

use super::*;

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
