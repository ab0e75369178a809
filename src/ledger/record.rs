//! A line of the log as people read it.

use serde::Serialize;
use serde_json::Value;

use crate::clock::Millis;

/// One call, or one event of the home, with where it stands now.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Line {
    /// `rec_…`
    pub id: String,
    /// When it began: RFC 3339.
    pub at: String,
    /// `call` or `home`.
    pub kind: String,
    /// `pending`, `approved`, `denied`, `expired`, `cancelled`, `invalid`, `sending`, `succeeded`, `failed`,
    /// `unknown`; of the home what happened.
    pub status: String,
    /// Who asked.
    pub caller: String,
    /// The tool's policy name; of the home its subject.
    pub tool: String,
    /// The account.
    pub account: String,
    /// The body of the first record.
    pub body: Value,
    /// Position in the chain.
    pub seq: i64,
}

/// Which lines to show.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LineFilter {
    /// Policy name.
    pub tool: Option<String>,
    /// Who asked.
    pub caller: Option<String>,
    /// The account.
    pub account: Option<String>,
    /// Not before.
    pub since: Option<Millis>,
    /// Before.
    pub until: Option<Millis>,
    /// Where it stands now.
    pub status: Option<String>,
    /// Words that the line or its payloads contain, all of them, whatever their case.
    pub text: Vec<String>,
    /// Before this place in the chain: the pages of a list.
    pub before: Option<i64>,
    /// At most so many, the newest.
    pub limit: Option<u32>,
}

/// A call that was refused before admission.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    /// Who asked.
    pub caller: String,
    /// The tool, as far as it could be found.
    pub tool: String,
    /// `invalid`, `not_found`, `denied`, `setup` or `credential`.
    pub status: &'static str,
    /// What was wrong, less every argument's value.
    pub body: Value,
}
