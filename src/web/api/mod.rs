//! What an agent uses over HTTP: tools, approvals of its own, MCP; and what a supervisor asks for: health and numbers.
//!
//! INVARIANT: nobody but the holder of a token gets past `gate`, whose word on who calls is the only one (T101). No cookie
//! is looked at here and no token on the pages (T159): the two share a port and nothing else.

mod answer;
mod calls;
mod gate;
mod health;
mod limits;
mod openapi;

use std::sync::Arc;

use axum::{
    Router, middleware,
    routing::{get, post},
};
use tokio_util::sync::CancellationToken;

pub(super) use self::health::Metrics;
use self::limits::Limits;
use super::{Site, host::Doors};

/// What the routes share beside the site.
#[derive(Debug)]
pub(super) struct Agents {
    limits: Limits,
    metrics: Metrics,
    readiness: health::Readiness,
    doors: Doors,
    /// Cancelled when the gateway stops: what waits is answered.
    stop: CancellationToken,
}

impl Agents {
    pub(super) fn new(doors: Doors, stop: CancellationToken) -> Arc<Self> {
        let (limits, metrics, readiness) = (Limits::default(), Metrics::default(), health::Readiness::default());
        Arc::new(Self { limits, metrics, readiness, doors, stop })
    }
}

/// Both, for a handler.
#[derive(Debug, Clone)]
pub(super) struct Api {
    site: Arc<Site>,
    agents: Arc<Agents>,
}

/// What an agent hears of a path that neither it nor people have.
pub(super) fn nowhere() -> axum::response::Response {
    answer::nowhere()
}

/// The same at the Unix socket, for the users who were named.
#[cfg(unix)]
pub(super) fn socket_router(site: &Arc<Site>, agents: &Arc<Agents>) -> Router {
    let api = Api { site: Arc::clone(site), agents: Arc::clone(agents) };
    router(site, agents).fallback(async || answer::nowhere()).layer(middleware::from_fn_with_state(api, gate::named))
}

/// Everything that is not a page.
pub(super) fn router(site: &Arc<Site>, agents: &Arc<Agents>) -> Router {
    let api = Api { site: Arc::clone(site), agents: Arc::clone(agents) };
    let health = Router::new()
        .route("/healthz", get(health::live))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(health::metrics))
        .layer(middleware::from_fn_with_state(api.clone(), gate::open));
    let guarded = Router::new()
        .route("/tools", get(calls::tools))
        .route("/openapi.json", get(openapi::document))
        .route("/approvals/{id}", get(calls::approval))
        .route("/approvals/{id}/await", post(calls::await_approval))
        .route("/{integration}/{tool}", post(calls::call))
        .method_not_allowed_fallback(answer::wrong_method)
        .with_state(api.clone())
        .merge(agents.doors.mcp.clone())
        .layer(middleware::from_fn_with_state(api.clone(), gate::guarded));
    health.with_state(api).merge(guarded)
}
