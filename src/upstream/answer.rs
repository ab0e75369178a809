//! What an answer, or its absence, means for the call: `succeeded`, `failed` or `unknown`.
//!
//! INVARIANT: what may have happened is never called `failed`. For anything but a read, once a byte was written, only
//! the vendor's own 3xx or 4xx says that it did not happen, or an answer of 2xx in which the manifest knows its refusal.

use serde_json::Value;

use super::{
    filter::{self, Needles},
    graphql,
    http::{Answer, BodyFault, Fault, Limits, Lost},
    json, mail, reading,
};
use crate::{
    catalog::{AnswerKind, Refusal},
    ledger::{FailureKind, Outcome},
    plan::Plan,
};

/// Longer error pages are cut, and longer error objects left out: they are read by a model and by people.
const FAILURE_TEXT: usize = 4_000;
pub(super) const FAILURE_JSON: usize = 64 * 1024;
const VENDOR_MESSAGE: usize = 300;

/// Where vendors put the sentence that says what was wrong.
const MESSAGES: [&str; 7] = [
    "/error/message",
    "/message",
    "/detail",
    "/error_description",
    // GraphQL's own message may say no more than that there is an error
    "/errors/0/extensions/userPresentableMessage",
    "/errors/0/message",
    "/error",
];

/// The call that an answer belongs to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) plan: &'a Plan,
    pub(super) integration: &'a str,
    pub(super) read: bool,
    pub(super) kind: AnswerKind,
    pub(super) limits: &'a Limits,
    pub(super) needles: &'a Needles,
}

impl Asked<'_> {
    /// The outcome, with the credential taken out, and how often it was in there.
    pub(super) fn outcome(&self, answer: Result<Answer, Fault>) -> (Outcome, usize) {
        match answer {
            Err(Fault::NotSent(reason)) => {
                let message = format!("`{}` {}; nothing was sent", self.integration, reason.at(self.plan.origin()));
                (failed(FailureKind::Network, None, message), 0)
            }
            Err(Fault::Lost(lost)) => (self.lost(lost, None), 0),
            Ok(answer) => match answer.status {
                200..=299 => match self.kind {
                    AnswerKind::Plain | AnswerKind::Mail => self.success(answer),
                    AnswerKind::Graphql => self.response(answer),
                },
                300..=399 => {
                    let message = format!(
                        "`{}` answered {} and pointed to another address; that is never followed",
                        self.integration, answer.status
                    );
                    (failed(FailureKind::Redirect, Some(answer.status), message), 0)
                }
                400..=499 => self.refusal(answer),
                _ if self.read => self.refusal(answer),
                status => {
                    let message = format!("`{}` answered {status}; {MAYBE}", self.integration);
                    (Outcome::Unknown { http_status: Some(status), message }, 0)
                }
            },
        }
    }

    fn success(&self, answer: Answer) -> (Outcome, usize) {
        let http_status = Some(answer.status);
        let read = answer.body.map(|bytes| read(bytes, answer.content_type.as_deref()));
        let (result, truncated) = match read {
            Ok(Body::Empty) => (Value::Null, false),
            // before the filter: a credential in base64 is found in the text that it stands for
            Ok(Body::Json(value)) => match self.kind {
                AnswerKind::Plain | AnswerKind::Graphql => (value, false),
                AnswerKind::Mail => (mail::readable(value), false),
            },
            Ok(Body::Text(text)) => (Value::String(text), false),
            // of a read the answer is all there is; of anything else the status says that it was done
            Err(BodyFault::Lost(lost)) if self.read => return (self.lost(lost, http_status), 0),
            // as text what is broken would pass what is kept of an answer
            Ok(Body::Unreadable | Body::Broken(_)) | Err(BodyFault::TooLarge | BodyFault::Lost(_)) => {
                (Value::Null, true)
            }
        };
        let (result, hits) = filter::redact(result, self.needles);
        if let Some(refusal) = self.plan.reading().refusal.as_ref().filter(|refusal| refusal.is_in(&result)) {
            return (self.refused(refusal, result, answer.status), hits);
        }
        let (outcome, more) = self.handed_on(result, http_status, truncated, answer.link.as_deref());
        (outcome, hits + more)
    }

    /// A result without the credential: what of it was asked for, and how its next page is asked for.
    pub(super) fn handed_on(
        &self,
        result: Value,
        http_status: Option<u16>,
        truncated: bool,
        link: Option<&str>,
    ) -> (Outcome, usize) {
        let next = reading::next_call(self.plan, &result, link);
        // the header it may come from has not passed the filter yet
        let (next, hits) = next.map_or((None, 0), |next| {
            let (next, hits) = filter::redact(next, self.needles);
            (Some(next), hits)
        });
        let result = reading::trimmed(result, &self.plan.reading().keep);
        (Outcome::Succeeded { result, http_status, truncated, next }, hits)
    }

    /// The status says that it was done, and the answer that it was not.
    fn refused(&self, refusal: &Refusal, result: Value, status: u16) -> Outcome {
        let words = refusal.message(&result).map(one_line).or_else(|| vendor_message(&result));
        let message = match words.filter(|words| !words.is_empty()) {
            Some(words) => format!("`{}` refused: {words}", self.integration),
            None => format!("`{}` answered {status} and says that it failed", self.integration),
        };
        let body = Some(result).filter(|body| body.to_string().len() <= FAILURE_JSON);
        Outcome::Failed { kind: FailureKind::Upstream, http_status: Some(status), message, body }
    }

    fn refusal(&self, answer: Answer) -> (Outcome, usize) {
        let body = match answer.body.map(|bytes| (bytes.len(), read(bytes, answer.content_type.as_deref()))) {
            Ok((length, Body::Json(value))) if length <= FAILURE_JSON => Some(value),
            Ok((_, Body::Text(text) | Body::Broken(text))) => Some(Value::String(text)),
            Ok((_, Body::Json(_) | Body::Empty | Body::Unreadable)) | Err(_) => None,
        };
        // cut after the filter: half a credential would not be found
        let (body, hits) = body.map_or((None, 0), |body| {
            let (body, hits) = filter::redact(body, self.needles);
            (Some(shorten(body)), hits)
        });
        let mut message = format!("`{}` answered {}", self.integration, answer.status);
        if let Some(words) = body.as_ref().and_then(vendor_message) {
            message = format!("{message}: {words}");
        }
        if let (AnswerKind::Graphql, Some(body)) = (self.kind, &body)
            && graphql::is_limited(body)
        {
            message = format!("{message}; {}", graphql::LIMITED);
        }
        if let Some(seconds) = answer.retry_after {
            message = format!("{message}; it asks to wait {seconds} seconds");
        }
        (Outcome::Failed { kind: FailureKind::Upstream, http_status: Some(answer.status), message, body }, hits)
    }

    pub(super) fn lost(&self, lost: Lost, http_status: Option<u16>) -> Outcome {
        let integration = self.integration;
        match (self.read, lost) {
            (true, Lost::Timeout) => {
                let patience = self.limits.read.as_secs();
                let message = format!("`{integration}` did not answer completely within {patience} seconds");
                failed(FailureKind::Timeout, http_status, message)
            }
            (true, Lost::Cut) => {
                let message = format!("the connection to `{integration}` broke before its answer was complete");
                failed(FailureKind::Network, http_status, message)
            }
            (false, Lost::Timeout) => Outcome::Unknown {
                http_status,
                message: format!("`{integration}` got the request and did not answer in time; {MAYBE}"),
            },
            (false, Lost::Cut) => Outcome::Unknown {
                http_status,
                message: format!("the connection to `{integration}` broke while it had the request; {MAYBE}"),
            },
        }
    }
}

