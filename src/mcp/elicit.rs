//! Clients that can open a link for their user are asked to (MCP's URL elicitation); all others get the plain answer.
//!
//! INVARIANT: nothing that a client says here changes an approval (T022). `accept` says that the link was opened, and
//! makes the call wait for a while; `decline` and `cancel` say that it was not, often without any human, and give the
//! plain answer. Only the page decides.

use std::{sync::Arc, time::Duration};

use rmcp::{
    RoleServer,
    model::{
        CallToolResponse, CustomNotification, ElicitRequest, ElicitRequestParams, ElicitationAction, InputRequest,
        InputRequests, InputRequiredResult, InputResponses, ProtocolVersion, ServerNotification,
    },
    service::{Peer, RequestContext},
};
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;

use super::render;
use crate::{call::Caller, canonical, catalog::Problem, gateway::Gateway, reply::Reply};

/// How long a call may wait for a human. Hosts give a call up after 60 seconds.
const WAIT: Duration = Duration::from_secs(45);
/// What the request for input is called among those of one answer.
const KEY: &str = "approval";

/// A call, and how its client can be asked to open a link.
pub(super) struct Asking {
    pub(super) gateway: Arc<Gateway>,
    pub(super) caller: Caller,
    pub(super) name: String,
    pub(super) arguments: Map<String, Value>,
    pub(super) state: Option<String>,
    pub(super) responses: Option<InputResponses>,
    pub(super) way: Way,
    pub(super) gone: CancellationToken,
}

/// How a client can be asked to open a link for its user.
pub(super) enum Way {
    /// Not at all.
    Plain,
    /// By an answer that asks for input, after which the call comes again (2026-07-28).
    Answer,
    /// By a request of ours while the call runs (2025-06-18 and 2025-11-25).
    Request(Peer<RoleServer>),
}

impl Way {
    /// By what the client declared for this request or for its session, never by its name.
    pub(super) fn of(context: &RequestContext<RoleServer>) -> Self {
        let url = context.client_capabilities().and_then(|can| can.elicitation).is_some_and(|can| can.url.is_some());
        match context.protocol_version() {
            Some(version) if url && version.as_str() >= ProtocolVersion::V_2026_07_28.as_str() => Self::Answer,
            Some(_) if url => Self::Request(context.peer.clone()),
            Some(_) | None => Self::Plain,
        }
    }
}

impl Asking {
    /// The call, and what its client gets.
    pub(super) async fn run(self) -> CallToolResponse {
        let Self { gateway, caller, name, arguments, state, responses, way, gone } = self;
        let call = binding(&caller, &name, &arguments);
        if let Some(state) = state {
            let Some(approval) = gateway.redeem(&state, &call).await else { return plain(&spent()) };
            let reply = if accepted(responses.as_ref()) {
                gateway.await_approval(&caller, Some(&approval), WAIT, &gone).await
            } else {
                gateway.call(&caller, &name, arguments, gone).await
            };
            return plain(&reply);
        }
        let reply = gateway.call(&caller, &name, arguments, gone.clone()).await;
        let Reply::ApprovalRequired { approval, url: Some(url), .. } = &reply else { return plain(&reply) };
        let message = format!(
            "`{}` waits for your approval. Open the link to see exactly what would be sent, and decide there.",
            approval.tool
        );
        match way {
            Way::Plain => plain(&reply),
            Way::Answer => match gateway.offer(&approval.id, &call).await {
                Some(state) => asked(message, url, state),
                None => plain(&reply),
            },
            Way::Request(peer) => {
                let Ok(url) = url::Url::parse(url) else { return plain(&reply) };
                let id = approval.id.as_str();
                let decided = gateway.await_approval(&caller, Some(id), WAIT, &gone);
                let opened = peer.elicit_url_with_timeout(message, url, id, Some(WAIT));
                let (mut decided, mut opened) = (std::pin::pin!(decided), std::pin::pin!(opened));
                tokio::select! {
                    // a human may decide before the client has said anything
                    decided = &mut decided => {
                        complete(&peer, id).await;
                        plain(&decided)
                    }
                    action = &mut opened => match action {
                        Ok(ElicitationAction::Accept) => {
                            let decided = decided.await;
                            complete(&peer, id).await;
                            plain(&decided)
                        }
                        Ok(_) | Err(_) => plain(&reply),
                    }
                }
            }
        }
    }
}

fn plain(reply: &Reply) -> CallToolResponse {
    render::reply(reply).into()
}

/// The link, and what the client brings back with the same call.
fn asked(message: String, url: &str, state: String) -> CallToolResponse {
    let params = ElicitRequestParams::UrlElicitationParams {
        meta: None,
        message,
        url: url.to_owned(),
        elicitation_id: String::new(),
    };
    let requests = InputRequests::from([(KEY.to_owned(), InputRequest::Elicitation(ElicitRequest::new(params)))]);
    InputRequiredResult::new(Some(requests), Some(state)).into()
}

fn accepted(responses: Option<&InputResponses>) -> bool {
    responses.and_then(|responses| responses.get(KEY)).and_then(|response| response.get("action"))
        == Some(&json!("accept"))
}

/// Caller, tool and arguments, in one value.
fn binding(caller: &Caller, name: &str, arguments: &Map<String, Value>) -> String {
    let arguments = canonical::text(&Value::Object(arguments.clone()));
    let parts = [caller.as_str().as_bytes(), name.as_bytes(), arguments.as_bytes()];
    canonical::hex(&canonical::sha256("agentport/offer/call", &parts))
}

/// What was brought back is not ours, or not for this call, or was here before (T021).
fn spent() -> Reply {
    Reply::InvalidArguments(vec![Problem {
        at: "/requestState".to_owned(),
        message: "it was not given out for this very call, or counts no more; nothing was sent; make the call again \
                  without it"
            .to_owned(),
    }])
}

/// 2025-11-25: the client need not show the link any more.
async fn complete(peer: &Peer<RoleServer>, id: &str) {
    let told = CustomNotification::new("notifications/elicitation/complete", Some(json!({"elicitationId": id})));
    // a client that left needs no word
    drop(peer.send_notification(ServerNotification::CustomNotification(told)).await);
}
