//! What a yes takes, where a rule asks for more than anybody's code within the usual time.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{approval::Strength, clock::Millis};

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
