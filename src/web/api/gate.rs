//! What stands before every route that is not a page: who asks, and not too much of it.

use axum::{
    extract::{ConnectInfo, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use tokio_util::sync::CancellationToken;

use super::{Api, answer, limits::Refused};
use crate::{
    call::Caller,
    ledger::sqlite::AgentToken,
    web::{
        guard::{check_envelope, only},
        peer::Peer,
    },
};

/// Who calls, and when nobody waits for the answer any more.
#[derive(Debug, Clone)]
pub(super) struct Asking {
    pub(super) caller: Caller,
    pub(super) gone: CancellationToken,
}

/// Health and numbers: no token, the same Host as everywhere.
pub(super) async fn open(State(api): State<Api>, request: Request, next: Next) -> Response {
    match check_envelope(api.site.authorities(), &request) {
        Ok(_) => harden(next.run(request).await),
        Err(refusal) => harden(refusal.into_response()),
    }
}

/// Everything that an agent uses.
pub(super) async fn guarded(State(api): State<Api>, request: Request, next: Next) -> Response {
    let response = harden(admit(&api, request, next).await);
    api.agents.metrics.answered(response.status());
    response
}

async fn admit(api: &Api, mut request: Request, next: Next) -> Response {
    let own_page = match check_envelope(api.site.authorities(), &request) {
        Ok(authority) => only_ours(authority.origin(), request.headers()),
        Err(refusal) => return refusal.into_response(),
    };
    if !own_page {
        return (StatusCode::FORBIDDEN, "no page of another site may ask this\n").into_response();
    }
    let clock = api.site.gateway().clock();
    let Some(parts) = api.site.gateway().parts() else { return answer::internal(&"there is no home") };
    let peer = request.extensions().get::<ConnectInfo<Peer>>().map(|ConnectInfo(peer)| *peer);
    let found = match (token(request.headers()), peer) {
        (Some(token), _) => parts.home.agent_of(token, clock.now()).await,
        // the system says who it is
        (None, Some(peer)) if !request.headers().contains_key(header::AUTHORIZATION) => {
            parts.home.agent_of_user(peer.user(), clock.now()).await
        }
        (None, _) => return answer::unauthorized(),
    };
    let agent = match found {
        Ok(Some(agent)) => agent,
        Ok(None) => return answer::unauthorized(),
        Err(error) => return answer::reply(&crate::gateway::internal(&error)),
    };
    let place = match api.agents.limits.enter(&agent.name, clock.now().boot) {
        Ok(place) => place,
        Err(Refused::Agent) => return answer::busy(StatusCode::TOO_MANY_REQUESTS),
        Err(Refused::Everybody) => return answer::busy(StatusCode::SERVICE_UNAVAILABLE),
    };
    // ends waits when the client leaves, which drops this, and when the gateway stops
    let gone = api.agents.stop.child_token();
    let _left = gone.clone().drop_guard();
    request.extensions_mut().insert(agent.name.clone());
    request.extensions_mut().insert(Asking { caller: agent.name, gone });
    // a task of its own: a panic is an answer here, where the build unwinds
    let answered = api.site.tasks().spawn(async move {
        let response = next.run(request).await;
        drop(place);
        response
    });
    answered.await.unwrap_or_else(|_| answer::internal(&"a handler panicked"))
}

/// A browser names the page that asks; only our own counts. What is no browser names none.
fn only_ours(ours: &str, headers: &HeaderMap) -> bool {
    !headers.contains_key(header::ORIGIN)
        || only(headers, &header::ORIGIN).is_some_and(|origin| origin.as_bytes() == ours.as_bytes())
}

/// Out of `Authorization: Bearer …` and nowhere else.
fn token(headers: &HeaderMap) -> Option<AgentToken> {
    let (scheme, token) = only(headers, &header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| AgentToken::parse(token.trim()))?
}

/// At the socket: the users whose agents were let in, root, and whoever runs the gateway. Nobody else is answered at all.
pub(in crate::web) async fn named(State(api): State<Api>, request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<ConnectInfo<Peer>>().map(|ConnectInfo(peer)| *peer);
    let named = peer.is_some_and(|peer| peer.is_named(api.site.gateway()));
    if named { next.run(request).await } else { harden(answer::unauthorized()) }
}

fn harden(mut response: Response) -> Response {
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-store"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}
