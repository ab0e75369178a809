//! What else an answer may hold that is worth stealing: secrets of services, known by their shapes, in a mail, a table or an error.

use std::borrow::Cow;

use serde_json::Value;

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
                    map.insert(mask(key).into_owned(), value);
                }
            }
            keys.len() + map.values_mut().map(in_value).sum::<usize>()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    }
}

fn in_text(text: &mut String) -> usize {
    let Cow::Owned(clean) = mask(text) else { return 0 };
    *text = clean;
    1
}
