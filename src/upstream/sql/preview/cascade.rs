//! What hangs on a table or on some of its rows: foreign keys and what they do, triggers, views.

use serde_json::{Value, json};

use super::{
    Look, Unknown,
    questions::{Event, Place, display},
};
use crate::{
    findings::rows,
    sql::{Change, Dialect, Selection, Settings, Statement, Target},
};

/// How far from the statement's own rows what follows from it is looked for.
const DEEPEST: usize = 3;

/// A foreign key to a table.
struct Key {
    schema: Option<String>,
    table: String,
    on_delete: String,
    on_update: String,
    columns: Vec<String>,
    referenced: Vec<String>,
}

impl Key {
    fn display(&self) -> String {
        format!("{} ({})", display(self.schema.as_deref(), &self.table), self.columns.join(", "))
    }

    /// The rows that point at `rows` by it.
    fn pointing(&self, rows: &Selection) -> Selection {
        let names = |names: &[String]| names.to_vec();
        let (columns, referenced) = (names(&self.columns), names(&self.referenced));
        let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
        let referenced: Vec<&str> = referenced.iter().map(String::as_str).collect();
        rows.pointing(self.schema.as_deref(), &self.table, &columns, &referenced)
    }

    fn place(&self, dialect: Dialect) -> Place {
        let parts: Vec<String> = self.schema.iter().chain([&self.table]).cloned().collect();
        Place::named(dialect, &parts)
    }
}

