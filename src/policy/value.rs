//! Values of the file with their places. Each reader notes what is wrong and goes on, so that all is said at once.

use serde_json::{Number, Value};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use crate::diagnostic::Source;

/// A text and where it stands.
pub(super) type Text = Spanned<String>;

/// Names in backticks, with commas between them.
pub(super) fn ticked<T: std::fmt::Display>(names: impl Iterator<Item = T>) -> String {
    names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// A table of the file.
pub(super) fn members<'t>(source: &mut Source<'_>, key: &str, value: Spanned<DeValue<'t>>) -> Option<DeTable<'t>> {
    let span = value.span();
    match value.into_inner() {
        DeValue::Table(table) => Some(table),
        other => {
            source.problem(span, format!("`{key}` must be a table, not {}", a(&other)), None);
            None
        }
    }
}

/// A string of the file.
pub(super) fn text(source: &mut Source<'_>, key: &str, value: Spanned<DeValue<'_>>) -> Option<Text> {
    let span = value.span();
    match value.into_inner() {
        DeValue::String(text) => Some(Spanned::new(span, text.into_owned())),
        other => {
            let message = format!("`{key}` must be a string, not {}", a(&other));
            source.problem(span, message, "put it in double quotes".to_owned());
            None
        }
    }
}

/// The elements of a list of the file, of which there must be one: an empty list reads like "any" and means "none".
pub(super) fn elements<'t>(
    source: &mut Source<'_>,
    key: &str,
    value: Spanned<DeValue<'t>>,
) -> Option<Vec<Spanned<DeValue<'t>>>> {
    let span = value.span();
    match value.into_inner() {
        DeValue::Array(array) if array.iter().next().is_some() => Some(array.into_iter().collect()),
        DeValue::Array(_) => {
            source.problem(span, format!("`{key}` lists nothing"), "name at least one, or remove the key".to_owned());
            None
        }
        other => {
            let message = format!("`{key}` must be a list, not {}", a(&other));
            source.problem(span, message, "put it in square brackets".to_owned());
            None
        }
    }
}

/// A JSON value from a TOML one.
pub(super) fn json(source: &mut Source<'_>, value: Spanned<DeValue<'_>>) -> Option<Value> {
    let span = value.span();
    match value.into_inner() {
        DeValue::String(text) => Some(Value::String(text.into_owned())),
        DeValue::Boolean(boolean) => Some(Value::Bool(boolean)),
        DeValue::Integer(integer) => {
            let whole = i128::from_str_radix(integer.as_str(), integer.radix()).ok();
            let number = whole.and_then(|whole| {
                i64::try_from(whole).map(Number::from).or_else(|_| u64::try_from(whole).map(Number::from)).ok()
            });
            if number.is_none() {
                source.problem(span, "the number is too large", None);
            }
            number.map(Value::Number)
        }
        DeValue::Float(float) => {
            let number = float.as_str().parse().ok().and_then(Number::from_f64);
            if number.is_none() {
                source.problem(span, "only finite numbers can be compared", None);
            }
            number.map(Value::Number)
        }
        DeValue::Datetime(_) => {
            source.problem(span, "a time has no JSON form", "write it as a string, in double quotes".to_owned());
            None
        }
        DeValue::Array(array) => {
            let values: Vec<_> = array.into_iter().map(|element| json(source, element)).collect();
            values.into_iter().collect::<Option<Vec<_>>>().map(Value::Array)
        }
        DeValue::Table(table) => {
            let values: Vec<_> = table
                .into_iter()
                .map(|(key, value)| Some((key.into_inner().into_owned(), json(source, value)?)))
                .collect();
            values.into_iter().collect::<Option<serde_json::Map<_, _>>>().map(Value::Object)
        }
    }
}

/// A list of strings.
pub(super) fn texts(source: &mut Source<'_>, key: &str, value: Spanned<DeValue<'_>>) -> Option<Vec<Text>> {
    let elements = elements(source, key, value)?;
    Some(elements.into_iter().filter_map(|element| text(source, key, element)).collect())
}

/// A key with its place.
pub(super) fn owned(key: &Spanned<std::borrow::Cow<'_, str>>) -> Text {
    Spanned::new(key.span(), key.get_ref().clone().into_owned())
}

fn a(value: &DeValue<'_>) -> String {
    let word = value.type_str();
    format!("{} {word}", if word.starts_with(['a', 'i']) { "an" } else { "a" })
}
