//! The log, line by line, and one record in full.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    approval::{Why, current_tool, whys},
    cell::Cell,
    json::pretty,
    person::factor_kind,
    request::RequestView,
    when::When,
};
use crate::{
    approval::{Person, PersonId},
    clock::Millis,
    ledger::{Factor, Line, sqlite::CallDetail},
    plan::{Digest, Plan},
    policy::Evaluation,
    snapshot::Snapshot,
};

/// One call, or something that happened to the home.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::web) struct LogLine {
    /// `rec_…`
    pub(in crate::web) id: String,
    /// When it began.
    pub(in crate::web) at: When,
    /// Where it stands.
    pub(in crate::web) status: String,
    /// The class of that in the style sheet.
    pub(in crate::web) class: &'static str,
    /// The tool's policy name; of the home its subject.
    pub(in crate::web) tool: Cell,
    /// Who asked.
    pub(in crate::web) asker: Cell,
    /// With which account.
    pub(in crate::web) account: Cell,
    /// Title and arguments, shortened: the record has them whole.
    pub(in crate::web) summary: Cell,
    /// Is it a call?
    pub(in crate::web) is_call: bool,
}

/// What ids of people and of their factors are, for whoever reads a line.
#[derive(Debug, Default)]
pub(in crate::web) struct Names(BTreeMap<String, String>);

impl Names {
    /// Of those that there are.
    pub(in crate::web) fn new(people: &[Person], factors: &[Factor]) -> Self {
        let name = |id: &PersonId| people.iter().find(|person| person.id == *id).map(|person| person.name.as_str());
        let factor =
            |one: &Factor| Some((one.id.0.clone(), format!("{}, {}", name(&one.person)?, factor_kind(&one.kind))));
        let people = people.iter().map(|person| (person.id.0.clone(), person.name.as_str().to_owned()));
        Self(people.chain(factors.iter().filter_map(factor)).collect())
    }
}

impl LogLine {
    /// The same, with the name of the person or of whose factor it is about, as far as they are still there.
    pub(in crate::web) fn named(line: &Line, names: &Names, now: Millis) -> Self {
        let shown = Self::new(line, now);
        match names.0.get(&line.tool).filter(|_| !shown.is_call) {
            Some(name) => Self { tool: Cell::line(name), ..shown },
            None => shown,
        }
    }

    /// One line, seen from `now`.
    pub(in crate::web) fn new(line: &Line, now: Millis) -> Self {
        let summary = line.body.get("summary").and_then(Value::as_str).unwrap_or_default();
        Self {
            id: line.id.clone(),
            at: When::of_text(&line.at, now),
            status: line.status.replace('_', " "),
            class: if line.kind == "call" { Standing::of(&line.status).class() } else { "neutral" },
            tool: Cell::line(&line.tool),
            asker: Cell::line(&line.caller),
            account: Cell::line(&line.account),
            // it was made visible when it was made
            summary: Cell::of_visible(summary),
            is_call: line.kind == "call",
        }
    }
}

/// What became of a call, in the four words of the overview.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Ran,
    Failed,
    Open,
    Refused,
}

impl Standing {
    /// Of a status of the log. What is none of these was refused before it came to anything.
    fn of(status: &str) -> Self {
        match status {
            "succeeded" => Self::Ran,
            "failed" | "unknown" => Self::Failed,
            "pending" | "approved" | "sending" => Self::Open,
            _ => Self::Refused,
        }
    }

    fn class(self) -> &'static str {
        match self {
            Self::Ran => "good",
            Self::Failed => "bad",
            Self::Open => "open",
            Self::Refused => "neutral",
        }
    }
}

/// The calls of one day (UTC).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::web) struct Day {
    /// `2026-11-23`
    pub(in crate::web) date: String,
    /// Done by the service.
    pub(in crate::web) ran: u64,
    /// Sent, and failed or of unknown outcome.
    pub(in crate::web) failed: u64,
    /// Not sent: denied, expired, withdrawn, invalid, not connected.
    pub(in crate::web) refused: u64,
    /// Still waiting or on its way.
    pub(in crate::web) open: u64,
}

impl Day {
    fn is_any(&self) -> bool {
        [self.ran, self.failed, self.refused, self.open].iter().any(|count| *count > 0)
    }
}

