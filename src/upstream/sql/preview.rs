//! What a statement would change, for who decides about it: how many rows it meets now and which, what hangs on them, and
//! what would happen to that. Nothing of the statement is run.
//!
//! INVARIANT: every question is one of ours ([`questions`]) or built from the statement by `crate::sql`, and then
//! understood again and only asked if it is proved a read. All are asked in one read-only transaction, each with a short
//! limit of its own; one that has no answer says why and stops nothing.

mod cascade;
mod questions;
mod samples;

use std::time::{Duration, Instant};

use async_trait::async_trait;
use serde_json::{Value, json};

use self::questions::{Event, Place, Questions};
use super::{Trouble, one_line};
use crate::{
    catalog::SqlRequest,
    findings::{Fact, Holds, Meaning},
    sql::{Change, Class, Dialect, Preview, Settings, Statement, Target},
};

/// How long the server may take over one question.
pub(super) const EACH: Duration = Duration::from_millis(1_500);
/// After so long no further question is asked.
const ALL: Duration = Duration::from_secs(6);
/// The most lines; more are read by nobody.
const MOST_FACTS: usize = 40;
/// The most rows that may come on top of those that were counted.
const MOST_MARGIN: u64 = 100;

/// A read-only transaction that is asked one question after the other.
#[async_trait]
pub(super) trait Server: Send {
    /// Asks one, its values bound. One that fails leaves the next ones possible.
    async fn ask(&mut self, question: &str, values: &[Value]) -> Result<Answer, Trouble>;
}

/// Rows.
#[derive(Debug, Default)]
pub(super) struct Answer {
    pub(super) columns: Vec<String>,
    pub(super) rows: Vec<Vec<Value>>,
}

/// Why there is no answer.
enum Unknown {
    /// In words for people.
    Because(String),
    /// A question tried to write: nothing else is asked, and it is an alarm.
    Wrote(String),
}

/// A table as its server describes it.
struct Table {
    name: String,
    kind: String,
    size: Option<u64>,
    estimate: Option<u64>,
    /// Its storage has no transactions, and this name.
    lasting: Option<String>,
}

/// One look.
struct Look<'a> {
    server: &'a mut dyn Server,
    dialect: Dialect,
    questions: &'static Questions,
    params: &'a [Value],
    /// Do the statement's values hold from one look to the next?
    is_fixed: bool,
    until: Instant,
    facts: Vec<Fact>,
}

/// What the statement of `request` would change, as facts.
///
/// # Errors
/// A question tried to write, and the database stopped it.
pub(super) async fn look(request: &SqlRequest, server: &mut dyn Server) -> Result<Value, Trouble> {
    let text = request.statement.as_deref().unwrap_or_default();
    let Ok(statement) = Statement::understand(request.dialect, text, Settings::usual(request.dialect)) else {
        return Ok(json!({ "facts": [] }));
    };
    let mut look = Look {
        server,
        dialect: request.dialect,
        questions: Questions::of(request.dialect),
        params: &request.params,
        is_fixed: statement.functions().is_empty(),
        until: Instant::now() + ALL,
        facts: Vec::new(),
    };
    match look.statement(&statement).await {
        Ok(()) => Ok(json!({ "facts": look.facts })),
        Err(Unknown::Wrote(message)) => Err(Trouble::Wrote(message)),
        Err(Unknown::Because(why)) => Err(Trouble::Refused { code: "not known".to_owned(), message: why }),
    }
}

/// How many rows a statement may touch that met `count` when it was shown: a tenth more, and never more than a hundred
/// more. Rows come and go between the look and the yes; another statement's worth of them does not.
fn most_rows(count: u64) -> u64 {
    count.saturating_add((count / 10).min(MOST_MARGIN))
}

