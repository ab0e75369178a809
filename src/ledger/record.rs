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
    /// Only what agents called: neither our own reads nor what happened to the home.
    pub agents_only: bool,
    /// Not before.
    pub since: Option<Millis>,
    /// Before.
    pub until: Option<Millis>,
    /// Where it stands now: at one of these; anywhere, where there is none.
    pub status: Vec<String>,
    /// Words that the line or its payloads contain, all of them, whatever their case.
    pub text: Vec<String>,
    /// Before this place in the chain: the pages of a list.
    pub before: Option<i64>,
    /// At most so many, the newest.
    pub limit: Option<u32>,
}

/// Where a call can stand, in the words that an agent hears and in the log's own, each with the log's that it means.
const STANDINGS: [(&str, &[&str]); 18] = [
    ("completed", &["succeeded"]),
    ("approval_required", &["pending"]),
    ("pending", &["pending"]),
    ("denied", &["denied", "limited", "locked"]),
    ("cancelled", &["cancelled"]),
    ("expired", &["expired"]),
    ("invalid_arguments", &["invalid"]),
    ("not_found", &["not_found"]),
    ("failed", &["failed", "credential", "setup"]),
    ("unknown", &["unknown"]),
    ("succeeded", &["succeeded"]),
    ("executed", &["succeeded"]),
    ("sending", &["sending"]),
    ("invalid", &["invalid"]),
    ("limited", &["limited"]),
    ("locked", &["locked"]),
    ("credential", &["credential"]),
    ("setup", &["setup"]),
];

/// The log's own words for where a call stands, for a word that somebody looks for; empty for what is none.
pub fn standings(word: &str) -> Vec<String> {
    let found = STANDINGS.iter().find(|(known, _)| *known == word);
    found.map(|(_, words)| words.iter().map(|word| (*word).to_owned()).collect()).unwrap_or_default()
}

/// The words that [`standings`] knows.
pub fn known_standings() -> impl Iterator<Item = &'static str> {
    STANDINGS.iter().map(|(word, _)| *word)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_of_an_answer_is_looked_for_in_the_logs_own() {
        assert_eq!(standings("completed"), ["succeeded"]);
        assert_eq!(standings("denied"), ["denied", "limited", "locked"]);
        assert_eq!(standings("invalid_arguments"), ["invalid"]);
        assert!(standings("nope").is_empty());
        assert!(known_standings().all(|word| !standings(word).is_empty()));
    }
}