pub(super) const MAYBE: &str = "it may have happened: look there before asking for it again";

pub(super) fn failed(kind: FailureKind, http_status: Option<u16>, message: String) -> Outcome {
    Outcome::Failed { kind, http_status, message, body: None }
}

pub(super) enum Body {
    Empty,
    Json(Value),
    Text(String),
    /// JSON as the vendor says, and none that has one reading.
    Broken(String),
    Unreadable,
}

/// JSON where the vendor says so or says nothing, and only where it has one reading; else text, if it is UTF-8 and not
/// said to be JSON.
pub(super) fn read(bytes: Vec<u8>, content_type: Option<&str>) -> Body {
    if bytes.is_empty() {
        return Body::Empty;
    }
    let Ok(text) = String::from_utf8(bytes) else { return Body::Unreadable };
    let media_type = content_type.map(|full| full.split(';').next().unwrap_or_default().trim().to_ascii_lowercase());
    let is_json =
        media_type.as_ref().map(|name| name == "application/json" || name == "text/json" || name.ends_with("+json"));
    match (is_json, json::parse(&text)) {
        (Some(true) | None, Some(value)) => Body::Json(value),
        (Some(true), None) => json::readable(&text).map_or(Body::Broken(text), Body::Json),
        (Some(false), _) | (None, None) => Body::Text(text),
    }
}

fn shorten(body: Value) -> Value {
    match body {
        Value::String(text) => Value::String(cut(&text, FAILURE_TEXT)),
        other @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => other,
    }
}

pub(super) fn vendor_message(body: &Value) -> Option<String> {
    let words = MESSAGES.iter().find_map(|pointer| body.pointer(pointer).and_then(Value::as_str))?;
    Some(one_line(words)).filter(|words| !words.is_empty())
}

fn one_line(words: &str) -> String {
    let line =
        words.split(|character: char| character.is_control() || character == ' ').filter(|word| !word.is_empty());
    cut(&line.collect::<Vec<_>>().join(" "), VENDOR_MESSAGE)
}

fn cut(text: &str, characters: usize) -> String {
    let mut short: String = text.chars().take(characters).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}
