//! One byte form for one JSON value: what is hashed, compared and stored.
//!
//! Keys in byte order, no white space, integers as integers, and a float that is a whole number below 2^53 written as
//! that integer, so that `1` and `1.0` are one value. The rest follows `serde_json`, whose floats are shortest
//! round-trip. Two values with the same bytes are the same value, and nothing is ever parsed again from other text.

use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

/// The canonical text of `value`.
pub fn text(value: &Value) -> String {
    let mut out = String::new();
    write_value(value, &mut out);
    out
}

/// The canonical text of an object.
pub fn object_text(map: &Map<String, Value>) -> String {
    let mut out = String::new();
    write_object(map, &mut out);
    out
}

/// SHA-256 over `parts`, separated by domain and by length, so that no two lists of parts share their bytes.
pub fn sha256(domain: &str, parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for part in std::iter::once(domain.as_bytes()).chain(parts.iter().copied()) {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    hasher.finalize().into()
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}

/// The value with whole floats below 2^53 as integers; what [`text`] writes, as a value.
pub fn normal(value: Value) -> Value {
    match value {
        Value::Number(number) => Value::Number(whole(&number).map_or(number, Into::into)),
        Value::Array(items) => Value::Array(items.into_iter().map(normal).collect()),
        Value::Object(map) => Value::Object(map.into_iter().map(|(key, value)| (key, normal(value))).collect()),
        other @ (Value::Null | Value::Bool(_) | Value::String(_)) => other,
    }
}

fn write_value(value: &Value, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Number(number) => match whole(number) {
            Some(integer) => out.push_str(&integer.to_string()),
            None => out.push_str(&number.to_string()),
        },
        Value::String(string) => write_string(string, out),
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_value(item, out);
            }
            out.push(']');
        }
        Value::Object(map) => write_object(map, out),
    }
}

fn write_object(map: &Map<String, Value>, out: &mut String) {
    let mut entries: Vec<_> = map.iter().collect();
    entries.sort_unstable_by_key(|(key, _)| key.as_bytes());
    out.push('{');
    for (index, (key, value)) in entries.into_iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        write_string(key, out);
        out.push(':');
        write_value(value, out);
    }
    out.push('}');
}

fn write_string(string: &str, out: &mut String) {
    out.push('"');
    for character in string.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            control if (control as u32) < 0x20 => out.push_str(&format!("\\u{:04x}", control as u32)),
            other => out.push(other),
        }
    }
    out.push('"');
}

/// The integer that a float of whole value below 2^53 stands for.
fn whole(number: &serde_json::Number) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let float = number.as_f64().filter(|_| number.is_f64())?;
    #[expect(clippy::cast_possible_truncation, reason = "whole and below 2^53, checked beside it")]
    let integer = float as i64;
    (float.fract() == 0.0 && float.abs() < EXACT).then_some(integer)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn keys_are_sorted_and_whole_floats_are_integers() {
        assert_eq!(
            text(&json!({"b": 1.0, "a": [true, null, "x\n\"é"]})),
            "{\"a\":[true,null,\"x\\u000a\\\"é\"],\"b\":1}"
        );
    }

    #[test]
    fn parts_do_not_run_into_each_other() {
        assert_ne!(sha256("d", &[b"ab", b"c"]), sha256("d", &[b"a", b"bc"]));
        assert_ne!(sha256("d", &[b"a"]), sha256("da", &[]));
    }

    fn json_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_filter("finite", |f| f.is_finite()).prop_map(Value::from),
            ".{0,12}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map(".{0,6}", inner, 0..6)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        /// I13: the canonical form of what was read from the canonical form is the same text.
        #[test]
        fn canonical_text_is_stable(value in json_value()) {
            let once = text(&value);
            let again: Value = serde_json::from_str(&once).unwrap();
            prop_assert_eq!(text(&again), once);
            prop_assert_eq!(text(&normal(value.clone())), text(&value));
        }
    }
}
