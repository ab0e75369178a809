//! The gateway's words in MCP's types.

use std::sync::Arc;

use rmcp::model::{CallToolResult, ContentBlock, Tool, ToolAnnotations};
use serde_json::{Value, json};

use crate::{catalog::Effect, gateway::Listed, reply::Reply};

/// A tool as `tools/list` shows it.
pub(super) fn tool(listed: &Listed) -> Tool {
    let Listed { name, title, description, input_schema, effect, idempotent, open_world } = listed;
    let annotations = ToolAnnotations::with_title(title.clone())
        .read_only(*effect == Effect::Read)
        .destructive(*effect == Effect::Destructive)
        .idempotent(*idempotent)
        .open_world(*open_world);
    Tool::new(name.clone(), description.clone(), Arc::clone(input_schema))
        .with_title(title.clone())
        .with_annotations(annotations)
}

/// The answer to a call: the same object for programs and as text, because some hosts show a model only the one and
/// some only the other.
pub(super) fn reply(reply: &Reply) -> CallToolResult {
    result(reply.to_json(), reply.is_error())
}

/// The answer to a call that did not get as far as the gateway, or that it could not answer.
pub(super) fn failed(kind: &str, message: &str) -> CallToolResult {
    result(json!({"status": "failed", "error": {"kind": kind, "message": message}}), true)
}

/// An answer that is one already.
pub(super) fn object(object: Value, is_error: bool) -> CallToolResult {
    result(object, is_error)
}

fn result(object: Value, is_error: bool) -> CallToolResult {
    let text = serde_json::to_string_pretty(&object).unwrap_or_else(|_| object.to_string());
    let mut result = CallToolResult::success(vec![ContentBlock::text(text)]);
    result.structured_content = Some(object);
    result.is_error = Some(is_error);
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_is_the_same_object_as_structure_and_as_text() {
        let result = serde_json::to_value(failed("busy", "later")).unwrap();
        let object = json!({"status": "failed", "error": {"kind": "busy", "message": "later"}});
        assert_eq!(result["structuredContent"], object);
        assert_eq!(
            result["content"],
            json!([{"type": "text", "text": serde_json::to_string_pretty(&object).unwrap()}])
        );
        assert_eq!(result["isError"], json!(true));
    }

    #[test]
    fn a_tool_shows_the_hints_of_its_effect() {
        let listed = |effect| Listed {
            name: "stripe_create_refund".to_owned(),
            title: "Refund a charge".to_owned(),
            description: "Gives money back.".to_owned(),
            input_schema: Arc::new(serde_json::Map::from_iter([("type".to_owned(), json!("object"))])),
            effect,
            idempotent: true,
            open_world: true,
        };
        assert_eq!(
            serde_json::to_value(tool(&listed(Effect::Destructive))).unwrap(),
            json!({
                "name": "stripe_create_refund",
                "title": "Refund a charge",
                "description": "Gives money back.",
                "inputSchema": {"type": "object"},
                "annotations": {
                    "title": "Refund a charge",
                    "readOnlyHint": false,
                    "destructiveHint": true,
                    "idempotentHint": true,
                    "openWorldHint": true,
                },
            })
        );
        let hints = |effect| {
            let tool = serde_json::to_value(tool(&listed(effect))).unwrap();
            (tool["annotations"]["readOnlyHint"].clone(), tool["annotations"]["destructiveHint"].clone())
        };
        assert_eq!(hints(Effect::Read), (json!(true), json!(false)));
        assert_eq!(hints(Effect::Write), (json!(false), json!(false)));
    }
}
