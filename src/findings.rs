//! What the gateway looked up itself before a human decides: the charge of a refund, the open work of a repository, the
//! rows that a statement would touch. It stands on the page beside the exact request, is kept in the log with the
//! approval, and is compared again at the yes: what changed meanwhile is shown first, and nothing is sent.
//!
//! Any upstream fills it the same way. Where a manifest's `[[tool.preview]]` says what to look up, `gateway::previewing`
//! calls the reads and makes one [`Finding`] of each. An upstream with questions of its own (a count of rows, a table's
//! size) makes its reads in `gateway::foreseeing`, as records of the caller `agentport`, and adds findings with
//! [`Found::facts`]: one [`Fact`] a line, `name` being what policies say (`facts.<name>.<field>`) and `values` what they
//! compare. What could not be looked up is a finding as well, [`Found::Problem`], and stops nothing.
//!
//! INVARIANT: [`Findings::digest`] covers everything that is shown and nothing else, so that the same facts looked up
//! twice are the same, and no other ones are.

mod difference;
mod meaning;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub use self::{
    difference::{Difference, Holds},
    meaning::{Meaning, rows},
};
use crate::{canonical, clock::Millis, plan::Digest, visible::visible};

/// The longest text of one fact, in bytes of JSON: what a person reads before saying yes.
const LONGEST_FACT: usize = 8 * 1024;
/// How much of an answer is kept for policies to compare.
const LONGEST_VALUES: usize = 32 * 1024;
/// The most facts of one finding.
const MOST_FACTS: usize = 60;

/// Everything that was looked up for one approval.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Findings {
    /// When, in milliseconds since the Unix epoch.
    pub at: Millis,
    /// In the order in which they were looked up.
    pub all: Vec<Finding>,
}

/// One look: `charge`, by `stripe.get_charge`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// What headlines, later looks and policies call it.
    pub name: String,
    /// The policy name of the read.
    pub source: String,
    /// What came of it.
    pub found: Found,
}

/// What came of a look.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Found {
    /// This is how things stand.
    Facts {
        /// Line by line, for the human.
        shown: Vec<Fact>,
        /// The whole answer, for policies; null where it is too large to keep.
        values: Value,
    },
    /// It could not be looked up, and why.
    Problem(String),
}

/// One line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fact {
    /// `Charged`
    pub label: String,
    /// As the service has it.
    pub value: Value,
    /// What the value is.
    #[serde(default, skip_serializing_if = "Meaning::is_plain")]
    pub meaning: Meaning,
    /// What the call would make of it, where the call changes just this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub then: Option<Value>,
    /// How far it may have moved when the yes comes.
    #[serde(default, skip_serializing_if = "Holds::is_exact")]
    pub holds: Holds,
}

impl Found {
    /// Facts, within the bounds: what is too much to be read is a problem, never cut off.
    pub fn facts(shown: Vec<Fact>, values: Value) -> Self {
        if shown.len() > MOST_FACTS || shown.iter().any(|fact| fact.size() > LONGEST_FACT) {
            return Self::Problem(
                "what was found is too long to show here; look at it in the service itself".to_owned(),
            );
        }
        let kept = canonical::text(&values).len() <= LONGEST_VALUES;
        Self::Facts { shown, values: if kept { values } else { Value::Null } }
    }
}

impl Fact {
    /// A line that says what it is.
    pub fn plain(label: impl Into<String>, value: Value) -> Self {
        Self { label: label.into(), value, meaning: Meaning::Plain, then: None, holds: Holds::Exactly }
    }

    /// How it stands, for people: `12.50 USD`, `2026-11-24T16:00:00Z`. `None` where the value says it already.
    pub fn human(&self) -> Option<String> {
        self.in_words(&self.value)
    }

    /// The same in fewer words: `12 of 1,000 rows`.
    pub fn brief(&self) -> Option<String> {
        self.meaning.in_brief(&self.value)
    }

    /// The same of what it would become.
    pub fn human_then(&self) -> Option<String> {
        self.then.as_ref().and_then(|then| self.in_words(then))
    }

