//! How an answer is read: what of it is kept, and where it says how the next page is asked for.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{arguments::Arguments, tool::Tool};

/// The argument with which an agent asks for more of a trimmed answer.
pub const FIELDS: &str = "fields";
/// Among the values of [`FIELDS`]: the whole answer.
pub const EVERYTHING: &str = "*";

/// What a tool's manifest says of its answers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AnswerSpec {
    /// Dotted paths of what is kept; empty keeps everything. Lists are walked through.
    pub keep: Vec<String>,
    /// How the next page is asked for.
    pub next: Option<Next>,
    /// How a refusal looks that comes with a status of success.
    pub refusal: Option<Refusal>,
}

/// How one call's answer is read. Part of its plan, and not of the plan's digest: it changes nothing that is done.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reading {
    /// Dotted paths of what is kept; empty keeps everything.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keep: Vec<String>,
    /// How the next page is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Next>,
    /// How a refusal looks that comes with a status of success.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<Refusal>,
}

impl Reading {
    /// How the answer to a call with these arguments is read.
    pub fn of(tool: &Tool, arguments: &Arguments) -> Self {
        let mut keep = tool.answer.keep.clone();
        let more = arguments.as_map().get(FIELDS).and_then(Value::as_array);
        let more: Vec<&str> = more.into_iter().flatten().filter_map(Value::as_str).collect();
        if more.contains(&EVERYTHING) {
            keep.clear();
        } else if !keep.is_empty() {
            keep.extend(more.into_iter().map(str::to_owned));
        }
        Self { keep, next: tool.answer.next.clone(), refusal: tool.answer.refusal.clone() }
    }

    /// Is the answer handed on as it came?
    pub fn is_plain(&self) -> bool {
        *self == Self::default()
    }
}

/// How a vendor says in an answer of status 2xx that it did nothing. Pointers are JSON pointers (RFC 6901).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refusal {
    /// Where it says so.
    pub at: String,
    /// The value there that says so.
    pub is: Value,
    /// Where it says why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

impl Refusal {
    /// Does this answer refuse?
    pub fn is_in(&self, answer: &Value) -> bool {
        answer.pointer(&self.at) == Some(&self.is)
    }

    /// The vendor's own word for why.
    pub fn message<'a>(&self, answer: &'a Value) -> Option<&'a str> {
        answer.pointer(self.message.as_ref()?)?.as_str()
    }
}

/// How the next page is asked for: the same call with one argument more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Next {
    /// The argument's name.
    pub param: String,
    /// Its name in a request.
    pub wire: String,
    /// Is it a whole number?
    pub number: bool,
    /// Where its value is found.
    pub from: NextFrom,
}

/// Where an answer says how the next page is asked for. Pointers are JSON pointers (RFC 6901).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NextFrom {
    /// In the query of the `Link` header's URL of relation `next` (RFC 8288).
    Link,
    /// In the query of the URL at this pointer.
    Url(String),
    /// The value at `at`, unless the boolean at `more` is there and false.
    Cursor {
        /// The value's pointer.
        at: String,
        /// The boolean's pointer.
        more: Option<String>,
    },
    /// The member `field` of the last element of the list at `list`, if the boolean at `more` is true.
    Last {
        /// The list's pointer.
        list: String,
        /// The element's member.
        field: String,
        /// The boolean's pointer.
        more: String,
    },
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_refusal_is_the_value_at_its_place_and_nothing_like_it() {
        let refusal = Refusal { at: "/ok".to_owned(), is: json!(false), message: Some("/error".to_owned()) };
        assert!(refusal.is_in(&json!({"ok": false})));
        for other in
            [json!({"ok": true}), json!({"ok": "false"}), json!({"ok": null}), json!({}), json!([]), json!("ok")]
        {
            assert!(!refusal.is_in(&other), "{other}");
        }
        assert_eq!(refusal.message(&json!({"error": "no"})), Some("no"));
        assert_eq!(refusal.message(&json!({"error": {"code": 1}})), None);
        // a plan that was stored before there was such a thing
        assert_eq!(serde_json::from_str::<Reading>("{}").unwrap(), Reading::default());
    }
}