/// The days up to `now` on which there were calls, newest first, of the counts by day and status.
pub(in crate::web) fn days(counts: &[(Millis, String, u64)], now: Millis, many: i64) -> Vec<Day> {
    let today = now.div_euclid(A_DAY);
    let day = |back: i64| {
        let number = today.saturating_sub(back);
        let iso = crate::clock::rfc3339(number.saturating_mul(A_DAY));
        let mut day = Day { date: iso.chars().take(10).collect(), ..Day::default() };
        for (_, status, count) in counts.iter().filter(|(of, ..)| *of == number) {
            let of = match Standing::of(status) {
                Standing::Ran => &mut day.ran,
                Standing::Failed => &mut day.failed,
                Standing::Open => &mut day.open,
                Standing::Refused => &mut day.refused,
            };
            *of = of.saturating_add(*count);
        }
        day
    };
    // a day on which nothing was asked says nothing, unless it is today
    (0..many).map(day).enumerate().filter(|(back, day)| *back == 0 || day.is_any()).map(|(_, day)| day).collect()
}

/// A day in milliseconds.
pub(in crate::web) const A_DAY: Millis = 24 * 60 * 60 * 1000;

/// One record in full.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::web) struct RecordView {
    /// Its line.
    pub(in crate::web) line: LogLine,
    /// The approval that it waited as: `apr_…`
    pub(in crate::web) approval: Option<String>,
    /// Which lines of the policy decided.
    pub(in crate::web) reasons: Vec<Why>,
    /// The exact request, where it is kept and is the one that was recorded.
    pub(in crate::web) request: Option<RequestView>,
    /// Its digest, as recorded.
    pub(in crate::web) digest: Option<String>,
    /// Why the request cannot be shown.
    pub(in crate::web) absent: Option<String>,
    /// The arguments, as the agent gave them.
    pub(in crate::web) given: Option<Cell>,
    /// What the agent said that it is for.
    pub(in crate::web) words: Option<Cell>,
    /// What was looked up.
    pub(in crate::web) facts: Option<Cell>,
    /// What the service answered, less the credential.
    pub(in crate::web) answer: Option<Cell>,
    /// Every record of the chain that belongs to it.
    pub(in crate::web) links: Vec<Link>,
}

/// One record of the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::web) struct Link {
    /// Its place.
    pub(in crate::web) seq: i64,
    /// `rec_…`
    pub(in crate::web) id: Cell,
    /// `call`, `outcome`, …
    pub(in crate::web) kind: Cell,
    /// What it says.
    pub(in crate::web) status: Cell,
    /// When.
    pub(in crate::web) at: Cell,
    /// The rest of what it says.
    pub(in crate::web) body: Cell,
    /// The hash of the record before.
    pub(in crate::web) prev: Cell,
    /// Its own.
    pub(in crate::web) hash: Cell,
}

impl RecordView {
    /// All that is kept of it.
    pub(in crate::web) fn new(detail: &CallDetail, snapshot: &Snapshot, now: Millis) -> Self {
        let body = &detail.line.body;
        let text = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
        let digest = text("digest");
        let plan = digest.clone().filter(|_| !detail.plan.is_null()).map(|digest| {
            let digest: Digest = digest.try_into().map_err(|_| "its digest cannot be read".to_owned())?;
            Plan::load(&detail.plan.to_string(), digest).map_err(|error| error.to_string())
        });
        let approval = detail.records.iter().find_map(|record| {
            let body = record.get("body")?;
            body.get("approval").and_then(Value::as_str).map(str::to_owned)
        });
        let (plan, absent) = match plan {
            Some(Ok(plan)) => (Some(plan), None),
            Some(Err(problem)) => (None, Some(problem)),
            None => (None, digest.as_ref().map(|_| "it was pruned; its digest stays".to_owned())),
        };
        let key = approval.as_deref().unwrap_or(&detail.line.id);
        let evaluation: Option<Evaluation> =
            body.get("evaluation").and_then(|value| serde_json::from_value(value.clone()).ok());
        let shown = |value: &Value| (!value.is_null()).then(|| pretty(value));
        Self {
            line: LogLine::new(&detail.line, now),
            reasons: evaluation.as_ref().map(whys).unwrap_or_default(),
            request: plan.as_ref().map(|plan| RequestView::new(plan, current_tool(plan, snapshot), None, None, key)),
            given: plan.as_ref().map(|plan| pretty(&Value::Object(plan.given().clone()))),
            words: plan.as_ref().and_then(|plan| plan.reason().map(Cell::text)),
            approval,
            digest,
            absent,
            facts: shown(&detail.facts),
            answer: shown(&detail.answer),
            links: detail.records.iter().map(Link::new).collect(),
        }
    }
}

