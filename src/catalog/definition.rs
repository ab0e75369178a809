//! The digest of everything that a call of a tool depends on. An approval holds for one definition; a wording that
//! changes nothing, such as a description, changes no definition, and neither does the default origin: an account has
//! its own, and the plan names it.

use serde_json::{Value, json};

use super::{
    CredentialScheme, UpstreamSpec,
    param::{Param, Place, Type, Unit},
    request::{RequestTemplate, Segment},
    tool::Tool,
};
use crate::canonical;

/// SHA-256 over the canonical text of the definition.
pub(super) fn digest(tool: &Tool) -> [u8; 32] {
    canonical::sha256("agentport/definition/1", &[canonical::text(&definition(tool)).as_bytes()])
}

pub(super) fn definition(tool: &Tool) -> Value {
    let UpstreamSpec::Rest { headers, body: _, origin: _ } = &tool.integration.upstream;
    let credential = match &tool.integration.credential.scheme {
        CredentialScheme::Bearer => json!("bearer"),
        CredentialScheme::Header { name, prefix } => json!({ "header": name, "prefix": prefix }),
    };
    let RequestTemplate::Rest(template) = &tool.request;
    let path: Vec<_> = template
        .path
        .iter()
        .map(|segment| match segment {
            Segment::Literal(text) => json!({ "literal": text }),
            Segment::Param(name) => json!({ "param": name }),
            Segment::Setting(name) => json!({ "setting": name }),
        })
        .collect();
    let raises: Vec<_> = tool
        .raises
        .iter()
        .map(|raise| json!({ "param": raise.param, "any": raise.any, "effect": raise.effect.as_str() }))
        .collect();
    json!({
        "integration": tool.integration.id,
        "headers": headers,
        "credential": credential,
        "tool": tool.name,
        "effect": tool.effect.as_str(),
        "raises": raises,
        "params": tool.params.iter().map(param).collect::<Vec<_>>(),
        "require_any": tool.require_any,
        "request": {
            "rest": {
                "method": template.method.as_str(),
                "path": path,
                "trailing_slash": template.trailing_slash,
                "body": template.body.content_type(),
                "fixed": template.fixed,
                "idempotency": template.idempotency,
            },
        },
    })
}

fn param(param: &Param) -> Value {
    let place = match param.place {
        Place::Path => "path",
        Place::Query => "query",
        Place::Body => "body",
        Place::Answer => "answer",
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
        Type::Array { items, min_items, max_items } => {
            json!({ "array": { "items": param(items), "min_items": min_items, "max_items": max_items } })
        }
        Type::Object { fields } => json!({ "object": fields.iter().map(param).collect::<Vec<_>>() }),
        Type::Map { values, max_items } => json!({ "map": { "values": param(values), "max_items": max_items } }),
    }
}
