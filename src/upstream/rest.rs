//! JSON, form and GraphQL requests over HTTPS: the plan's request exactly as it was stored, plus credential and idempotency key.

use std::time::Duration;

use async_trait::async_trait;
use reqwest::{
    Method, Request, Url,
    header::{HeaderMap, HeaderName, HeaderValue},
};
use tokio::time::Instant;

use super::{
    Credential, Upstream,
    answer::Asked,
    graphql,
    http::{Answer, Fault, Http, NotSent},
    patience::{self, Rests},
};
use crate::{
    account::Origin,
    catalog::{AnswerKind, Effect, HttpRequest},
    ledger::{FailureKind, Outcome, Permit},
    plan,
};

/// Headers that are the client's own: where the request goes, where it ends, how its connection lives.
const OURS: [&str; 8] =
    ["host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer", "proxy-authorization"];

/// A rest that a write waits out; a longer one is answered at once.
const SHORT_REST: Duration = Duration::from_secs(2);

/// Sends HTTP requests.
#[derive(Debug, Default)]
pub struct Rest {
    http: Http,
    rests: Rests,
}

impl Rest {
    /// Sends with this client.
    pub fn new(http: Http) -> Self {
        Self { http, rests: Rests::default() }
    }

    /// Sends; a read again while that can help and there is time. The answer is the last one.
    async fn send_patiently(
        &self,
        request: Request,
        credential: &Credential,
        read: bool,
        deadline: Instant,
    ) -> Result<Answer, Fault> {
        let mut attempt = 0;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let Some(one) = request.try_clone() else { return Err(Fault::NotSent(NotSent::Unsendable)) };
            let answer = self.http.send(one, credential, left).await;
            let left = deadline.saturating_duration_since(Instant::now());
            match read.then(|| patience::pause(&answer, attempt, self.http.limits(), left)).flatten() {
                Some(pause) => tokio::time::sleep(pause).await,
                None => return answer,
            }
            attempt += 1;
        }
    }
}

#[async_trait]
impl Upstream for Rest {
    async fn send(&self, permit: &Permit, credential: Credential) -> Outcome {
        let plan = permit.plan();
        let plan::Request::Http(http) = plan.request() else {
            return not_sent(FailureKind::Internal, "this is no request over HTTP");
        };
        // The gateway has compared them; this is the last place that can, and it costs nothing.
        if credential.origin() != plan.origin() || credential.account().id != plan.account_id() {
            return not_sent(FailureKind::Credential, "the credential does not belong to this request");
        }
        let request =
            credential.header().and_then(|(header, _)| build(plan.origin(), http, header, permit.idempotency_key()));
        let Some(request) = request else {
            return not_sent(FailureKind::Internal, "the stored request is not one that can be sent as it was shown");
        };
        let limits = self.http.limits();
        let read = match plan.effect() {
            Effect::Read => true,
            Effect::Write | Effect::Destructive => false,
        };
        let who = (plan.account_id().to_owned(), plan.tool());
        if let Some(rest) = self.rests.left(&who) {
            // a write would come late, and hold a place on the wire meanwhile
            if rest > if read { limits.read / 2 } else { SHORT_REST } {
                let seconds = rest.as_secs() + 1;
                let why = format!("`{}` asked us to wait, for {seconds} seconds more", plan.integration());
                return not_sent(FailureKind::Busy, &why);
            }
            tokio::time::sleep(rest).await;
        }
        let deadline = Instant::now() + if read { limits.read } else { limits.write };
        let answer = self.send_patiently(request, &credential, read, deadline).await;
        let (answer, credential) = match self.renewed(permit, http, answer, credential, deadline).await {
            Ok(pair) => pair,
            Err(outcome) => return outcome,
        };
        self.rests.note(&who, &answer);
        let (integration, kind) = (plan.integration(), http.answer);
        let asked = Asked { plan, integration, read, kind, limits, needles: credential.needles() };
        let (outcome, hits) = asked.outcome(answer);
        if hits > 0 {
            tracing::warn!(record = permit.record(), hits, "the answer contained the credential; it was taken out");
        }
        outcome
    }
}

