//! What putting an edited policy in force would change.

use std::collections::BTreeSet;

use super::policy::{SourceLine, source};
use crate::{
    gateway::Proposal,
    ledger::sqlite::policy_digest,
    plan::Digest,
    policy::{by_rule, happened_text, line_diff, with_context},
    visible::{visible, visible_source},
};

/// The change, for the human who applies it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::web) struct ProposalView {
    /// Is it what is in force?
    pub(in crate::web) nothing: bool,
    /// Names what is shown here.
    pub(in crate::web) seen: String,
    /// Of the text that would be in force.
    pub(in crate::web) digest: String,
    /// What becomes looser.
    pub(in crate::web) looser: Vec<RuleView>,
    /// What does not.
    pub(in crate::web) other: Vec<RuleView>,
    /// What became of the tools since the policy was applied; empty where nothing did.
    pub(in crate::web) tools: String,
    /// What goes and comes in the file, with the lines around it.
    pub(in crate::web) lines: Vec<(char, String)>,
    /// The whole text.
    pub(in crate::web) text: Vec<SourceLine>,
}

/// Lines that go and come together, and whom they hit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::web) struct RuleView {
    /// `runs without asking from now on; it asked before`
    pub(in crate::web) words: String,
    /// What goes and comes.
    pub(in crate::web) lines: Vec<(char, String)>,
    /// The tools of services that are connected.
    pub(in crate::web) tools: Vec<String>,
    /// Those of the others.
    pub(in crate::web) idle: Vec<String>,
}

impl ProposalView {
    /// Of a proposal with this digest, where these services are connected.
    pub(in crate::web) fn new(proposal: &Proposal, digest: &Digest, connected: &BTreeSet<&str>) -> Self {
        let is_connected = |tool: &&str| tool.split_once('.').is_some_and(|(service, _)| connected.contains(service));
        let (mut looser, mut other) = (Vec::new(), Vec::new());
        for rule in by_rule(&proposal.changes) {
            let words = rule.words();
            let (tools, idle): (Vec<&str>, Vec<&str>) = rule.tools.into_iter().partition(is_connected);
            let names = |tools: Vec<&str>| tools.into_iter().map(str::to_owned).collect();
            let lines = rule.lines.iter().map(|(sign, line)| (*sign, visible(line))).collect();
            let view = RuleView { words, lines, tools: names(tools), idle: names(idle) };
            if rule.looser { looser.push(view) } else { other.push(view) }
        }
        let (before, after) = (&proposal.before.text, &proposal.after.text);
        let lines = if before == after { Vec::new() } else { line_diff(before, after) };
        Self {
            nothing: proposal.is_nothing(),
            seen: digest.to_string(),
            digest: policy_digest(after).to_string(),
            looser,
            other,
            tools: happened_text(&proposal.tools),
            lines: with_context(&lines).into_iter().map(|(sign, line)| (sign, visible_source(line))).collect(),
            text: source(after),
        }
    }
}
