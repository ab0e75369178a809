//! Parses what an agent gave for a tool: closed, without coercion, every problem at once, defaults filled in.
//!
//! INVARIANT: it accepts exactly what the schema of [`super::schema`] accepts, less what a schema cannot say:
//! `require_any`, NUL, whole numbers written with a fraction or beyond 64 bits.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    nearest::nearest,
    param::{MEMBER_NAME, Param, Problem, Type, is_bracketed, is_member_name},
    tool::Tool,
};
use crate::canonical;

/// The most problems that one answer names.
const MOST_PROBLEMS: usize = 50;

/// Arguments that fit a tool: every value checked against its parameter, defaults filled in, numbers canonical.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Arguments(Map<String, Value>);

impl Arguments {
    /// Checks `given` against the tool's parameters and fills the defaults in. `_reason` and `account` must have been
    /// taken out before.
    ///
    /// # Errors
    /// Every problem, in the order of their places.
    pub fn parse(tool: &Tool, given: &Map<String, Value>) -> Result<Self, Vec<Problem>> {
        parse_arguments(tool, given).map(Self)
    }

    /// The arguments as they will be sent, defaults among them.
    pub fn as_map(&self) -> &Map<String, Value> {
        &self.0
    }

    /// All values at a parameter (`a.b` for a nested one; every element of a list on the way): given, defaulted, or,
    /// where nothing is given, what the vendor assumes. Empty where nobody knows.
    pub fn assumed<'a>(&'a self, tool: &'a Tool, path: &str) -> Vec<&'a Value> {
        let mut found = self.given(path);
        if found.is_empty()
            && let Some(absent) = tool.param_at(path).and_then(|param| param.absent.as_ref())
        {
            found.push(absent);
        }
        found
    }

    /// The values at `path`, `a.b` for nested ones, given or filled in by `default`; through lists, those of all elements.
    pub fn given(&self, path: &str) -> Vec<&Value> {
        let mut found = Vec::new();
        let mut parts = path.split('.');
        if let Some(value) = parts.next().and_then(|first| self.0.get(first)) {
            walk(value, &parts.collect::<Vec<_>>(), &mut found);
        }
        found
    }
}

fn walk<'a>(value: &'a Value, path: &[&str], found: &mut Vec<&'a Value>) {
    match (path, value) {
        ([], value) => found.push(value),
        ([first, rest @ ..], Value::Object(map)) => {
            if let Some(value) = map.get(*first) {
                walk(value, rest, found);
            }
        }
        (path, Value::Array(items)) => items.iter().for_each(|item| walk(item, path, found)),
        ([_, ..], Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => {}
    }
}

/// Checks `given` against the tool's parameters and fills the defaults in.
///
/// # Errors
/// Every problem, in the order of their places.
pub fn parse_arguments(tool: &Tool, given: &Map<String, Value>) -> Result<Map<String, Value>, Vec<Problem>> {
    let mut reading = Reading { bracketed: false, problems: Vec::new() };
    let mut arguments = Map::new();
    for param in &tool.params {
        reading.bracketed = is_bracketed(tool, param);
        reading.member(param, given, "", &mut arguments);
    }
    reading.unknown(&tool.params, given, "");
    for group in &tool.require_any {
        // a null that is no value of its parameter is a problem already; one that is takes something off
        if !group.iter().any(|name| given.contains_key(name)) {
            let names: Vec<_> = group.iter().map(|name| format!("`{name}`")).collect();
            reading.problem("", format!("at least one of {} must be given", names.join(", ")));
        }
    }
    let mut problems = reading.problems;
    if problems.is_empty() {
        return Ok(arguments);
    }
    problems.sort();
    let more = problems.len().saturating_sub(MOST_PROBLEMS);
    if more > 0 {
        problems.truncate(MOST_PROBLEMS);
        problems.push(Problem { at: String::new(), message: format!("{more} more problems are not shown") });
    }
    Err(problems)
}

/// Is this a value of `param`? Its canonical form, or what is wrong, as the rest of a sentence.
pub(super) fn fits(param: &Param, value: &Value) -> Result<Value, String> {
    let mut reading = Reading { bracketed: false, problems: Vec::new() };
    let value = reading.value(param, value, "");
    match reading.problems.into_iter().next() {
        None => Ok(value),
        Some(Problem { at, message }) if at.is_empty() => Err(message),
        Some(Problem { at, message }) => Err(format!("at `{at}` {message}")),
    }
}

