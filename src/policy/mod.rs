//! May this happen? A policy is the human's file of decisions; here it is read, checked, compared and asked.
//!
//! - [`Policy`] is what judges: the pinned text, an edit that is not yet applied, below them root's ([`SystemPolicy`]) and
//!   the built-in text.
//! - [`check`], [`diff`](fn@diff), [`by_rule`](fn@by_rule), [`line_diff`] and [`set`] are for the human who edits the file.
//!
//! `known` is what a human could know of the tools when the policy was applied: what is new or changed since then gets no
//! more than `ask`, however loose the text is.
//!
//! A text goes `file` (shape) → `compile` (meaning; in it `rule`, `requirement`, `limit`, `matcher`, `operator`, `selector`) → `layer` (one
//! file's answer) → `stack` (several files' answer) → `pin` (the answer in force).
//!
//! INVARIANT: everything here is pure: no I/O, no clock, no async. Whatever is uncertain gets the stricter answer:
//! a condition that can't be evaluated counts for `ask` and `deny` and not for `allow`, an edit without its owner's
//! second factor only tightens, a pinned text that can't be read denies.

mod by_rule;
mod compare;
mod compile;
mod diff;
mod domain;
mod edit;
mod expectation;
mod fact;
mod file;
mod grant;
mod happened;
mod known;
mod layer;
mod limit;
mod matcher;
mod operator;
mod pin;
mod requirement;
mod rule;
mod selector;
mod stack;
mod system;
#[cfg(test)]
mod tests;
mod value;
mod verdict;

pub use self::{
    by_rule::{RuleChange, by_rule},
    diff::{Change, diff, line_diff, with_context},
    edit::{SetError, set},
    grant::{Bound, Bounds, GrantError, grant, grants_text},
    happened::happened_text,
    known::{Happened, Known, Standing, ToolChange},
    limit::{Measure, Use},
    pin::{Pinned, Policy},
    requirement::Requirement,
    system::SystemPolicy,
    verdict::{Decision, Evaluation, FactRead, Possible, Reason},
};
use crate::{
    account::Environment,
    call::{Arguments, Caller},
    catalog::{Catalog, Tool},
    clock::Millis,
    diagnostic::Diagnostics,
    findings::Findings,
    plan::Plan,
};

/// The lowest layer, and the preset `default`.
pub const BUILT_IN: &str = include_str!("../../policies/default.toml");

/// What a policy may know of a call.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// The tool that is called.
    pub tool: &'a Tool,
    /// Its arguments; `None` where none is known, as in a list of tools.
    pub arguments: Option<&'a Arguments>,
    /// Who asks.
    pub caller: &'a Caller,
    /// The account's name.
    pub account: &'a str,
    /// What the account is for.
    pub environment: Environment,
    /// What was looked up for it; `None` where nothing was.
    pub findings: Option<&'a Findings>,
    /// The wall clock.
    pub now: Millis,
}

impl<'a> Facts<'a> {
    /// What is known of a stored or fresh plan, less what was looked up for it. `tool` is the plan's.
    pub fn of_plan(tool: &'a Tool, plan: &'a Plan, now: Millis) -> Self {
        Self {
            tool,
            arguments: Some(plan.arguments()),
            caller: plan.caller(),
            account: plan.account(),
            environment: plan.environment(),
            findings: None,
            now,
        }
    }

    /// The same, with what was looked up.
    #[must_use]
    pub fn with(self, findings: Option<&'a Findings>) -> Self {
        Self { findings, ..self }
    }
}

/// The ready-made policies: name and text.
pub fn presets() -> [(&'static str, &'static str); 4] {
    [
        ("default", BUILT_IN),
        ("everyday", include_str!("../../policies/everyday.toml")),
        ("locked-down", include_str!("../../policies/locked-down.toml")),
        ("read-only", include_str!("../../policies/read-only.toml")),
    ]
}

/// Checks a text as it must be before a human may apply it: its form, its names against the catalog, its tests,
/// of which it says how many there are.
///
/// # Errors
/// All problems, in the order of the file.
pub fn check(file_name: &str, text: &str, catalog: &Catalog) -> Result<usize, Diagnostics> {
    compile::strict(file_name, text, catalog).map(|(_, tests)| tests).map_err(Diagnostics)
}
