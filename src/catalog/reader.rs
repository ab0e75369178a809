//! Reads TOML tables key by key. Each value keeps its place in the file, each key is taken once, and what is left over
//! at the end is unknown.
//!
//! INVARIANT: whenever a function here returns `None` for a key that is there or has to be, a problem has been noted.

use std::ops::Range;

use serde_json::Value;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::nearest::nearest;
use crate::diagnostic::Source;

/// A value and the bytes of the file that it stands in.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct At<T> {
    pub(super) value: T,
    pub(super) span: Range<usize>,
}

/// A key of a table with its value.
#[derive(Clone)]
pub(super) struct Entry<'d> {
    pub(super) key: At<&'d str>,
    pub(super) value: At<&'d DeValue<'d>>,
}

/// A table of which keys are taken.
pub(super) struct Table<'d> {
    name: String,
    span: Range<usize>,
    // few keys: a search from end to end is quicker than a tree is made
    rest: Vec<Entry<'d>>,
    asked: Vec<&'static str>,
}

impl<'d> Table<'d> {
    /// `name` is what messages call it: `[integration]`.
    pub(super) fn new(name: impl Into<String>, span: Range<usize>, table: &'d DeTable<'d>) -> Self {
        let rest = table.iter().map(|(key, value)| entry(key, value)).collect();
        Self { name: name.into(), span, rest, asked: Vec::new() }
    }

    /// Where it begins.
    pub(super) fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// Where the keys stand that have not been taken, in the order of the file.
    pub(super) fn keys(&self) -> Vec<Range<usize>> {
        let mut keys: Vec<_> = self.rest.iter().map(|entry| entry.key.span.clone()).collect();
        keys.sort_by_key(|span| span.start);
        keys
    }

    /// Calls it something else from here on.
    pub(super) fn rename(&mut self, name: impl Into<String>) {
        self.name = name.into();
    }

    /// The value of `key`, where it is there.
    pub(super) fn take(&mut self, key: &'static str) -> Option<Entry<'d>> {
        self.asked.push(key);
        self.remove(key)
    }

    /// Text, where it is there.
    pub(super) fn string(&mut self, source: &mut Source<'_>, key: &'static str) -> Option<At<String>> {
        let entry = self.take(key)?;
        text(source, key, &entry.value)
    }

    /// Text that has to be there.
    pub(super) fn required(&mut self, source: &mut Source<'_>, key: &'static str) -> Option<At<String>> {
        if !self.rest.iter().any(|entry| entry.key.value == key) {
            self.asked.push(key);
            self.missing(source, key, &format!("add `{key} = \"…\"`"));
            return None;
        }
        self.string(source, key)
    }

    /// True or false, where it is there.
    pub(super) fn boolean(&mut self, source: &mut Source<'_>, key: &'static str) -> Option<At<bool>> {
        let At { value, span } = self.take(key)?.value;
        if let DeValue::Boolean(value) = value {
            return Some(At { value: *value, span });
        }
        wrong(source, key, span, "true or false", value);
        None
    }

    /// A number that counts something, where it is there.
    pub(super) fn count(&mut self, source: &mut Source<'_>, key: &'static str) -> Option<At<u64>> {
        let At { value, span } = self.take(key)?.value;
        if let DeValue::Integer(integer) = value
            && let Ok(value) = u64::from_str_radix(integer.as_str(), integer.radix())
        {
            return Some(At { value, span });
        }
        wrong(source, key, span, "a whole number, not negative", value);
        None
    }

    /// A table within, where it is there; `name` is what messages call it.
    pub(super) fn table(&mut self, source: &mut Source<'_>, key: &'static str, name: &str) -> Option<Table<'d>> {
        self.take(key)?.table(source, name)
    }

    /// A list of tables, empty where there is none.
    pub(super) fn tables(&mut self, source: &mut Source<'_>, key: &'static str, name: &str) -> Vec<Table<'d>> {
        let Some(Entry { value: At { value, span }, .. }) = self.take(key) else { return Vec::new() };
        let DeValue::Array(items) = value else {
            wrong(source, key, span, &format!("a list of tables; write `{name}`"), value);
            return Vec::new();
        };
        let tables = items.iter().filter_map(|item| {
            let DeValue::Table(table) = item.get_ref() else {
                wrong(source, key, item.span(), "a list of tables", item.get_ref());
                return None;
            };
            Some(Table::new(name, item.span(), table))
        });
        tables.collect()
    }

    /// Everything that has not been taken, in the order of the file.
    pub(super) fn entries(self) -> Vec<Entry<'d>> {
        let mut entries = self.rest;
        entries.sort_by_key(|entry| entry.key.span.start);
        entries
    }

    /// Notes that `key` is missing.
    pub(super) fn missing(&self, source: &mut Source<'_>, key: &str, help: &str) {
        source.problem(self.span(), format!("`{key}` is missing in {}", self.name), help.to_owned());
    }

    fn remove(&mut self, key: &str) -> Option<Entry<'d>> {
        let at = self.rest.iter().position(|entry| entry.key.value == key)?;
        Some(self.rest.swap_remove(at))
    }

    /// Notes what has not been taken as unknown.
    pub(super) fn finish(self, source: &mut Source<'_>) {
        let (name, asked) = (self.name.clone(), self.asked.clone());
        for Entry { key, .. } in self.entries() {
            let help = match nearest(key.value, asked.iter().copied()) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("{name} has {}", list(&asked)),
            };
            source.problem(key.span, format!("unknown key `{}` in {name}", shown(key.value)), help);
        }
    }
}

