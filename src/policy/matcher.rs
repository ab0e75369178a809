//! A condition of a rule, and whether it holds for the arguments of a call, or for a fact that was looked up for it.
//! Three-valued: where the value is not known, or of another type, there is no answer, and what that means is up to the
//! rule.

use std::fmt;

use serde_json::Value;
use toml::{Spanned, de::DeValue};

use super::{
    Facts,
    fact::{self, fact_of},
    operator::Operator,
    selector::did_you_mean,
    value::{Text, members, ticked},
};
use crate::{
    catalog::{Catalog, Param, Tool, Type, mail::RECIPIENTS},
    diagnostic::Source,
};

/// Three-valued logic: "and" is the least, "or" the greatest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Truth {
    /// It does not hold.
    False,
    /// It can't be evaluated.
    Unknown,
    /// It holds.
    True,
}

impl Truth {
    /// The opposite; of nothing known, nothing is known.
    pub(super) fn negated(self) -> Self {
        match self {
            Self::False => Self::True,
            Self::Unknown => Self::Unknown,
            Self::True => Self::False,
        }
    }
}

impl From<bool> for Truth {
    fn from(holds: bool) -> Self {
        if holds { Self::True } else { Self::False }
    }
}

/// How many elements of a list must fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quantifier {
    /// All of them, and there must be one: for `allow`.
    Every,
    /// One is enough: for `ask` and `deny`.
    Some,
}

/// What must hold of one parameter or fact: all operators, of the same value.
#[derive(Debug, Clone)]
pub(super) struct Condition {
    path: Text,
    operators: Vec<Spanned<Operator>>,
}

impl Condition {
    /// Reads `path = { max = 500 }`; `{ country = { any = ["DE"] } }` is the condition on `path.country`.
    pub(super) fn read(source: &mut Source<'_>, path: Text, value: Spanned<DeValue<'_>>, into: &mut Vec<Self>) {
        let Some(table) = members(source, path.get_ref(), value) else { return };
        let mut operators = Vec::new();
        if table.is_empty() {
            source.problem(path.span(), format!("`{}` has no operator", path.get_ref()), operators_help());
        }
        for (key, value) in table {
            let name = key.get_ref().as_ref();
            if Operator::NAMES.contains(&name) {
                let operator = Operator::read(source, name, value);
                operators.extend(operator.map(|operator| Spanned::new(key.span(), operator)));
            } else if value.get_ref().is_table() {
                Self::read(source, Spanned::new(key.span(), format!("{}.{name}", path.get_ref())), value, into);
            } else {
                let help = did_you_mean(name, Operator::NAMES.into_iter()).unwrap_or_else(operators_help);
                source.problem(key.span(), format!("unknown operator `{name}`"), help);
            }
        }
        if !operators.is_empty() {
            into.push(Self { path, operators });
        }
    }

    /// Does it hold?
    pub(super) fn holds(&self, facts: &Facts<'_>, quantifier: Quantifier) -> Truth {
        if let Some(fact) = self.fact() {
            return match facts.findings.and_then(|findings| fact::slots(findings, fact)) {
                Some(slots) => self.of_slots(slots, None, quantifier),
                None => Truth::Unknown,
            };
        }
        let tool = facts.tool;
        let (Some(arguments), Some(param)) = (facts.arguments, tool.param_at(self.path.get_ref())) else {
            return Truth::Unknown;
        };
        let mut slots = Vec::new();
        let mut path = self.path.get_ref().split('.');
        // an address is judged without the name beside it, and `recipients` is no argument
        let judged = tool.judged(self.path.get_ref(), arguments);
        let first = path.next().and_then(|first| judged.as_ref().or_else(|| arguments.as_map().get(first)));
        find(first, &path.collect::<Vec<_>>(), &mut slots);
        self.of_slots(slots, Some(param), quantifier)
    }

    fn of_slots(&self, mut slots: Vec<Slot<'_>>, param: Option<&Param>, quantifier: Quantifier) -> Truth {
        if slots.is_empty() && self.operators.iter().all(|operator| matches!(operator.get_ref(), Operator::Present(_)))
        {
            // no element on the way, so nothing is there
            slots.push(Slot::Absent);
        }
        let truths = slots.iter().flat_map(|slot| self.of_slot(slot, param));
        match quantifier {
            Quantifier::Every => truths.min().unwrap_or(Truth::False),
            Quantifier::Some => truths.max().unwrap_or(Truth::False),
        }
    }

    /// The fact that it is about: `charge.currency`. `None`: it is about a parameter.
    pub(super) fn fact(&self) -> Option<&str> {
        fact_of(self.path.get_ref())
    }

