//! `limit` of a rule that allows: how much it may let through in a period. The policy says which limits a call falls
//! under and what it would use of them; what was used, the ledger counts, in the transaction that lets the call run.
//!
//! INVARIANT: amounts are whole millionths, rounded against the caller, so that a sum is exact whatever its order.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Number, Value};
use toml::{Spanned, de::DeValue};

use super::{
    Facts,
    file::unknown_key,
    requirement::period,
    value::{Text, elements, json, members, text},
};
use crate::{
    catalog::{Tool, Type},
    clock::Millis,
    config::parse_duration,
    diagnostic::Source,
};

/// One in the unit that amounts are counted in.
const ONE: i64 = 1_000_000;
/// The shortest and the longest period.
const PER: std::ops::RangeInclusive<Millis> = 60_000..=366 * 24 * 3_600_000;

/// What is counted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Measure {
    /// Calls.
    Count,
    /// The values of this parameter.
    Sum(String),
}

/// What a call would use of a limit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Use {
    /// The rule, by its id: its calls count together, whoever makes them and with whichever account.
    pub rule: String,
    /// What is counted.
    pub measure: Measure,
    /// How much of it this call is, in millionths.
    pub takes: i64,
    /// How much there may be, in millionths.
    pub max: i64,
    /// In so many milliseconds up to now.
    pub per: Millis,
}

impl Use {
    /// Is there room for it where so much is used?
    pub fn fits(&self, used: i64) -> bool {
        used.checked_add(self.takes).is_some_and(|all| all <= self.max)
    }

    /// How much is used, of how much: `7 of 10 calls in 1d`.
    pub fn of(&self, used: i64) -> String {
        let (used, max, per) = (shown(used), shown(self.max), period(self.per));
        match &self.measure {
            Measure::Count => format!("{used} of {max} calls in {per}"),
            Measure::Sum(path) => format!("`{path}` {used} of {max} in {per}"),
        }
    }
}

/// One limit, compiled.
#[derive(Debug, Clone)]
pub(super) struct Limit {
    measure: Measure,
    max: i64,
    per: Millis,
    path: Option<Text>,
}

impl Limit {
    /// Reads the list of a rule. `None`, and problems noted, where one can't be read.
    pub(super) fn read(source: &mut Source<'_>, value: Spanned<DeValue<'_>>) -> Option<Vec<Self>> {
        elements(source, "limit", value)?.into_iter().map(|one| Self::one(source, one)).collect()
    }

    fn one(source: &mut Source<'_>, value: Spanned<DeValue<'_>>) -> Option<Self> {
        let span = value.span();
        let (mut count, mut sum, mut max, mut per) = (None, None, None, None);
        for (key, value) in members(source, "limit", value)? {
            let at = value.span();
            match key.get_ref().as_ref() {
                "count" => count = Some((at, json(source, value))),
                "sum" => sum = text(source, "sum", value),
                "max" => max = Some((at, json(source, value))),
                "per" => per = text(source, "per", value),
                name => unknown_key(source, key.span(), name, &["count", "sum", "max", "per"]),
            }
        }
        let duration = per.as_ref().and_then(|per| parse_duration(per.get_ref()).filter(|per| PER.contains(per)));
        if duration.is_none() {
            let at = per.map_or(span.clone(), |per| per.span());
            source.problem(
                at,
                "`per` must be a duration between 1m and 366d",
                "for example \"1h\" or \"1d\"".to_owned(),
            );
        }
        let (measure, path, (at, most)) = match (count, sum, max) {
            (Some(count), None, None) => (Measure::Count, None, count),
            (None, Some(sum), Some(max)) => (Measure::Sum(sum.get_ref().clone()), Some(sum), max),
            (_, _, _) => {
                let help = "write `{ count = 10, per = \"1d\" }` or `{ sum = \"amount\", max = 2000, per = \"1d\" }`";
                source.problem(span, "a limit has either `count`, or `sum` and `max`", help.to_owned());
                return None;
            }
        };
        let whole = measure != Measure::Count || most.as_ref().is_some_and(Value::is_u64);
        let most = most.as_ref().and_then(Value::as_number).and_then(|number| millionths(number, f64::floor));
        let most = most.filter(|most| whole && *most >= 0);
        if most.is_none() {
            source.problem(at, "a limit must be a number that is not negative, of calls a whole one", None);
        }
        Some(Self { measure, max: most?, per: duration?, path })
    }