impl<'d> Entry<'d> {
    /// The value as a table.
    pub(super) fn table(self, source: &mut Source<'_>, name: &str) -> Option<Table<'d>> {
        if let DeValue::Table(table) = self.value.value {
            // the span of a table with a header covers the header, that of dotted keys may be empty
            let span = if self.value.span.is_empty() { self.key.span } else { self.value.span };
            return Some(Table::new(name, span, table));
        }
        wrong(source, self.key.value, self.value.span, "a table", self.value.value);
        None
    }

    /// The values of a list.
    pub(super) fn list(&self, source: &mut Source<'_>) -> Option<Vec<At<&'d DeValue<'d>>>> {
        if let DeValue::Array(items) = self.value.value {
            return Some(items.iter().map(|item| At { value: item.get_ref(), span: item.span() }).collect());
        }
        wrong(source, self.key.value, self.value.span.clone(), "a list", self.value.value);
        None
    }

    /// The value as JSON has it.
    pub(super) fn json(&self, source: &mut Source<'_>) -> Option<At<Value>> {
        let span = self.value.span.clone();
        json(source, self.value.value, &span).map(|value| At { value, span })
    }
}

/// Text.
pub(super) fn text(source: &mut Source<'_>, key: &str, value: &At<&DeValue<'_>>) -> Option<At<String>> {
    if let DeValue::String(text) = value.value {
        return Some(At { value: text.to_string(), span: value.span.clone() });
    }
    wrong(source, key, value.span.clone(), "a string", value.value);
    None
}

/// A TOML value as JSON has it. Dates and what JSON has no number for are refused.
pub(super) fn json(source: &mut Source<'_>, value: &DeValue<'_>, span: &Range<usize>) -> Option<Value> {
    let number = match value {
        DeValue::String(text) => return Some(Value::String(text.to_string())),
        DeValue::Boolean(value) => return Some(Value::Bool(*value)),
        DeValue::Integer(integer) => i64::from_str_radix(integer.as_str(), integer.radix()).ok().map(Value::from),
        DeValue::Float(float) => float.as_str().parse().ok().and_then(serde_json::Number::from_f64).map(Value::Number),
        DeValue::Datetime(_) => {
            source.problem(span.clone(), "a date is no JSON value", "write it as a string".to_owned());
            return None;
        }
        DeValue::Array(items) => {
            return items.iter().map(|item| json(source, item.get_ref(), &item.span())).collect();
        }
        DeValue::Table(table) => {
            let member = |(key, value): (&Spanned<_>, &Spanned<DeValue<'_>>)| -> Option<(String, Value)> {
                let key: &std::borrow::Cow<'_, str> = key.get_ref();
                Some((key.to_string(), json(source, value.get_ref(), &value.span())?))
            };
            return table.iter().map(member).collect::<Option<_>>().map(Value::Object);
        }
    };
    if number.is_none() {
        source.problem(span.clone(), "this number cannot be represented", "use one of 64 bits".to_owned());
    }
    number
}

/// Notes that `what` belongs to a later version.
pub(super) fn not_yet(source: &mut Source<'_>, span: Range<usize>, what: &str) {
    source.problem(span, format!("`{what}` is not available yet"), "remove it; a later version reads it".to_owned());
}

/// "`a`, `b` and `c`"
pub(super) fn list<T: AsRef<str>>(words: &[T]) -> String {
    match words {
        [] => "no keys".to_owned(),
        [only] => format!("`{}`", only.as_ref()),
        [first @ .., last] => {
            let first: Vec<_> = first.iter().map(|word| format!("`{}`", word.as_ref())).collect();
            format!("{} and `{}`", first.join(", "), last.as_ref())
        }
    }
}

/// A word of the file in a message: short, and nothing in it acts on a terminal.
pub(super) fn shown(word: &str) -> String {
    word.chars().take(60).flat_map(char::escape_debug).collect()
}

fn wrong(source: &mut Source<'_>, key: &str, span: Range<usize>, right: &str, value: &DeValue<'_>) {
    let found = match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    };
    source.problem(span, format!("`{}` must be {right}; this is {found}", shown(key)), None);
}

fn entry<'d>(key: &'d Spanned<std::borrow::Cow<'d, str>>, value: &'d Spanned<DeValue<'d>>) -> Entry<'d> {
    Entry {
        key: At { value: key.get_ref().as_ref(), span: key.span() },
        value: At { value: value.get_ref(), span: value.span() },
    }
}