    /// The whole line for a terminal, nothing in it hidden.
    pub fn line(&self) -> String {
        let said = |value: &Value, human: Option<String>| match human {
            Some(human) => format!("{human} ({})", visible(&text(value))),
            None => visible(&text(value)),
        };
        let now = said(&self.value, self.human());
        match &self.then {
            Some(then) => format!("{now} -> {}", said(then, self.human_then())),
            None => now,
        }
    }

    fn in_words(&self, value: &Value) -> Option<String> {
        self.meaning.in_words(value)
    }

    fn size(&self) -> usize {
        canonical::text(&json!([self.label, self.value, self.then])).len()
    }
}

impl Findings {
    /// SHA-256 of all that is shown.
    pub fn digest(&self) -> [u8; 32] {
        let shown: Vec<Value> = self
            .all
            .iter()
            .map(|finding| match &finding.found {
                Found::Facts { shown, .. } => json!([finding.name, finding.source, shown]),
                // why it failed may differ each time: that it failed is what was shown
                Found::Problem(_) => json!([finding.name, finding.source]),
            })
            .collect();
        canonical::sha256("agentport/findings/1", &[canonical::text(&json!(shown)).as_bytes()])
    }

    /// What a yes is for that was said before these findings: they and the plan.
    pub fn shown_with(&self, plan: Digest) -> Digest {
        canonical::sha256("agentport/shown/1", &[plan.as_bytes(), &self.digest()]).into()
    }

    /// The lines of one look; none where it found nothing.
    pub fn facts_of(&self, name: &str) -> &[Fact] {
        let finding = self.all.iter().find(|finding| finding.name == name);
        match finding.map(|finding| &finding.found) {
            Some(Found::Facts { shown, .. }) => shown,
            Some(Found::Problem(_)) | None => &[],
        }
    }

    /// The value of `charge.currency`; where the name or a part of the way is not there, nothing.
    pub fn value(&self, path: &str) -> Option<&Value> {
        let (name, rest) = path.split_once('.')?;
        let finding = self.all.iter().find(|finding| finding.name == name)?;
        match &finding.found {
            Found::Facts { values, .. } => at(values, rest),
            Found::Problem(_) => None,
        }
    }

    /// What somebody supposes, by the names of the looks: to try a policy on, never to decide a call by.
    pub fn supposed(facts: &serde_json::Map<String, Value>) -> Self {
        let one = |(name, values): (&String, &Value)| Finding {
            name: name.clone(),
            source: "supposed".to_owned(),
            found: Found::Facts { shown: Vec::new(), values: values.clone() },
        };
        Self { at: 0, all: facts.iter().map(one).collect() }
    }

    /// The same as it was shown, with the values that `later` found in its stead.
    #[must_use]
    pub fn updated(&self, later: &Self) -> Self {
        let one = |finding: &Finding| {
            let again = later.all.iter().find_map(|other| match &other.found {
                Found::Facts { values, .. } if other.name == finding.name => Some(values),
                Found::Facts { .. } | Found::Problem(_) => None,
            });
            let found = match (&finding.found, again) {
                (Found::Facts { shown, .. }, Some(values)) => {
                    Found::Facts { shown: shown.clone(), values: values.clone() }
                }
                (found, _) => found.clone(),
            };
            Finding { found, ..finding.clone() }
        };
        Self { at: later.at, all: self.all.iter().map(one).collect() }
    }

    /// The most rows that the call may touch, where that is among what was shown: with a yes to it, what touches more is
    /// taken back.
    pub fn most_rows(&self) -> Option<u64> {
        let facts = self.all.iter().flat_map(|finding| match &finding.found {
            Found::Facts { shown, .. } => shown.as_slice(),
            Found::Problem(_) => &[],
        });
        facts.filter(|fact| fact.meaning == Meaning::MostRows).filter_map(|fact| fact.value.as_u64()).min()
    }
}

