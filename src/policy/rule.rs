//! One `[[rule]]`, compiled: which tools it is about, when it applies, what it says.

use std::{fmt, ops::Range};

use serde_json::Value;
use toml::{Spanned, de::DeValue};

use super::{
    Decision, Facts, Requirement,
    file::RawRule,
    layer::Reach,
    limit::{Limit, Use},
    matcher::{Condition, Quantifier, Truth},
    selector::Selector,
    value::{Text, ticked},
};
use crate::{
    account::Environment,
    call::Caller,
    catalog::Catalog,
    clock::{Millis, rfc3339},
    diagnostic::Source,
};

/// The calls of a tool of which something is said.
#[derive(Debug, Clone, Copy)]
pub(super) enum Calls<'a> {
    /// Anybody's.
    All,
    /// This caller's.
    By(&'a Caller),
    /// Those with these facts, whatever their arguments and what is looked up for them.
    Like(&'a Facts<'a>),
}

/// A rule that can be judged by.
#[derive(Debug, Clone)]
pub(super) struct Rule {
    id: Text,
    line: usize,
    selectors: Vec<Spanned<Selector>>,
    conditions: Vec<Condition>,
    decision: Decision,
    /// `None`: any. The same holds for the two after it.
    callers: Option<Vec<Caller>>,
    accounts: Option<Vec<String>>,
    environments: Option<Vec<Environment>>,
    expires: Option<Millis>,
    requirement: Requirement,
    /// How much it may allow in a period.
    limits: Vec<Limit>,
    /// Does no grant answer what it asks about?
    floor: bool,
    reason: Option<String>,
}

impl Rule {
    /// Compiles what was read; with a catalog its names must be there. `None`, and problems noted, where it is not a
    /// rule.
    pub(super) fn compile(source: &mut Source<'_>, raw: RawRule<'_>, catalog: Option<&Catalog>) -> Option<Self> {
        let callers = all(source, raw.caller, Caller::parse);
        let accounts = all(source, raw.account, |name| Ok(name.to_owned()));
        let environments = all(source, raw.environment, str::parse);
        let expires = raw.expires.map(|text| instant(source, &text)).transpose();
        let decision = raw.decision.and_then(|text| decision(source, &text));
        let requirement = Requirement::read(source, raw.approve, raw.approvers, raw.answer_within, decision);
        let limits = limits(source, raw.limit, decision);
        let floor = floor(source, raw.floor, decision);
        let mut conditions = Vec::new();
        for (path, value) in raw.conditions {
            Condition::read(source, path, value, &mut conditions);
        }
        let selectors = raw.tools.map(|names| selectors(source, names, decision));
        if let Some(catalog) = catalog {
            let limits = limits.as_deref().unwrap_or_default();
            check(source, selectors.as_deref().unwrap_or_default(), &conditions, limits, catalog);
        }
        let id = raw.id?;
        if id.get_ref().is_empty() || id.get_ref().chars().any(char::is_control) {
            source.problem(id.span(), "the `id` of a rule must be a readable name", None);
        }
        Some(Self {
            line: source.line_at(raw.span.start),
            selectors: selectors?,
            conditions,
            decision: decision?,
            callers: callers.ok()?,
            accounts: accounts.ok()?,
            environments: environments.ok()?,
            expires: expires.ok()?,
            requirement: requirement?,
            limits: limits?,
            floor: floor?,
            reason: raw.reason.map(Spanned::into_inner),
            id,
        })
    }

    /// What it says.
    pub(super) fn decision(&self) -> Decision {
        self.decision
    }

    /// What a yes takes by it.
    pub(super) fn requirement(&self) -> Requirement {
        self.requirement
    }

    /// The strictest that it can say: over a limit, an `allow` is an `ask`.
    pub(super) fn strictest(&self) -> Decision {
        if self.limits.is_empty() { self.decision } else { self.decision.max(Decision::Ask) }
    }

    /// What the call would use of its limits; `None` for one of which nobody can say.
    pub(super) fn uses(&self, facts: &Facts<'_>) -> impl Iterator<Item = Option<Use>> {
        self.limits.iter().map(|limit| limit.used_by(self.id.get_ref(), facts))
    }

    /// Does no grant answer what it asks about?
    pub(super) fn is_floor(&self) -> bool {
        self.floor
    }

    /// Its name, and where that stands.
    pub(super) fn id(&self) -> &Text {
        &self.id
    }

    /// The one-based line where it begins.
    pub(super) fn line(&self) -> usize {
        self.line
    }

    /// The owner's words.
    pub(super) fn reason(&self) -> Option<&String> {
        self.reason.as_ref()
    }

    /// Is it about the tool at all?
    pub(super) fn is_about(&self, reach: &Reach<'_>) -> bool {
        self.selectors.iter().any(|selector| reach.includes(selector.get_ref(), self.decision))
    }

