//! `[tool.params]`: what a tool takes.

use std::collections::BTreeSet;

use super::{mail, tool::fits_a_segment, types::ty};
use crate::{
    catalog::{
        BodyKind, Method, Param, Place, RestTemplate, Type, Unit,
        answer::FIELDS,
        arguments,
        reader::{At, Entry, Table, shown},
        text as names,
    },
    diagnostic::Source,
};

/// Where a parameter is declared.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Position {
    /// In `[tool.params]`.
    Top,
    /// In the `fields` of an object.
    Field(Place),
    /// As `items` or `values`: it has no name of its own and cannot be left out.
    Element(Place),
}

/// Reads `[tool.params]`, in the order of the file.
pub(super) fn params(source: &mut Source<'_>, table: Table<'_>, template: Option<&RestTemplate>) -> Option<Vec<Param>> {
    let entries = table.entries();
    let spans: Vec<_> = entries.iter().map(|entry| entry.key.span.clone()).collect();
    let params = siblings(source, entries, Position::Top)?;
    if template.is_some_and(|template| template.body == BodyKind::Json) {
        apart(source, &params, &spans);
    }
    if let Some(template) = template {
        mail::members(source, template, &params, &spans);
    }
    for (param, span) in params.iter().zip(spans) {
        let Some(template) = template else { continue };
        let json_body = param.place == Place::Body && template.body == BodyKind::Json;
        if param.place == Place::Variable {
            let help = "use `path`, `query` or `body`".to_owned();
            source.problem(span, "only a GraphQL document has variables", help);
        } else if is_open(&param.ty) && !json_body {
            let message =
                "a parameter of the type `value` needs a JSON body, which says whether it is a text or a number";
            source.problem(span, message, "use `string`".to_owned());
        } else if matches!(param.place, Place::Body | Place::Mail)
            && matches!(template.method, Method::Get | Method::Head)
        {
            let message = format!("a {} has no body", template.method.as_str());
            source.problem(span, message, "use `in = \"query\"`".to_owned());
        } else if param.place == Place::Query && template.body != BodyKind::Form && is_ambiguous(&param.ty) {
            let message = "a list in a query is repeated, so its elements must be plain values";
            source.problem(
                span,
                message,
                "use `in = \"body\"`, or `body = \"form\"` where the vendor counts elements".to_owned(),
            );
        }
    }
    Some(params)
}

/// Is the type, or one inside of it, left open?
fn is_open(ty: &Type) -> bool {
    match ty {
        Type::Value { .. } => true,
        Type::Array { items, .. } => is_open(&items.ty),
        Type::Object { fields } => fields.iter().any(|field| is_open(&field.ty)),
        Type::Map { values, .. } => is_open(&values.ty),
        Type::String { .. } | Type::Integer { .. } | Type::Number { .. } | Type::Boolean => false,
    }
}

/// In a JSON body `a.b` is a place inside of `a`: no two parameters may be in each other's way.
fn apart(source: &mut Source<'_>, params: &[Param], spans: &[std::ops::Range<usize>]) {
    let in_body = || params.iter().zip(spans).filter(|(param, _)| param.place == Place::Body);
    for (inner, span) in in_body() {
        let outer =
            in_body().find(|(outer, _)| inner.wire.strip_prefix(&outer.wire).is_some_and(|rest| rest.starts_with('.')));
        if let Some((outer, _)) = outer {
            let message = format!("`{}` would stand inside of what `{}` gives", inner.wire, outer.name);
            source.problem(span.clone(), message, "give one of them another `wire`".to_owned());
        }
    }
}

/// Would two elements of a list run into each other where names are repeated?
fn is_ambiguous(ty: &Type) -> bool {
    match ty {
        Type::Array { items, .. } => !fits_a_segment(&items.ty),
        Type::Object { fields } => fields.iter().any(|field| is_ambiguous(&field.ty)),
        Type::Map { values, .. } => is_ambiguous(&values.ty),
        Type::String { .. } | Type::Integer { .. } | Type::Number { .. } | Type::Boolean | Type::Value { .. } => false,
    }
}

