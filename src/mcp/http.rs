//! MCP over streamable HTTP: rmcp's service, behind the same gate as a line of standard input.
//!
//! Each agent has a service of its own, with its own sessions: another agent's session id leads nowhere (T227).

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    Extension, Router,
    body::{Body, Bytes},
    extract::{Request, State},
    http::{Method, StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::any,
};
use rmcp::{
    model::{ClientRequest, JsonRpcRequest},
    transport::streamable_http_server::{
        StreamableHttpServerConfig, StreamableHttpService, session::local::LocalSessionManager,
    },
};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::{
    frame::{self, Frame, INVALID_PARAMS, INVALID_REQUEST, MAX_FRAME, RequestId},
    server::Server,
    transport::SERVED,
};
use crate::{call::Caller, gateway::Gateway};

/// How many sessions one agent may have open (the revisions with `initialize`). They end after five idle minutes.
const MOST_SESSIONS: usize = 64;

/// One agent's service.
#[derive(Clone)]
struct Service {
    sessions: Arc<LocalSessionManager>,
    inner: StreamableHttpService<Server, LocalSessionManager>,
}

/// The services of all agents.
struct Services {
    gateway: Arc<Gateway>,
    stop: CancellationToken,
    of: Mutex<BTreeMap<Caller, Service>>,
}

/// The route `/mcp`. Who calls is what stands before it says: without a [`Caller`] in the request nothing is served.
/// `stop` ends every session and stream.
pub fn router(gateway: Arc<Gateway>, stop: CancellationToken) -> Router {
    let services = Services { gateway, stop, of: Mutex::default() };
    Router::new().route("/mcp", any(handle)).with_state(Arc::new(services))
}

async fn handle(
    State(services): State<Arc<Services>>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Response {
    let service = services.of(&caller);
    let (parts, body) = request.into_parts();
    let Ok(bytes) = axum::body::to_bytes(body, MAX_FRAME).await else {
        return refused(
            StatusCode::PAYLOAD_TOO_LARGE,
            None,
            INVALID_REQUEST,
            &format!("longer than {MAX_FRAME} bytes"),
        );
    };
    if parts.method == Method::POST {
        let begins = match check(&bytes) {
            Ok(begins) => begins,
            Err(refusal) => return *refusal,
        };
        if begins && service.sessions.sessions.read().await.len() >= MOST_SESSIONS {
            let message = "too many sessions are open; close some, or wait until they end";
            return refused(StatusCode::SERVICE_UNAVAILABLE, None, INVALID_REQUEST, message);
        }
    }
    service.inner.handle(Request::from_parts(parts, Body::from(bytes))).await.map(Body::new)
}

/// One frame that can be read in one way. Does it begin a session?
fn check(bytes: &Bytes) -> Result<bool, Box<Response>> {
    match frame::read(bytes) {
        Ok(Frame::Request { id, method, text }) => {
            let read = serde_json::from_str::<JsonRpcRequest<ClientRequest>>(text);
            // rmcp takes what it cannot read for a method that it does not know
            let fits = read.is_ok_and(|request| {
                !(matches!(request.request, ClientRequest::CustomRequest(_)) && SERVED.contains(&method.as_str()))
            });
            if fits {
                return Ok(method == "initialize");
            }
            let message = "the `params` do not fit the method";
            Err(Box::new(refused(StatusCode::BAD_REQUEST, Some(id), INVALID_PARAMS, message)))
        }
        Ok(Frame::Notification { .. } | Frame::Response { .. }) => Ok(false),
        Ok(Frame::Blank) => Err(Box::new(refused(StatusCode::BAD_REQUEST, None, INVALID_REQUEST, "an empty body"))),
        Err(refusal) => Err(Box::new(refused(StatusCode::BAD_REQUEST, refusal.id, refusal.code, &refusal.message))),
    }
}

fn refused(status: StatusCode, id: Option<RequestId>, code: i32, message: &str) -> Response {
    let id = match id {
        Some(RequestId::Number(number)) => json!(number),
        Some(RequestId::Text(text)) => json!(text),
        None => json!(null),
    };
    let error = json!({"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": message}});
    (status, [(header::CONTENT_TYPE, "application/json")], error.to_string()).into_response()
}

impl Services {
    fn of(&self, caller: &Caller) -> Service {
        let mut of = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        of.entry(caller.clone()).or_insert_with(|| self.make(caller)).clone()
    }

    fn make(&self, caller: &Caller) -> Service {
        let sessions = Arc::<LocalSessionManager>::default();
        // Host and Origin were looked at before, for every route alike
        let config = StreamableHttpServerConfig::default()
            .disable_allowed_hosts()
            .with_max_request_body_bytes(MAX_FRAME)
            .with_cancellation_token(self.stop.child_token());
        let (gateway, caller) = (Arc::clone(&self.gateway), caller.clone());
        let make = move || Ok(Server::of_session(Arc::clone(&gateway), caller.clone()));
        Service { inner: StreamableHttpService::new(make, Arc::clone(&sessions), config), sessions }
    }
}
