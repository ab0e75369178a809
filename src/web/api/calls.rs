//! The routes of tools and approvals. Every word about a call is the gateway's.

use std::time::Duration;

use axum::{
    Extension,
    body::Body,
    extract::{Path, Query, RawQuery, State, rejection::QueryRejection},
    http::{HeaderMap, HeaderName},
    response::Response,
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Api, answer, gate::Asking};
use crate::{gateway::Listed, reply::Reply, web::guard::only};

/// The longest body, as the longest frame.
const LARGEST: usize = 1024 * 1024;
const REASON: HeaderName = HeaderName::from_static("x-agentport-reason");
/// Seconds that an await takes: by default, and at most.
const WAIT: u64 = 45;
const LONGEST_WAIT: u64 = 50;

/// `POST /{integration}/{tool}`
pub(super) async fn call(
    State(api): State<Api>,
    Path((integration, tool)): Path<(String, String)>,
    Extension(asking): Extension<Asking>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Response {
    // an argument that is not heard can be the one that bounds the call
    if let Some(refused) = no_query(query.as_deref(), "arguments belong into the JSON object of the body") {
        return refused;
    }
    let mut arguments = match object(&api, body).await {
        Ok(arguments) => arguments,
        Err(response) => return *response,
    };
    if let Err(response) = take_reason(&headers, &mut arguments) {
        return *response;
    }
    // an integration's id has no underscore: so that one tool has one address
    let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    let reply = if plain(&integration) && plain(&tool.replace('_', "")) {
        let name = format!("{integration}_{tool}");
        api.site.gateway().call(&asking.caller, &name, arguments, asking.gone).await
    } else {
        Reply::NotFound { message: "there is no such tool".to_owned(), closest: None }
    };
    api.agents.metrics.replied(&reply);
    answer::reply(&reply)
}

/// `GET /approvals/{id}`
pub(super) async fn approval(
    State(api): State<Api>,
    Path(id): Path<String>,
    Extension(asking): Extension<Asking>,
    RawQuery(query): RawQuery,
) -> Response {
    let to_wait = "to wait, post to the same path with `/await` behind it";
    if let Some(refused) = no_query(query.as_deref(), to_wait) {
        return refused;
    }
    answer::reply(&api.site.gateway().look(&asking.caller, &id).await)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Waiting {
    wait: Option<u64>,
}

/// `POST /approvals/{id}/await?wait=45`
pub(super) async fn await_approval(
    State(api): State<Api>,
    Path(id): Path<String>,
    Extension(asking): Extension<Asking>,
    waiting: Result<Query<Waiting>, QueryRejection>,
    body: Body,
) -> Response {
    let wait = match waiting {
        Ok(Query(Waiting { wait })) => wait.unwrap_or(WAIT),
        Err(_) => return answer::invalid("/wait", "`wait` is a number of seconds, and the only parameter"),
    };
    if wait > LONGEST_WAIT {
        return answer::invalid("/wait", format!("at most {LONGEST_WAIT} seconds"));
    }
    match object(&api, body).await {
        Ok(body) if body.is_empty() => {
            let wait = Duration::from_secs(wait);
            answer::reply(&api.site.gateway().await_approval(&asking.caller, Some(&id), wait, &asking.gone).await)
        }
        Ok(_) => answer::invalid("", "this takes no arguments in its body"),
        Err(response) => *response,
    }
}

/// A route that takes nothing in its address, and was given something there.
pub(super) fn no_query(query: Option<&str>, instead: &str) -> Option<Response> {
    query
        .filter(|query| !query.is_empty())
        .map(|_| answer::invalid("", format!("this takes no parameters behind a `?`; {instead}")))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    /// Only what MCP's `tools/list` shows, the built-in ones among them.
    shown: Option<bool>,
}

/// `GET /tools`: everything that this agent can call, and how.
pub(super) async fn tools(
    State(api): State<Api>,
    Extension(asking): Extension<Asking>,
    which: Result<Query<Which>, QueryRejection>,
    headers: HeaderMap,
) -> Response {
    let Ok(Query(which)) = which else { return answer::invalid("/shown", "`shown` is true or false") };
    if which.shown == Some(true) {
        let tools: Vec<Value> = api.site.gateway().list(&asking.caller).iter().map(shown).collect();
        return answer::unless_known(&headers, &json!({"tools": tools}));
    }
    let tools: Vec<Value> = api
        .site
        .gateway()
        .callable(&asking.caller)
        .into_iter()
        .map(|callable| {
            let mut tool = shown(&callable.listed);
            if let Value::Object(tool) = &mut tool {
                tool.insert("path".to_owned(), json!(callable.path()));
            }
            tool
        })
        .collect();
    answer::unless_known(&headers, &json!({"tools": tools}))
}

fn shown(listed: &Listed) -> Value {
    json!({
        "name": listed.name,
        "title": listed.title,
        "description": listed.description,
        "effect": listed.effect.as_str(),
        "idempotent": listed.idempotent,
        "openWorld": listed.open_world,
        "inputSchema": *listed.input_schema,
    })
}

/// The body as arguments; none is no arguments. It passes the same gate as a frame before anything reads it.
async fn object(api: &Api, body: Body) -> Result<Map<String, Value>, Box<Response>> {
    let bytes = axum::body::to_bytes(body, LARGEST)
        .await
        .map_err(|_| answer::invalid("", format!("the body cannot be read, or is longer than {LARGEST} bytes")))
        .map_err(Box::new)?;
    if bytes.is_empty() {
        return Ok(Map::new());
    }
    (api.agents.doors.check_json)(&bytes).map_err(|problem| Box::new(answer::invalid("", problem)))?;
    match serde_json::from_slice(&bytes) {
        Ok(Value::Object(arguments)) => Ok(arguments),
        Ok(Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)) | Err(_) => {
            Err(Box::new(answer::invalid("", "the body must be one JSON object: the tool's arguments")))
        }
    }
}

/// What the agent says that it is for, where it says so in the header.
fn take_reason(headers: &HeaderMap, arguments: &mut Map<String, Value>) -> Result<(), Box<Response>> {
    if !headers.contains_key(&REASON) {
        return Ok(());
    }
    let reason = only(headers, &REASON).and_then(|value| str::from_utf8(value.as_bytes()).ok());
    match reason {
        Some(reason) if !arguments.contains_key("_reason") => {
            arguments.insert("_reason".to_owned(), json!(reason));
            Ok(())
        }
        Some(_) | None => {
            let message = "say it once: in `X-AgentPort-Reason`, as UTF-8, or in `_reason`";
            Err(Box::new(answer::invalid("/_reason", message)))
        }
    }
}
