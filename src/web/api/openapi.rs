//! `GET /openapi.json`: all of this as one document (`OpenAPI` 3.1), for the agent that asks.

use axum::{
    Extension,
    extract::{RawQuery, State},
    http::StatusCode,
    response::Response,
};
use serde_json::{Map, Value, json};

use super::{Api, answer, calls::no_query, gate::Asking};
use crate::gateway::Callable;

/// The codes of an answer about a call, and what each says.
const ANSWERS: [(&str, &str); 12] = [
    ("200", "`completed`"),
    ("202", "`approval_required` or `pending`: a human has to decide"),
    ("400", "`invalid_arguments`"),
    ("401", "no token, or none that is good"),
    ("403", "`denied`"),
    ("404", "`not_found`: no such tool, or no such approval of yours"),
    ("409", "`cancelled`"),
    ("410", "`expired`"),
    ("429", "`failed`/`busy`: too many requests of yours"),
    ("502", "`failed`"),
    ("503", "`failed`/`busy`: too many requests of everybody's, or the gateway stops"),
    ("504", "`unknown`: it may have happened"),
];

/// `GET /openapi.json`
pub(super) async fn document(
    State(api): State<Api>,
    Extension(asking): Extension<Asking>,
    RawQuery(query): RawQuery,
) -> Response {
    if let Some(refused) = no_query(query.as_deref(), "it is one document") {
        return refused;
    }
    answer::object(StatusCode::OK, &openapi(api.site.origin(), &api.site.gateway().callable(&asking.caller)))
}

fn openapi(origin: &str, callable: &[Callable]) -> Value {
    let mut paths = Map::new();
    for tool in callable {
        paths.insert(tool.path(), json!({"post": call(tool)}));
    }
    let id = json!({"name": "id", "in": "path", "required": true, "description": "The approval's id.",
        "schema": {"type": "string"}});
    let wait = json!({"name": "wait", "in": "query", "required": false, "description": "Seconds to wait for a human.",
        "schema": {"type": "integer", "minimum": 0, "maximum": 50, "default": 45}});
    let fixed = [
        ("/approvals/{id}", "get", "approval", "What became of an approval of yours", json!([id]), answers()),
        (
            "/approvals/{id}/await",
            "post",
            "await_approval",
            "Wait for a human's decision",
            json!([id, wait]),
            answers(),
        ),
        ("/tools", "get", "tools", "Everything that you can call", json!([]), fixed("The tools.")),
        ("/openapi.json", "get", "openapi", "This document", json!([]), fixed("The document.")),
    ];
    for (path, method, name, summary, parameters, responses) in fixed {
        let operation =
            json!({"operationId": name, "summary": summary, "parameters": parameters, "responses": responses});
        paths.insert(path.to_owned(), json!({method: operation}));
    }
    let (yes, no) = (
        json!({"description": "Yes."}),
        json!({"description": "Not now: the ledger cannot be written, the \
        secrets cannot be opened, or the gateway stops."}),
    );
    for (path, name, summary, responses) in [
        ("/healthz", "live", "Is the gateway there?", json!({"200": yes})),
        ("/readyz", "ready", "Can it serve?", json!({"200": yes, "503": no})),
        ("/metrics", "metrics", "Numbers for Prometheus", json!({"200": {"description": "The numbers."}})),
    ] {
        let operation = json!({"operationId": name, "summary": summary, "security": [], "responses": responses});
        paths.insert(path.to_owned(), json!({"get": operation}));
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "AgentPort",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "The tools of a gateway, as this agent may call them.",
        },
        "servers": [{"url": origin}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "description": "The agent's token."}},
            "schemas": {"Answer": answer_schema()},
        },
    })
}

fn call(tool: &Callable) -> Value {
    let listed = &tool.listed;
    json!({
        "operationId": listed.name,
        "summary": listed.title,
        "description": listed.description,
        "tags": [tool.integration],
        "parameters": [{"name": "X-AgentPort-Reason", "in": "header", "required": false,
            "description": "What the call is for; shown to the approver as unverified.", "schema": {"type": "string"}}],
        "requestBody": {"required": true, "content": {"application/json": {"schema": *listed.input_schema}}},
        "responses": answers(),
    })
}

fn answers() -> Value {
    let answer = |text: &str| {
        json!({"description": text,
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Answer"}}}})
    };
    let found = ANSWERS.iter().map(|(code, text)| ((*code).to_owned(), answer(text)));
    Value::Object(found.collect())
}

fn fixed(text: &str) -> Value {
    json!({"200": {"description": text, "content": {"application/json": {"schema": {"type": "object"}}}},
        "401": {"description": "no token, or none that is good"}})
}

fn answer_schema() -> Value {
    json!({
        "type": "object",
        "required": ["status"],
        "properties": {
            "status": {
                "type": "string",
                "enum": ["completed", "approval_required", "pending", "denied", "cancelled", "expired",
                    "invalid_arguments", "not_found", "failed", "unknown"],
            },
            "result": {"description": "The service's own answer."},
            "approval": {
                "type": "object",
                "properties": {
                    "id": {"type": "string"},
                    "url": {"type": ["string", "null"], "description": "Where a human decides."},
                    "tool": {"type": "string"},
                    "summary": {"type": "string"},
                    "expires_at": {"type": "string", "format": "date-time"},
                },
            },
            "message": {"type": "string"},
            "record": {"type": "string"},
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gateway_that_is_not_ready_is_in_the_document() {
        let document = openapi("http://localhost:4747", &[]);
        let codes = |path: &str| {
            let responses = document["paths"][path]["get"]["responses"].as_object().unwrap();
            responses.keys().cloned().collect::<Vec<_>>()
        };
        assert_eq!((codes("/readyz"), codes("/healthz")), (vec!["200".into(), "503".into()], vec!["200".to_owned()]));
    }
}
