//! `[tool.answer]`, `[tool.next]` and `[tool.fixed]`: how an answer is read, and what every request has.

use serde_json::{Map, Value};

use crate::{
    catalog::{
        AnswerKind, AnswerSpec, Next, NextFrom, Param, Place, RestTemplate, Type,
        answer::{EVERYTHING, FIELDS},
        reader::{At, Entry, Table, shown, text},
    },
    diagnostic::Source,
    pattern::Pattern,
};

/// What a path of `keep` and `fields` looks like.
const FIELD_PATH: &str = r"\*|[A-Za-z0-9_$@-]+(\.[A-Za-z0-9_$@-]+)*";
const FIELD_MAX: u64 = 200;
const FIELDS_MAX: u64 = 50;

/// Reads `[tool.answer]` and `[tool.next]`. A tool that trims its answers gets the parameter `fields`.
/// How it is decoded goes into the template of a REST tool.
pub(super) fn answer(
    source: &mut Source<'_>,
    table: &mut Table<'_>,
    params: Option<&mut Vec<Param>>,
    template: Option<&mut RestTemplate>,
) -> AnswerSpec {
    let answer = table.table(source, "answer", "`[tool.answer]`");
    let keep = answer.map(|table| keep(source, table, template)).unwrap_or_default();
    let next = table.table(source, "next", "`[tool.next]`");
    let next = next.and_then(|table| next_page(source, table, params.as_deref().map(Vec::as_slice)));
    if let (Some(params), false) = (params, keep.is_empty()) {
        params.reserve_exact(1);
        params.push(fields());
    }
    AnswerSpec { keep, next, refusal: None }
}

fn keep(source: &mut Source<'_>, mut table: Table<'_>, template: Option<&mut RestTemplate>) -> Vec<String> {
    let entry = table.take("keep");
    let decode = if template.is_some() { table.string(source, "decode") } else { None };
    if entry.is_none() && decode.is_none() {
        table.missing(source, "keep", "add `keep = [\"id\", \"owner.name\"]`");
    }
    table.finish(source);
    if let (Some(template), Some(word)) = (template, decode) {
        if word.value == "gmail" {
            template.decode = AnswerKind::Mail;
        } else {
            let message = format!("`{}` is not a way to decode an answer", shown(&word.value));
            source.problem(word.span, message, "use `gmail`".to_owned());
        }
    }
    let Some(items) = entry.and_then(|entry| entry.list(source)) else { return Vec::new() };
    let pattern = Pattern::new(FIELD_PATH);
    let mut paths = Vec::new();
    for item in items {
        let Some(path) = text(source, "keep", &item) else { continue };
        let good = path.value != EVERYTHING && pattern.as_ref().is_ok_and(|pattern| pattern.matches(&path.value));
        if !good {
            let help = "write member names with dots between them, such as `owner.name`; lists are walked through";
            source.problem(path.span, format!("`{}` is no path into an answer", shown(&path.value)), help.to_owned());
        } else if paths.contains(&path.value) {
            source.problem(path.span, format!("`{}` is there twice", path.value), None);
        } else {
            paths.push(path.value);
        }
    }
    paths
}

/// What every tool with a trimmed answer takes.
fn fields() -> Param {
    let param = |ty, description: &str, example| Param {
        description: description.to_owned(),
        example,
        ..Param::plain(FIELDS, Place::Answer, ty)
    };
    let path = Type::String {
        pattern: Pattern::new(FIELD_PATH).ok(),
        choices: None,
        min_length: Some(1),
        max_length: FIELD_MAX,
    };
    let path =
        param(path, "Member names with dots between them; lists are walked through.", Some("owner.email".into()));
    let list = Type::Array { items: Box::new(path), min_items: Some(1), max_items: FIELDS_MAX };
    let description =
        "The answer is trimmed to what is usually needed. More of it: paths into the vendor's answer, or `*` for all.";
    param(list, description, Some(Value::Array(vec!["*".into()])))
}