impl Link {
    fn new(record: &Value) -> Self {
        let cell = |name: &str| Cell::line(record.get(name).and_then(Value::as_str).unwrap_or_default());
        Self {
            seq: record.get("seq").and_then(Value::as_i64).unwrap_or_default(),
            id: cell("id"),
            kind: cell("kind"),
            status: cell("status"),
            at: cell("at"),
            body: record.get("body").map_or_else(|| Cell::line(""), pretty),
            prev: cell("prev"),
            hash: cell("hash"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::approval::FactorId;

    #[test]
    fn calls_are_counted_by_the_day_and_by_what_became_of_them() {
        let today = 1_795_424_400_000_i64;
        let number = today / A_DAY;
        let counts = [
            (number, "succeeded".to_owned(), 3),
            (number, "denied".to_owned(), 1),
            (number, "invalid".to_owned(), 2),
            (number, "pending".to_owned(), 4),
            (number - 2, "unknown".to_owned(), 5),
            (number - 2, "failed".to_owned(), 1),
            (number - 9, "succeeded".to_owned(), 9),
        ];
        let found = days(&counts, today, 4);
        let day = |date: &str, ran, failed, refused, open| Day { date: date.to_owned(), ran, failed, refused, open };
        assert_eq!(found, [day("2026-11-23", 3, 0, 3, 4), day("2026-11-21", 0, 6, 0, 0)]);
    }

    #[test]
    fn a_line_names_whose_factor_it_is_about() {
        let people = [Person {
            id: PersonId("per_1".to_owned()),
            name: "ann".parse().unwrap(),
            since: 0,
            factors: 1,
            recovery_codes: 0,
        }];
        let factors = [Factor {
            id: FactorId("fac_1".to_owned()),
            person: PersonId("per_1".to_owned()),
            kind: "passkey".to_owned(),
            created_at: 0,
            step_sign_in: None,
            step_decide: None,
        }];
        let names = Names::new(&people, &factors);
        let shown = |kind: &str, tool: &str| {
            let line = Line {
                id: "rec_1".to_owned(),
                at: "2026-11-23T09:00:00Z".to_owned(),
                kind: kind.to_owned(),
                status: "signed in".to_owned(),
                caller: String::new(),
                tool: tool.to_owned(),
                account: String::new(),
                body: Value::Null,
                seq: 7,
            };
            LogLine::named(&line, &names, 0).tool.plain()
        };
        assert_eq!(shown("home", "fac_1"), "ann, passkey");
        assert_eq!(shown("home", "per_1"), "ann");
        // who is gone, and what an agent calls by such a name
        assert_eq!(shown("home", "fac_2"), "fac_2");
        assert_eq!(shown("call", "fac_1"), "fac_1");
    }

    #[test]
    fn what_a_status_is_called_is_ours_and_what_it_names_is_a_cell() {
        let line = Line {
            id: "rec_1".to_owned(),
            at: "2026-11-23T09:00:00Z".to_owned(),
            kind: "call".to_owned(),
            status: "not_found".to_owned(),
            caller: "claude".to_owned(),
            tool: "x\u{202E}y".to_owned(),
            account: String::new(),
            body: serde_json::json!({"summary": "a ⟨U+202E⟩"}),
            seq: 7,
        };
        let shown = LogLine::new(&line, 1_795_424_400_000);
        assert_eq!(
            (shown.status.as_str(), shown.class, shown.at.from_now.as_str()),
            ("not found", "neutral", "just now")
        );
        assert_eq!((shown.tool.plain(), shown.summary.plain()), ("x⟨U+202E⟩y".into(), "a ⟨U+202E⟩".into()));
    }
}
