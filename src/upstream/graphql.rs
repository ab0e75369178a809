//! What a GraphQL response says of the call. Its status says only that the service answered: a request that was refused,
//! a field that failed halfway and a thing that was done all come as 200.
//!
//! By the specification (October 2021, sections 6.4.4 and 7.1) errors come in two kinds. A *request error* is found
//! before anything is executed: then there is no `data`, and no error has a `path`. A *field error* is found while the
//! operation is executed: its field becomes null, and so does each parent that must not be, up to `data` itself. So for
//! anything but a read
//! - no `data` and no `path`: nothing was executed, `failed`;
//! - the mutation's own field is null by an error: it may have been done before it failed, so `unknown`, unless each
//!   error is of that field (`path` has one element, or none) and its code says that the service refused;
//! - an error below the mutation's field: that field had its value, so its resolver had returned; the thing was done, and
//!   only what was selected of it could not be fetched. Where the error took the field along, `unknown`.
//!
//! INVARIANT: as in `answer`, what may have happened is never called `failed`.

use serde_json::{Map, Value, json};

use super::{
    answer::{Asked, Body, FAILURE_JSON, MAYBE, failed, read, vendor_message},
    filter,
    http::{Answer, BodyFault},
};
use crate::ledger::{FailureKind, Outcome};

/// For an agent that asks too much.
pub(super) const LIMITED: &str =
    "the service limits how much is asked of it (RATELIMITED), so wait before asking again";

/// Codes that say: not done, because the request is not acceptable. The first line is what most servers send, the
/// others are Linear's, where the same is said by `userError`.
const REFUSALS: [&str; 15] = [
    "GRAPHQL_PARSE_FAILED",
    "GRAPHQL_VALIDATION_FAILED",
    "BAD_REQUEST",
    "BAD_USER_INPUT",
    "UNAUTHENTICATED",
    "FORBIDDEN",
    "OPERATION_RESOLUTION_FAILURE",
    "PERSISTED_QUERY_NOT_FOUND",
    "PERSISTED_QUERY_NOT_SUPPORTED",
    "AUTHENTICATION_ERROR",
    "FEATURE_NOT_ACCESSIBLE",
    "INVALID_INPUT",
    "RATELIMITED",
    "USAGE_LIMIT_EXCEEDED",
    "USER_ERROR",
];

/// Of those, the codes for a token that is not taken: most servers' and Linear's.
const UNAUTHENTICATED: [&str; 2] = ["UNAUTHENTICATED", "AUTHENTICATION_ERROR"];

impl Asked<'_> {
    /// The outcome of a call that got a 2xx, with the credential taken out, and how often it was in there.
    pub(super) fn response(&self, answer: Answer) -> (Outcome, usize) {
        let http_status = Some(answer.status);
        let integration = self.integration;
        let bytes = match answer.body {
            Ok(bytes) => bytes,
            Err(BodyFault::Lost(lost)) => return (self.lost(lost, http_status), 0),
            // of a read that is long there is no reason to think that it failed
            Err(BodyFault::TooLarge) if self.read => {
                return (Outcome::Succeeded { result: Value::Null, http_status, truncated: true, next: None }, 0);
            }
            Err(BodyFault::TooLarge) => {
                let message = format!("`{integration}` answered more than can be read; {MAYBE}");
                return (Outcome::Unknown { http_status, message }, 0);
            }
        };
        let short = bytes.len() <= FAILURE_JSON;
        let response = match read(bytes, answer.content_type.as_deref()) {
            Body::Json(Value::Object(response)) if response.contains_key("data") || response.contains_key("errors") => {
                response
            }
            Body::Empty | Body::Json(_) | Body::Text(_) | Body::Broken(_) | Body::Unreadable => {
                let message = format!("`{integration}` answered {}, but not as a GraphQL service does", answer.status);
                return if self.read {
                    (failed(FailureKind::Upstream, http_status, message), 0)
                } else {
                    (Outcome::Unknown { http_status, message: format!("{message}; {MAYBE}") }, 0)
                };
            }
        };
        let (response, hits) = filter::redact(Value::Object(response), self.needles);
        let said = if self.read { read_by(&response) } else { changed_by(&response) };
        let mut message = match vendor_message(&response) {
            Some(words) => format!("`{integration}` answered with an error: {words}"),
            None if said == Said::NotDone => {
                format!("`{integration}` answered that it was not done: `success` is false")
            }
            None => format!("`{integration}` answered with an error and no message"),
        };
        if is_limited(&response) {
            message = format!("{message}; {LIMITED}");
        }
        if let Some(seconds) = answer.retry_after {
            message = format!("{message}; it asks to wait {seconds} seconds");
        }
        let outcome = match said {
            Said::Done => self.handed_on(result(response), http_status, false, None).0,
            Said::Refused | Said::NotDone => {
                let body = if short { Some(response) } else { None };
                Outcome::Failed { kind: FailureKind::Upstream, http_status, message, body }
            }
            Said::Maybe => Outcome::Unknown { http_status, message: format!("{message}; {MAYBE}") },
        };
        (outcome, hits)
    }
}