impl Look<'_> {
    async fn statement(&mut self, statement: &Statement) -> Result<(), Unknown> {
        for target in statement.targets().iter().filter(|target| target.is_of_a_table()) {
            self.target(target).await?;
        }
        if statement.targets().is_empty() && statement.is_complete() {
            self.named(statement).await?;
        }
        if self.dialect == Dialect::Mysql && matches!(statement.class(), Class::Ddl | Class::Grant) {
            self.say("Cannot be rolled back", json!("MySQL and MariaDB commit such a statement by themselves"));
        }
        Ok(())
    }

    async fn target(&mut self, target: &Target) -> Result<(), Unknown> {
        let place = Place::of(self.dialect, target);
        let Some(table) = self.table(&place).await? else {
            let missing = "there is no table of this name, or the account may not see it";
            self.tell("Table", json!(format!("{}: {missing}", target.table())));
            return Ok(());
        };
        self.say(&table.kind, json!(table.name));
        match target.change() {
            Change::Update | Change::Delete => self.changed(target, &place, &table).await,
            Change::Insert => self.added(target, &place, &table).await,
            Change::Truncate | Change::Drop | Change::Alter => self.whole(target, &place, &table).await,
        }
    }

    /// The rows that an update or a delete meets.
    async fn changed(&mut self, target: &Target, place: &Place, table: &Table) -> Result<(), Unknown> {
        let total = self.count(Some(target.count_all())).await?;
        let count = self.count(target.count()).await?;
        let meaning = total.as_ref().map_or(Meaning::Rows, |total| Meaning::RowsOf(*total));
        self.counted("Rows that match now", count, meaning, table);
        let event = if target.change() == Change::Delete { Event::Delete } else { Event::Update };
        self.cascades(target, place, event).await?;
        self.triggers(place, &table.name, event).await?;
        self.unlimited();
        self.samples(target, place).await
    }

    async fn added(&mut self, target: &Target, place: &Place, table: &Table) -> Result<(), Unknown> {
        let count = match target.new_rows() {
            Some(rows) => Ok(rows),
            None => self.count(target.count()).await?,
        };
        self.counted("Rows to be added", count, Meaning::Rows, table);
        let total = self.count(Some(target.count_all())).await?;
        self.told_rows("Rows in it now", total, table);
        self.triggers(place, &table.name, Event::Insert).await?;
        self.unlimited();
        self.samples(target, place).await
    }

    /// A table as a whole, and what hangs on it.
    async fn whole(&mut self, target: &Target, place: &Place, table: &Table) -> Result<(), Unknown> {
        let total = self.count(Some(target.count_all())).await?;
        match total {
            Ok(total) => {
                let holds = Holds::UpTo(most_rows(total));
                self.push(Fact { meaning: Meaning::Rows, holds, ..Fact::plain("Rows in it", json!(total)) });
            }
            unknown @ Err(_) => self.told_rows("Rows in it", unknown, table),
        }
        if let Some(size) = table.size {
            let size = Fact::plain("Size on disk", json!(size));
            self.push(Fact { meaning: Meaning::Bytes, holds: Holds::Told, ..size });
        }
        self.hangs_on(target, place).await?;
        if target.change() == Change::Truncate {
            self.triggers(place, &table.name, Event::Truncate).await?;
        }
        Ok(())
    }

    /// What is known of a statement of which it is not plain what it changes: the tables that it names.
    async fn named(&mut self, statement: &Statement) -> Result<(), Unknown> {
        let names = statement.tables();
        let tail = |name: &str| name.rsplit('.').next().unwrap_or_default().to_owned();
        let bare =
            |name: &String| names.iter().any(|other| other != name && !name.contains('.') && tail(other) == *name);
        for name in names.iter().filter(|name| !bare(name)) {
            let parts: Vec<String> = name.split('.').map(str::to_owned).collect();
            let place = Place::named(self.dialect, &parts);
            let Some(table) = self.table(&place).await? else { continue };
            self.say(&table.kind, json!(table.name));
            let count = Preview { text: format!("SELECT count(*) FROM {}", place.sql), parameters: Vec::new() };
            let total = self.count(Some(count)).await?;
            self.told_rows("Rows in it now", total, &table);
        }
        if !self.facts.is_empty() {
            self.tell("Rows it changes", json!("not known before it runs"));
        }
        Ok(())
    }

    /// A number of rows that binds the yes, and the number at which it is taken back.
    fn counted(&mut self, label: &str, count: Result<u64, String>, meaning: Meaning, table: &Table) {
        let count = match count {
            Ok(count) => count,
            unknown @ Err(_) => {
                self.told_rows(label, unknown, table);
                self.tell("Rolled back beyond", json!("no limit, as the rows could not be counted"));
                return;
            }
        };
        let most = most_rows(count);
        self.push(Fact { meaning, holds: Holds::UpTo(most), ..Fact::plain(label, json!(count)) });
        if let Some(engine) = &table.lasting {
            self.say("Cannot be rolled back", json!(format!("{engine} tables have no transactions")));
        } else {
            let most = Fact::plain("Rolled back beyond", json!(most));
            self.push(Fact { meaning: Meaning::MostRows, holds: Holds::Told, ..most });
        }
    }

    /// Says what the number beyond which it is rolled back leaves out, where there is such a number and there may be more.
    fn unlimited(&mut self) {
        let has_limit = self.facts.iter().any(|fact| fact.meaning == Meaning::MostRows);
        let follows = self.facts.iter().any(|fact| fact.label.starts_with("Also ") || fact.label == "Trigger fires");
        if has_limit && follows {
            self.tell("Not limited", json!("rows that triggers and foreign keys touch"));
        }
    }

    /// A number of rows that is only told, or the server's own estimate, or why there is none.
    fn told_rows(&mut self, label: &str, count: Result<u64, String>, table: &Table) {
        let fact = match (count, table.estimate) {
            (Ok(count), _) => Fact { meaning: Meaning::Rows, ..Fact::plain(label, json!(count)) },
            (Err(why), Some(estimate)) if label != "Rows that match now" && label != "Rows to be added" => {
                let estimate = crate::findings::rows(estimate);
                Fact::plain(label, json!(format!("about {estimate} by the server's statistics; not counted: {why}")))
            }
            (Err(why), _) => Fact::plain(label, json!(format!("not counted: {why}"))),
        };
        self.push(Fact { holds: Holds::Told, ..fact });
    }

    async fn table(&mut self, place: &Place) -> Result<Option<Table>, Unknown> {
        let answer = match self.ask(self.questions.table, &place.values).await {
            Ok(answer) => answer,
            Err(Unknown::Because(_)) => return Ok(None),
            Err(wrote @ Unknown::Wrote(_)) => return Err(wrote),
        };
        let Some([schema, name, kind, size, estimate, lasting]) = answer.rows.first().map(Vec::as_slice) else {
            return Ok(None);
        };
        let text = |value: &Value| value.as_str().map(str::to_owned);
        Ok(Some(Table {
            name: questions::display(schema.as_str(), name.as_str().unwrap_or_default()),
            kind: text(kind).unwrap_or_else(|| "Table".to_owned()),
            size: questions::number(size),
            estimate: questions::number(estimate),
            lasting: text(lasting),
        }))
    }

    /// A count; in words why there is none.
    async fn count(&mut self, preview: Option<Preview>) -> Result<Result<u64, String>, Unknown> {
        let counted = self.preview(preview).await?;
        let count = |answer: &Answer| answer.rows.first()?.first().and_then(questions::number);
        Ok(counted.and_then(|answer| count(&answer).ok_or_else(|| "the server's answer is no number".to_owned())))
    }

    /// Asks a question that was built from the statement, if it is one that only reads.
    async fn preview(&mut self, preview: Option<Preview>) -> Result<Result<Answer, String>, Unknown> {
        let Some(Preview { text, parameters }) = preview else {
            return Ok(Err("the statement joins, limits or is too involved".to_owned()));
        };
        match Statement::understand(self.dialect, &text, Settings::usual(self.dialect)) {
            Ok(understood) => {
                if let Some(why) = understood.why_not_read() {
                    return Ok(Err(format!("that would not be sure to only read: {why}")));
                }
            }
            Err(why) => return Ok(Err(why.to_string())),
        }
        let values: Option<Vec<Value>> =
            parameters.iter().map(|number| self.params.get(number.checked_sub(1)?).cloned()).collect();
        let Some(values) = values else { return Ok(Err("a value is missing".to_owned())) };
        match self.ask(&text, &values).await {
            Ok(answer) => Ok(Ok(answer)),
            Err(Unknown::Because(why)) => Ok(Err(why)),
            Err(wrote @ Unknown::Wrote(_)) => Err(wrote),
        }
    }

    async fn ask(&mut self, question: &str, values: &[Value]) -> Result<Answer, Unknown> {
        if Instant::now() > self.until {
            return Err(Unknown::Because("the database was too slow to be asked".to_owned()));
        }
        let trouble = match self.server.ask(question, values).await {
            Ok(answer) => return Ok(answer),
            Err(trouble) => trouble,
        };
        Err(Unknown::Because(match trouble {
            Trouble::Wrote(message) => return Err(Unknown::Wrote(message)),
            Trouble::Slow => format!("the database took longer than {} ms", EACH.as_millis()),
            Trouble::NotSent(_, why) => format!("the database {why}"),
            Trouble::Refused { code, message } if message.is_empty() => format!("the database refused it ({code})"),
            Trouble::Refused { code, message } => format!("the database refused it ({code}): {}", one_line(&message)),
            Trouble::Lost => "the connection broke".to_owned(),
            Trouble::TooLarge => "the answer is too large".to_owned(),
            Trouble::TooManyRows { .. } => "too many rows".to_owned(),
        }))
    }

    /// A line that has to stay as it is.
    fn say(&mut self, label: &str, value: Value) {
        self.push(Fact::plain(label, value));
    }

    /// A line that decides nothing.
    fn tell(&mut self, label: &str, value: Value) {
        self.push(Fact { holds: Holds::Told, ..Fact::plain(label, value) });
    }

    fn push(&mut self, fact: Fact) {
        match self.facts.len() {
            0..MOST_FACTS => self.facts.push(fact),
            MOST_FACTS => {
                let more = Fact::plain("More", json!("there is more than is shown here"));
                self.facts.push(Fact { holds: Holds::Told, ..more });
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_margin_is_a_tenth_and_never_more_than_a_hundred() {
        for (count, most) in [(0, 0), (1, 1), (9, 9), (10, 11), (1_000, 1_100), (50_000, 50_100)] {
            assert_eq!(most_rows(count), most);
        }
        assert_eq!(most_rows(u64::MAX), u64::MAX);
    }
}