impl Rest {
    /// What came of a 401, or of what a GraphQL service says instead, to a sign-in that can be renewed. The service did
    /// nothing, so the very same request goes once more with the next token: under the same permit, with the
    /// same idempotency key. Any other answer stays as it is.
    async fn renewed(
        &self,
        permit: &Permit,
        http: &HttpRequest,
        answer: Result<Answer, Fault>,
        credential: Credential,
        deadline: Instant,
    ) -> Result<(Result<Answer, Fault>, Credential), Outcome> {
        let rejected = |answer: &Result<Answer, Fault>| match (answer, http.answer) {
            (Err(_), _) => false,
            (Ok(answer), AnswerKind::Plain | AnswerKind::Mail) => answer.status == 401,
            (Ok(answer), AnswerKind::Graphql) => answer.status == 401 || graphql::is_unauthenticated(answer),
        };
        if !rejected(&answer) {
            return Ok((answer, credential));
        }
        let plan = permit.plan();
        let credential = match credential.renewed(plan).await {
            None => return Ok((answer, credential)),
            Some(Ok(renewed)) => renewed,
            Some(Err(error)) => {
                tracing::warn!(record = permit.record(), "{error}");
                return Err(Outcome::Failed {
                    kind: FailureKind::Credential,
                    http_status: Some(401),
                    message: format!("`{}` {}; nothing was done", plan.integration(), error.after_rejection()),
                    body: None,
                });
            }
        };
        let request =
            credential.header().and_then(|(header, _)| build(plan.origin(), http, header, permit.idempotency_key()));
        let Some(request) = request else {
            return Err(not_sent(
                FailureKind::Internal,
                "the stored request is not one that can be sent as it was shown",
            ));
        };
        let left = deadline.saturating_duration_since(Instant::now());
        let answer = self.http.send(request, &credential, left).await;
        if rejected(&answer) {
            credential.still_rejected();
        }
        Ok((answer, credential))
    }
}

fn not_sent(kind: FailureKind, why: &str) -> Outcome {
    Outcome::Failed { kind, http_status: None, message: format!("{why}; nothing was sent"), body: None }
}

/// The request without its credential. `None` if any part would reach the wire differently than it was shown.
fn build(origin: &Origin, http: &HttpRequest, credential: &HeaderName, idempotency_key: &str) -> Option<Request> {
    let mut headers = HeaderMap::new();
    for (name, value) in &http.headers {
        let name = HeaderName::from_lowercase(name.as_bytes()).ok()?;
        if name == *credential || OURS.contains(&name.as_str()) || headers.contains_key(&name) {
            return None;
        }
        headers.insert(name, HeaderValue::from_str(value).ok()?);
    }
    if let Some(name) = &http.idempotency {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        if name == *credential || OURS.contains(&name.as_str()) || headers.contains_key(&name) {
            return None;
        }
        headers.insert(name, HeaderValue::from_str(idempotency_key).ok()?);
    }
    let method = Method::from_bytes(http.method.as_str().as_bytes()).ok()?;
    let mut request = Request::new(method, address(origin, http)?);
    *request.headers_mut() = headers;
    *request.body_mut() = http.body.clone().map(Into::into);
    Some(request)
}

/// Put together from its parts and taken apart again: each part must come back as it was.
fn address(origin: &Origin, http: &HttpRequest) -> Option<Url> {
    let question = if http.query.is_empty() { "" } else { "?" };
    let text = [origin.as_str(), &http.path, question, &http.query].concat();
    let url = Url::parse(&text).ok()?;
    let same = url.as_str() == text
        && url.origin().ascii_serialization() == origin.as_str()
        && url.username().is_empty()
        && url.password().is_none()
        && url.path() == http.path
        && url.query().unwrap_or_default() == http.query
        && url.fragment().is_none();
    same.then_some(url)
}

#[cfg(test)]
mod tests;
