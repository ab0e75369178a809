//! What applying an edit would change: tool by tool, what gets looser first; and line by line.

use std::collections::BTreeSet;

use super::{
    Decision, Diagnostics, Facts, Pinned, SystemPolicy, compile, known::Standings, layer::Layer, rule::Calls,
    stack::Stack,
};
use crate::{
    account::Environment,
    call::Caller,
    catalog::{Catalog, Tool},
    clock::Millis,
};

/// How the policy of one tool changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Its policy name.
    pub tool: String,
    /// The answer to a call of which no argument is known, as it is.
    pub before: Decision,
    /// The same as it would be.
    pub after: Decision,
    /// Could some call get a looser answer? Where that can't be ruled out, yes.
    pub looser: bool,
    /// The lines and rules about the tool that go (`-`) and come (`+`).
    pub lines: Vec<(char, String)>,
}

/// What applying `edited` would change on a computer whose root says `system`, loosened tools first, then by name. Every `expires` counts as in the future.
///
/// # Errors
/// All problems of `edited`.
pub fn diff(
    catalog: &Catalog,
    pinned: &Pinned,
    edited: &str,
    system: &SystemPolicy,
) -> Result<Vec<Change>, Diagnostics> {
    let (after, _) = compile::strict("policy.toml", edited, catalog).map_err(Diagnostics)?;
    let before = compile::lenient("policy.toml", &pinned.text).unwrap_or_else(|_| Layer::closed("policy.toml"));
    let below = compile::built_in();
    let mut before = Stack::new(before, below.clone(), Standings::of(catalog, &pinned.tools).into());
    let mut after = Stack::new(after, below, Standings::applied().into());
    if let Some((layer, _)) = system.in_force() {
        before.put_under(layer.clone());
        after.put_under(layer.clone());
    }
    // any agent's name does: a line that is about one caller is among the compared texts
    let caller = Caller::agentport();
    let mut changes: Vec<_> = catalog.tools().filter_map(|tool| change(tool, &before, &after, &caller)).collect();
    changes.sort_by(|left, right| (!left.looser, &left.tool).cmp(&(!right.looser, &right.tool)));
    Ok(changes)
}

fn change(tool: &Tool, before: &Stack, after: &Stack, caller: &Caller) -> Option<Change> {
    let facts = Facts {
        tool,
        arguments: None,
        caller,
        account: "default",
        environment: Environment::Production,
        findings: None,
        now: Millis::MIN,
    };
    let (old, new) = (before.texts(tool), after.texts(tool));
    let decisions = (before.answer(&facts).decision, after.answer(&facts).decision);
    // where the tool was new, a rule on arguments may get its say without any line that changes
    let wider = after.range(tool, Calls::All).min < before.range(tool, Calls::All).min;
    if old == new && decisions.0 == decisions.1 && !wider {
        return None;
    }
    let gone: BTreeSet<_> = old.difference(&new).collect();
    let come: BTreeSet<_> = new.difference(&old).collect();
    let says = |lines: &BTreeSet<&(Decision, String)>, decision| lines.iter().any(|line| line.0 == decision);
    let loosening = wider
        || decisions.1 < decisions.0
        || says(&come, Decision::Allow)
        || says(&gone, Decision::Ask)
        || says(&gone, Decision::Deny)
        || (says(&come, Decision::Ask) && after.may_deny_below(tool));
    let certainly_not = after.range(tool, Calls::All).min >= before.range(tool, Calls::All).max;
    // an ask that took two people and takes one is an ask before and after
    let demands_less = after.range(tool, Calls::All).min < Decision::Deny
        && before.demands(tool).difference(&after.demands(tool)).next().is_some();
    let lines = gone.iter().map(|line| ('-', line.1.clone())).chain(come.iter().map(|line| ('+', line.1.clone())));
    Some(Change {
        tool: tool.policy_name(),
        before: decisions.0,
        after: decisions.1,
        looser: demands_less || (loosening && !certainly_not),
        lines: lines.collect(),
    })
}

/// Every line of both texts in order: kept (` `), gone (`-`) or new (`+`).
pub fn line_diff(old: &str, new: &str) -> Vec<(char, String)> {
    let (old, new): (Vec<_>, Vec<_>) = (old.lines().collect(), new.lines().collect());
    let head = old.iter().zip(&new).take_while(|(old, new)| old == new).count();
    let (old_rest, new_rest) = (old.get(head..).unwrap_or_default(), new.get(head..).unwrap_or_default());
    let tail = old_rest.iter().rev().zip(new_rest.iter().rev()).take_while(|(old, new)| old == new).count();
    let middle =
        |lines: &[&str]| lines.iter().take(lines.len() - tail).map(|line| (*line).to_owned()).collect::<Vec<_>>();
    let kept = |lines: &[&str]| lines.iter().map(|line| (' ', (*line).to_owned())).collect::<Vec<_>>();
    let mut out = kept(old.get(..head).unwrap_or_default());
    out.extend(changed(&middle(old_rest), &middle(new_rest)));
    out.extend(kept(old_rest.get(old_rest.len() - tail..).unwrap_or_default()));
    out
}

/// The lines that changed, each with the two before and after it; where some are left out, a `…`.
pub fn with_context(lines: &[(char, String)]) -> Vec<(char, &str)> {
    const AROUND: usize = 2;
    let mut shown = Vec::new();
    let mut gap = false;
    for (index, (sign, line)) in lines.iter().enumerate() {
        let near = lines.iter().skip(index.saturating_sub(AROUND)).take(2 * AROUND + 1 - AROUND.saturating_sub(index));
        if near.clone().any(|(sign, _)| *sign != ' ') {
            if gap && !shown.is_empty() {
                shown.push((' ', "…"));
            }
            shown.push((*sign, line.trim_end_matches(['\n', '\r'])));
            gap = false;
        } else {
            gap = true;
        }
    }
    shown
}

/// The longest common subsequence, by the table of its lengths; beyond a size that no person edits, everything changed.
fn changed(old: &[String], new: &[String]) -> Vec<(char, String)> {
    const CELLS: usize = 4_000_000;
    let replaced = || old.iter().map(|line| ('-', line.clone())).chain(new.iter().map(|line| ('+', line.clone())));
    if old.len().saturating_mul(new.len()) > CELLS {
        return replaced().collect();
    }
    // row by row from the end: how many lines of both rests are common
    let mut table = vec![vec![0_usize; new.len() + 1]];
    for left in old.iter().rev() {
        let below = table.last().cloned().unwrap_or_default();
        let mut row = vec![0; new.len() + 1];
        for (index, right) in new.iter().enumerate().rev() {
            let at = |row: &[usize], index: usize| row.get(index).copied().unwrap_or(0);
            let length =
                if left == right { at(&below, index + 1) + 1 } else { at(&below, index).max(at(&row, index + 1)) };
            if let Some(cell) = row.get_mut(index) {
                *cell = length;
            }
        }
        table.push(row);
    }
    table.reverse();
    let at = |row: usize, column: usize| table.get(row).and_then(|row| row.get(column)).copied().unwrap_or(0);
    let (mut row, mut column, mut out) = (0, 0, Vec::new());
    loop {
        match (old.get(row), new.get(column)) {
            (Some(left), Some(right)) if left == right => {
                out.push((' ', left.clone()));
                (row, column) = (row + 1, column + 1);
            }
            (Some(left), right) if right.is_none() || at(row + 1, column) >= at(row, column + 1) => {
                out.push(('-', left.clone()));
                row += 1;
            }
            (_, Some(right)) => {
                out.push(('+', right.clone()));
                column += 1;
            }
            (_, None) => return out,
        }
    }
}
