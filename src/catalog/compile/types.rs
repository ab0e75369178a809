//! The `type` of a parameter and the keys that belong to it.

use std::ops::Range;

use super::{
    param::{Position, param, siblings},
    service::bad_pattern,
};
use crate::{
    catalog::{
        Param, Place, Type,
        reader::{At, Entry, Table, json, shown, text},
    },
    diagnostic::Source,
    pattern::Pattern,
};

const MAX_LENGTH: u64 = 5_000;
const MAX_ITEMS: u64 = 100;
const MAX_MEMBERS: u64 = 50;

/// The type that `word` names, with the keys that belong to it.
pub(super) fn ty(
    source: &mut Source<'_>,
    word: &At<String>,
    table: &mut Table<'_>,
    name: &At<String>,
    place: Place,
) -> Option<Type> {
    table.rename(format!("the {} parameter `{}`", shown(&word.value), shown(&name.value)));
    match word.value.as_str() {
        "string" => string(source, table, place),
        "integer" => integer(source, table),
        "number" => number(source, table),
        "boolean" => Some(Type::Boolean),
        "value" => Some(Type::Value {
            max_length: table.count(source, "max_length").map_or(MAX_LENGTH, |max| max.value),
            max_items: table.count(source, "max_items").map_or(MAX_ITEMS, |max| max.value),
        }),
        "array" => array(source, table, name, place),
        "object" => object(source, table, name, place),
        other => {
            let help = "use `string`, `integer`, `number`, `boolean`, `value`, `array` or `object`".to_owned();
            source.problem(word.span.clone(), format!("`{}` is not a type", shown(other)), help);
            None
        }
    }
}

fn string(source: &mut Source<'_>, table: &mut Table<'_>, place: Place) -> Option<Type> {
    let pattern = match table.string(source, "pattern") {
        Some(text) => Some(pattern(source, &text)?),
        None => None,
    };
    let choices = match table.take("enum") {
        Some(entry) => Some(choices(source, &entry, |source, item| text(source, "enum", item).map(|at| at.value))?),
        None => None,
    };
    let min = table.count(source, "min_length");
    let max = table.count(source, "max_length");
    bounds(source, min.as_ref(), max.as_ref(), "min_length", "max_length");
    // an empty segment would make the address of a list out of that of an element
    let least = (place == Place::Path && choices.is_none()).then_some(1);
    let min_length = min.map(|min| min.value).max(least);
    Some(Type::String { pattern, choices, min_length, max_length: max.map_or(MAX_LENGTH, |max| max.value) })
}

/// A parameter's pattern. One that begins with `^` and does not end with `$` is meant as a beginning, as JSON Schema
/// would have it; every other one is the whole value.
fn pattern(source: &mut Source<'_>, text: &At<String>) -> Option<Pattern> {
    let written = &text.value;
    // What means one thing here and another in the agent's JSON Schema would let the two disagree.
    let foreign = ["\\s", "\\S", "\\D", "\\W", "\\b", "\\B", "\\p", "\\P", "\\A", "\\z", "[[", "&&", "~~", "--", "(?P"];
    if let Some(foreign) = foreign.iter().find(|foreign| written.contains(**foreign)) {
        let help = "spell the characters out, such as `[A-Za-z0-9_]`".to_owned();
        let message = format!("`{foreign}` in a pattern does not mean the same to every agent");
        source.problem(text.span.clone(), message, help);
        return None;
    }
    let ends = written.ends_with('$') && !written.ends_with("\\$");
    let compiled = if written.starts_with('^') && !ends {
        Pattern::new(&format!("(?:{written})[^\\x00-\\x1F\\x7F]*"))
    } else {
        Pattern::new(written)
    };
    compiled.map_err(|reason| bad_pattern(source, text, &reason)).ok()
}

