//! One member of a JSON file, changed in its text: order, formatting and everything else stay as they are.

mod scan;

use std::ops::Range;

use serde_json::{Map, Value};

use self::scan::{Object, span_of_root};

/// The value at `place`.
///
/// # Errors
/// Why the file cannot be used, and where.
pub(super) fn find(text: &str, place: &[&str]) -> Result<Option<Value>, String> {
    let root = parse(text)?;
    let mut value = &Value::Object(root);
    for key in place {
        match value {
            Value::Object(members) => match members.get(*key) {
                Some(member) => value = member,
                None => return Ok(None),
            },
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                return Err(format!("what should hold `{key}` is not an object"));
            }
        }
    }
    Ok(Some(value.clone()))
}

/// `text` with an object of these members at `place`.
///
/// # Errors
/// Why the file cannot be used, and where.
pub(super) fn set(text: &str, place: &[&str], members: &[(String, Value)]) -> Result<String, String> {
    find(text, place)?;
    let text = if text.trim().is_empty() { "{}\n" } else { text };
    let layout = Layout::of(text);
    let path = locate(text, place)?;
    let depth = path.len();
    if let Some(found) = path.get(place.len()) {
        return Ok(spliced(text, found.clone(), &layout.object(members, place.len())));
    }
    // the innermost object that is there takes the first key that is not
    let range = path.last().cloned().ok_or_else(unreadable)?;
    let object = Object::read(text, range.start).ok_or_else(unreadable)?;
    let missing = place.get(depth - 1..).unwrap_or_default();
    let member = layout.nested(missing, members, depth);
    match object.members.last() {
        Some(last) => {
            let at = last.value.end..last.value.end;
            Ok(spliced(text, at, &format!(",{}{member}", layout.line(depth))))
        }
        None => Ok(spliced(text, range, &format!("{{{}{member}{}}}", layout.line(depth), layout.line(depth - 1)))),
    }
}

/// `text` less what stands at `place`: the very bytes of one of `before` where nothing else has changed since; else
/// without the member, and without the objects around it that it leaves empty.
///
/// # Errors
/// Why the file cannot be used, and where.
pub(super) fn without(text: &str, place: &[&str], before: &[&str]) -> Result<String, String> {
    let mut left = text.to_owned();
    for length in (1..=place.len()).rev() {
        let part = place.get(..length).unwrap_or_default();
        let empty = matches!(find(&left, part)?, Some(Value::Object(members)) if members.is_empty());
        if length < place.len() && !empty {
            break;
        }
        left = cut(&left, part)?;
        if let Some(same) = before.iter().find(|before| parse(before).ok() == parse(&left).ok()) {
            return Ok((*same).to_owned());
        }
    }
    Ok(left)
}

/// `"name": {…}` for a person to read.
pub(super) fn member(name: &str, members: &[(String, Value)]) -> String {
    let layout = Layout { newline: "\n", unit: "  ".to_owned() };
    format!("{}: {}", Value::from(name), layout.object(members, 0))
}

fn parse(text: &str) -> Result<Map<String, Value>, String> {
    if text.trim().is_empty() {
        return Ok(Map::new());
    }
    match serde_json::from_str(text) {
        Ok(Value::Object(root)) => Ok(root),
        Ok(Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)) => {
            Err("it is JSON, but not an object".to_owned())
        }
        Err(error) => Err(format!("it is not plain JSON: {error}")),
    }
}

fn unreadable() -> String {
    "it cannot be changed safely".to_owned()
}

/// The spans of the values along `place`, the whole object first, as far as they are there.
fn locate(text: &str, place: &[&str]) -> Result<Vec<Range<usize>>, String> {
    let mut path = vec![span_of_root(text).ok_or_else(unreadable)?];
    for key in place {
        let start = path.last().map_or(0, |range| range.start);
        let object = Object::read(text, start).ok_or_else(unreadable)?;
        let mut named = object.members.into_iter().filter(|member| member.key == *key);
        match (named.next(), named.next()) {
            (Some(_), Some(_)) => return Err(format!("it has the key `{key}` twice in one object")),
            (Some(member), None) => path.push(member.value),
            (None, _) => break,
        }
    }
    Ok(path)
}