struct Reading {
    /// Is what is read written with brackets, so that nothing in it may be empty?
    bracketed: bool,
    problems: Vec<Problem>,
}

impl Reading {
    /// One member of an object: given, defaulted, left out, or missing.
    fn member(&mut self, param: &Param, given: &Map<String, Value>, at: &str, out: &mut Map<String, Value>) {
        let value = match (given.get(&param.name), &param.default) {
            (Some(value), _) => self.value(param, value, &pointer(at, &param.name)),
            (None, Some(default)) => default.clone(),
            (None, None) if param.required => {
                return self.problem(&pointer(at, &param.name), format!("is missing; it must be {}", wanted(param)));
            }
            (None, None) => return,
        };
        out.insert(param.name.clone(), value);
    }

    /// What is wrong about names that are none of `params`.
    fn unknown(&mut self, params: &[Param], given: &Map<String, Value>, at: &str) {
        for name in given.keys().filter(|name| !params.iter().any(|param| param.name == **name)) {
            let known = || params.iter().map(|param| param.name.as_str());
            let help = match nearest(&name.to_lowercase(), known()) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None if params.is_empty() => "no arguments are taken here".to_owned(),
                None => format!("known are {}", known().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")),
            };
            self.problem(&pointer(at, name), format!("unknown argument; {help}"));
        }
    }

    /// The canonical form of a value; where it does not fit, problems, and any value.
    fn value(&mut self, param: &Param, value: &Value, at: &str) -> Value {
        if value.is_null() && param.nullable {
            return Value::Null;
        }
        match (&param.ty, value) {
            (Type::String { .. }, Value::String(text)) => self.string(param, text, at),
            (Type::Integer { min, max, choices }, Value::Number(number)) => {
                self.integer(number, (*min, *max), choices.as_deref(), at);
            }
            (Type::Number { min, max }, Value::Number(number)) => {
                let float = number.as_f64().unwrap_or(f64::NAN);
                if let Some(min) = min.filter(|min| float < *min) {
                    self.problem(at, format!("must be at least {min}"));
                }
                if let Some(max) = max.filter(|max| float > *max) {
                    self.problem(at, format!("must be at most {max}"));
                }
                return canonical::normal(value.clone());
            }
            (Type::Boolean, Value::Bool(_)) => {}
            (Type::Value { max_length, max_items }, value) => return self.plain(value, *max_length, *max_items, at),
            (Type::Array { items, min_items, max_items }, Value::Array(elements)) => {
                let least = min_items.unwrap_or(0).max(u64::from(self.bracketed));
                if self.amount(elements.len(), least, *max_items, "elements", at) {
                    let elements = elements.iter().enumerate();
                    return elements.map(|(i, element)| self.value(items, element, &format!("{at}/{i}"))).collect();
                }
            }
            (Type::Object { fields }, Value::Object(given)) => {
                self.amount(given.len(), u64::from(self.bracketed), u64::MAX, "members", at);
                let mut object = Map::new();
                for field in fields {
                    self.member(field, given, at, &mut object);
                }
                self.unknown(fields, given, at);
                return Value::Object(object);
            }
            (Type::Map { values, max_items }, Value::Object(given)) => {
                if self.amount(given.len(), u64::from(self.bracketed), *max_items, "members", at) {
                    let mut object = Map::new();
                    for (name, value) in given {
                        if !is_member_name(name) {
                            let right =
                                format!("must have a name of at most {MEMBER_NAME} letters, digits, `_` and `-`");
                            self.problem(&pointer(at, name), right);
                        }
                        object.insert(name.clone(), self.value(values, value, &pointer(at, name)));
                    }
                    return Value::Object(object);
                }
            }
            (
                Type::String { .. }
                | Type::Integer { .. }
                | Type::Number { .. }
                | Type::Boolean
                | Type::Array { .. }
                | Type::Object { .. }
                | Type::Map { .. },
                other,
            ) => self.problem(at, format!("must be {}, not {}", wanted(param), kind(other))),
        }
        value.clone()
    }