fn next_page(source: &mut Source<'_>, mut table: Table<'_>, params: Option<&[Param]>) -> Option<Next> {
    let name = table.required(source, "param");
    let link = table.boolean(source, "link");
    let mut pointer = |key| {
        let pointer = table.string(source, key)?;
        is_pointer(source, &pointer).then_some(pointer.value)
    };
    let (url, cursor, more, elements) = (pointer("url"), pointer("cursor"), pointer("more"), pointer("last"));
    let field = table.string(source, "field").map(|field| field.value);
    let span = table.span();
    table.finish(source);
    let from = match (link.is_some_and(|link| link.value), url, cursor, elements, field, more) {
        (true, None, None, None, None, None) => Some(NextFrom::Link),
        (false, Some(url), None, None, None, None) => Some(NextFrom::Url(url)),
        (false, None, Some(at), None, None, more) => Some(NextFrom::Cursor { at, more }),
        (false, None, None, Some(list), Some(field), Some(more)) => Some(NextFrom::Last { list, field, more }),
        _ => None,
    };
    if from.is_none() {
        let help = "use one of `link = true`; `url`; `cursor`, with or without `more`; `last`, `field` and `more`";
        source.problem(span, "`[tool.next]` must say in one way where the next page stands", help.to_owned());
    }
    let (name, from, params) = (name?, from?, params?);
    let param = params.iter().find(|param| param.name == name.value);
    let number = match param.map(|param| &param.ty) {
        Some(Type::Integer { .. }) => true,
        Some(Type::String { .. }) => false,
        Some(
            Type::Number { .. }
            | Type::Boolean
            | Type::Value { .. }
            | Type::Array { .. }
            | Type::Object { .. }
            | Type::Map { .. },
        )
        | None => {
            let message = format!("`{}` is no string or integer parameter of this tool", shown(&name.value));
            source.problem(name.span, message, "name the parameter that asks for a page".to_owned());
            return None;
        }
    };
    let wire = param.map_or_else(String::new, |param| param.wire.clone());
    Some(Next { param: name.value, wire, number, from })
}

/// Notes what is no JSON pointer (RFC 6901).
pub(super) fn is_pointer(source: &mut Source<'_>, pointer: &At<String>) -> bool {
    let escapes = pointer.value.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
    let good = pointer.value.starts_with('/') && escapes;
    if !good {
        let message = format!("`{}` is not a JSON pointer", shown(&pointer.value));
        source.problem(pointer.span.clone(), message, "write it as `/account/id`".to_owned());
    }
    good
}

/// Reads `[tool.fixed]`: what every call of the tool has beside its arguments, by the names of the request.
pub(super) fn fixed(source: &mut Source<'_>, table: &mut Table<'_>, params: Option<&[Param]>) -> Map<String, Value> {
    let Some(entry) = table.take("fixed") else { return Map::new() };
    let Some(fixed) = entry.table(source, "`[tool.fixed]`") else { return Map::new() };
    let mut members = Map::new();
    for Entry { key, value } in fixed.entries() {
        let name = At { value: key.value, span: key.span.clone() };
        let Some(value) = (Entry { key, value }).json(source) else { continue };
        // an object may stand beside arguments that go into it, each at a place of its own
        let taken = params.into_iter().flatten().any(|param| {
            let inside = param.wire.strip_prefix(name.value).and_then(|rest| rest.strip_prefix('.'));
            let met = inside.is_some_and(|inside| {
                let at = format!("/{}", inside.replace('.', "/"));
                !value.value.is_object() || value.value.pointer(&at).is_some()
            });
            matches!(param.place, Place::Body | Place::Query) && (param.wire == name.value || met)
        });
        if taken {
            let message = format!("`{}` is fixed, and a parameter goes there too", shown(name.value));
            source.problem(name.span, message, "remove one of them".to_owned());
            continue;
        }
        members.insert(name.value.to_owned(), value.value);
    }
    members
}

#[cfg(test)]
mod tests;
