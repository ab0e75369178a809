//! A change of the policy as a human reads it: by the lines that go and come, each with the tools that it hits.

use super::{Change, Decision};

/// Tools of which the same lines go and come, with the same end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleChange<'a> {
    /// The answer to a call of which no argument is known, as it is.
    pub before: Decision,
    /// The same as it would be.
    pub after: Decision,
    /// Could some call get a looser answer?
    pub looser: bool,
    /// The lines and rules that go (`-`) and come (`+`).
    pub lines: &'a [(char, String)],
    /// Whose calls are judged by them, by policy name.
    pub tools: Vec<&'a str>,
}

/// The changes of [`diff`](fn@super::diff) by the lines that make them; what becomes looser stays first.
pub fn by_rule(changes: &[Change]) -> Vec<RuleChange<'_>> {
    let mut rules: Vec<RuleChange<'_>> = Vec::new();
    for change in changes {
        let Change { before, after, looser, .. } = *change;
        let same = rules
            .iter_mut()
            .find(|rule| (rule.before, rule.after, rule.looser, rule.lines) == (before, after, looser, &*change.lines));
        match same {
            Some(rule) => rule.tools.push(&change.tool),
            None => rules.push(RuleChange { before, after, looser, lines: &change.lines, tools: vec![&change.tool] }),
        }
    }
    rules
}

impl RuleChange<'_> {
    /// What becomes of a call, in plain words.
    pub fn words(&self) -> String {
        let now = match self.after {
            Decision::Allow => "runs without asking",
            Decision::Ask => "asks",
            Decision::Deny => "is refused",
        };
        if self.before == self.after {
            let some = if self.looser { "but some calls may be let through more easily" } else { "but not every call" };
            return format!("{now} as before, {some}");
        }
        let was = match self.before {
            Decision::Allow => "ran without asking",
            Decision::Ask => "asked",
            Decision::Deny => "was refused",
        };
        format!("{now} from now on; it {was} before")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tools_of_the_same_lines_stand_together_and_what_is_looser_comes_first() {
        let lines = |line: &str| vec![('+', line.to_owned())];
        let change = |tool: &str, before, after, looser, line: &str| Change {
            tool: tool.to_owned(),
            before,
            after,
            looser,
            lines: lines(line),
        };
        let changes = [
            change("a.write", Decision::Ask, Decision::Allow, true, "defaults.write = \"allow\""),
            change("b.some", Decision::Ask, Decision::Ask, true, "rule small"),
            change("b.write", Decision::Ask, Decision::Allow, true, "defaults.write = \"allow\""),
            change("a.read", Decision::Allow, Decision::Deny, false, "\"a.read\" = \"deny\""),
        ];
        let rules = by_rule(&changes);
        let shown: Vec<_> = rules.iter().map(|rule| (rule.looser, rule.tools.join(" "), rule.words())).collect();
        assert_eq!(
            shown,
            [
                (true, "a.write b.write".to_owned(), "runs without asking from now on; it asked before".to_owned()),
                (true, "b.some".to_owned(), "asks as before, but some calls may be let through more easily".to_owned()),
                (false, "a.read".to_owned(), "is refused from now on; it ran without asking before".to_owned()),
            ]
        );
    }
}
