//! What else an answer may hold that is worth stealing: secrets of services, known by their shapes, in a mail, a table or an error.

use std::{borrow::Cow, collections::BTreeMap};

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
            let mut taken = BTreeMap::new();
            for key in &keys {
                if let Some(value) = map.remove(key) {
                    let name = free(map, mask(key).into_owned(), &mut taken);
                    map.insert(name, value);
                }
            }
            keys.len() + map.values_mut().map(in_value).sum::<usize>()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    }
}

/// Two keys that read alike now are still two. What was given out is counted: an answer may have a hundred thousand of them.
pub(super) fn free(map: &Map<String, Value>, key: String, taken: &mut BTreeMap<String, usize>) -> String {
    if !map.contains_key(&key) {
        return key;
    }
    let times = taken.entry(key.clone()).or_insert(1);
    loop {
        *times += 1;
        let named = format!("{key} ({times})");
        if !map.contains_key(&named) {
            return named;
        }
    }
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

    #[test]
    fn t036_as_many_of_them_as_an_answer_can_hold_take_no_longer_each() {
        let many = (0..100_000).map(|number| (format!("ghp_{number:036}"), json!(number)));
        let mut value = serde_json::Value::Object(many.collect());
        assert_eq!(in_value(&mut value), 100_000);
        assert_eq!(value.as_object().unwrap().len(), 100_000);
    }
}
