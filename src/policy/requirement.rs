//! What a yes takes, where a rule asks for more than anybody's code within the usual time.

use std::fmt;

use serde::{Deserialize, Serialize};
use toml::Spanned;

use super::{Decision, value::Text};
use crate::{approval::Strength, clock::Millis, config::parse_duration, diagnostic::Source};

/// What an `ask` takes to become a yes. The strictest of all rules that matched, and of now and of when it was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Requirement {
    /// The least factor.
    pub approve: Strength,
    /// How many people.
    pub approvers: u8,
    /// Milliseconds after it was asked within which the last yes must come; `None`: as long as it waits.
    pub answer_within: Option<Millis>,
}

impl Default for Requirement {
    fn default() -> Self {
        Self { approve: Strength::Any, approvers: 1, answer_within: None }
    }
}

impl Requirement {
    /// What a yes takes; only a rule that asks can say so. `None`, and problems noted, where it cannot be read.
    pub(super) fn read(
        source: &mut Source<'_>,
        approve: Option<Text>,
        approvers: Option<Spanned<i64>>,
        answer_within: Option<Text>,
        decision: Option<Decision>,
    ) -> Option<Self> {
        const WITHIN: std::ops::RangeInclusive<Millis> = 60_000..=7 * 24 * 3_600_000;
        let mut whole = Self::default();
        let mut good = true;
        let mut spans = Vec::new();
        if let Some(text) = approve {
            spans.push((text.span(), "approve"));
            match text.get_ref().as_str() {
                "any" => {}
                "passkey" => whole.approve = Strength::Passkey,
                other => {
                    good = false;
                    let message = format!("`{other}` is not a factor that a rule can ask for");
                    source.problem(text.span(), message, "write `approve = \"passkey\"`, or leave it out".to_owned());
                }
            }
        }
        if let Some(number) = approvers {
            spans.push((number.span(), "approvers"));
            let people = u8::try_from(*number.get_ref()).ok();
            if let Some(people) = people.filter(|people| (1..=Self::MOST_APPROVERS).contains(people)) {
                whole.approvers = people;
            } else {
                good = false;
                let message = format!("`approvers` must be a number of people from 1 to {}", Self::MOST_APPROVERS);
                source.problem(number.span(), message, "write `approvers = 2` for two different people".to_owned());
            }
        }
        if let Some(text) = answer_within {
            spans.push((text.span(), "answer_within"));
            whole.answer_within = parse_duration(text.get_ref()).filter(|millis| WITHIN.contains(millis));
            if whole.answer_within.is_none() {
                good = false;
                let message = "`answer_within` must be a duration between 1m and 7d";
                source.problem(text.span(), message, "for example \"30m\" or \"12h\"".to_owned());
            }
        }
        match decision {
            Some(Decision::Allow | Decision::Deny) => {
                good &= spans.is_empty();
                for (span, key) in spans {
                    let help = "say `decision = \"ask\"`, or remove the key".to_owned();
                    source.problem(span, format!("`{key}` is for rules that ask"), help);
                }
            }
            Some(Decision::Ask) | None => {}
        }
        good.then_some(whole)
    }

    /// How many people a rule may ask for.
    pub const MOST_APPROVERS: u8 = 9;

    /// Both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            approve: self.approve.max(other.approve),
            approvers: self.approvers.max(other.approvers),
            answer_within: match (self.answer_within, other.answer_within) {
                (Some(one), Some(other)) => Some(one.min(other)),
                (one, other) => one.or(other),
            },
        }
    }

    /// Does it ask for nothing more?
    pub fn is_plain(&self) -> bool {
        *self == Self::default()
    }
}

/// As a diff and `policy explain` show it; nothing where it is plain.
impl fmt::Display for Requirement {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        if self.approve == Strength::Passkey {
            parts.push("approve passkey".to_owned());
        }
        if self.approvers > 1 {
            parts.push(format!("approvers {}", self.approvers));
        }
        parts.extend(self.answer_within.map(|millis| format!("answer within {}", period(millis))));
        formatter.write_str(&parts.join("; "))
    }
}

/// `12h`, in the largest unit that fits.
pub(super) fn period(millis: Millis) -> String {
    let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m")];
    let unit = units.into_iter().find(|(unit, _)| millis % unit == 0);
    unit.map_or_else(|| format!("{}s", millis / 1000), |(unit, letter)| format!("{}{letter}", millis / unit))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn requirements() -> impl Strategy<Value = Requirement> {
        (any::<bool>(), 1..4_u8, prop::option::of(1..5_i64)).prop_map(|(passkey, approvers, within)| Requirement {
            approve: if passkey { Strength::Passkey } else { Strength::Any },
            approvers,
            answer_within: within,
        })
    }

    proptest! {
        #[test]
        fn both_together_are_never_less_than_one_in_any_order(one in requirements(), other in requirements()) {
            let both = one.and(other);
            prop_assert_eq!(both, other.and(one));
            prop_assert_eq!(both.and(one), both);
            prop_assert!(both.approve >= one.approve && both.approvers >= one.approvers);
            prop_assert!(one.answer_within.is_none_or(|most| both.answer_within.is_some_and(|within| within <= most)));
            prop_assert_eq!(one.and(Requirement::default()), one);
        }
    }

    #[test]
    fn it_is_shown_as_it_is_written() {
        let all = Requirement { approve: Strength::Passkey, approvers: 2, answer_within: Some(43_200_000) };
        assert_eq!(all.to_string(), "approve passkey; approvers 2; answer within 12h");
        assert_eq!(Requirement::default().to_string(), "");
        assert_eq!((period(90_000), period(86_400_000)), ("90s".to_owned(), "1d".to_owned()));
    }
}