/// Parameters side by side; their names in the request differ, so that none can stand in for another.
pub(super) fn siblings(source: &mut Source<'_>, entries: Vec<Entry<'_>>, position: Position) -> Option<Vec<Param>> {
    let mut wires = BTreeSet::new();
    let mut all = Some(Vec::with_capacity(entries.len()));
    for entry in entries {
        let name = At { value: entry.key.value.to_owned(), span: entry.key.span.clone() };
        let param = match entry.table(source, &format!("the parameter `{}`", shown(&name.value))) {
            Some(table) => param(source, &name, table, position),
            None => None,
        };
        let Some(param) = param else {
            all = None;
            continue;
        };
        if !wires.insert((param.place as u8, param.wire.clone())) {
            let message = format!("another parameter has the name `{}` in the request", param.wire);
            source.problem(name.span, message, "give one of them another `wire`".to_owned());
        }
        if let Some(all) = &mut all {
            all.push(param);
        }
    }
    all
}

/// Reads one parameter.
pub(super) fn param(
    source: &mut Source<'_>,
    name: &At<String>,
    mut table: Table<'_>,
    position: Position,
) -> Option<Param> {
    if position == Position::Top && (name.value == "account" || name.value == FIELDS) {
        let help = format!("call it something else and set `wire = \"{}\"`", name.value);
        let message = match name.value.as_str() {
            FIELDS => "`fields` asks for more of a trimmed answer",
            _ => "every tool has a parameter `account` already",
        };
        source.problem(name.span.clone(), message, help);
    } else if !names::is_name(&name.value) {
        let help =
            "use lower-case letters, digits and `_`, a letter first; `wire` is its name in the request".to_owned();
        source.problem(name.span.clone(), format!("`{}` is not a parameter's name", shown(&name.value)), help);
    }
    let word = table.required(source, "type");
    let place = match position {
        Position::Top => table.required(source, "in").and_then(|word| place(source, &word)),
        Position::Field(place) | Position::Element(place) => Some(place),
    };
    let description = table.required(source, "description").map(|text| names::prose(source, "description", text));
    let nullable = table.boolean(source, "nullable");
    let wire = if matches!(position, Position::Element(_)) { None } else { table.string(source, "wire") };
    if let Some(wire) = wire.as_ref().filter(|wire| !is_wire_name(&wire.value)) {
        let help = "use letters, digits and `-._$@`; brackets are added where they belong".to_owned();
        source.problem(wire.span.clone(), format!("`{}` is not a name in a request", shown(&wire.value)), help);
    }
    let ty = word.as_ref().and_then(|word| ty(source, word, &mut table, name, place.unwrap_or(Place::Body)));
    let slash = if place == Some(Place::Path) && matches!(ty, Some(Type::String { .. })) {
        table.boolean(source, "slash").is_some_and(|slash| slash.value)
    } else {
        false
    };
    let unit = if matches!(ty, Some(Type::Integer { .. })) { unit(source, &mut table) } else { None };
    let example = table.take("example").and_then(|entry| entry.json(source));
    let optional =
        if matches!(position, Position::Element(_)) { Optional::default() } else { Optional::read(source, &mut table) };
    // Without a type nobody can say which keys belong here.
    if word.is_none() || ty.is_none() {
        return None;
    }
    table.finish(source);
    let mut param = Param {
        name: name.value.clone(),
        wire: wire.map_or_else(|| name.value.clone(), |wire| wire.value),
        place: place?,
        ty: ty?,
        description: description?,
        required: optional.required(),
        default: None,
        absent: None,
        nullable: nullable.as_ref().is_some_and(|nullable| nullable.value),
        unit,
        example: None,
        slash,
    };
    if param.place == Place::Path && position == Position::Top {
        fitting_segment(source, name, &param);
    }
    values(source, name, &mut param, optional, example);
    Some(param)
}

/// The keys that say what holds when nothing is given.
#[derive(Default)]
struct Optional {
    required: Option<At<bool>>,
    default: Option<At<serde_json::Value>>,
    absent: Option<At<serde_json::Value>>,
}