    /// A text, a number, a boolean, or a list of them.
    fn plain(&mut self, value: &Value, max_length: u64, max_items: u64, at: &str) -> Value {
        match value {
            Value::Number(_) => return canonical::normal(value.clone()),
            Value::String(text) => self.text(text, max_length, at),
            Value::Array(elements) if self.amount(elements.len(), 0, max_items, "elements", at) => {
                let elements = elements.iter().enumerate().map(|(index, element)| match element {
                    Value::Array(_) => {
                        self.problem(&format!("{at}/{index}"), "must not be a list inside of a list".to_owned());
                        element.clone()
                    }
                    Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
                        self.plain(element, max_length, 0, &format!("{at}/{index}"))
                    }
                });
                return elements.collect();
            }
            // a list that is too long has been noted
            Value::Bool(_) | Value::Array(_) => {}
            Value::Null | Value::Object(_) => {
                self.problem(
                    at,
                    format!("must be a string, a number, true or false, or a list of them, not {}", kind(value)),
                );
            }
        }
        value.clone()
    }

    /// The length of a text, and that it has no NUL.
    fn text(&mut self, text: &str, max_length: u64, at: &str) {
        let length = text.chars().count() as u64;
        if text.contains('\0') {
            self.problem(at, "must not contain a NUL character".to_owned());
        }
        if length > max_length {
            self.problem(at, format!("must have at most {max_length} characters, not {length}"));
        }
    }

    fn string(&mut self, param: &Param, text: &str, at: &str) {
        let Type::String { pattern, choices, min_length, max_length } = &param.ty else { return };
        let length = text.chars().count() as u64;
        if text.contains('\0') {
            self.problem(at, "must not contain a NUL character".to_owned());
        }
        if length > *max_length {
            return self.problem(at, format!("must have at most {max_length} characters, not {length}"));
        }
        if let Some(min) = min_length.filter(|min| length < *min) {
            self.problem(at, format!("must have at least {min} characters, not {length}"));
        }
        if let Some(choices) = choices.as_ref().filter(|choices| !choices.iter().any(|choice| choice == text)) {
            let choices: Vec<_> = choices.iter().map(|choice| format!("`{choice}`")).collect();
            self.problem(at, format!("must be one of {}", choices.join(", ")));
        }
        if let Some(pattern) = pattern.as_ref().filter(|pattern| !pattern.matches(text)) {
            let example = param.example.as_ref().and_then(Value::as_str);
            let example = example.map(|example| format!(", for example `{example}`")).unwrap_or_default();
            self.problem(at, format!("must match `{}`{example}", pattern.as_str()));
        }
    }

    fn integer(
        &mut self,
        number: &serde_json::Number,
        range: (Option<i64>, Option<i64>),
        choices: Option<&[i64]>,
        at: &str,
    ) {
        // A whole number that came as a float may be another one than was written: 2^64 and 2^64 + 1 are one float.
        if number.is_f64() {
            return self.problem(at, "must be a whole number written without a fraction".to_owned());
        }
        let Some(integer) = number.as_i64() else {
            return self.problem(at, format!("must be at most {}", range.1.unwrap_or(i64::MAX)));
        };
        if let Some(min) = range.0.filter(|min| integer < *min) {
            self.problem(at, format!("must be at least {min}"));
        }
        if let Some(max) = range.1.filter(|max| integer > *max) {
            self.problem(at, format!("must be at most {max}"));
        }
        if let Some(choices) = choices.filter(|choices| !choices.contains(&integer)) {
            let choices: Vec<_> = choices.iter().map(|choice| format!("`{choice}`")).collect();
            self.problem(at, format!("must be one of {}", choices.join(", ")));
        }
    }

    /// Notes too few and too many; says whether the rest is worth looking at.
    fn amount(&mut self, count: usize, least: u64, most: u64, what: &str, at: &str) -> bool {
        let count = count as u64;
        if count < least {
            let rest = if least == 1 { "; leave it out where there is none" } else { "" };
            self.problem(at, format!("must have at least {least} {what}{rest}"));
        }
        if count > most {
            self.problem(at, format!("must have at most {most} {what}, not {count}"));
        }
        count <= most
    }

    fn problem(&mut self, at: &str, message: String) {
        self.problems.push(Problem { at: at.to_owned(), message });
    }
}

/// A member of what `at` points to (RFC 6901).
pub(super) fn pointer(at: &str, name: &str) -> String {
    const LONGEST: usize = 80;
    let name: String = name.chars().take(LONGEST).collect();
    format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"))
}

fn wanted(param: &Param) -> &'static str {
    match &param.ty {
        Type::String { .. } => "a string",
        Type::Integer { .. } => "a whole number",
        Type::Number { .. } => "a number",
        Type::Boolean => "true or false",
        Type::Value { .. } => "a string, a number, true or false, or a list of them",
        Type::Array { .. } => "a list",
        Type::Object { .. } | Type::Map { .. } => "an object",
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests;
