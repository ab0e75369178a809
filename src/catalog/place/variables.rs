//! A GraphQL operation with the arguments as its variables. The document is the manifest's, byte for byte: no argument
//! can become part of it.

use serde_json::{Map, Value};

use super::{headers, nested::put, on_the_wire};
use crate::{
    canonical,
    catalog::{
        arguments::Arguments,
        param::Place,
        request::{AnswerKind, BodyKind, GraphqlTemplate, HttpRequest, Method},
        tool::Tool,
    },
};

/// The request of a call, as GraphQL over HTTP has it.
pub(super) fn request(tool: &Tool, template: &GraphqlTemplate, arguments: &Arguments) -> HttpRequest {
    let mut body = Map::new();
    body.insert("query".to_owned(), Value::String(template.document.clone()));
    body.insert("variables".to_owned(), Value::Object(variables(tool, arguments)));
    HttpRequest {
        method: Method::Post,
        path: template.path.clone(),
        query: String::new(),
        headers: headers(tool, Some(BodyKind::Json)),
        body: Some(canonical::object_text(&body)),
        idempotency: None,
        answer: AnswerKind::Graphql,
    }
}

/// What is given, each at its place, and nothing else. No parameter's place is that of another or inside of it
/// (`compile::graphql`).
fn variables(tool: &Tool, arguments: &Arguments) -> Map<String, Value> {
    let mut variables = Map::new();
    for param in tool.params.iter().filter(|param| param.place == Place::Variable) {
        if let Some(value) = arguments.as_map().get(&param.name) {
            put(&mut variables, &param.wire, on_the_wire(param, value));
        }
    }
    variables
}

#[cfg(test)]
mod tests;