fn integer(source: &mut Source<'_>, table: &mut Table<'_>) -> Option<Type> {
    let whole = |source: &mut Source<'_>, value: &At<serde_json::Value>| {
        let integer = value.value.as_i64();
        if integer.is_none() {
            source.problem(value.span.clone(), "this must be a whole number", None);
        }
        integer
    };
    let mut bound = |source: &mut Source<'_>, key: &'static str| match table.take(key) {
        Some(entry) => {
            let value = entry.json(source)?;
            Some(Some(At { value: whole(source, &value)?, span: value.span }))
        }
        None => Some(None),
    };
    let (min, max) = (bound(source, "min")?, bound(source, "max")?);
    bounds(source, min.as_ref(), max.as_ref(), "min", "max");
    let choices = match table.take("enum") {
        Some(entry) => Some(choices(source, &entry, |source, item| {
            let value = json(source, item.value, &item.span)?;
            whole(source, &At { value, span: item.span.clone() })
        })?),
        None => None,
    };
    Some(Type::Integer { min: min.map(|min| min.value), max: max.map(|max| max.value), choices })
}

fn number(source: &mut Source<'_>, table: &mut Table<'_>) -> Option<Type> {
    let mut bound = |source: &mut Source<'_>, key: &'static str| match table.take(key) {
        Some(entry) => {
            let value = entry.json(source)?;
            let Some(number) = value.value.as_f64() else {
                source.problem(value.span, format!("`{key}` must be a number"), None);
                return None;
            };
            Some(Some(At { value: number, span: value.span }))
        }
        None => Some(None),
    };
    let (min, max) = (bound(source, "min")?, bound(source, "max")?);
    bounds(source, min.as_ref(), max.as_ref(), "min", "max");
    Some(Type::Number { min: min.map(|min| min.value), max: max.map(|max| max.value) })
}

fn array(source: &mut Source<'_>, table: &mut Table<'_>, name: &At<String>, place: Place) -> Option<Type> {
    let min = table.count(source, "min_items");
    let max = table.count(source, "max_items");
    bounds(source, min.as_ref(), max.as_ref(), "min_items", "max_items");
    let items = element(source, table, "items", name, place)?;
    Some(Type::Array { items, min_items: min.map(|min| min.value), max_items: max.map_or(MAX_ITEMS, |max| max.value) })
}

fn object(source: &mut Source<'_>, table: &mut Table<'_>, name: &At<String>, place: Place) -> Option<Type> {
    if let Some(entry) = table.take("fields") {
        let entries = entry.table(source, "`fields`")?.entries();
        if let Some(values) = table.take("values") {
            source.problem(values.key.span, "an object has either `fields` or `values`", None);
        }
        return Some(Type::Object { fields: siblings(source, entries, Position::Field(place))? });
    }
    let max = table.count(source, "max_items");
    let values = element(source, table, "values", name, place)?;
    Some(Type::Map { values, max_items: max.map_or(MAX_MEMBERS, |max| max.value) })
}

/// What the elements of a list or the values of a map are.
fn element(
    source: &mut Source<'_>,
    table: &mut Table<'_>,
    key: &'static str,
    name: &At<String>,
    place: Place,
) -> Option<Box<Param>> {
    let Some(entry) = table.take(key) else {
        let help = if key == "items" { "say what its elements are" } else { "give it `fields`, or `values` for a map" };
        table.missing(source, key, help);
        return None;
    };
    let inner = entry.table(source, &format!("`{key}` of `{}`", shown(&name.value)))?;
    param(source, name, inner, Position::Element(place)).map(Box::new)
}

fn choices<T: PartialEq>(
    source: &mut Source<'_>,
    entry: &Entry<'_>,
    read: impl Fn(&mut Source<'_>, &At<&toml::de::DeValue<'_>>) -> Option<T>,
) -> Option<Vec<T>> {
    let mut choices = Vec::new();
    for item in entry.list(source)? {
        let choice = read(source, &item)?;
        if choices.contains(&choice) {
            source.problem(item.span, "this choice is there twice", None);
        }
        choices.push(choice);
    }
    if choices.is_empty() {
        source.problem(entry.value.span.clone(), "`enum` names no choice", None);
    }
    Some(choices)
}

fn bounds<T: PartialOrd>(source: &mut Source<'_>, min: Option<&At<T>>, max: Option<&At<T>>, low: &str, high: &str) {
    if let (Some(min), Some(max)) = (min, max)
        && min.value > max.value
    {
        let span: Range<usize> = max.span.clone();
        source.problem(span, format!("`{high}` is smaller than `{low}`"), None);
    }
}