/// What stands at `a.b.0`; a number counts in a list.
pub fn at<'v>(value: &'v Value, path: &str) -> Option<&'v Value> {
    path.split('.').try_fold(value, |value, part| match value {
        Value::Object(members) => members.get(part),
        Value::Array(items) => items.get(part.parse::<usize>().ok()?),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    })
}

/// A text as it is, everything else as JSON.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => format!("\"{text}\""),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => canonical::text(value),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A charge of which something was refunded before.
    pub(crate) fn charge(refunded: i64) -> Findings {
        let fact = |label: &str, value: Value, meaning| Fact {
            label: label.to_owned(),
            value,
            meaning,
            then: None,
            holds: Holds::Exactly,
        };
        let usd = || Meaning::Money("usd".to_owned());
        let values = json!({"amount": 5_000, "currency": "usd", "amount_refunded": refunded, "tags": ["a", "b"]});
        Findings {
            at: 1,
            all: vec![
                Finding {
                    name: "charge".to_owned(),
                    source: "stripe.get_charge".to_owned(),
                    found: Found::facts(
                        vec![
                            fact("Charged", json!(5_000), usd()),
                            fact("Refunded before", json!(refunded), usd()),
                            fact("On", json!(1_764_000_000), Meaning::Time),
                            fact("For", json!("x\u{202E}y"), Meaning::Plain),
                        ],
                        values,
                    ),
                },
                Finding {
                    name: "customer".to_owned(),
                    source: "stripe.get_customer".to_owned(),
                    found: Found::Problem("`stripe` answered 404".to_owned()),
                },
            ],
        }
    }

    #[test]
    fn what_is_shown_twice_alike_has_one_digest_and_nothing_else_has_it() {
        let (one, later) = (charge(0), Findings { at: 2, ..charge(0) });
        assert_eq!(one.digest(), later.digest());
        assert_ne!(one.digest(), charge(1).digest());
        let differences = charge(700).differences(&one);
        assert_eq!(
            differences,
            [Difference {
                what: "charge: Refunded before".to_owned(),
                before: Some("0.00 USD (0)".to_owned()),
                after: Some("7.00 USD (700)".to_owned()),
            }]
        );
        assert_eq!(later.differences(&one), []);
    }

    #[test]
    fn a_fact_that_is_gone_is_a_difference_and_so_is_a_new_one() {
        let all = charge(0);
        let fewer = Findings { at: 1, all: vec![all.all[1].clone()] };
        assert_eq!(all.differences(&fewer).iter().filter(|one| one.before.is_none()).count(), 4);
        assert_eq!(fewer.differences(&all).iter().filter(|one| one.after.is_none()).count(), 4);
    }

    #[test]
    fn values_are_found_by_name_and_path() {
        let found = charge(3);
        assert_eq!(found.value("charge.currency"), Some(&json!("usd")));
        assert_eq!(found.value("charge.tags.1"), Some(&json!("b")));
        for path in ["charge", "charge.x", "charge.tags.2", "charge.amount.x", "customer.email", "nobody.x", ""] {
            assert_eq!(found.value(path), None, "{path}");
        }
    }

    #[test]
    fn t165_a_line_hides_nothing() {
        let Found::Facts { shown, .. } = &charge(0).all[0].found else { panic!() };
        let lines: Vec<_> = shown.iter().map(Fact::line).collect();
        assert_eq!(lines[0], "50.00 USD (5000)");
        assert_eq!(lines[2], "2025-11-24 16:00:00 UTC (1764000000)");
        assert_eq!(lines[3], "\"x⟨U+202E⟩y\"");
    }

    #[test]
    fn what_is_too_long_is_said_and_never_cut() {
        let long = Fact::plain("Body", json!("x".repeat(LONGEST_FACT)));
        assert!(matches!(Found::facts(vec![long], Value::Null), Found::Problem(_)));
        let large = json!("x".repeat(LONGEST_VALUES));
        assert_eq!(Found::facts(Vec::new(), large), Found::Facts { shown: Vec::new(), values: Value::Null });
    }
}