/// `text` less the member at `place`, which is there.
fn cut(text: &str, place: &[&str]) -> Result<String, String> {
    let path = locate(text, place)?;
    let holder = path.get(place.len().saturating_sub(1)).cloned().ok_or_else(unreadable)?;
    let object = Object::read(text, holder.start).ok_or_else(unreadable)?;
    let index = object.members.iter().position(|member| Some(&member.key.as_str()) == place.last());
    let index = index.ok_or_else(unreadable)?;
    let previous = index.checked_sub(1).and_then(|previous| object.members.get(previous));
    let span = match (previous, object.members.get(index), object.members.get(index + 1)) {
        (Some(previous), Some(member), _) => previous.value.end..member.value.end,
        (None, Some(member), Some(next)) => member.start..next.start,
        (None, _, None) => return Ok(spliced(text, holder, "{}")),
        (_, None, _) => return Err(unreadable()),
    };
    Ok(spliced(text, span, ""))
}

fn spliced(text: &str, span: Range<usize>, new: &str) -> String {
    let (before, after) = (text.get(..span.start).unwrap_or_default(), text.get(span.end..).unwrap_or_default());
    format!("{before}{new}{after}")
}

/// How the file is laid out, so that what is added looks like the rest.
struct Layout {
    /// Empty where everything is on one line.
    newline: &'static str,
    unit: String,
}

impl Layout {
    fn of(text: &str) -> Self {
        let newline = match (text.contains("\r\n"), text.trim().contains('\n'), text.trim() == "{}") {
            (true, _, _) => "\r\n",
            (false, true, _) | (false, false, true) => "\n",
            (false, false, false) => "",
        };
        let start = text.find('{').unwrap_or(0);
        let first = Object::read(text, start).and_then(|object| object.members.into_iter().next());
        let before = first.and_then(|first| text.get(start + 1..first.start)).unwrap_or_default();
        let indent = before.rsplit_once('\n').map_or("", |(_, indent)| indent);
        let unit = if indent.is_empty() { "  " } else { indent };
        Self { newline, unit: unit.to_owned() }
    }

    /// The end of a line and the indentation of the next.
    fn line(&self, depth: usize) -> String {
        if self.newline.is_empty() { String::new() } else { format!("{}{}", self.newline, self.unit.repeat(depth)) }
    }

    /// `"a": {"b": {…}}` for the keys that are not there, the first of them at `depth`.
    fn nested(&self, keys: &[&str], members: &[(String, Value)], depth: usize) -> String {
        let Some((first, rest)) = keys.split_first() else { return String::new() };
        let value = if rest.is_empty() {
            self.object(members, depth)
        } else {
            format!("{{{}{}{}}}", self.line(depth + 1), self.nested(rest, members, depth + 1), self.line(depth))
        };
        format!("{}: {value}", Value::from(*first))
    }

    fn object(&self, members: &[(String, Value)], depth: usize) -> String {
        if members.is_empty() {
            return "{}".to_owned();
        }
        let member = |(key, value): &(String, Value)| {
            format!("{}{}: {}", self.line(depth + 1), Value::from(key.as_str()), self.value(value, depth + 1))
        };
        let separator = if self.newline.is_empty() { ", " } else { "," };
        format!("{{{}{}}}", members.iter().map(member).collect::<Vec<_>>().join(separator), self.line(depth))
    }

    fn value(&self, value: &Value, depth: usize) -> String {
        match value {
            Value::Object(members) => {
                let members: Vec<_> = members.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
                self.object(&members, depth)
            }
            Value::Array(elements) => {
                let elements: Vec<_> = elements.iter().map(|element| self.value(element, depth)).collect();
                format!("[{}]", elements.join(", "))
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.to_string(),
        }
    }
}

#[cfg(test)]
mod tests;
