//! JSON from a vendor, read strictly: what two readers could read differently is not JSON to us.

mod exact;

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// From here on a float may stand for an integer that lost digits (`u64::MAX` and more are read as floats).
const INEXACT: f64 = 18_446_744_073_709_551_615.0;

/// The value, or `None`: not JSON, nested too deeply, a key twice in one object, or an integer that would lose digits.
pub(super) fn parse(text: &str) -> Option<Value> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = Strict.deserialize(&mut deserializer).ok()?;
    deserializer.end().ok()?;
    Some(value)
}

/// The same of JSON that is good but for what some vendors write and `parse` takes for no value: a byte order mark, half of a
/// surrogate pair, a number that would lose digits. The mark goes, the half becomes U+FFFD, the number a string of its digits.
pub(super) fn readable(text: &str) -> Option<Value> {
    parse(&exact::exact(text.strip_prefix('\u{feff}').unwrap_or(text)))
}

#[derive(Clone, Copy)]
struct Strict;

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        if value.abs() >= INEXACT {
            return Err(E::custom("a number loses digits"));
        }
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("not a number"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = sequence.next_element_seed(self)? {
            items.push(item);
        }
        Ok(items.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            let value = entries.next_value_seed(self)?;
            if map.insert(key, value).is_some() {
                return Err(A::Error::custom("a key stands twice in one object"));
            }
        }
        Ok(map.into())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn t218_t228_only_json_with_one_reading_is_json() {
        let text = r#" {"a": [1, -2, 1.5, true, null, "x\u0041"], "id": 18446744073709551615, "b": {"a": {}}} "#;
        assert_eq!(
            parse(text),
            Some(json!({"a": [1, -2, 1.5, true, null, "xA"], "id": 18_446_744_073_709_551_615_u64, "b": {"a": {}}}))
        );
        for text in [
            "",
            "{",
            "{} {}",
            "\u{feff}{}",
            "NaN",
            "<html>",
            r#"{"a":1,"a":2}"#,
            r#"[{"a":{"b":1,"\u0062":2}}]"#,
            r#"{"id":18446744073709551616}"#,
            r#"{"id":-18446744073709551616}"#,
            r#""\ud800""#,
            &"[".repeat(200),
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn what_vendors_write_is_readable_and_loses_nothing() {
        for (text, value) in [
            ("\u{feff}{}", json!({})),
            (
                r#"{"id":18446744073709551616,"n":[-1e300,1]}"#,
                json!({"id": "18446744073709551616", "n": ["-1e300", 1]}),
            ),
            (r#"{"a 18446744073709551616 \" 1e99":"1e99"}"#, json!({"a 18446744073709551616 \" 1e99": "1e99"})),
            (
                r#"["\ud83d\ude00","\ud83d","\ude00x","\ud83d\ud83d\ude00","\\ud83d"]"#,
                json!(["😀", "\u{fffd}", "\u{fffd}x", "\u{fffd}😀", "\\ud83d"]),
            ),
        ] {
            assert_eq!(readable(text), Some(value), "{text}");
        }
        for text in [
            "",
            "{",
            r#"{"a":1,"a":2}"#,
            r#"{"a":1e99,"a":2}"#,
            "NaN",
            "0123",
            "{1e99:1}",
            "1-1",
            r#""\ud8""#,
            "[1e99",
            "--1e99",
        ] {
            assert_eq!(readable(text), None, "{text}");
        }
    }

    proptest::proptest! {
        /// Nothing becomes JSON by it but through these three.
        #[test]
        fn what_is_plain_json_stays_as_it_is(text in r#"[\[\]{}:,"\\a0-9. -]{0,20}"#) {
            if let Some(value) = parse(&text) {
                proptest::prop_assert_eq!(readable(&text), Some(value));
            }
        }
    }
}
