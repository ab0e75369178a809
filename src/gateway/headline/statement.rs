//! What a statement does, in a few words: `Delete from customers: 12 of 1,000 rows`.

use super::{super::foreseeing, Word};
use crate::{
    findings::{Fact, Findings, rows},
    sql::{Change, Class, Statement, Target},
};

/// The headline of a statement, with the number of rows where the database was asked.
pub(super) fn words(statement: &Statement, findings: Option<&Findings>) -> Vec<Word> {
    let facts = findings.map_or(&[][..], |findings| findings.facts_of(foreseeing::NAME));
    let Some(target) = statement.targets().first() else { return of_class(statement) };
    let mut words = vec![Word::Text(verb(target, statement.class()))];
    for (at, target) in statement.targets().iter().enumerate() {
        words.extend((at > 0).then(|| Word::Text(", ".to_owned())));
        words.push(Word::Name(target.table().to_owned()));
    }
    words.extend(count(statement, target, facts).map(|count| Word::Text(format!(": {count}"))));
    words
}

fn verb(target: &Target, class: Class) -> String {
    match (target.change(), class) {
        // an upsert
        (Change::Insert, Class::Update) => "Insert into or update ".to_owned(),
        (Change::Insert, Class::Delete) => "Insert into or replace in ".to_owned(),
        (Change::Insert, _) => "Insert into ".to_owned(),
        (Change::Update, Class::Delete) => "Update or replace in ".to_owned(),
        (Change::Update, _) => "Update ".to_owned(),
        (Change::Delete, _) => "Delete from ".to_owned(),
        (Change::Truncate, _) => "Empty table ".to_owned(),
        (Change::Drop, _) => format!("Drop {} ", target.object()),
        (Change::Alter, _) => "Alter table ".to_owned(),
    }
}

/// How many rows; that they could not be counted is said as well. Nothing where the database was not asked.
fn count(statement: &Statement, target: &Target, facts: &[Fact]) -> Option<String> {
    let label = match target.change() {
        Change::Update | Change::Delete => "Rows that match now",
        Change::Insert => "Rows to be added",
        Change::Truncate | Change::Drop | Change::Alter => "Rows in it",
    };
    let counts: Vec<&Fact> = facts.iter().filter(|fact| fact.label == label).collect();
    let numbers: Option<Vec<u64>> = counts.iter().map(|fact| fact.value.as_u64()).collect();
    match (counts.as_slice(), numbers) {
        ([], _) => None,
        ([fact], Some(_)) if statement.targets().len() == 1 => fact.brief(),
        (_, Some(numbers)) if numbers.len() == statement.targets().len() => {
            Some(rows(numbers.iter().fold(0, |sum: u64, number| sum.saturating_add(*number))))
        }
        _ => Some("rows not counted".to_owned()),
    }
}

/// Where it is not plain which table is changed.
fn of_class(statement: &Statement) -> Vec<Word> {
    let what = match statement.class() {
        Class::Select => "Run a statement that reads".to_owned(),
        Class::Insert => "Add rows".to_owned(),
        Class::Update => "Change rows".to_owned(),
        Class::Delete => "Delete rows".to_owned(),
        Class::Ddl => created(statement).unwrap_or_else(|| "Change what the database is made of".to_owned()),
        Class::Grant => "Change who may do what".to_owned(),
        // only a query is looked into to its end and yet of no other class
        Class::Other if statement.is_complete() => "Run a query that may do more than read".to_owned(),
        Class::Other => "Run a statement that is not understood".to_owned(),
    };
    let mut words = vec![Word::Text(what)];
    // a qualified name stands there bare as well
    let bare = |name: &String| statement.tables().iter().any(|other| other.ends_with(&format!(".{name}")));
    let names = statement.tables().iter().filter(|name| statement.is_complete() && !bare(name));
    for (at, name) in names.enumerate() {
        words.push(Word::Text(if at == 0 { ", in a statement over " } else { ", " }.to_owned()));
        words.push(Word::Name(name.clone()));
    }
    words
}