    /// Can it apply to some of these calls?
    pub(super) fn may_match(&self, calls: Calls<'_>, reach: &Reach<'_>) -> bool {
        match calls {
            Calls::All => self.is_about(reach),
            Calls::By(caller) => self.is_about(reach) && self.speaks_to(caller),
            Calls::Like(facts) => self.matches_by(facts, reach, |_| false),
        }
    }

    /// Does it apply to each of these calls, of which `may_match` says that it can apply to some?
    pub(super) fn must_match(&self, calls: Calls<'_>) -> bool {
        match calls {
            Calls::All => self.is_unconditional(None),
            Calls::By(caller) => self.is_unconditional(Some(caller)),
            Calls::Like(_) => self.conditions.is_empty(),
        }
    }

    /// Can it say something to this caller?
    pub(super) fn speaks_to(&self, caller: &Caller) -> bool {
        self.callers.as_ref().is_none_or(|callers| callers.contains(caller))
    }

    /// Does it apply to every call of its tools, whatever arguments, account, environment and time? With `None` for
    /// every caller, else for this one.
    pub(super) fn is_unconditional(&self, caller: Option<&Caller>) -> bool {
        self.conditions.is_empty()
            && self.accounts.is_none()
            && self.environments.is_none()
            && self.expires.is_none()
            && caller.map_or(self.callers.is_none(), |caller| self.speaks_to(caller))
    }

    /// Does it apply to the call? What can't be evaluated counts where the rule tightens, not where it allows.
    pub(super) fn matches(&self, facts: &Facts<'_>, reach: &Reach<'_>) -> bool {
        self.matches_by(facts, reach, |_| true)
    }

    /// The facts that say whether it applies to the call: none where all else says that it does not.
    pub(super) fn deciding_facts<'r>(&'r self, facts: &Facts<'_>, reach: &Reach<'_>) -> Vec<&'r str> {
        let of_facts: Vec<_> = self.conditions.iter().filter_map(Condition::fact).collect();
        let matters = !of_facts.is_empty() && self.matches_by(facts, reach, |condition| condition.fact().is_none());
        if matters { of_facts } else { Vec::new() }
    }

    /// Are all its conditions on parameters?
    pub(super) fn goes_by_no_fact(&self) -> bool {
        self.conditions.iter().all(|condition| condition.fact().is_none())
    }

    fn matches_by(&self, facts: &Facts<'_>, reach: &Reach<'_>, counts: impl Fn(&Condition) -> bool) -> bool {
        let (quantifier, enough) = match self.decision {
            Decision::Allow => (Quantifier::Every, Truth::True),
            Decision::Ask | Decision::Deny => (Quantifier::Some, Truth::Unknown),
        };
        let conditions = self.conditions.iter().filter(|condition| counts(condition));
        let truths = conditions.map(|condition| condition.holds(facts, quantifier));
        self.is_about(reach)
            && self.speaks_to(facts.caller)
            && self.accounts.as_ref().is_none_or(|accounts| accounts.iter().any(|account| account == facts.account))
            && self.environments.as_ref().is_none_or(|environments| environments.contains(&facts.environment))
            && self.expires.is_none_or(|expires| facts.now < expires)
            && truths.min().unwrap_or(Truth::True) >= enough
    }
}

/// What a diff shows: all that matters for the tool at hand, so neither the other tools nor the owner's words.
impl fmt::Display for Rule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "rule {}: {}", self.id.get_ref(), self.decision)?;
        for (index, condition) in self.conditions.iter().enumerate() {
            write!(formatter, "{} {condition}", if index == 0 { " where" } else { "," })?;
        }
        if let Some(callers) = &self.callers {
            write!(formatter, "; caller {}", ticked(callers.iter()))?;
        }
        if let Some(accounts) = &self.accounts {
            write!(formatter, "; account {}", ticked(accounts.iter()))?;
        }
        if let Some(environments) = &self.environments {
            write!(formatter, "; env {}", ticked(environments.iter()))?;
        }
        if !self.requirement.is_plain() {
            write!(formatter, "; {}", self.requirement)?;
        }
        self.limits.iter().try_for_each(|limit| write!(formatter, "; {limit}"))?;
        if self.floor {
            formatter.write_str("; floor")?;
        }
        self.expires.iter().try_for_each(|expires| write!(formatter, "; expires {}", rfc3339(*expires)))
    }
}

