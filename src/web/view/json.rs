//! JSON for reading: indented by us, its texts made visible, so that no text can look like structure.

use serde_json::Value;

use super::cell::Cell;
use crate::visible::visible;

/// The value over as many lines as it needs.
pub(super) fn pretty(value: &Value) -> Cell {
    let mut out = String::new();
    write(value, 0, &mut out);
    Cell::of_visible(&out)
}

/// A text in quotes, injective: made visible, then `\` and `"` escaped.
pub(super) fn quoted(text: &str) -> String {
    format!("\"{}\"", visible(text).replace('\\', "\\\\").replace('"', "\\\""))
}

fn write(value: &Value, depth: usize, out: &mut String) {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => out.push_str(&value.to_string()),
        Value::String(text) => out.push_str(&quoted(text)),
        Value::Array(items) if items.is_empty() => out.push_str("[]"),
        Value::Object(members) if members.is_empty() => out.push_str("{}"),
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                next_line(index > 0, depth + 1, out);
                write(item, depth + 1, out);
            }
            next_line(false, depth, out);
            out.push(']');
        }
        Value::Object(members) => {
            out.push('{');
            for (index, (key, member)) in members.iter().enumerate() {
                next_line(index > 0, depth + 1, out);
                out.push_str(&quoted(key));
                out.push_str(": ");
                write(member, depth + 1, out);
            }
            next_line(false, depth, out);
            out.push('}');
        }
    }
}

fn next_line(comma: bool, depth: usize, out: &mut String) {
    if comma {
        out.push(',');
    }
    out.push('\n');
    out.extend(std::iter::repeat_n("  ", depth));
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn text_cannot_look_like_structure() {
        let value = json!({"a": "x\",\n  \"b\": \"y", "list": [1, true, null, [], {}], "\u{200B}": "\\"});
        assert_eq!(
            pretty(&value).plain(),
            "{\n  \"a\": \"x\\\",⟨U+000A⟩⟨U+0020×2⟩\\\"b\\\": \\\"y\",\n  \"list\": [\n    1,\n    true,\n    null,\n    [],\n    {}\n  ],\n  \"⟨U+200B⟩\": \"\\\\\"\n}"
        );
    }
}
