//! Percent-encoding (RFC 3986) and forms with brackets, in both directions.

use serde_json::{Map, Value};

use super::{
    param::{Param, Type},
    request::BodyKind,
};

/// Everything but unreserved characters as `%XX`.
pub(super) fn percent(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push_str(&data_encoding::HEXUPPER.encode(&[byte]));
        }
    }
    out
}

/// Undoes [`percent`]; `None` where `%` is not followed by two hexadecimal digits, or the bytes are no text.
pub(super) fn decode(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let digits = [bytes.next()?, bytes.next()?];
            out.extend(data_encoding::HEXUPPER_PERMISSIVE.decode(&digits).ok()?);
        } else {
            out.push(byte);
        }
    }
    String::from_utf8(out).ok()
}

/// Names with brackets and their values: `("items[0][price]", "p")`. Null is the empty string.
pub(super) fn pairs(param: &Param, value: &Value, kind: BodyKind) -> Vec<(String, String)> {
    let mut out = Vec::new();
    flatten(param, value, kind, param.wire.clone(), &mut out);
    out
}

/// The same for constant members.
pub(super) fn fixed_pairs(fixed: &Map<String, Value>, kind: BodyKind) -> Vec<(String, String)> {
    let mut out = Vec::new();
    for (name, value) in fixed {
        flatten_json(value, kind, name.clone(), &mut out);
    }
    out
}

fn flatten_json(value: &Value, kind: BodyKind, name: String, out: &mut Vec<(String, String)>) {
    match value {
        Value::Array(elements) => {
            for (index, element) in elements.iter().enumerate() {
                flatten_json(element, kind, element_name(&name, index, kind), out);
            }
        }
        Value::Object(members) => {
            for (key, member) in members {
                flatten_json(member, kind, format!("{name}[{key}]"), out);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => out.push((name, scalar(value))),
    }
}

fn element_name(list: &str, index: usize, kind: BodyKind) -> String {
    match kind {
        BodyKind::Form => format!("{list}[{index}]"),
        // what JSON services do in a query: `labels=a&labels=b`
        BodyKind::Json | BodyKind::Mime => list.to_owned(),
    }
}

/// `a=1&b=2`, names and values percent-encoded, a space as `%20`.
pub(super) fn joined(pairs: &[(String, String)]) -> String {
    pairs.iter().map(|(name, value)| format!("{}={}", percent(name), percent(value))).collect::<Vec<_>>().join("&")
}

/// A single value as text.
pub(super) fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => crate::canonical::text(value),
    }
}

fn flatten(param: &Param, value: &Value, kind: BodyKind, name: String, out: &mut Vec<(String, String)>) {
    match (&param.ty, value) {
        (Type::Array { items, .. }, Value::Array(elements)) => {
            for (index, element) in elements.iter().enumerate() {
                flatten(items, element, kind, element_name(&name, index, kind), out);
            }
        }
        (Type::Object { fields }, Value::Object(members)) => {
            for field in fields {
                if let Some(member) = members.get(&field.name) {
                    flatten(field, member, kind, format!("{name}[{}]", field.wire), out);
                }
            }
        }
        (Type::Map { values, .. }, Value::Object(members)) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_unstable_by_key(|(key, _)| key.as_bytes());
            for (key, member) in members {
                flatten(values, member, kind, format!("{name}[{key}]"), out);
            }
        }
        (
            Type::String { .. }
            | Type::Integer { .. }
            | Type::Number { .. }
            | Type::Boolean
            | Type::Value { .. }
            | Type::Array { .. }
            | Type::Object { .. }
            | Type::Map { .. },
            value,
        ) => out.push((name, scalar(value))),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_unreserved_characters_stay() {
        assert_eq!(percent("a-Z0._~ /%?#&=+é\n"), "a-Z0._~%20%2F%25%3F%23%26%3D%2B%C3%A9%0A");
        assert_eq!(decode("%2e%2E"), Some("..".to_owned()));
        assert_eq!(decode("%"), None);
        assert_eq!(decode("%zz"), None);
        assert_eq!(decode("%FF"), None);
    }

    proptest! {
        #[test]
        fn t049_decoding_undoes_encoding(text in any::<String>()) {
            prop_assert_eq!(decode(&percent(&text)), Some(text));
        }
    }
}
