//! How a policy names tools: one policy name, or a prefix with a trailing `*`. Compared byte by byte (T085).

use std::fmt;

use crate::catalog::{Catalog, Tool};

/// The tools that a line or a rule is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Selector {
    /// The policy name of one tool.
    Exact(String),
    /// All tools whose policy name begins so.
    Prefix(String),
}

impl Selector {
    /// Reads `stripe.create_refund` or `stripe.list_*`.
    ///
    /// # Errors
    /// A `*` that is not the last character.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (prefix, wild) = text.strip_suffix('*').map_or((text, false), |prefix| (prefix, true));
        if prefix.contains('*') {
            return Err(format!("in `{text}` a `*` stands before the end; it can only be the last character"));
        }
        Ok(if wild { Self::Prefix(prefix.to_owned()) } else { Self::Exact(text.to_owned()) })
    }

    /// Is the tool of this policy name meant?
    pub(super) fn covers(&self, policy_name: &str) -> bool {
        match self {
            Self::Exact(name) => name == policy_name,
            Self::Prefix(prefix) => policy_name.starts_with(prefix),
        }
    }

    /// Orders lines that speak of one tool: the exact name last, before it the longest prefix.
    pub(super) fn specificity(&self) -> (bool, usize) {
        match self {
            Self::Exact(name) => (true, name.len()),
            Self::Prefix(prefix) => (false, prefix.len()),
        }
    }

    /// Why the catalog has no such tool, and what was probably meant. `None` where it has.
    pub(super) fn unknown_in(&self, catalog: &Catalog) -> Option<(String, Option<String>)> {
        if catalog.tools().any(|tool| self.covers(&tool.policy_name())) {
            return None;
        }
        let wire = catalog.find(&self.to_string()).map(|tool| tool.policy_name());
        Some(match self {
            Self::Exact(name) => {
                let names: Vec<_> = catalog.tools().map(|tool| tool.policy_name()).collect();
                let help = match wire {
                    Some(name) => Some(format!("in policies it is called `{name}`")),
                    None => did_you_mean(name, names.iter().map(String::as_str)),
                };
                (format!("unknown tool `{name}`"), help)
            }
            Self::Prefix(_) => {
                let integrations: Vec<_> = catalog.tools().map(|tool| format!("{}.*", tool.integration.id)).collect();
                let help = did_you_mean(&self.to_string(), integrations.iter().map(String::as_str));
                (format!("`{self}` matches no tool"), help)
            }
        })
    }

    /// The tools of the catalog that are meant.
    pub(super) fn tools<'c>(&self, catalog: &'c Catalog) -> impl Iterator<Item = &'c Tool> {
        catalog.tools().map(AsRef::as_ref).filter(|tool| self.covers(&tool.policy_name()))
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(name) => formatter.write_str(name),
            Self::Prefix(prefix) => write!(formatter, "{prefix}*"),
        }
    }
}

/// The help line that names the closest of `candidates`, where one is close.
pub(super) fn did_you_mean<'c>(name: &str, candidates: impl Iterator<Item = &'c str>) -> Option<String> {
    let most = (name.chars().count() / 3).max(1);
    let (distance, closest) = candidates.map(|candidate| (distance(name, candidate), candidate)).min()?;
    (distance <= most).then(|| format!("did you mean `{closest}`?"))
}

/// Levenshtein's distance in characters.
fn distance(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.chars().count()).collect();
    for (index, left) in from.chars().enumerate() {
        let mut diagonal = index;
        let mut before = index + 1;
        if let Some(first) = row.first_mut() {
            *first = before;
        }
        for (cell, right) in row.iter_mut().skip(1).zip(to.chars()) {
            let replaced = diagonal + usize::from(left != right);
            diagonal = *cell;
            before = replaced.min(diagonal + 1).min(before + 1);
            *cell = before;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t085_names_are_compared_byte_by_byte() {
        let exact = Selector::parse("stripe.refund").unwrap();
        for other in
            ["Stripe.Refund", "stripe.refund ", "stripe․refund", "stripe/refund", "stripe__refund", "stripe.refunds"]
        {
            assert!(!exact.covers(other), "{other}");
        }
        assert!(exact.covers("stripe.refund"));
        assert!(!Selector::parse("stripe.*").unwrap().covers("Stripe.refund"));
        assert!(!Selector::parse("stripe.*").unwrap().covers("stripe2.refund"));
    }

    #[test]
    fn a_star_stands_only_at_the_end() {
        assert_eq!(Selector::parse("stripe.list_*"), Ok(Selector::Prefix("stripe.list_".to_owned())));
        assert_eq!(
            Selector::parse("*.delete"),
            Err("in `*.delete` a `*` stands before the end; it can only be the last character".to_owned())
        );
    }

    #[test]
    fn the_closest_name_is_offered_only_when_it_is_close() {
        let names = ["amount", "charge", "reason"];
        assert_eq!(did_you_mean("amuont", names.into_iter()).as_deref(), Some("did you mean `amount`?"));
        assert_eq!(did_you_mean("recipients", names.into_iter()), None);
        assert_eq!([distance("kitten", "sitting"), distance("", "ab"), distance("ab", "ab")], [3, 2, 0]);
    }
}