/// What a `CREATE` makes, where that is among its first words.
fn created(statement: &Statement) -> Option<String> {
    const THINGS: [&str; 8] = ["table", "view", "index", "schema", "database", "trigger", "function", "sequence"];
    let words: Vec<String> = statement.text().split_whitespace().take(5).map(str::to_ascii_lowercase).collect();
    let (first, rest) = words.split_first()?;
    let thing = rest.iter().find_map(|word| THINGS.into_iter().find(|thing| thing == word));
    let verb = if rest.iter().any(|word| word == "replace") { "Create or replace" } else { "Create" };
    let thing = thing.filter(|_| first == "create")?;
    Some(format!("{verb} {} {thing}", if thing.starts_with('i') { "an" } else { "a" }))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{
        findings::{Finding, Found, Meaning},
        sql::{Dialect, Settings},
        visible::visible,
    };

    fn said(text: &str, facts: Vec<Fact>) -> String {
        let statement = Statement::understand(Dialect::Postgres, text, Settings::usual(Dialect::Postgres)).unwrap();
        let finding = Finding {
            name: "database".to_owned(),
            source: "postgres.preview".to_owned(),
            found: Found::facts(facts, Value::Null),
        };
        let words = words(&statement, Some(&Findings { at: 0, all: vec![finding] }));
        let word = |word: Word| match word {
            Word::Text(text) => text,
            Word::Name(name) => format!("[{}]", visible(&name)),
            other => panic!("{other:?}"),
        };
        words.into_iter().map(word).collect()
    }

    fn fact(label: &str, value: Value, meaning: Meaning) -> Fact {
        Fact { meaning, ..Fact::plain(label, value) }
    }

    #[test]
    fn a_headline_says_what_happens_to_how_many_rows() {
        let of = |count: u64, total| fact("Rows that match now", json!(count), Meaning::RowsOf(total));
        let whole = |count: u64| fact("Rows in it", json!(count), Meaning::Rows);
        for (text, facts, line) in [
            ("DELETE FROM customers WHERE id = 1", vec![of(12, 1_000)], "Delete from [customers]: 12 of 1,000 rows"),
            ("UPDATE public.t SET a = 1 WHERE b = 2", vec![of(1, 1)], "Update [public.t]: 1 of 1 row"),
            ("UPDATE t SET a = 1 WHERE b = 2", Vec::new(), "Update [t]"),
            ("DROP TABLE customers", vec![whole(1_000)], "Drop table [customers]: 1,000 rows"),
            ("DROP TABLE a, b CASCADE", vec![whole(1), whole(2)], "Drop table [a], [b]: 3 rows"),
            ("DROP TABLE a, b", vec![whole(1)], "Drop table [a], [b]: rows not counted"),
            ("DROP INDEX one", Vec::new(), "Drop index [one]"),
            ("TRUNCATE t", vec![whole(7)], "Empty table [t]: 7 rows"),
            (
                "INSERT INTO t VALUES (1), (2)",
                vec![fact("Rows to be added", json!(2), Meaning::Rows)],
                "Insert into [t]: 2 rows",
            ),
            (
                "DELETE FROM t WHERE pick(a)",
                vec![fact("Rows that match now", json!("not counted: `pick`"), Meaning::Plain)],
                "Delete from [t]: rows not counted",
            ),
            ("INSERT INTO t VALUES (1) ON CONFLICT (a) DO UPDATE SET a = 2", Vec::new(), "Insert into or update [t]"),
            (
                "WITH x AS (SELECT 1) DELETE FROM a.t USING b WHERE t.i = b.i",
                Vec::new(),
                "Delete rows, in a statement over [a.t], [b]",
            ),
            ("CREATE UNIQUE INDEX one ON t (a)", Vec::new(), "Create an index"),
            (
                "CREATE OR REPLACE VIEW v AS SELECT a FROM t",
                Vec::new(),
                "Create or replace a view, in a statement over [t], [v]",
            ),
            ("GRANT SELECT ON t TO app", Vec::new(), "Change who may do what"),
            ("CREATE TABLE x (a int)", Vec::new(), "Create a table"),
            ("SELECT lo_unlink(1)", Vec::new(), "Run a query that may do more than read"),
            (
                "SELECT a FROM t FOR UPDATE",
                Vec::new(),
                "Run a query that may do more than read, in a statement over [t]",
            ),
        ] {
            assert_eq!(said(text, facts), line, "{text}");
        }
    }
}
