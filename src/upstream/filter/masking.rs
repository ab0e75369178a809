//! What else an answer may hold that is worth stealing: secrets of services, known by their shapes, in a mail, a table or an error.

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::{ledger::Outcome, secret::mask};

/// The outcome with `[redacted: a GitHub token]` in the place of each, and how many texts held any.
pub fn mask_secrets(mut outcome: Outcome) -> (Outcome, usize) {
    let masked = match &mut outcome {
        Outcome::Succeeded { result, next, .. } => in_value(result) + next.as_mut().map_or(0, in_value),
        Outcome::Failed { message, body, .. } => in_text(message) + body.as_mut().map_or(0, in_value),
        Outcome::Unknown { message, .. } => in_text(message),
    };
    (outcome, masked)
}

fn in_value(value: &mut Value) -> usize {
    match value {
        Value::String(text) => in_text(text),
        Value::Array(items) => items.iter_mut().map(in_value).sum(),
        Value::Object(map) => {
            let keys: Vec<String> = map.keys().filter(|key| matches!(mask(key), Cow::Owned(_))).cloned().collect();
            for key in &keys {
                if let Some(value) = map.remove(key) {
                    map.insert(free(map, &mask(key)), value);
                }
            }
            keys.len() + map.values_mut().map(in_value).sum::<usize>()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    }
}

/// Two keys that read alike now are still two.
fn free(map: &Map<String, Value>, key: &str) -> String {
    let mut named = key.to_owned();
    let mut times = 1;
    while map.contains_key(&named) {
        times += 1;
        named = format!("{key} ({times})");
    }
    named
}

fn in_text(text: &mut String) -> usize {
    let Cow::Owned(clean) = mask(text) else { return 0 };
    *text = clean;
    1
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::in_value;

    #[test]
    fn keys_that_read_alike_once_they_are_masked_are_still_two() {
        let (one, other) = (format!("ghp_{}", "a1B2".repeat(9)), format!("ghp_{}", "c3D4".repeat(9)));
        let mut value = json!({&one: 1, &other: 2, "login": "octocat"});
        assert_eq!(in_value(&mut value), 2);
        let text = value.to_string();
        assert!(!text.contains("a1B2") && !text.contains("c3D4"), "{text}");
        let map = value.as_object().unwrap();
        assert_eq!(map.len(), 3, "{text}");
        assert!(
            map.contains_key("[redacted: a GitHub token]") && map.contains_key("[redacted: a GitHub token] (2)"),
            "{text}"
        );
    }
}
