//! The policy in force: the text that a human approved, over the built-in one, and beside it an edit that is not yet
//! approved and can only tighten.

use std::{collections::BTreeSet, sync::Arc};

use super::{
    BUILT_IN, Decision, Evaluation, FactRead, Facts, Known, Possible, Requirement, Standing, SystemPolicy, compile,
    fact,
    known::Standings,
    layer::{Answer, Layer},
    rule::Calls,
    stack::Stack,
};
use crate::{
    call::Caller,
    canonical,
    catalog::{Catalog, Tool},
    diagnostic::Diagnostic,
    plan::Digest,
};

const GRANTS: &str = "grants.toml";
const PINNED: &str = "policy.toml";
const EDITED: &str = "policy.toml (not yet applied)";

/// What a human approved with a second factor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pinned {
    /// The file's text.
    pub text: String,
    /// All tools there were: an `allow` by wildcard or default reaches no other.
    pub tools: Known,
}

/// Everything that judges calls, compiled.
#[derive(Debug, Clone)]
pub struct Policy {
    pinned: Stack,
    edited: Option<Stack>,
    digest: Digest,
}

impl Policy {
    /// The policy in force, and what is wrong with it. An edit that doesn't load is left out; a pinned text always
    /// counts, and one that can't be read any more denies everything.
    pub fn new(catalog: &Catalog, pinned: &Pinned, edited: Option<&str>) -> (Self, Vec<Diagnostic>) {
        let mut problems = Vec::new();
        let mut noting = |loaded: Result<Layer, Vec<Diagnostic>>| loaded.map_err(|found| problems.extend(found)).ok();
        let (below, standings) = (compile::built_in(), Arc::new(Standings::of(catalog, &pinned.tools)));
        let layer = noting(compile::lenient(PINNED, &pinned.text)).unwrap_or_else(|| Layer::closed(PINNED));
        let edited = edited.filter(|text| *text != pinned.text).and_then(|text| {
            let layer = noting(compile::strict(EDITED, text, catalog).map(|(layer, _)| layer))?;
            Some((Stack::new(layer, below.clone(), Arc::clone(&standings)), text))
        });
        let digest = digest(&pinned.text, edited.as_ref().map(|(_, text)| *text));
        let edited = edited.map(|(stack, _)| stack);
        (Self { pinned: Stack::new(layer, below, standings), edited, digest }, problems)
    }

    /// The same with what people granted: the text of a policy with rules that allow. One that can't be read grants
    /// nothing.
    #[must_use]
    pub fn granting(mut self, text: &str) -> Self {
        let Ok(grants) = compile::lenient(GRANTS, text) else { return self };
        let grants = Arc::new(grants);
        for stack in std::iter::once(&mut self.pinned).chain(&mut self.edited) {
            stack.grant(Arc::clone(&grants));
        }
        self.digest = canonical::sha256("agentport/policy/granting", &[self.digest.as_bytes(), text.as_bytes()]).into();
        self
    }

    /// The same on a computer whose root has a say.
    #[must_use]
    pub fn under(mut self, system: &SystemPolicy) -> Self {
        let Some((layer, digest)) = system.in_force() else { return self };
        for stack in std::iter::once(&mut self.pinned).chain(&mut self.edited) {
            stack.put_under(Arc::clone(layer));
        }
        self.digest = canonical::sha256("agentport/policy/under", &[self.digest.as_bytes(), digest.as_bytes()]).into();
        self
    }

    /// The user's own tools that ask at the loosest, because they are new or changed since the policy was applied.
    pub fn unapproved(&self) -> impl Iterator<Item = (&str, Standing)> {
        self.pinned.standings().unapproved()
    }

    /// The stricter answer of the pinned and the edited text.
    pub fn evaluate(&self, facts: &Facts<'_>) -> Evaluation {
        let pinned = self.pinned.answer(facts);
        let edited = self.edited.as_ref().map(|edited| edited.answer(facts));
        // an edit adds to what a yes takes even where both ask
        let requirement = edited.iter().fold(pinned.requirement, |both, edited| both.and(edited.requirement));
        let edits = edited.as_ref().map(|edited| edited.uses.clone()).unwrap_or_default();
        let Answer { decision, reasons, mut uses, .. } =
            edited.filter(|edited| edited.decision > pinned.decision).unwrap_or(pinned);
        // both texts limit where both allow
        uses.extend(edits);
        uses.sort_by(|one, other| {
            (&one.rule, &one.measure, one.per, one.max).cmp(&(&other.rule, &other.measure, other.per, other.max))
        });
        uses.dedup();
        let (requirement, uses) = match decision {
            Decision::Ask => (requirement, Vec::new()),
            // over a limit it asks, and then a yes takes as much
            Decision::Allow if !uses.is_empty() => (requirement, uses),
            Decision::Allow | Decision::Deny => (Requirement::default(), Vec::new()),
        };
        let read = |name: &str| FactRead {
            name: name.to_owned(),
            known: facts.findings.is_some_and(|findings| fact::slots(findings, name).is_some()),
        };
        let facts = self.deciding_facts(facts).into_iter().map(read).collect();
        Evaluation { decision, reasons, requirement, uses, facts, policy: self.digest }
    }

    /// What can be said of calls with these facts, whatever their arguments are.
    pub fn possible(&self, facts: &Facts<'_>) -> Possible {
        // what is not known tightens
        let strictest = self.evaluate(facts).decision;
        let stacks = std::iter::once(&self.pinned).chain(&self.edited);
        let loosest = stacks.map(|stack| stack.range(facts.tool, Calls::Like(facts)).min).max();
        Possible { loosest: loosest.map_or(strictest, |loosest| loosest.min(strictest)), strictest }
    }

    /// The facts that rules go by which could apply to the call, as `charge.currency`. Where there are some, they have to
    /// be looked up before the call is judged.
    pub fn deciding_facts(&self, facts: &Facts<'_>) -> BTreeSet<&str> {
        let stacks = || std::iter::once(&self.pinned).chain(&self.edited);
        if !facts.tool.is_looked_up() || stacks().any(|stack| stack.denies_without_facts(facts)) {
            return BTreeSet::new();
        }
        stacks().flat_map(|stack| stack.deciding_facts(facts)).collect()
    }

    /// Is every call of the tool by this caller denied, whatever the arguments, account, environment and time?
    pub fn always_denies(&self, tool: &Tool, caller: &Caller) -> bool {
        let mut stacks = std::iter::once(&self.pinned).chain(&self.edited);
        stacks.any(|stack| stack.range(tool, Calls::By(caller)).min == Decision::Deny)
    }

    /// The most that any rule asks of a yes.
    pub fn strictest(&self) -> Requirement {
        let stacks = std::iter::once(&self.pinned).chain(&self.edited);
        stacks.fold(Requirement::default(), |all, stack| all.and(stack.strictest()))
    }

    /// Names the texts that judge: pinned, edited and built-in together.
    pub fn digest(&self) -> Digest {
        self.digest
    }
}

fn digest(pinned: &str, edited: Option<&str>) -> Digest {
    let parts = [BUILT_IN, pinned].into_iter().chain(edited).map(str::as_bytes).collect::<Vec<_>>();
    canonical::sha256("agentport/policy/1", &parts).into()
}

/// The digest of a text of root's.
pub(super) fn digest_of(system: &str) -> Digest {
    canonical::sha256("agentport/policy/system", &[system.as_bytes()]).into()
}
