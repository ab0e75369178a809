//! `/healthz`, `/readyz` and `/metrics`: for a supervisor and for Prometheus. No names, no arguments.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use axum::{
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::json;

use super::{Api, answer};
use crate::{clock::Millis, gateway::Parts, ledger::ApprovalStatus, reply::Reply};

/// How long a look at the ledger and the secrets holds: nobody makes us write by asking.
const HOLDS: Millis = 1_000;

/// What was answered since the start.
#[derive(Debug, Default)]
pub(in crate::web) struct Metrics {
    requests: Mutex<BTreeMap<u16, u64>>,
    replies: Mutex<BTreeMap<&'static str, u64>>,
}

impl Metrics {
    pub(super) fn answered(&self, code: StatusCode) {
        *self.requests.lock().unwrap_or_else(PoisonError::into_inner).entry(code.as_u16()).or_default() += 1;
    }

    pub(super) fn replied(&self, reply: &Reply) {
        *self.replies.lock().unwrap_or_else(PoisonError::into_inner).entry(reply.status()).or_default() += 1;
    }

    /// Prometheus' text format.
    fn text(&self, waiting: Option<usize>, under_way: usize) -> String {
        let mut text = format!(
            "# HELP agentport_build_info The version.\n# TYPE agentport_build_info gauge\nagentport_build_info{{version=\"{}\"}} 1\n",
            env!("CARGO_PKG_VERSION")
        );
        text += "# HELP agentport_http_requests_total Requests of agents, by the code of their answer.\n# TYPE agentport_http_requests_total counter\n";
        for (code, count) in self.requests.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            text += &format!("agentport_http_requests_total{{code=\"{code}\"}} {count}\n");
        }
        text += "# HELP agentport_calls_total Calls over HTTP, by the status of their answer.\n# TYPE agentport_calls_total counter\n";
        for (status, count) in self.replies.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            text += &format!("agentport_calls_total{{status=\"{status}\"}} {count}\n");
        }
        text += &format!(
            "# HELP agentport_http_requests_under_way Requests of agents that are being answered.\n# TYPE agentport_http_requests_under_way gauge\nagentport_http_requests_under_way {under_way}\n"
        );
        if let Some(waiting) = waiting {
            text += &format!(
                "# HELP agentport_approvals_waiting What waits for a human.\n# TYPE agentport_approvals_waiting gauge\nagentport_approvals_waiting {waiting}\n"
            );
        }
        text
    }
}

/// What the last look found, and when it was.
#[derive(Debug, Default)]
pub(super) struct Readiness(tokio::sync::Mutex<Option<(Millis, bool)>>);

/// `GET /healthz`
pub(super) async fn live() -> Response {
    answer::object(StatusCode::OK, &json!({"status": "ok"}))
}

/// `GET /readyz`: is the ledger writable, are the secrets unlocked?
pub(super) async fn ready(State(api): State<Api>) -> Response {
    let now = api.site.gateway().clock().now().boot;
    let mut last = api.agents.readiness.0.lock().await;
    let ready = match *last {
        Some((at, ready)) if (0..HOLDS).contains(&now.saturating_sub(at)) => ready,
        Some(_) | None => match api.site.gateway().parts() {
            Some(parts) => is_ready(&parts).await,
            None => false,
        },
    };
    *last = Some((now, ready));
    if ready && !api.agents.stop.is_cancelled() {
        answer::object(StatusCode::OK, &json!({"status": "ready"}))
    } else {
        answer::object(StatusCode::SERVICE_UNAVAILABLE, &json!({"status": "not ready"}))
    }
}

async fn is_ready(parts: &Parts) -> bool {
    let home = parts.home.clone();
    let problem = match tokio::task::spawn_blocking(move || home.set_meta(&[("ready", "1")])).await {
        Ok(Ok(())) => parts.secrets.get("ready").await.err().map(|error| error.to_string()),
        Ok(Err(error)) => Some(error.to_string()),
        Err(error) => Some(error.to_string()),
    };
    if let Some(problem) = &problem {
        tracing::warn!("not ready: {problem}");
    }
    problem.is_none()
}

/// `GET /metrics`
pub(super) async fn metrics(State(api): State<Api>) -> Response {
    let waiting = match api.site.gateway().parts() {
        Some(parts) => parts.ledger.open_approvals(None).await.ok(),
        None => None,
    };
    let waiting = waiting.map(|open| open.iter().filter(|one| one.status == ApprovalStatus::Pending).count());
    let text = api.agents.metrics.text(waiting, api.agents.limits.under_way());
    (StatusCode::OK, [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}