/// Notes tools, parameters and facts that the catalog doesn't have, and operands that can't be theirs.
fn check(
    source: &mut Source<'_>,
    selectors: &[Spanned<Selector>],
    conditions: &[Condition],
    limits: &[Limit],
    catalog: &Catalog,
) {
    for selector in selectors {
        let (span, selector) = (selector.span(), selector.get_ref());
        if let Some((message, help)) = selector.unknown_in(catalog) {
            source.problem(span, message, help);
            continue;
        }
        let tools: Vec<_> = selector.tools(catalog).collect();
        // a sum over a tool that lacks the parameter would always be over: the rule would never allow there
        let misfits = limits.iter().filter_map(|limit| tools.iter().find_map(|tool| limit.misfit(tool)));
        for (span, message) in misfits {
            source.problem(span, message, "sum a parameter that is a number in every tool of the rule".to_owned());
        }
        for condition in conditions {
            // a wildcard may cover tools that lack the parameter or fact, as long as one has it
            let mut misfits: Vec<_> = tools.iter().map(|tool| condition.misfit(tool, catalog)).collect();
            if misfits.iter().any(Option::is_none) {
                continue;
            }
            let path = condition.path();
            let having = tools.iter().position(|tool| condition.is_of(tool, catalog));
            match (selector, having) {
                (Selector::Prefix(_), None) => source.problem(
                    path.span(),
                    match condition.fact() {
                        Some(fact) => format!("a fact `{fact}` is looked up for no tool of `{selector}`"),
                        None => format!("no tool of `{selector}` has a parameter `{}`", path.get_ref()),
                    },
                    format!("remove the condition, or name another {}", condition.noun()),
                ),
                (Selector::Prefix(_) | Selector::Exact(_), having) => {
                    if let Some((span, message, help)) = misfits.swap_remove(having.unwrap_or(0)) {
                        source.problem(span, message, help);
                    }
                }
            }
        }
    }
}

/// A decision's word.
pub(super) fn decision(source: &mut Source<'_>, text: &Text) -> Option<Decision> {
    text.get_ref().parse().map_err(|reason: String| source.problem(text.span(), reason, None)).ok()
}

fn selectors(source: &mut Source<'_>, names: Vec<Text>, decision: Option<Decision>) -> Vec<Spanned<Selector>> {
    let mut selectors = Vec::new();
    for name in names {
        let span: Range<usize> = name.span();
        if name.get_ref() == "*" && decision == Some(Decision::Allow) {
            let message = "an `allow` rule cannot be about every tool there is";
            source.problem(span, message, "name the tools, or an integration as in `github.*`".to_owned());
            continue;
        }
        match Selector::parse(name.get_ref()) {
            Ok(selector) => selectors.push(Spanned::new(span, selector)),
            Err(reason) => source.problem(span, reason, None),
        }
    }
    selectors
}

fn all<T>(
    source: &mut Source<'_>,
    names: Option<Vec<Text>>,
    read: impl Fn(&str) -> Result<T, String>,
) -> Result<Option<Vec<T>>, ()> {
    let read_one = |name: Text| read(name.get_ref()).map_err(|reason| source.problem(name.span(), reason, None));
    let all = names.map(|names| names.into_iter().map(read_one).collect::<Vec<_>>());
    all.map(|all| all.into_iter().collect()).transpose()
}

/// How much a rule may allow. `None`, and problems noted, where it cannot be read.
fn limits(
    source: &mut Source<'_>,
    raw: Option<Spanned<DeValue<'_>>>,
    decision: Option<Decision>,
) -> Option<Vec<Limit>> {
    let Some(raw) = raw else { return Some(Vec::new()) };
    let span = raw.span();
    let limits = Limit::read(source, raw);
    match decision {
        Some(Decision::Ask | Decision::Deny) => {
            let help = "say `decision = \"allow\"`, or remove the key".to_owned();
            source.problem(span, "`limit` is for rules that allow", help);
            None
        }
        Some(Decision::Allow) | None => limits,
    }
}

/// Whether a grant can answer what the rule asks about.
fn floor(source: &mut Source<'_>, raw: Option<Spanned<Value>>, decision: Option<Decision>) -> Option<bool> {
    let Some(raw) = raw else { return Some(false) };
    let span = raw.span();
    match (raw.into_inner().as_bool(), decision) {
        (None, _) => source.problem(span, "`floor` must be true or false", None),
        (Some(floor), Some(Decision::Ask) | None) => return Some(floor),
        (Some(_), Some(Decision::Allow | Decision::Deny)) => {
            let help = "say `decision = \"ask\"`, or remove the key".to_owned();
            source.problem(span, "`floor` is for rules that ask", help);
        }
    }
    None
}

fn instant(source: &mut Source<'_>, text: &Text) -> Result<Millis, ()> {
    match text.get_ref().parse::<jiff::Timestamp>() {
        Ok(instant) if text.get_ref().ends_with('Z') => Ok(instant.as_millisecond()),
        Ok(_) | Err(_) => {
            let message = format!("`{}` is not a time in UTC", text.get_ref());
            source.problem(text.span(), message, "write it as in `2026-12-31T00:00:00Z`".to_owned());
            Err(())
        }
    }
}
