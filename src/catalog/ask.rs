//! What an approver reads first: a headline in plain words, whether it can be undone, and which reads of the same service
//! tell what the call is about.

use serde::Serialize;
use serde_json::Value;

/// `[tool.ask]` and every `[[tool.preview]]` of a tool.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Ask {
    /// What happens, with values out of arguments and facts in it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub headline: Vec<Piece>,
    /// What stands there where something in the headline is not known; the first that is known holds.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub otherwise: Vec<Otherwise>,
    /// Whether it can be undone, and how: `none`, or `30 days in the trash`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undo: Option<String>,
    /// What is looked up for the approver, in this order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub previews: Vec<Preview>,
}

impl Ask {
    /// Does the tool say nothing of the kind?
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Another headline.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Otherwise {
    /// Only where this argument is absent: then the sentence says what that means.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub without: Option<String>,
    /// Its words.
    pub headline: Vec<Piece>,
}

/// A part of a headline.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Piece {
    /// As it stands.
    Text(String),
    /// `{amount}`
    Value(Path),
    /// `{amount|money:charge.currency}`
    Money {
        /// The amount, in the currency's smallest unit.
        amount: Path,
        /// What is taken off it first.
        #[serde(skip_serializing_if = "Option::is_none")]
        less: Option<Path>,
        /// The currency's code.
        currency: Path,
    },
}

/// Where a value stands: `amount` among the arguments, `charge.currency` in what the preview `charge` found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Path {
    /// A member of the arguments, `a.b` for a nested one.
    Argument(String),
    /// A member of what a preview found; a number is an element of a list.
    Fact {
        /// The preview's name.
        of: String,
        /// The path in it; empty for all of it.
        at: String,
    },
}

/// One read that is made for the approver.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Preview {
    /// What later ones and the headline call it.
    pub name: String,
    /// The name of a read of the same integration.
    pub call: String,
    /// Its arguments.
    pub args: Vec<(String, Source)>,
    /// Once for each recipient of the mail, and not once in all.
    #[serde(skip_serializing_if = "is_false")]
    pub each_recipient: bool,
    /// Only where this argument is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    /// What of the answer is shown.
    pub show: Vec<Show>,
}

/// What an argument of a preview is.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// As the manifest has it.
    Literal(Value),
    /// The value that stands there.
    At(Path),
    /// A recipient's address, after these words of a search.
    Recipient {
        /// `in:sent to:`
        after: String,
    },
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_false(value: &bool) -> bool {
    !value
}

/// One line that is shown.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Show {
    /// The path in the answer.
    pub field: String,
    /// What it is, for people.
    pub label: String,
    /// How it is read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<ShowUnit>,
    /// The argument that it becomes, where the call changes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub becomes: Option<String>,
}

/// How a fact is read.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ShowUnit {
    /// Money in the smallest unit of the currency that stands at this path of the same answer.
    Minor(String),
    /// Seconds since the Unix epoch, or a time as text.
    Date,
    /// How many elements a list has.
    Count,
}

/// What is shown of `path` of an answer: the value there, or what stands there in each element of the lists on the way.
pub fn shown_at(answer: &Value, path: &str) -> Option<Value> {
    let (first, rest) = path.split_once('.').unwrap_or((path, ""));
    match answer {
        _ if path.is_empty() => Some(answer.clone()),
        _ if first.is_empty() => shown_at(answer, rest),
        Value::Object(members) => shown_at(members.get(first)?, rest),
        Value::Array(items) => match first.parse::<usize>() {
            Ok(index) => shown_at(items.get(index)?, rest),
            Err(_) => Some(Value::Array(items.iter().filter_map(|item| shown_at(item, path)).collect())),
        },
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

/// The value at `path` of an answer: members by name, elements of lists by number. An empty path, and `.`, is all of it.
pub fn value_at<'a>(answer: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').filter(|part| !part.is_empty()).try_fold(answer, |value, part| match value {
        Value::Object(members) => members.get(part),
        Value::Array(items) => items.get(part.parse::<usize>().ok()?),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_shown_walks_through_lists() {
        let answer = json!({"restrictions": {"users": [{"login": "ann"}, {"login": "bo"}, {}]}, "none": []});
        assert_eq!(shown_at(&answer, "restrictions.users.login"), Some(json!(["ann", "bo"])));
        assert_eq!(shown_at(&answer, "restrictions.users.1.login"), Some(json!("bo")));
        assert_eq!(shown_at(&answer, "none.login"), Some(json!([])));
        assert_eq!(shown_at(&answer, "restrictions.teams"), None);
        assert_eq!(shown_at(&answer, "."), Some(answer));
    }
}
