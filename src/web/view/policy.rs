//! The policy in force, line by line, what it says of each tool, and of one call in full.

use super::{
    approval::{Why, whys},
    cell::Cell,
};
use crate::{
    account::Environment,
    call::Caller,
    catalog::Tool,
    clock::Millis,
    gateway::Explained,
    policy::{Facts, line_diff},
    snapshot::Snapshot,
    visible::visible_source,
};

/// A line of a file, with its number as reasons name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::web) struct SourceLine {
    /// One-based.
    pub(in crate::web) number: usize,
    /// What it says.
    pub(in crate::web) text: String,
}

/// The lines of a text.
pub(in crate::web) fn source(text: &str) -> Vec<SourceLine> {
    text.lines().enumerate().map(|(index, line)| SourceLine { number: index + 1, text: visible_source(line) }).collect()
}

/// What an edit that is not applied takes away (`-`) and brings (`+`).
pub(in crate::web) fn edits(pinned: &str, edited: &str) -> Vec<(char, String)> {
    let lines = line_diff(pinned, edited).into_iter().filter(|(sign, _)| *sign != ' ');
    lines.map(|(sign, line)| (sign, visible_source(line.trim_end_matches(['\n', '\r'])))).collect()
}

/// What the policy says of a tool while none of its arguments is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::web) struct ToolLine {
    /// The tool's policy name.
    pub(in crate::web) name: String,
    /// `read`
    pub(in crate::web) effect: &'static str,
    /// `ask`
    pub(in crate::web) decision: &'static str,
    /// `ask or deny`
    pub(in crate::web) possible: String,
    /// Whichever line decides, and where it stands.
    pub(in crate::web) by: Cell,
    /// `policy.toml:12`
    pub(in crate::web) place: String,
}

/// The tools of one account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::web) struct AccountLines {
    /// The service's name.
    pub(in crate::web) service: String,
    /// The account's name with us.
    pub(in crate::web) account: Cell,
    /// `production`
    pub(in crate::web) environment: &'static str,
    /// How many tools are allowed, asked about and denied.
    pub(in crate::web) counts: [usize; 3],
    /// Its tools.
    pub(in crate::web) tools: Vec<ToolLine>,
}

/// What the policy says of every tool of every account, to a caller of which nothing special is said.
pub(in crate::web) fn by_account(snapshot: &Snapshot, caller: &Caller, now: Millis) -> Vec<AccountLines> {
    let lines = snapshot.accounts.iter().filter_map(|account| {
        let integration = snapshot.catalog.integration(&account.integration)?;
        let tools = snapshot.catalog.tools_of(&account.integration);
        let tools: Vec<ToolLine> =
            tools.map(|tool| line(snapshot, tool, caller, (&account.name, account.environment), now)).collect();
        let count = |word: &str| tools.iter().filter(|tool| tool.decision == word).count();
        Some(AccountLines {
            service: integration.title.clone(),
            account: Cell::line(&account.name),
            environment: account.environment.as_str(),
            counts: [count("allow"), count("ask"), count("deny")],
            tools,
        })
    });
    lines.collect()
}

fn line(
    snapshot: &Snapshot,
    tool: &Tool,
    caller: &Caller,
    (account, environment): (&str, Environment),
    now: Millis,
) -> ToolLine {
    let facts = Facts { tool, arguments: None, caller, account, environment, findings: None, now };
    let evaluation = snapshot.policy.evaluate(&facts);
    let first = evaluation.reasons.first();
    ToolLine {
        name: tool.policy_name(),
        effect: tool.strongest_effect().as_str(),
        decision: evaluation.decision.as_str(),
        possible: snapshot.policy.possible(&facts).to_string(),
        by: Cell::line(evaluation.rule()),
        place: first.map(crate::policy::Reason::place).unwrap_or_default(),
    }
}

/// The answer to one supposed call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::web) struct ExplainedView {
    /// The tool's policy name.
    pub(in crate::web) tool: String,
    /// `ask`
    pub(in crate::web) decision: &'static str,
    /// The lines that say so, the deciding ones first.
    pub(in crate::web) reasons: Vec<Why>,
    /// `used of refunds: 7 of 10 calls in 1d`
    pub(in crate::web) limits: Vec<String>,
    /// The facts that it goes by, and whether each is known.
    pub(in crate::web) facts: Vec<(Cell, bool)>,
    /// What a yes takes, where that is more than one code.
    pub(in crate::web) takes: Option<String>,
}

impl ExplainedView {
    /// Of an answer.
    pub(in crate::web) fn new(explained: &Explained) -> Self {
        let evaluation = &explained.evaluation;
        let limit = |(one, used): (&crate::policy::Use, i64)| {
            let full = if one.fits(used) { "" } else { ", so that this call asks" };
            format!("{}: {}{full}", visible_source(&one.rule), visible_source(&one.of(used)))
        };
        Self {
            tool: explained.tool.clone(),
            decision: evaluation.decision.as_str(),
            reasons: whys(evaluation),
            limits: explained.limits().map(limit).collect(),
            facts: evaluation.facts.iter().map(|fact| (Cell::line(&fact.name), fact.known)).collect(),
            takes: (!evaluation.requirement.is_plain()).then(|| evaluation.requirement.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_keeps_its_line_numbers_and_hides_nothing() {
        let line = |number, text: &str| SourceLine { number, text: text.to_owned() };
        assert_eq!(source("a\n\n  b\u{202E}c\n"), [line(1, "a"), line(2, ""), line(3, "  b⟨U+202E⟩c")]);
        let changed = edits("a\nb\n", "a\nc\u{200B}\n");
        assert_eq!(changed, [('-', "b".to_owned()), ('+', "c⟨U+200B⟩".to_owned())]);
    }
}
