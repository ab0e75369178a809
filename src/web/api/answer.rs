//! A reply as HTTP: the object of every channel, and the status code that its `status` means.

use axum::{
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::{
    canonical,
    ledger::{FailureKind, Outcome},
    reply::Reply,
};

/// The reply to whoever asked.
pub(super) fn reply(reply: &Reply) -> Response {
    let mut said = reply.to_json();
    name_await(&mut said);
    let mut response = object(code(reply), &said);
    let seconds = match reply {
        Reply::Denied { retry_after, .. } => *retry_after,
        // nothing was sent, and in a moment there may be room
        Reply::Failed { kind: FailureKind::Busy, .. } => Some(1),
        Reply::Completed { .. }
        | Reply::ApprovalRequired { .. }
        | Reply::Pending { .. }
        | Reply::Cancelled { .. }
        | Reply::Expired { .. }
        | Reply::InvalidArguments(_)
        | Reply::NotFound { .. }
        | Reply::Failed { .. }
        | Reply::Plain(_)
        | Reply::Several(_) => None,
    };
    if let Some(seconds) = seconds {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// What waits is asked for by a tool, or over HTTP at a path.
fn name_await(said: &mut Value) {
    let id = said.pointer("/approval/id").and_then(Value::as_str);
    let path = id.map(|id| format!("/approvals/{id}/await"));
    if let (Some(path), Some(Value::Object(next))) = (path, said.get_mut("next")) {
        next.insert("path".to_owned(), json!(path));
    }
}

/// An object of ours.
pub(super) fn object(code: StatusCode, object: &Value) -> Response {
    (code, [(header::CONTENT_TYPE, "application/json")], format!("{object}\n")).into_response()
}

/// An object of ours, which is not sent to whoever has it already (RFC 9110, sections 8.8.3 and 13.1.2).
pub(super) fn unless_known(asked: &HeaderMap, object: &Value) -> Response {
    let text = format!("{object}\n");
    let tag = format!("\"{}\"", canonical::hex(&Sha256::digest(&text)));
    let known = asked.get(header::IF_NONE_MATCH).and_then(|known| known.to_str().ok()).unwrap_or_default();
    if known.split(',').any(|known| known.trim().trim_start_matches("W/") == tag) {
        return (StatusCode::NOT_MODIFIED, [(header::ETAG, tag)]).into_response();
    }
    let headers = [(header::CONTENT_TYPE, "application/json".to_owned()), (header::ETAG, tag)];
    (StatusCode::OK, headers, text).into_response()
}

/// The body does not fit; says where.
pub(super) fn invalid(at: &str, message: impl Into<String>) -> Response {
    reply(&Reply::InvalidArguments(vec![crate::catalog::Problem { at: at.to_owned(), message: message.into() }]))
}

/// No token, a wrong one, one that ended: nobody learns which.
pub(super) fn unauthorized() -> Response {
    let message = "this needs the token of an agent that was let in here; a human must finish the set-up of agentport";
    let mut response =
        object(StatusCode::UNAUTHORIZED, &json!({"status": "failed", "error": {"kind": "setup", "message": message}}));
    response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    response
}

/// Too much at once: of this agent's (429) or of everybody's (503).
pub(super) fn busy(code: StatusCode) -> Response {
    let message = "too many calls at once; nothing was sent, try again";
    let mut response = object(code, &Reply::failed(FailureKind::Busy, message).to_json());
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

/// Something inside did not work; the reason is for the log.
pub(super) fn internal(error: &dyn std::fmt::Display) -> Response {
    tracing::error!("{error}");
    let message = "agentport could not do this; nothing was sent, and a human must look at it";
    object(StatusCode::BAD_GATEWAY, &Reply::failed(FailureKind::Internal, message).to_json())
}

/// The route takes another method.
pub(super) async fn wrong_method() -> Response {
    let message = "this route takes another method; nothing was sent";
    object(StatusCode::METHOD_NOT_ALLOWED, &Reply::failed(FailureKind::Setup, message).to_json())
}

/// No route.
pub(super) fn nowhere() -> Response {
    let message = "there is nothing at this path; a tool is at `/<integration>/<tool>`, and `GET /tools` has them all";
    reply(&Reply::NotFound { message: message.to_owned(), closest: None })
}

/// The code of the contract.
pub(super) fn code(reply: &Reply) -> StatusCode {
    match reply {
        Reply::Completed { outcome, .. } => match outcome {
            Outcome::Succeeded { .. } => StatusCode::OK,
            Outcome::Failed { kind, .. } => failed(*kind),
            Outcome::Unknown { .. } => StatusCode::GATEWAY_TIMEOUT,
        },
        Reply::ApprovalRequired { .. } | Reply::Pending { .. } => StatusCode::ACCEPTED,
        Reply::Denied { .. } => StatusCode::FORBIDDEN,
        Reply::Cancelled { .. } => StatusCode::CONFLICT,
        Reply::Expired { .. } => StatusCode::GONE,
        Reply::InvalidArguments(_) => StatusCode::BAD_REQUEST,
        Reply::NotFound { .. } => StatusCode::NOT_FOUND,
        Reply::Failed { kind, .. } => failed(*kind),
        Reply::Plain(_) | Reply::Several(_) => StatusCode::OK,
    }
}

fn failed(kind: FailureKind) -> StatusCode {
    if kind == FailureKind::Busy { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::BAD_GATEWAY }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_has_its_path() {
        let mut said = json!({"approval": {"id": "apr_1"}, "next": {"tool": "agentport_await_approval"}});
        name_await(&mut said);
        assert_eq!(said["next"], json!({"tool": "agentport_await_approval", "path": "/approvals/apr_1/await"}));
        let mut ended = json!({"approval": {"id": "apr_1"}});
        name_await(&mut ended);
        assert_eq!(ended, json!({"approval": {"id": "apr_1"}}));
    }
}
