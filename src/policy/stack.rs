//! The texts that judge together, one above the other.

use std::{collections::BTreeSet, sync::Arc};

use super::{
    Decision, Facts, Reason, Requirement, Standing,
    known::Standings,
    layer::{Answer, Layer, Range, Reach},
    rule::Calls,
};
use crate::catalog::{Effect, Tool};

/// A file of the home, root's where there is one, and the built-in one: the highest that says something decides, then
/// `[defaults]`, highest first. What root's denies or keeps for a human stays so, whatever stands above it.
#[derive(Debug, Clone)]
pub(super) struct Stack {
    home: Layer,
    system: Option<Arc<Layer>>,
    below: Layer,
    standings: Arc<Standings>,
    grants: Option<Arc<Layer>>,
}

impl Stack {
    /// `standings` are those of the tools to what was applied.
    pub(super) fn new(home: Layer, below: Layer, standings: Arc<Standings>) -> Self {
        Self { home, system: None, below, standings, grants: None }
    }

    /// Adds what people granted.
    pub(super) fn grant(&mut self, grants: Arc<Layer>) {
        self.grants = Some(grants);
    }

    /// Puts root's layer below the home's.
    pub(super) fn put_under(&mut self, system: Arc<Layer>) {
        self.system = Some(system);
    }

    /// The highest first.
    fn layers(&self) -> impl Iterator<Item = &Layer> {
        std::iter::once(&self.home).chain(self.system.as_deref()).chain(std::iter::once(&self.below))
    }

    pub(super) fn standings(&self) -> &Standings {
        &self.standings
    }

    /// The most that any rule asks of a yes.
    pub(super) fn strictest(&self) -> Requirement {
        self.layers().fold(Requirement::default(), |all, layer| all.and(layer.strictest()))
    }

    /// What is said of the call.
    pub(super) fn answer(&self, facts: &Facts<'_>) -> Answer {
        let reach = Reach::new(facts.tool, &self.standings);
        let mut answer = self
            .layers()
            .find_map(|layer| layer.answer(facts, &reach))
            .unwrap_or_else(|| self.default_for(facts.tool.effect_of(facts.arguments), reach.standing()));
        // the rules of every layer count, whichever decided: what a yes takes is only ever added to
        answer.requirement =
            self.layers().fold(Requirement::default(), |all, layer| all.and(layer.requirement(facts, &reach)));
        let answer = self.granted(facts, &reach, answer);
        reach.standing().bounding(self.bounded(facts, &reach, answer))
    }

    /// Nothing above root's layer, and no grant, widens what it denies, or what it keeps for a human by a rule that is a
    /// floor.
    fn bounded(&self, facts: &Facts<'_>, reach: &Reach<'_>, answer: Answer) -> Answer {
        let bound = self.system.as_ref().and_then(|system| system.bound(facts, reach));
        match bound.filter(|bound| bound.decision > answer.decision) {
            Some(bound) => Answer { requirement: answer.requirement, ..bound },
            None => answer,
        }
    }

    /// The facts that its rules go by which could apply to the call.
    pub(super) fn deciding_facts(&self, facts: &Facts<'_>) -> Vec<&str> {
        let reach = Reach::new(facts.tool, &self.standings);
        self.layers().flat_map(|layer| layer.deciding_facts(facts, &reach)).collect()
    }

    /// Is the call denied, whatever the facts are?
    pub(super) fn denies_without_facts(&self, facts: &Facts<'_>) -> bool {
        let reach = Reach::new(facts.tool, &self.standings);
        let mut final_layers = std::iter::once(&self.home).chain(self.system.as_deref());
        final_layers.any(|layer| layer.denies_without_facts(facts, &reach))
    }

    /// What a grant says instead of a plain question; never instead of a deny, of a rule that is a floor, or of one that
    /// takes more than anybody's code.
    fn granted(&self, facts: &Facts<'_>, reach: &Reach<'_>, answer: Answer) -> Answer {
        let Some(grants) = self.grants.as_ref().filter(|_| answer.decision == Decision::Ask) else { return answer };
        if !answer.requirement.is_plain() || self.layers().any(|layer| layer.has_floor(facts, reach)) {
            return answer;
        }
        grants.answer(facts, reach).filter(|granted| granted.decision == Decision::Allow).unwrap_or(answer)
    }

    /// All that can be said of calls of the tool.
    pub(super) fn range(&self, tool: &Tool, calls: Calls<'_>) -> Range {
        let reach = Reach::new(tool, &self.standings);
        let range = self.home.range(&reach, calls, self.range_below(&reach, calls));
        let range = self.system.as_ref().map_or(range, |system| system.bounding(&reach, calls, range));
        let loosest = reach.standing().loosest();
        Range { min: range.min.max(loosest), max: range.max.max(loosest) }
    }

    /// Can a call of the tool be denied where the home layer says nothing?
    pub(super) fn may_deny_below(&self, tool: &Tool) -> bool {
        self.range_below(&Reach::new(tool, &self.standings), Calls::All).max == Decision::Deny
    }

    /// What a diff compares: the home layer's lines about the tool, and the defaults where they can decide.
    pub(super) fn texts(&self, tool: &Tool) -> BTreeSet<(Decision, String)> {
        let reach = Reach::new(tool, &self.standings);
        let mut texts = self.home.texts(&reach);
        if !self.layers().any(|layer| layer.has_line(&reach)) {
            texts.extend(reach.effects().into_iter().map(|effect| {
                let decision = self.default_for(effect, reach.standing()).decision;
                (decision, format!("defaults.{effect} = \"{decision}\""))
            }));
        }
        texts
    }

    /// The rules of the home layer about the tool that ask for more than anybody's code.
    pub(super) fn demands(&self, tool: &Tool) -> BTreeSet<String> {
        self.home.demands(&Reach::new(tool, &self.standings))
    }

    fn range_below(&self, reach: &Reach<'_>, calls: Calls<'_>) -> Range {
        let defaults = || reach.effects().into_iter().map(|effect| self.default_for(effect, reach.standing()).decision);
        let (min, max) = (defaults().min().unwrap_or(Decision::Deny), defaults().max().unwrap_or(Decision::Deny));
        let range = self.below.range(reach, calls, Range { min, max });
        self.system.as_ref().map_or(range, |system| system.range(reach, calls, range))
    }

    fn default_for(&self, effect: Effect, standing: Standing) -> Answer {
        let found = self.layers().find_map(|layer| layer.default_for(effect)).unwrap_or_else(|| {
            let (decision, rule) = (Decision::Deny, format!("defaults.{effect}"));
            let reason = Reason { decision, file: self.below.file.clone(), line: 0, rule, text: None };
            Answer { decision, reasons: vec![reason], requirement: Requirement::default(), uses: Vec::new() }
        });
        match (found.decision, standing.reason()) {
            (Decision::Allow, Some(reason)) => {
                let (decision, requirement) = (reason.decision, Requirement::default());
                Answer { decision, reasons: vec![reason], requirement, uses: Vec::new() }
            }
            (Decision::Allow | Decision::Ask | Decision::Deny, _) => found,
        }
    }
}