/// Was nothing executed because the token is not taken? A GraphQL service may say so with a 200 or a 400: by errors of the
/// request, which have no `path`, and no `data`.
pub(super) fn is_unauthenticated(answer: &Answer) -> bool {
    let Ok(bytes) = &answer.body else { return false };
    if answer.status >= 500 || bytes.len() > FAILURE_JSON {
        return false;
    }
    let Body::Json(response) = read(bytes.clone(), answer.content_type.as_deref()) else { return false };
    let errors = errors(&response);
    let token = |error: &Value| code(error).is_some_and(|code| UNAUTHENTICATED.contains(&code.as_str()));
    response.get("data").is_none_or(Value::is_null)
        && !errors.is_empty()
        && errors.iter().all(|error| depth(error) == 0 && token(error))
}

/// Does an error say that the service is asked too much?
pub(super) fn is_limited(response: &Value) -> bool {
    errors(response).iter().any(|error| {
        let code = code(error).unwrap_or_default();
        matches!(code.as_str(), "RATELIMITED" | "RATE_LIMITED")
    })
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Said {
    /// It was done.
    Done,
    /// It was not done: the service refused.
    Refused,
    /// It was not done: the payload itself says so.
    NotDone,
    /// Nobody knows.
    Maybe,
}

/// Of a read half an answer is none: what is missing would look as if it were not there.
fn read_by(response: &Value) -> Said {
    let whole = response.get("data").is_some_and(|data| !data.is_null());
    if whole && errors(response).is_empty() { Said::Done } else { Said::Refused }
}

fn changed_by(response: &Value) -> Said {
    let errors = errors(response);
    let data = response.get("data");
    let payloads: Vec<&Value> = data.and_then(Value::as_object).into_iter().flat_map(Map::values).collect();
    if !payloads.is_empty() && payloads.iter().all(|payload| !payload.is_null()) {
        let told: Vec<_> = payloads.iter().map(|payload| payload.get("success").and_then(Value::as_bool)).collect();
        let all = |answer| told.iter().all(|told| *told == Some(answer));
        let below = errors.iter().all(|error| depth(error) > 1);
        return if all(false) {
            Said::NotDone
        } else if all(true) || below && !told.contains(&Some(false)) {
            Said::Done
        } else {
            Said::Maybe
        };
    }
    // that nothing is named is no proof: a gateway answers so after the service behind it has done it
    let refused = errors.iter().all(|error| depth(error) <= 1 && is_refusal(error));
    if !errors.is_empty() && refused { Said::Refused } else { Said::Maybe }
}

/// The content of `data`; where something of it is missing by an error, the errors beside it.
fn result(response: Value) -> Value {
    let errors = errors(&response).to_vec();
    match response {
        Value::Object(mut response) => match response.remove("data") {
            Some(Value::Object(mut data)) => {
                if !errors.is_empty() {
                    data.insert("errors".to_owned(), json!(errors));
                }
                Value::Object(data)
            }
            Some(other) => other,
            None => Value::Null,
        },
        other @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)) => other,
    }
}

/// The errors; whatever else stands there in place of a list is one.
fn errors(response: &Value) -> &[Value] {
    match response.get("errors") {
        None | Some(Value::Null) => &[],
        Some(Value::Array(errors)) => errors,
        Some(other) => std::slice::from_ref(other),
    }
}

/// How deep in the answer the field is that failed: 1 for the mutation's own, 0 where no field is named.
fn depth(error: &Value) -> usize {
    error.get("path").and_then(Value::as_array).map_or(0, Vec::len)
}

fn is_refusal(error: &Value) -> bool {
    let user = error.pointer("/extensions/userError").and_then(Value::as_bool) == Some(true);
    let code = code(error).is_some_and(|code| REFUSALS.contains(&code.as_str()));
    (user || code) && !is_internal(error)
}

/// Does the error say that the service itself failed, so that its form is no proof of anything?
fn is_internal(error: &Value) -> bool {
    let code = code(error).unwrap_or_default();
    ["INTERNAL", "TIMEOUT", "UNAVAILABLE", "NETWORK", "UNKNOWN"].iter().any(|word| code.contains(word))
}

/// `INVALID_INPUT`, by `code` or, as Linear has it too, by `type`: "invalid input".
fn code(error: &Value) -> Option<String> {
    let named = |key: &str| error.get("extensions")?.get(key)?.as_str();
    let code = named("code").or_else(|| named("type"))?;
    Some(code.trim().to_ascii_uppercase().replace([' ', '-'], "_"))
}

#[cfg(test)]
mod tests;
