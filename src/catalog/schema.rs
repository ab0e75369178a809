//! The schema of a tool's arguments that agents are shown: a closed JSON Schema (2020-12) object.

use serde_json::{Map, Value, json};

use super::{
    param::{MEMBER_NAME, Param, Type, Unit, is_bracketed},
    tool::Tool,
};
use crate::pattern::Pattern;

/// The longest `_reason` that is taken, in characters.
pub const REASON_MAX: usize = 2_000;

/// The input schema of a tool for an integration with these accounts.
pub fn input_schema(tool: &Tool, accounts: &[String]) -> Map<String, Value> {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for param in &tool.params {
        properties.insert(param.name.clone(), Value::Object(property(param, is_bracketed(tool, param))));
        if param.required {
            required.push(param.name.clone());
        }
    }
    let mut account = Map::new();
    account.insert("type".to_owned(), json!("string"));
    let which = match accounts {
        [] | [_] => "",
        [_, _, ..] => ", required because there are several",
    };
    let description = format!("The {} account to act with{which}.", tool.integration.title);
    account.insert("description".to_owned(), json!(description));
    if !accounts.is_empty() {
        account.insert("enum".to_owned(), json!(accounts));
    }
    properties.insert("account".to_owned(), Value::Object(account));
    if accounts.len() > 1 {
        required.push("account".to_owned());
    }
    properties.insert("_reason".to_owned(), reason());
    closed(properties, required)
}

fn reason() -> Value {
    json!({
        "type": "string",
        "description": "What the call is for, in a sentence. Shown as unverified to a human who may have to approve it; never sent on.",
        "maxLength": REASON_MAX,
    })
}

fn closed(properties: Map<String, Value>, mut required: Vec<String>) -> Map<String, Value> {
    required.sort();
    let mut schema = Map::new();
    schema.insert("type".to_owned(), json!("object"));
    schema.insert("properties".to_owned(), Value::Object(properties));
    if !required.is_empty() {
        schema.insert("required".to_owned(), json!(required));
    }
    schema.insert("additionalProperties".to_owned(), json!(false));
    schema
}

fn property(param: &Param, bracketed: bool) -> Map<String, Value> {
    let mut schema = of_type(param, bracketed);
    if param.nullable {
        if let Some(word) = schema.get_mut("type") {
            match word {
                Value::Array(words) => words.push(json!("null")),
                word => *word = json!([word.take(), "null"]),
            }
        }
        if let Some(Value::Array(choices)) = schema.get_mut("enum") {
            choices.push(Value::Null);
        }
    }
    schema.insert("description".to_owned(), Value::String(described(param)));
    if let Some(default) = &param.default {
        schema.insert("default".to_owned(), default.clone());
    }
    if let Some(example) = &param.example {
        schema.insert("examples".to_owned(), json!([example]));
    }
    schema
}

fn of_type(param: &Param, bracketed: bool) -> Map<String, Value> {
    let mut schema = Map::new();
    let mut put = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            schema.insert(key.to_owned(), value);
        }
    };
    match &param.ty {
        Type::String { pattern, choices, min_length, max_length } => {
            put("enum", choices.as_ref().map(|choices| json!(choices)));
            put("pattern", pattern.as_ref().map(|pattern| json!(anchored(pattern))));
            put("minLength", min_length.map(|min| json!(min)));
            // the choices are the bound
            put("maxLength", choices.is_none().then(|| json!(max_length)));
        }
        Type::Integer { min, max, choices } => {
            put("enum", choices.as_ref().map(|choices| json!(choices)));
            put("minimum", min.map(|min| json!(min)));
            put("maximum", max.map(|max| json!(max)));
        }
        Type::Number { min, max } => {
            put("minimum", min.map(|min| json!(min)));
            put("maximum", max.map(|max| json!(max)));
        }
        Type::Boolean => {}
        Type::Value { max_length, max_items } => {
            put("maxLength", Some(json!(max_length)));
            put("items", Some(json!({ "type": ["string", "number", "boolean"], "maxLength": max_length })));
            put("maxItems", Some(json!(max_items)));
        }
        Type::Array { items, min_items, max_items } => {
            put("items", Some(Value::Object(property(items, bracketed))));
            let least = min_items.unwrap_or(0).max(u64::from(bracketed));
            put("minItems", (least > 0).then(|| json!(least)));
            put("maxItems", Some(json!(max_items)));
        }
        Type::Object { fields } => {
            let properties =
                fields.iter().map(|field| (field.name.clone(), Value::Object(property(field, bracketed)))).collect();
            let required = fields.iter().filter(|field| field.required).map(|field| field.name.clone()).collect();
            for (key, value) in closed(properties, required) {
                put(&key, Some(value));
            }
            put("minProperties", bracketed.then(|| json!(1)));
        }
        Type::Map { values, max_items } => {
            let names = format!("^[A-Za-z0-9_-]{{1,{MEMBER_NAME}}}$");
            put("propertyNames", Some(json!({ "pattern": names })));
            put("additionalProperties", Some(Value::Object(property(values, bracketed))));
            put("minProperties", bracketed.then(|| json!(1)));
            put("maxProperties", Some(json!(max_items)));
        }
    }
    put("type", Some(type_word(&param.ty)));
    schema
}

fn type_word(ty: &Type) -> Value {
    match ty {
        Type::Value { .. } => json!(["string", "number", "boolean", "array"]),
        other => json!(other.word()),
    }
}

/// The description with what hosts drop from schemas or models overlook in them.
fn described(param: &Param) -> String {
    let unit = param.unit.map(|unit| match unit {
        Unit::Minor => "Unit: the currency's smallest, such as cents.".to_owned(),
    });
    let default = param.default.as_ref().map(|default| format!("Default: {}.", shown(default)));
    let absent = param.absent.as_ref().map(|absent| format!("If left out: {}.", shown(absent)));
    [Some(param.description.clone()), unit, default, absent].into_iter().flatten().collect::<Vec<_>>().join(" ")
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.trim_end_matches('.').to_owned(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

/// The pattern with an anchor at both ends, so that a validator, which looks for a match anywhere, agrees with us.
fn anchored(pattern: &Pattern) -> String {
    let source = pattern.as_str();
    if let Some(inner) = source.strip_prefix('^').and_then(|rest| rest.strip_suffix('$'))
        && !inner.ends_with('\\')
        && !has_alternatives(inner)
    {
        return source.to_owned();
    }
    format!("^(?:{source})$")
}

/// Has the pattern a `|` outside of groups and classes? Then its own anchors do not hold for all of it.
fn has_alternatives(pattern: &str) -> bool {
    let (mut depth, mut class, mut escaped) = (0_u32, false, false);
    for character in pattern.chars() {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            ']' => class = false,
            _ if class => {}
            '[' => class = true,
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            '|' if depth == 0 => return true,
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests;
