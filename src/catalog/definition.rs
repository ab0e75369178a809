//! The digest of everything that a call of a tool depends on. An approval holds for one definition; a wording that
//! changes nothing, such as a description, changes no definition, and neither does the default origin: an account has
//! its own, and the plan names it.

use serde_json::{Value, json};

use super::{
    CredentialScheme,
    param::{Param, Place, Type, Unit},
    request::{BodyKind, GraphqlTemplate, RequestTemplate, Segment, SqlTemplate},
    tool::{Tool, When},
};
use crate::canonical;

/// SHA-256 over the canonical text of the definition.
pub(super) fn digest(tool: &Tool) -> [u8; 32] {
    canonical::sha256("agentport/definition/1", &[canonical::text(&definition(tool)).as_bytes()])
}

pub(super) fn definition(tool: &Tool) -> Value {
    let credential = match &tool.integration.credential.scheme {
        CredentialScheme::Bearer => json!("bearer"),
        CredentialScheme::Connection => json!("connection"),
        CredentialScheme::Header { name, prefix } => json!({ "header": name, "prefix": prefix }),
    };
    let raises: Vec<_> = tool
        .raises
        .iter()
        .map(|raise| {
            let when = match &raise.when {
                When::Any(values) => json!({ "any": values }),
                When::Under(folders) => json!({ "under": folders }),
                When::Present => json!("present"),
            };
            json!({ "param": raise.param, "when": when, "effect": raise.effect.as_str() })
        })
        .collect();
    let definition = json!({
        "integration": tool.integration.id,
        "headers": tool.integration.upstream.headers(),
        "credential": credential,
        "tool": tool.name,
        "effect": tool.effect.as_str(),
        "raises": raises,
        "params": tool.params.iter().map(param).collect::<Vec<_>>(),
        "require_any": tool.require_any,
        "request": request(&tool.request),
    });
    match definition {
        // an approver who was shown something else has approved something else; of the tools that show nothing the
        // definition stays what it was
        Value::Object(mut parts) if !tool.ask.is_empty() => {
            parts.insert("ask".to_owned(), json!(tool.ask));
            Value::Object(parts)
        }
        other => other,
    }
}

fn request(template: &RequestTemplate) -> Value {
    match template {
        RequestTemplate::Rest(template) => {
            let path = template.path.iter().map(|segment| match segment {
                Segment::Literal(text) => json!({ "literal": text }),
                Segment::Param(name) => json!({ "param": name }),
                Segment::Setting(name) => json!({ "setting": name }),
                Segment::Prefix(name) => json!({ "prefix": name }),
            });
            let rest = [
                ("method", json!(template.method.as_str())),
                ("path", json!(path.collect::<Vec<_>>())),
                ("trailing_slash", json!(template.trailing_slash)),
                ("body", json!(template.body.content_type())),
                ("fixed", json!(template.fixed)),
                ("idempotency", json!(template.idempotency)),
            ];
            // what most tools do not have is left out, so that their definitions stay what they were
            let mime = (template.body == BodyKind::Mime).then(|| ("mime", json!(template.raw)));
            let decode = (!template.decode.is_plain()).then(|| ("decode", json!(template.decode)));
            let members = rest.into_iter().chain(mime).chain(decode).map(|(key, part)| (key.to_owned(), part));
            json!({ "rest": Value::Object(members.collect()) })
        }
        RequestTemplate::Graphql(GraphqlTemplate { path, document, operation }) => {
            json!({ "graphql": { "path": path, "document": document, "operation": operation.as_str() } })
        }
        RequestTemplate::Sql(SqlTemplate { dialect, operation }) => {
            json!({ "sql": { "dialect": dialect.as_str(), "operation": operation.as_str() } })
        }
    }
}

fn param(param: &Param) -> Value {
    let place = match param.place {
        Place::Path => "path",
        Place::Query => "query",
        Place::Body => "body",
        Place::Answer => "answer",
        Place::Variable => "variable",
        Place::Mail => "mail",
        Place::Statement => "statement",
    };
    let unit = param.unit.map(|unit| match unit {
        Unit::Minor => "minor",
    });
    // `Some(null)` and `None` are two things
    let stated = |value: &Option<Value>| value.iter().cloned().collect::<Vec<_>>();
    json!({
        "name": param.name,
        "wire": param.wire,
        "place": place,
        "type": ty(&param.ty),
        "required": param.required,
        "default": stated(&param.default),
        "absent": stated(&param.absent),
        "nullable": param.nullable,
        "unit": unit,
        "slash": param.slash,
    })
}

fn ty(ty: &Type) -> Value {
    match ty {
        Type::String { pattern, choices, min_length, max_length } => json!({
            "string": {
                "pattern": pattern.as_ref().map(crate::pattern::Pattern::as_str),
                "choices": choices,
                "min_length": min_length,
                "max_length": max_length,
            },
        }),
        Type::Integer { min, max, choices } => json!({ "integer": { "min": min, "max": max, "choices": choices } }),
        Type::Number { min, max } => json!({ "number": { "min": min, "max": max } }),
        Type::Boolean => json!("boolean"),
        Type::Value { max_length, max_items } => {
            json!({ "value": { "max_length": max_length, "max_items": max_items } })
        }
        Type::Array { items, min_items, max_items } => {
            json!({ "array": { "items": param(items), "min_items": min_items, "max_items": max_items } })
        }
        Type::Object { fields } => json!({ "object": fields.iter().map(param).collect::<Vec<_>>() }),
        Type::Map { values, max_items } => json!({ "map": { "values": param(values), "max_items": max_items } }),
    }
}