impl Optional {
    fn read(source: &mut Source<'_>, table: &mut Table<'_>) -> Self {
        let required = table.boolean(source, "required");
        let default = table.take("default").and_then(|entry| entry.json(source));
        let absent = table.take("absent").and_then(|entry| entry.json(source));
        let given = default.is_some() || absent.is_some();
        if let Some(required) = required.as_ref().filter(|required| required.value && given) {
            let help = "remove `required`, or `default` and `absent`".to_owned();
            source.problem(required.span.clone(), "what must be given has no `default` and no `absent`", help);
        }
        if let (Some(_), Some(absent)) = (&default, &absent) {
            let help = "keep one: `default` is sent, `absent` is not".to_owned();
            source.problem(absent.span.clone(), "`default` and `absent` exclude each other", help);
        }
        Self { required, default, absent }
    }

    fn required(&self) -> bool {
        let given = self.default.is_some() || self.absent.is_some();
        self.required.as_ref().map_or(!given, |required| required.value)
    }
}

/// Checks what the manifest itself gives as values, and puts them in.
fn values(
    source: &mut Source<'_>,
    name: &At<String>,
    param: &mut Param,
    optional: Optional,
    example: Option<At<serde_json::Value>>,
) {
    let mut fitting = |key: &str, value: At<serde_json::Value>| match arguments::fits(param, &value.value) {
        Ok(value) => Some(value),
        Err(reason) => {
            source.problem(value.span, format!("`{key}` is no value of `{}`: it {reason}", name.value), None);
            None
        }
    };
    let exemplified = example.is_some();
    let example = example.and_then(|example| fitting("example", example));
    let default = optional.default.and_then(|default| fitting("default", default));
    let absent = optional
        .absent
        .and_then(|absent| if in_words(param, &absent.value) { Some(absent.value) } else { fitting("absent", absent) });
    let patterned = matches!(&param.ty, Type::String { pattern: Some(_), .. });
    if patterned && !exemplified {
        let help = "add an `example` that matches; models and people learn from it".to_owned();
        source.problem(name.span.clone(), format!("`{}` has a `pattern` and no `example`", name.value), help);
    }
    (param.example, param.default, param.absent) = (example, default, absent);
}

/// Does `absent` say in words what the vendor assumes, rather than as a value?
fn in_words(param: &Param, absent: &serde_json::Value) -> bool {
    use serde_json::Value;
    match (&param.ty, absent) {
        (Type::String { .. }, Value::String(text)) => text.contains(' ') && arguments::fits(param, absent).is_err(),
        (Type::Integer { .. } | Type::Number { .. }, Value::Number(_))
        | (Type::Boolean, Value::Bool(_))
        | (Type::Array { .. }, Value::Array(_))
        | (Type::Object { .. } | Type::Map { .. }, Value::Object(_)) => false,
        (
            Type::String { .. }
            | Type::Integer { .. }
            | Type::Number { .. }
            | Type::Boolean
            | Type::Value { .. }
            | Type::Array { .. }
            | Type::Object { .. }
            | Type::Map { .. },
            _,
        ) => true,
    }
}

fn fitting_segment(source: &mut Source<'_>, name: &At<String>, param: &Param) {
    let reason = if !param.required {
        "must be required"
    } else if param.nullable {
        "cannot be null"
    } else if !fits_a_segment(&param.ty) {
        "must be a string, a number or a boolean"
    } else if param.wire != param.name {
        "has no name in the request, so no `wire`"
    } else {
        return;
    };
    source.problem(name.span.clone(), format!("the path parameter `{}` {reason}", name.value), None);
}

fn place(source: &mut Source<'_>, word: &At<String>) -> Option<Place> {
    match word.value.as_str() {
        "path" => Some(Place::Path),
        "query" => Some(Place::Query),
        "body" => Some(Place::Body),
        "variable" => Some(Place::Variable),
        "mail" => Some(Place::Mail),
        "statement" => Some(Place::Statement),
        other => {
            let help = "use `path`, `query`, `body` or `mail`; headers are never arguments".to_owned();
            source.problem(word.span.clone(), format!("`{}` is no place in a request", shown(other)), help);
            None
        }
    }
}

fn unit(source: &mut Source<'_>, table: &mut Table<'_>) -> Option<Unit> {
    let word = table.string(source, "unit")?;
    if word.value == "minor" {
        return Some(Unit::Minor);
    }
    source.problem(word.span, format!("`{}` is not a unit", shown(&word.value)), "use `minor`".to_owned());
    None
}

fn is_wire_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._$@".contains(&byte))
}
