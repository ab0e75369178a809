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
        Self { keep, next: tool.answer.next.clone() }
    }

    /// Is the answer handed on as it came?
    pub fn is_plain(&self) -> bool {
        *self == Self::default()
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
