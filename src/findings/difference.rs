//! What is not as it was shown. Some facts move by themselves; how far one may is said by the fact.

use serde::{Deserialize, Serialize};

use super::{Fact, Findings, Found};

/// How far a fact may have moved when the yes comes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Holds {
    /// Not at all.
    #[default]
    Exactly,
    /// Not at all as it stands; what it becomes is worked out anew each time, as with `now()`.
    AsItStands,
    /// A number may be smaller, and larger up to this.
    UpTo(u64),
    /// It changes by itself, or could not be found out: told, and no reason to look again.
    Told,
}

/// A fact that is not what was shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// `charge: Refunded before`
    pub what: String,
    /// As it was shown; `None` where it was not there.
    pub before: Option<String>,
    /// As it is; `None` where it is not there any more.
    pub after: Option<String>,
}

/// One line, and the fact that it is of; none where nothing could be looked up.
struct Line<'a> {
    what: String,
    fact: Option<&'a Fact>,
}

impl Holds {
    pub(super) fn is_exact(&self) -> bool {
        *self == Self::Exactly
    }
}

impl Findings {
    /// What is not as `before` had it.
    pub fn differences(&self, before: &Self) -> Vec<Difference> {
        let (old, new) = (before.lines(), self.lines());
        let gone = old.iter().filter(|line| !new.iter().any(|other| other.what == line.what));
        let changed = new.iter().map(|line| (old.iter().find(|other| other.what == line.what), Some(line)));
        changed
            .chain(gone.map(|line| (Some(line), None)))
            .filter(|(before, after)| is_moved(*before, *after))
            .map(|(before, after)| Difference {
                what: before.or(after).map(|line| line.what.clone()).unwrap_or_default(),
                before: before.map(Line::text),
                after: after.map(Line::text),
            })
            .collect()
    }

    fn lines(&self) -> Vec<Line<'_>> {
        let lines = self.all.iter().flat_map(|finding| match &finding.found {
            Found::Facts { shown, .. } => shown
                .iter()
                .enumerate()
                .map(|(index, fact)| {
                    // labels may repeat, as the rows of a table do
                    let again = shown.iter().take(index).filter(|other| other.label == fact.label).count();
                    let number = if again == 0 { String::new() } else { format!(" {}", again + 1) };
                    Line { what: format!("{}: {}{number}", finding.name, fact.label), fact: Some(fact) }
                })
                .collect::<Vec<_>>(),
            Found::Problem(_) => vec![Line { what: finding.name.clone(), fact: None }],
        });
        lines.collect()
    }
}

impl Line<'_> {
    fn text(&self) -> String {
        self.fact.map_or_else(|| "could not be looked up".to_owned(), Fact::line)
    }

    fn is_told(&self) -> bool {
        self.fact.is_some_and(|fact| fact.holds == Holds::Told)
    }
}

fn is_moved(before: Option<&Line<'_>>, after: Option<&Line<'_>>) -> bool {
    let (Some(before), Some(after)) = (before, after) else {
        return before.or(after).is_some_and(|line| !line.is_told());
    };
    let (Some(old), Some(new)) = (before.fact, after.fact) else { return before.text() != after.text() };
    match (old.holds, new.holds) {
        (Holds::Told, _) | (_, Holds::Told) => false,
        (Holds::UpTo(most), _) => new.value.as_u64().is_none_or(|value| value > most),
        (Holds::AsItStands, _) => old.value != new.value || old.then.is_some() != new.then.is_some(),
        (Holds::Exactly, _) => old.line() != new.line(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::findings::{Finding, Meaning};

    fn fact(label: &str, value: Value, holds: Holds) -> Fact {
        Fact { holds, ..Fact::plain(label, value) }
    }

    fn of(facts: Vec<Fact>) -> Findings {
        let found = Found::facts(facts, Value::Null);
        Findings { at: 1, all: vec![Finding { name: "x".to_owned(), source: "x.y".to_owned(), found }] }
    }

    #[test]
    fn a_number_may_move_as_far_as_was_shown_and_no_further() {
        let shown = of(vec![fact("Rows", json!(100), Holds::UpTo(110))]);
        for (now, moved) in [(100, 0), (0, 0), (110, 0), (111, 1)] {
            let now = of(vec![fact("Rows", json!(now), Holds::UpTo(1_000))]);
            assert_eq!(now.differences(&shown).len(), moved, "{now:?}");
        }
        let unknown = of(vec![fact("Rows", json!("not counted"), Holds::Told)]);
        assert_eq!(unknown.differences(&shown), [], "what cannot be counted now decides nothing");
        assert_eq!(shown.differences(&unknown), []);
    }

    #[test]
    fn what_is_told_decides_nothing_and_what_is_new_does() {
        let told = || fact("Size", json!(1), Holds::Told);
        let view = || fact("View on it", json!("sales"), Holds::Exactly);
        let shown = of(vec![told()]);
        assert_eq!(of(vec![fact("Size", json!(2), Holds::Told)]).differences(&shown), []);
        assert_eq!(of(Vec::new()).differences(&shown), []);
        assert_eq!(of(vec![told(), view()]).differences(&shown).len(), 1);
        assert_eq!(shown.differences(&of(vec![told(), view()])).len(), 1);
    }

    #[test]
    fn what_is_worked_out_anew_is_not_compared() {
        let row = |old: i64, new: &str, holds| Fact { then: Some(json!(new)), ..fact("Row 1", json!(old), holds) };
        let shown = of(vec![row(1, "10:00", Holds::AsItStands)]);
        assert_eq!(of(vec![row(1, "10:01", Holds::AsItStands)]).differences(&shown), []);
        assert_eq!(of(vec![row(2, "10:00", Holds::AsItStands)]).differences(&shown).len(), 1);
        let exact = of(vec![row(1, "a", Holds::Exactly)]);
        assert_eq!(of(vec![row(1, "b", Holds::Exactly)]).differences(&exact).len(), 1);
    }

    #[test]
    fn the_bound_is_what_was_shown() {
        let bound = |most: u64| Fact { meaning: Meaning::MostRows, ..fact("At most", json!(most), Holds::Told) };
        assert_eq!(of(Vec::new()).most_rows(), None);
        assert_eq!(of(vec![bound(12)]).most_rows(), Some(12));
        assert_ne!(of(vec![bound(12)]).digest(), of(vec![bound(13)]).digest(), "a yes to 12 is none to 13");
    }
}
