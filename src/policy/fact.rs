//! Conditions on what was looked up: `facts.charge.currency` is the member `currency` of what the tool's preview `charge`
//! found. A fact of which nobody knows how it stands holds for nothing, `present = false` included.

use super::{matcher::Slot, selector::did_you_mean, value::ticked};
use crate::{
    catalog::{Catalog, Tool, ask::ShowUnit},
    findings::{Findings, Found},
};

/// How a condition's path begins that is about a fact.
const FACTS: &str = "facts.";
/// How many rows a statement meets; its database is asked without a preview of the manifest.
const DATABASE_ROWS: &str = "database.rows";

/// `charge.currency` of `facts.charge.currency`; `None` where the path is a parameter's.
pub(super) fn fact_of(path: &str) -> Option<&str> {
    path.strip_prefix(FACTS)
}

/// All that stands there. `None`: it was not looked up, or that failed.
pub(super) fn slots<'f>(findings: &'f Findings, fact: &str) -> Option<Vec<Slot<'f>>> {
    let (name, path) = fact.split_once('.')?;
    let values = findings.all.iter().find_map(|finding| match &finding.found {
        Found::Facts { values, .. } if finding.name == name && !values.is_null() => Some(values),
        Found::Facts { .. } | Found::Problem(_) => None,
    })?;
    let mut slots = Vec::new();
    walk(values, &path.split('.').collect::<Vec<_>>(), &mut slots);
    Some(slots)
}

/// Why a condition on the fact can never be evaluated for the tool: the problem and the help.
pub(super) fn misfit(fact: &str, tool: &Tool, catalog: &Catalog) -> Option<(String, Option<String>)> {
    let known = names(tool, catalog);
    let wanted = plain(fact);
    let covers = |outer: &str, inner: &str| inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with('.'));
    let has_field = fact.contains('.');
    if known.iter().any(|name| {
        let name = plain(name);
        has_field && (name == wanted || covers(&name, &wanted) || covers(&wanted, &name))
    }) {
        return None;
    }
    let full: Vec<String> = known.iter().map(|name| format!("{FACTS}{name}")).collect();
    let help = did_you_mean(&format!("{FACTS}{fact}"), full.iter().map(String::as_str)).or_else(|| {
        let mut looks: Vec<_> = tool.ask.previews.iter().map(|preview| preview.name.as_str()).collect();
        looks.dedup();
        let first = known.first().map(|name| format!(", such as `{FACTS}{name}`")).unwrap_or_default();
        (!looks.is_empty()).then(|| format!("it looks up {}{first}", ticked(looks.iter())))
    });
    Some((format!("no fact `{fact}` is looked up for `{}`", tool.policy_name()), help))
}

/// What is known to be in the answers that the tool's previews get: `charge.currency`.
fn names(tool: &Tool, catalog: &Catalog) -> Vec<String> {
    let mut names = Vec::new();
    for preview in &tool.ask.previews {
        let mut add = |field: &str| {
            let name = format!("{}.{field}", preview.name);
            if !field.is_empty() && field != "." && !names.contains(&name) {
                names.push(name);
            }
        };
        for show in &preview.show {
            add(&show.field);
            if let Some(ShowUnit::Minor(currency)) = &show.unit {
                add(currency);
            }
        }
        let read = catalog.find(&format!("{}.{}", tool.integration.id, preview.call));
        read.iter().flat_map(|read| &read.answer.keep).for_each(|field| add(field));
    }
    if tool.executes_statements() {
        names.push(DATABASE_ROWS.to_owned());
    }
    names
}

/// The path without the numbers of elements, as `keep` has it.
fn plain(path: &str) -> String {
    let parts = path.split('.').filter(|part| part.parse::<usize>().is_err());
    parts.collect::<Vec<_>>().join(".")
}

/// A number is one element of a list; without one, every element has its say.
fn walk<'f>(value: &'f serde_json::Value, path: &[&str], slots: &mut Vec<Slot<'f>>) {
    use serde_json::Value;
    match (value, path) {
        (Value::Null, _) => slots.push(Slot::Absent),
        (value, []) => slots.push(Slot::Given(value)),
        (Value::Object(members), [first, rest @ ..]) => match members.get(*first) {
            Some(member) => walk(member, rest, slots),
            None => slots.push(Slot::Absent),
        },
        (Value::Array(items), [first, rest @ ..]) => match first.parse::<usize>() {
            Ok(index) => match items.get(index) {
                Some(item) => walk(item, rest, slots),
                None => slots.push(Slot::Absent),
            },
            Err(_) => items.iter().for_each(|item| walk(item, path, slots)),
        },
        (Value::Bool(_) | Value::Number(_) | Value::String(_), [_, ..]) => slots.push(Slot::Misplaced),
    }
}