    /// What a call would use of it. `None`: nobody can say, which counts as more than there is.
    pub(super) fn used_by(&self, rule: &str, facts: &Facts<'_>) -> Option<Use> {
        let takes = match &self.measure {
            Measure::Count => ONE,
            Measure::Sum(path) => {
                let values = facts.arguments?.assumed(facts.tool, path);
                let [Value::Number(number)] = values.as_slice() else { return None };
                // what is negative would give back what others used
                millionths(number, f64::ceil).filter(|takes| *takes >= 0)?
            }
        };
        Some(Use { rule: rule.to_owned(), measure: self.measure.clone(), takes, max: self.max, per: self.per })
    }

    /// Why it can never be counted for `tool`: the place and the problem.
    pub(super) fn misfit(&self, tool: &Tool) -> Option<(std::ops::Range<usize>, String)> {
        let path = self.path.as_ref()?;
        let (name, called) = (tool.policy_name(), path.get_ref());
        let problem = match tool.type_at(called) {
            Some(Type::Integer { .. } | Type::Number { .. }) => return None,
            Some(
                Type::String { .. }
                | Type::Boolean
                | Type::Value { .. }
                | Type::Array { .. }
                | Type::Object { .. }
                | Type::Map { .. },
            ) => format!("`{called}` of `{name}` is no number"),
            None => format!("`{name}` has no parameter `{called}`"),
        };
        Some((path.span(), problem))
    }
}

/// As a diff shows it.
impl fmt::Display for Limit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (max, per) = (shown(self.max), period(self.per));
        match &self.measure {
            Measure::Count => write!(formatter, "limit {max} calls in {per}"),
            Measure::Sum(path) => write!(formatter, "limit {path} {max} in {per}"),
        }
    }
}

fn millionths(number: &Number, round: fn(f64) -> f64) -> Option<i64> {
    /// From here on not every whole number is one that a float can be.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if let Some(whole) = number.as_i64() {
        return whole.checked_mul(ONE);
    }
    #[expect(clippy::cast_precision_loss, reason = "a million is exact")]
    let scaled = round(number.as_f64()? * ONE as f64);
    #[expect(clippy::cast_possible_truncation, reason = "rounded, and of a size that is exact")]
    (scaled.abs() < EXACT).then_some(scaled as i64)
}

/// Millionths as people write them.
fn shown(amount: i64) -> String {
    let (whole, part) = (amount / ONE, (amount % ONE).abs());
    if part == 0 {
        return whole.to_string();
    }
    format!("{whole}.{part:06}").trim_end_matches('0').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_rounded_against_the_caller() {
        let number = |text: &str| serde_json::from_str::<Number>(text).unwrap();
        let both = |text: &str| (millionths(&number(text), f64::ceil), millionths(&number(text), f64::floor));
        assert_eq!(both("5"), (Some(5 * ONE), Some(5 * ONE)));
        assert_eq!(both("0.1234567"), (Some(123_457), Some(123_456)));
        assert_eq!(both("9223372036854775807"), (None, None));
        assert_eq!(both("1e300"), (None, None));
        assert_eq!((shown(2_500_000), shown(ONE), shown(0)), ("2.5".to_owned(), "1".to_owned(), "0".to_owned()));
    }

    #[test]
    fn there_is_room_up_to_the_limit_and_not_beyond() {
        let one = Use { rule: "r".into(), measure: Measure::Count, takes: ONE, max: 2 * ONE, per: 60_000 };
        assert_eq!([0, ONE, 2 * ONE, i64::MAX].map(|used| one.fits(used)), [true, true, false, false]);
    }
}
