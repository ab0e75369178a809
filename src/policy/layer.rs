//! One policy file as a judge: what it says of a call, or nothing. Within it a `deny` absorbs everything, then the
//! strictest rule decides, then the most specific `[tools]` line.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Decision, Facts, Reason, Requirement,
    known::{Standing, Standings},
    limit::Use,
    rule::{Calls, Rule},
    selector::Selector,
};
use crate::catalog::{Effect, Tool};

/// A compiled file. The order of its lines and rules means nothing.
#[derive(Debug, Clone)]
pub(super) struct Layer {
    pub file: String,
    pub defaults: BTreeMap<Effect, (Decision, usize)>,
    pub lines: Vec<Line>,
    pub rules: Vec<Rule>,
}

/// One line of `[tools]`.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub selector: Selector,
    pub at: usize,
    pub decision: Decision,
}

/// A decision and the lines that made it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Answer {
    pub decision: Decision,
    pub reasons: Vec<Reason>,
    /// What a yes takes, where it asks.
    pub requirement: Requirement,
    /// What the call uses of limits, where it allows.
    pub uses: Vec<Use>,
}

/// The loosest and the strictest answer that is possible.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Range {
    pub min: Decision,
    pub max: Decision,
}

/// A tool's name, and how it stands: a wildcard may allow only what its owner could know when the text was applied (T089).
#[derive(Debug)]
pub(super) struct Reach<'a> {
    name: String,
    tool: &'a Tool,
    standing: Standing,
}

impl<'a> Reach<'a> {
    /// The reach of a text that was applied when the tools stood so.
    pub(super) fn new(tool: &'a Tool, standings: &Standings) -> Self {
        let name = tool.policy_name();
        Self { standing: standings.get(&name), name, tool }
    }

    /// How the tool stands.
    pub(super) fn standing(&self) -> Standing {
        self.standing
    }

    /// Does a line that says `decision` of `selector` speak of the tool?
    pub(super) fn includes(&self, selector: &Selector, decision: Decision) -> bool {
        let withheld = match (selector, decision) {
            (Selector::Prefix(_), Decision::Allow) => !self.standing.is_known(),
            (Selector::Prefix(_), Decision::Ask | Decision::Deny) | (Selector::Exact(_), _) => false,
        };
        !withheld && selector.covers(&self.name)
    }

    /// The effects that calls of the tool can have.
    pub(super) fn effects(&self) -> BTreeSet<Effect> {
        let raised = self.tool.raises.iter().map(|raise| raise.effect.max(self.tool.effect));
        std::iter::once(self.tool.effect).chain(raised).collect()
    }
}

impl Layer {
    /// The judge that stands for a text that can't be read: nothing runs.
    pub(super) fn closed(file: &str) -> Self {
        let line = Line { selector: Selector::Prefix(String::new()), at: 0, decision: Decision::Deny };
        Self { file: file.to_owned(), defaults: BTreeMap::new(), lines: vec![line], rules: Vec::new() }
    }

    /// What the rules and lines say of a call; `None` where they say nothing.
    pub(super) fn answer(&self, facts: &Facts<'_>, reach: &Reach<'_>) -> Option<Answer> {
        let rules: Vec<_> = self.rules.iter().filter(|rule| rule.matches(facts, reach)).collect();
        let denials: Vec<_> = self.lines_about(reach).filter(|line| line.decision == Decision::Deny).collect();
        let strictest = rules.iter().map(|rule| rule.decision()).chain(denials.iter().map(|line| line.decision)).max();
        let Some(decision) = strictest else {
            let line = self.most_specific(reach)?;
            return Some(Answer {
                decision: line.decision,
                reasons: vec![self.reason_of_line(line)],
                requirement: Requirement::default(),
                uses: Vec::new(),
            });
        };
        let uses: Option<Vec<Use>> = match decision {
            Decision::Allow => rules.iter().flat_map(|rule| rule.uses(facts)).collect(),
            Decision::Ask | Decision::Deny => Some(Vec::new()),
        };
        let Some(uses) = uses else {
            // nobody can say what it would use, which counts as more than there is
            let limited = rules.iter().filter(|rule| rule.uses(facts).any(|one| one.is_none()));
            let reason = |rule: &&Rule| Reason {
                decision: Decision::Ask,
                text: Some("what this call would use of the limit is not known".to_owned()),
                ..self.reason_of_rule(rule)
            };
            let (reasons, requirement) = (limited.map(reason).collect(), Requirement::default());
            return Some(Answer { decision: Decision::Ask, reasons, requirement, uses: Vec::new() });
        };
        let of_rules = rules.iter().filter(|rule| rule.decision() == decision).map(|rule| self.reason_of_rule(rule));
        let reasons = of_rules.chain(denials.iter().map(|line| self.reason_of_line(line))).collect();
        Some(Answer { decision, reasons, requirement: Requirement::default(), uses })
    }

