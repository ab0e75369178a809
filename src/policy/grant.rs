//! A standing permission that a human gives beside a yes: a rule in the policy's own syntax, made from the call that was
//! approved, with bounds that the human can move.
//!
//! INVARIANT: a grant names the call's own tool, caller, account and environment, ends within seven days and after so many
//! uses, and bounds every argument that the human did not let go: one that the call did not give may not be given.

use std::collections::BTreeMap;

use serde_json::{Number, Value, json};

use crate::{
    catalog::Tool,
    clock::{Millis, rfc3339},
    plan::Plan,
};

/// How a human bounds one argument of later calls.
#[derive(Debug, Clone, PartialEq)]
pub enum Bound {
    /// As in this call.
    Same,
    /// Up to this number.
    AtMost(Number),
    /// Whatever it is.
    Anything,
}

/// How far a grant goes. An argument that is not named is bounded to what it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Bounds {
    /// By the argument's name.
    pub arguments: BTreeMap<String, Bound>,
    /// For so many hours.
    pub hours: u32,
    /// For so many calls.
    pub uses: u32,
}

/// Why there can be no such grant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GrantError {
    /// It would last too long or not at all.
    #[error("a grant lasts from 1 to {} hours", Bounds::LONGEST)]
    Hours,
    /// For too many calls or none.
    #[error("a grant is for 1 to {} calls", Bounds::MOST)]
    Uses,
    /// No condition can hold it.
    #[error("`{0}` cannot be bounded to what it is here; let it be anything, or approve each call")]
    Unbounded(String),
    /// It is no number.
    #[error("`{0}` is no number that is not negative, so that nothing is at most so much")]
    NoNumber(String),
    /// The call has no such argument.
    #[error("the call has no argument `{0}`")]
    NoArgument(String),
    /// The rules ask all the same.
    #[error("a grant does not answer this call: {0}")]
    Idle(String),
}

impl Bounds {
    /// The longest that a grant lasts, in hours.
    pub const LONGEST: u32 = 7 * 24;
    /// For how many calls at most.
    pub const MOST: u32 = 1_000;
}

/// The rule, with `id`, from `now` on.
///
/// # Errors
/// Why there can be none.
pub fn grant(
    id: &str,
    tool: &Tool,
    plan: &Plan,
    bounds: &Bounds,
    why: &str,
    now: Millis,
) -> Result<(String, Millis), GrantError> {
    if !(1..=Bounds::LONGEST).contains(&bounds.hours) {
        return Err(GrantError::Hours);
    }
    if !(1..=Bounds::MOST).contains(&bounds.uses) {
        return Err(GrantError::Uses);
    }
    let arguments = plan.arguments().as_map();
    if let Some(name) = bounds.arguments.keys().find(|name| !arguments.contains_key(*name)) {
        return Err(GrantError::NoArgument(name.clone()));
    }
    let mut conditions = Vec::new();
    for param in &tool.params {
        let bound = bounds.arguments.get(&param.name).unwrap_or(&Bound::Same);
        let condition = match (arguments.get(&param.name), bound) {
            (None, _) => vec![("present", json!(false))],
            (Some(_), Bound::Anything) => continue,
            (Some(value), Bound::AtMost(most)) => at_most(&param.name, value, most)?,
            (Some(value), Bound::Same) => vec![("any", same(&param.name, value)?)],
        };
        conditions.push((&param.name, condition));
    }
    let expires = now.saturating_add(i64::from(bounds.hours) * 3_600_000);
    let conditions: Vec<_> = conditions
        .into_iter()
        .map(|(name, operators)| {
            let operators: Vec<_> = operators.iter().map(|(operator, value)| format!("{operator} = {value}")).collect();
            format!("{} = {{ {} }}", json!(name), operators.join(", "))
        })
        .collect();
    let mut lines =
        vec!["[[rule]]".to_owned(), format!("id = {}", json!(id)), format!("tools = {}", json!([plan.tool()]))];
    if !conditions.is_empty() {
        lines.push(format!("where = {{ {} }}", conditions.join(", ")));
    }
    lines.extend([
        "decision = \"allow\"".to_owned(),
        format!("caller = {}", json!([plan.caller().as_str()])),
        format!("account = {}", json!([plan.account()])),
        format!("env = {}", json!([plan.environment()])),
        format!("expires = {}", json!(rfc3339(expires))),
        format!("limit = [{{ count = {}, per = \"7d\" }}]", bounds.uses),
        format!("reason = {}", json!(why)),
    ]);
    Ok((lines.join("\n") + "\n", expires))
}

/// The text of many.
pub fn grants_text<'a>(grants: impl Iterator<Item = &'a str>) -> String {
    let rules: Vec<_> = grants.collect();
    format!("schema = 1\n\n{}", rules.join("\n"))
}

/// Elements of a list are each one of those that there are.
fn same(name: &str, value: &Value) -> Result<Value, GrantError> {
    let unbounded = || Err(GrantError::Unbounded(name.to_owned()));
    let scalar = |value: &Value| matches!(value, Value::Bool(_) | Value::Number(_) | Value::String(_));
    match value {
        Value::Array(items) if !items.is_empty() && items.iter().all(scalar) => Ok(value.clone()),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(json!([value])),
        Value::Null | Value::Array(_) | Value::Object(_) => unbounded(),
    }
}

fn at_most(name: &str, value: &Value, most: &Number) -> Result<Vec<(&'static str, Value)>, GrantError> {
    let positive = |number: &Number| number.as_f64().is_some_and(|number| number >= 0.0);
    match value {
        Value::Number(value) if positive(value) && positive(most) => Ok(vec![("min", json!(0)), ("max", json!(most))]),
        Value::Number(_) | Value::Null | Value::Bool(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
            Err(GrantError::NoNumber(name.to_owned()))
        }
    }
}