    /// What it is about is one.
    pub(super) fn noun(&self) -> &'static str {
        if self.fact().is_some() { "fact" } else { "parameter" }
    }

    /// Does the tool have what it is about?
    pub(super) fn is_of(&self, tool: &Tool, catalog: &Catalog) -> bool {
        match self.fact() {
            Some(fact) => fact::misfit(fact, tool, catalog).is_none(),
            None => tool.param_at(self.path.get_ref()).is_some(),
        }
    }

    /// Why it can never be evaluated for `tool`: the place, the problem, the help.
    pub(super) fn misfit(
        &self,
        tool: &Tool,
        catalog: &Catalog,
    ) -> Option<(std::ops::Range<usize>, String, Option<String>)> {
        if let Some(fact) = self.fact() {
            return fact::misfit(fact, tool, catalog).map(|(problem, help)| (self.path.span(), problem, help));
        }
        let (name, path) = (tool.policy_name(), self.path.get_ref());
        let Some(ty) = tool.type_at(path) else {
            let mut known = Vec::new();
            paths("", &tool.params, &mut known);
            known.extend(tool.param_at(RECIPIENTS).map(|param| param.name.clone()));
            let help = did_you_mean(path, known.iter().map(String::as_str))
                .or_else(|| (!known.is_empty()).then(|| format!("its parameters are {}", ticked(known.iter()))));
            return Some((self.path.span(), format!("`{name}` has no parameter `{path}`"), help));
        };
        self.operators.iter().find_map(|operator| {
            let reason = operator.get_ref().misfit(ty)?;
            Some((operator.span(), format!("`{path}` of `{name}`: {reason}"), None))
        })
    }

    /// What it is about.
    pub(super) fn path(&self) -> &Text {
        &self.path
    }

    /// One answer for each element that the value has.
    fn of_slot(&self, slot: &Slot<'_>, param: Option<&Param>) -> Vec<Truth> {
        let value = match slot {
            Slot::Given(value) => Some(*value),
            Slot::Absent => param.and_then(|param| param.absent.as_ref().filter(|absent| is_value(absent, &param.ty))),
            Slot::Misplaced => None,
        };
        let answer = |operator: &Operator, value: Option<&Value>| match (operator, value) {
            (Operator::Present(present), _) => (*present == matches!(slot, Slot::Given(_))).into(),
            (operator, Some(value)) => operator.of(value),
            (_, None) => Truth::Unknown,
        };
        let all = |whole: bool, value: Option<&Value>| {
            let operators =
                self.operators.iter().map(Spanned::get_ref).filter(|operator| operator.is_of_whole() == whole);
            operators.map(|operator| answer(operator, value)).min().unwrap_or(Truth::True)
        };
        let of_whole = all(true, value);
        if self.operators.iter().all(|operator| operator.get_ref().is_of_whole()) {
            return vec![of_whole];
        }
        let Some(value) = value else { return vec![of_whole.min(all(false, None))] };
        let mut elements = Vec::new();
        flatten(value, &mut elements);
        elements.into_iter().map(|element| of_whole.min(all(false, Some(element)))).collect()
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.path.get_ref())?;
        self.operators.iter().try_for_each(|operator| write!(formatter, " {}", operator.get_ref()))
    }
}

/// What stands at the place of a parameter or a fact.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Slot<'a> {
    /// A value, given or filled in.
    Given(&'a Value),
    /// Nothing; the vendor may assume something.
    Absent,
    /// Something on the way is not an object, so nobody knows.
    Misplaced,
}

/// All that stands at `path`, for every element of a list on the way. Unlike `Arguments::assumed` it tells the
/// elements that lack it.
fn find<'a>(value: Option<&'a Value>, path: &[&str], slots: &mut Vec<Slot<'a>>) {
    match (value, path) {
        (None, _) => slots.push(Slot::Absent),
        (Some(value), []) => slots.push(Slot::Given(value)),
        (Some(Value::Object(map)), [first, rest @ ..]) => find(map.get(*first), rest, slots),
        (Some(Value::Array(items)), path) => items.iter().for_each(|item| find(Some(item), path, slots)),
        (Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)), [_, ..]) => {
            slots.push(Slot::Misplaced);
        }
    }
}

fn flatten<'a>(value: &'a Value, elements: &mut Vec<&'a Value>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| flatten(item, elements)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => elements.push(value),
    }
}

/// Manifests may say in words what a vendor assumes; words that the parameter can't have are no value to judge.
fn is_value(absent: &Value, ty: &Type) -> bool {
    match ty {
        Type::String { pattern, choices, .. } => absent.as_str().is_some_and(|text| {
            pattern.as_ref().is_none_or(|pattern| pattern.matches(text))
                && choices.as_ref().is_none_or(|choices| choices.iter().any(|choice| choice == text))
        }),
        Type::Integer { .. } => absent.is_i64() || absent.is_u64(),
        Type::Number { .. } => absent.is_number(),
        Type::Boolean => absent.is_boolean(),
        Type::Value { .. } => !absent.is_null() && !absent.is_object(),
        Type::Array { items, .. } => {
            absent.as_array().is_some_and(|elements| elements.iter().all(|element| is_value(element, &items.ty)))
        }
        Type::Object { .. } | Type::Map { .. } => absent.is_object(),
    }
}

fn paths(before: &str, params: &[Param], into: &mut Vec<String>) {
    for param in params {
        let path = if before.is_empty() { param.name.clone() } else { format!("{before}.{}", param.name) };
        paths(&path, param.ty.fields().unwrap_or_default(), into);
        into.push(path);
    }
}

fn operators_help() -> String {
    format!("the operators are {}", ticked(Operator::NAMES.iter()))
}