    /// The facts that the rules go by which could apply to the call.
    pub(super) fn deciding_facts<'l>(&'l self, facts: &Facts<'_>, reach: &Reach<'_>) -> Vec<&'l str> {
        self.rules.iter().flat_map(|rule| rule.deciding_facts(facts, reach)).collect()
    }

    /// Does it deny the call whatever the facts are?
    pub(super) fn denies_without_facts(&self, facts: &Facts<'_>, reach: &Reach<'_>) -> bool {
        let denies = |rule: &Rule| rule.decision() == Decision::Deny && rule.goes_by_no_fact();
        self.lines_about(reach).any(|line| line.decision == Decision::Deny)
            || self.rules.iter().any(|rule| denies(rule) && rule.matches(facts, reach))
    }

    /// What `[defaults]` says of an effect.
    pub(super) fn default_for(&self, effect: Effect) -> Option<Answer> {
        let (decision, line) = *self.defaults.get(&effect)?;
        let rule = format!("defaults.{effect}");
        let reasons = vec![Reason { decision, file: self.file.clone(), line, rule, text: None }];
        Some(Answer { decision, reasons, requirement: Requirement::default(), uses: Vec::new() })
    }

    /// What a yes to the call takes by the rules that match it.
    pub(super) fn requirement(&self, facts: &Facts<'_>, reach: &Reach<'_>) -> Requirement {
        let matching = self.rules.iter().filter(|rule| !rule.requirement().is_plain() && rule.matches(facts, reach));
        matching.fold(Requirement::default(), |all, rule| all.and(rule.requirement()))
    }

    /// Does a rule that matches keep its question from every grant?
    pub(super) fn has_floor(&self, facts: &Facts<'_>, reach: &Reach<'_>) -> bool {
        self.rules.iter().any(|rule| rule.is_floor() && rule.matches(facts, reach))
    }

    /// What must not be widened by what stands above: a `deny`, or a question of a rule that is a floor.
    pub(super) fn bound(&self, facts: &Facts<'_>, reach: &Reach<'_>) -> Option<Answer> {
        let answer = self.answer(facts, reach)?;
        match answer.decision {
            Decision::Deny => Some(answer),
            Decision::Ask => Some(answer).filter(|_| self.has_floor(facts, reach)),
            Decision::Allow => None,
        }
    }

    /// All that can be answered where `above` is what can be answered without these bounds.
    pub(super) fn bounding(&self, reach: &Reach<'_>, calls: Calls<'_>, above: Range) -> Range {
        let speaks = |rule: &&Rule| rule.may_match(calls, reach);
        let bounds = |rule: &&Rule| rule.is_floor() || rule.decision() == Decision::Deny;
        let denied = self.lines_about(reach).any(|line| line.decision == Decision::Deny).then_some(Decision::Deny);
        self.rules
            .iter()
            .filter(speaks)
            .filter(bounds)
            .map(|rule| (rule.decision(), rule.must_match(calls)))
            .chain(denied.map(|deny| (deny, true)))
            .fold(above, |range, (decision, certain)| Range {
                min: if certain { range.min.max(decision) } else { range.min },
                max: range.max.max(decision),
            })
    }

    /// All that can be answered to `calls` where `below` is what can be answered without this layer. Wider than the truth where conditions exclude each other, never narrower.
    pub(super) fn range(&self, reach: &Reach<'_>, calls: Calls<'_>, below: Range) -> Range {
        let speaks = |rule: &&Rule| rule.may_match(calls, reach);
        let rules = || self.rules.iter().filter(speaks);
        let certain = rules().filter(|rule| rule.must_match(calls)).map(Rule::decision);
        let denials = self.lines_about(reach).map(|line| line.decision).filter(|decision| *decision == Decision::Deny);
        let max = rules().map(Rule::strictest).max();
        if let Some(floor) = certain.chain(denials).max() {
            return Range { min: floor, max: max.map_or(floor, |max| max.max(floor)) };
        }
        let base = self.most_specific(reach).map_or(below, |line| Range { min: line.decision, max: line.decision });
        let min = rules().map(Rule::decision).min();
        Range { min: min.map_or(base.min, |min| min.min(base.min)), max: max.map_or(base.max, |max| max.max(base.max)) }
    }

    /// The rules and lines that speak of the tool, as a diff compares them; lines that a more specific one overrules
    /// are left out.
    pub(super) fn texts(&self, reach: &Reach<'_>) -> BTreeSet<(Decision, String)> {
        let rules =
            self.rules.iter().filter(|rule| rule.is_about(reach)).map(|rule| (rule.decision(), rule.to_string()));
        let denials = self.lines_about(reach).filter(|line| line.decision == Decision::Deny);
        let lines = denials.chain(self.most_specific(reach));
        rules
            .chain(lines.map(|line| (line.decision, format!("\"{}\" = \"{}\"", line.selector, line.decision))))
            .collect()
    }

    /// The most that any rule asks of a yes.
    pub(super) fn strictest(&self) -> Requirement {
        self.rules.iter().fold(Requirement::default(), |all, rule| all.and(rule.requirement()))
    }

    /// The rules about the tool that ask for more than anybody's code.
    pub(super) fn demands(&self, reach: &Reach<'_>) -> BTreeSet<String> {
        let demanding = self.rules.iter().filter(|rule| rule.is_about(reach) && !rule.requirement().is_plain());
        demanding.map(ToString::to_string).collect()
    }

    /// Does a `[tools]` line speak of the tool?
    pub(super) fn has_line(&self, reach: &Reach<'_>) -> bool {
        self.most_specific(reach).is_some()
    }

    fn lines_about(&self, reach: &Reach<'_>) -> impl Iterator<Item = &Line> {
        self.lines.iter().filter(move |line| reach.includes(&line.selector, line.decision))
    }

    fn most_specific(&self, reach: &Reach<'_>) -> Option<&Line> {
        self.lines_about(reach).max_by_key(|line| line.selector.specificity())
    }

    fn reason_of_rule(&self, rule: &Rule) -> Reason {
        Reason {
            decision: rule.decision(),
            file: self.file.clone(),
            line: rule.line(),
            rule: rule.id().get_ref().clone(),
            text: rule.reason().cloned(),
        }
    }

    fn reason_of_line(&self, line: &Line) -> Reason {
        let (decision, rule) = (line.decision, line.selector.to_string());
        Reason { decision, file: self.file.clone(), line: line.at, rule, text: None }
    }
}
