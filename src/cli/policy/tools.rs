//! What became of the tools since the policy was applied, for the human who is about to apply it again.

use serde_json::{Value, json};

use crate::policy::{Happened, ToolChange};

pub(super) fn to_json(changes: &[ToolChange]) -> Value {
    let one = |change: &ToolChange| {
        let mut value = match &change.what {
            Happened::New { about, effect, request, params, parts } => {
                // of a built-in one the program answers for the rest
                let parts = if change.own { parts.as_slice() } else { &[] };
                let mut new =
                    json!({"change": "new", "about": about, "effect": effect, "request": request, "params": params});
                if let (Value::Object(members), false) = (&mut new, parts.is_empty()) {
                    members.insert("parts".to_owned(), json!(parts));
                }
                new
            }
            Happened::Changed(parts) => json!({"change": "changed", "parts": parts}),
            Happened::Gone => json!({"change": "gone"}),
        };
        if let Value::Object(members) = &mut value {
            members.insert("tool".to_owned(), json!(change.tool));
            members.insert("own".to_owned(), json!(change.own));
        }
        value
    };
    changes.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::PartChange;

    #[test]
    fn a_part_that_changed_has_what_it_was_and_is() {
        let part = PartChange { part: "origin".to_owned(), before: Some("https://a".to_owned()), after: None };
        let change = ToolChange { tool: "slack.list".to_owned(), own: true, what: Happened::Changed(vec![part]) };
        assert_eq!(to_json(&[change])[0]["parts"][0], json!({"part": "origin", "before": "https://a", "after": null}));
    }
}