impl Look<'_> {
    /// What foreign keys do to other rows when those of `target` are changed or removed.
    pub(super) async fn cascades(&mut self, target: &Target, place: &Place, event: Event) -> Result<(), Unknown> {
        let Some(met) = target.selection() else { return Ok(()) };
        let mut todo = vec![(met, place.clone(), 1)];
        while let Some((met, place, depth)) = todo.pop() {
            for key in self.keys(&place).await? {
                let sets = |column: &String| target.assignments().iter().any(|one| one.sets(column));
                let action = match event {
                    Event::Update if !key.referenced.iter().any(sets) => continue,
                    Event::Update => &key.on_update,
                    Event::Delete | Event::Truncate | Event::Insert => &key.on_delete,
                };
                let pointing = key.pointing(&met);
                let count = self.count(pointing.count()).await?;
                let label = match (action.as_str(), event) {
                    ("CASCADE", Event::Update) => "Also updated",
                    ("CASCADE", _) => "Also deleted",
                    ("SET NULL", _) => "Also set to NULL",
                    ("SET DEFAULT", _) => "Also set to the default",
                    _ if matches!(count, Ok(0) | Err(_)) => continue,
                    _ => "In the way",
                };
                let goes_on = label == "Also deleted" && count != Ok(0);
                match count {
                    Ok(count) => self.say(label, json!(format!("{} in {}", rows(count), key.display()))),
                    Err(why) => self.tell(label, json!(format!("rows in {}; not counted: {why}", key.display()))),
                }
                if goes_on {
                    let (place, name) = (key.place(self.dialect), display(key.schema.as_deref(), &key.table));
                    // MySQL and MariaDB run no triggers for what a foreign key does
                    if self.dialect != Dialect::Mysql {
                        self.triggers(&place, &name, Event::Delete).await?;
                    }
                    if depth < DEEPEST {
                        todo.push((pointing, place, depth + 1));
                    }
                }
            }
        }
        Ok(())
    }

    /// What is lost or stands in the way when the table itself is dropped, emptied or altered.
    pub(super) async fn hangs_on(&mut self, target: &Target, place: &Place) -> Result<(), Unknown> {
        let views = self.views(target, place).await?;
        for view in views {
            self.say("View on it", json!(view));
        }
        // a DROP is a DELETE of all rows first, there
        if self.dialect == Dialect::Sqlite && target.change() == Change::Drop {
            return self.cascades(target, place, Event::Delete).await;
        }
        let Some(all) = target.selection() else { return Ok(()) };
        let is_emptied = target.change() == Change::Truncate && target.cascades();
        for key in self.keys(place).await? {
            let label = if is_emptied { "Also emptied" } else { "Foreign key to it" };
            let name = key.display();
            match self.count(key.pointing(&all).count()).await? {
                Ok(count) => self.say(label, json!(format!("from {} in {name}", rows(count)))),
                Err(why) => self.tell(label, json!(format!("from {name}; not counted: {why}"))),
            }
        }
        Ok(())
    }

    /// The triggers of a table that fire.
    pub(super) async fn triggers(&mut self, place: &Place, table: &str, event: Event) -> Result<(), Unknown> {
        let values: Vec<Value> = place.values.iter().cloned().chain([event.value(self.dialect)]).collect();
        let answer = match self.ask(self.questions.triggers, &values).await {
            Ok(answer) => answer,
            Err(Unknown::Because(why)) => {
                self.tell("Triggers", json!(format!("not known: {why}")));
                return Ok(());
            }
            Err(wrote @ Unknown::Wrote(_)) => return Err(wrote),
        };
        for row in &answer.rows {
            if let [Value::String(name), Value::String(timing), ..] = row.as_slice() {
                self.say("Trigger fires", json!(format!("{name} {timing} {} on {table}", event.word())));
            }
        }
        match self.questions.lasting_by_triggers {
            Some(question) if !answer.rows.is_empty() => self.lasting(question, &values).await,
            Some(_) | None => Ok(()),
        }
    }

    /// What triggers write where there are no transactions stays.
    async fn lasting(&mut self, question: &str, values: &[Value]) -> Result<(), Unknown> {
        let answer = match self.ask(question, values).await {
            Ok(answer) => answer,
            Err(Unknown::Because(why)) => {
                self.tell("Cannot be rolled back", json!(format!("what triggers write is not known: {why}")));
                return Ok(());
            }
            Err(wrote @ Unknown::Wrote(_)) => return Err(wrote),
        };
        for row in &answer.rows {
            if let [Value::String(table), Value::String(engine)] = row.as_slice() {
                let why = format!("what triggers write to {table}: {engine} tables have no transactions");
                self.say("Cannot be rolled back", json!(why));
            }
        }
        Ok(())
    }

    async fn views(&mut self, target: &Target, place: &Place) -> Result<Vec<String>, Unknown> {
        let answer = match self.ask(self.questions.views, &place.values).await {
            Ok(answer) => answer,
            Err(Unknown::Because(why)) => {
                self.tell("Views on it", json!(format!("not known: {why}")));
                return Ok(Vec::new());
            }
            Err(wrote @ Unknown::Wrote(_)) => return Err(wrote),
        };
        let views = answer.rows.iter().filter_map(|row| {
            let [schema, Value::String(name), text] = row.as_slice() else { return None };
            let reads = text.as_str().is_none_or(|text| self.reads(text, target));
            reads.then(|| display(schema.as_str(), name))
        });
        Ok(views.collect())
    }

    /// Does a view of this text read the table? One that is not understood may.
    fn reads(&self, view: &str, target: &Target) -> bool {
        let table = target.parts().last().map(|name| self.dialect.folded(name, false)).unwrap_or_default();
        match Statement::understand(self.dialect, view, Settings::usual(self.dialect)) {
            Ok(view) => view.tables().contains(table.as_ref()),
            Err(_) => view.to_ascii_lowercase().contains(table.as_ref()),
        }
    }

    async fn keys(&mut self, place: &Place) -> Result<Vec<Key>, Unknown> {
        let answer = match self.ask(self.questions.keys, &place.values).await {
            Ok(answer) => answer,
            Err(Unknown::Because(why)) => {
                self.tell("Foreign keys to it", json!(format!("not known: {why}")));
                return Ok(Vec::new());
            }
            Err(wrote @ Unknown::Wrote(_)) => return Err(wrote),
        };
        let mut keys: Vec<(String, Key)> = Vec::new();
        for row in &answer.rows {
            let [schema, table, id, on_delete, on_update, column, referenced] = row.as_slice() else { continue };
            let text = |value: &Value| value.as_str().map(str::to_owned);
            let (Some(name), Some(column)) = (text(table), text(column)) else { continue };
            let referenced = match text(referenced) {
                Some(referenced) => vec![referenced],
                // SQLite: the key that the table has
                None => self.primary_key(place).await?,
            };
            let which = format!("{schema} {name} {id}");
            if let Some((_, key)) = keys.iter_mut().find(|(other, _)| *other == which) {
                key.columns.push(column);
                if key.referenced.len() < key.columns.len() {
                    key.referenced.extend(referenced);
                }
            } else {
                let action = |value: &Value| text(value).unwrap_or_default().to_ascii_uppercase();
                let (on_delete, on_update) = (action(on_delete), action(on_update));
                let (schema, columns) = (text(schema), vec![column]);
                keys.push((which, Key { schema, table: name, on_delete, on_update, columns, referenced }));
            }
        }
        Ok(keys.into_iter().map(|(_, key)| key).collect())
    }

    /// The columns of a table's primary key; none where there is none or it is not known.
    pub(super) async fn primary_key(&mut self, place: &Place) -> Result<Vec<String>, Unknown> {
        match self.ask(self.questions.primary_key, &place.values).await {
            Ok(answer) => Ok(answer.rows.iter().filter_map(|row| row.first()?.as_str().map(str::to_owned)).collect()),
            Err(Unknown::Because(_)) => Ok(Vec::new()),
            Err(wrote @ Unknown::Wrote(_)) => Err(wrote),
        }
    }
}
