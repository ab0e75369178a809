//! What an agent can say to us in MCP, and what it is told. Every word about a call is the gateway's.

use std::sync::Arc;

use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CallToolRequestParams, CallToolResponse, Extensions, Implementation, ListToolsResult, PaginatedRequestParams,
        ServerCapabilities, ServerConfig, SubscriptionFilter,
    },
    service::{NotificationContext, Peer, RequestContext, SubscriptionContext},
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{
    elicit::{Asking, Way},
    render,
    transport::Gone,
};
use crate::{call::Caller, gateway::Gateway};

/// What every agent is told at the start. It names no command and no route: nothing that an agent can do approves.
const INSTRUCTIONS: &str = "\
AgentPort does what its tools say for you, as far as a human's policy allows. Every answer has a `status`.\n\
`approval_required`: nothing has been done yet. Share the link in `approval.url` with a human, unchanged, then call the \
tool that `next` names to wait for the outcome. Only a human can approve, and the call then runs by itself.\n\
`denied`: a human or the policy said no; tell the human what you wanted and why, and do not look for another way.\n\
`unknown`: it may have happened; ask a human before you repeat it.";

/// One agent's view of the gateway.
#[derive(Debug, Clone)]
pub(super) struct Server {
    gateway: Arc<Gateway>,
    caller: Caller,
    telling: Telling,
}

/// Who tells a client of the revisions with `initialize` that the list has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Telling {
    /// Whoever serves the connection.
    Connection,
    /// The session itself, once it has begun.
    Session,
}

impl Server {
    pub(super) fn new(gateway: Arc<Gateway>, caller: Caller) -> Self {
        Self { gateway, caller, telling: Telling::Connection }
    }

    /// For a session over HTTP, which has a peer of its own.
    pub(super) fn of_session(gateway: Arc<Gateway>, caller: Caller) -> Self {
        Self { gateway, caller, telling: Telling::Session }
    }
}

impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        info()
    }

    async fn list_tools(
        &self,
        request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        has_one_page(request)?;
        let (gateway, caller) = (Arc::clone(&self.gateway), self.caller.clone());
        let listed = tokio::spawn(async move { gateway.list(&caller) }).await.map_err(|error| {
            tracing::error!(panic = error.is_panic(), "the list of tools failed");
            ErrorData::internal_error("the list of tools failed", None)
        })?;
        Ok(ListToolsResult::with_all_items(listed.iter().map(render::tool).collect()))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let gone = gone(&context.extensions, &context.ct);
        let asking = Asking {
            gateway: Arc::clone(&self.gateway),
            caller: self.caller.clone(),
            name: request.name.into_owned(),
            arguments: request.arguments.unwrap_or_default(),
            state: request.request_state,
            responses: request.input_responses,
            way: Way::of(&context),
            gone: gone.clone(),
        };
        Ok(run(asking.run(), &context.ct, &gone).await)
    }

    async fn on_initialized(&self, context: NotificationContext<RoleServer>) {
        if self.telling == Telling::Session {
            let mut changes = self.gateway.changes();
            tokio::spawn(async move {
                while changes.changed().await.is_ok() && context.peer.notify_tool_list_changed().await.is_ok() {}
            });
        }
    }

    fn accepted_subscription_filter(&self, requested: &SubscriptionFilter) -> Option<SubscriptionFilter> {
        Some(accepted(requested))
    }

    async fn listen(&self, context: SubscriptionContext) -> Result<(), ErrorData> {
        tell_listener(self.gateway.changes(), &context).await;
        Ok(())
    }
}

/// The list of tools has one page: no cursor was given out.
pub(super) fn has_one_page(request: Option<PaginatedRequestParams>) -> Result<(), ErrorData> {
    if request.is_some_and(|request| request.cursor.is_some()) {
        return Err(ErrorData::invalid_params("no such `cursor`: the list has one page", None));
    }
    Ok(())
}

/// What a server says of itself.
pub(super) fn info() -> ServerConfig {
    ServerConfig::new(ServerCapabilities::builder().enable_tools().enable_tool_list_changed().build())
        .with_server_info(Implementation::new("agentport", env!("CARGO_PKG_VERSION")).with_title("AgentPort"))
        .with_instructions(INSTRUCTIONS)
}

/// Of what a client of 2026-07-28 wants to be told we tell that the list of tools has changed.
pub(super) fn accepted(requested: &SubscriptionFilter) -> SubscriptionFilter {
    requested.intersection(&SubscriptionFilter::builder().tools_list_changed().build())
}

/// Tells it, until it leaves.
pub(super) async fn tell_listener(mut changes: watch::Receiver<u64>, context: &SubscriptionContext) {
    let request = context.request_context();
    let gone = gone(&request.extensions, &request.ct);
    let told = async {
        while changes.changed().await.is_ok() {
            // A filter without tools, or a peer that is gone: nothing to tell.
            if context.sink().notify_tool_list_changed().await.is_err() {
                break;
            }
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = gone.cancelled() => {}
        () = request.ct.cancelled() => {}
        () = told => {}
    }
}

/// Tells a client of the revisions with `initialize` that the list has changed. Never ends.
pub(super) async fn tell_changes(mut changes: watch::Receiver<u64>, peer: Peer<RoleServer>) -> ! {
    // Newer clients have no peer info: they listen if they want to know, and are not told unasked.
    while peer.peer_info().is_some() && changes.changed().await.is_ok() {
        if peer.notify_tool_list_changed().await.is_err() {
            break;
        }
    }
    std::future::pending().await
}

/// Runs a call in a task of its own: it ends as it would if the client leaves, and if it panics the client gets an
/// answer and nobody else notices.
async fn run(
    call: impl Future<Output = CallToolResponse> + Send + 'static,
    cancelled: &CancellationToken,
    gone: &CancellationToken,
) -> CallToolResponse {
    let mut call = tokio::spawn(call);
    let ended = tokio::select! {
        ended = &mut call => ended,
        () = cancelled.cancelled() => {
            gone.cancel();
            call.await
        }
    };
    match ended {
        Ok(answer) => answer,
        Err(error) => {
            tracing::error!(panic = error.is_panic(), "a call failed inside");
            render::failed("internal", "the call failed inside; a human can find out more in the log").into()
        }
    }
}

/// The token that came with the request; where there is none, rmcp's.
fn gone(extensions: &Extensions, cancelled: &CancellationToken) -> CancellationToken {
    extensions.get::<Gone>().map_or_else(|| cancelled.child_token(), |Gone(token)| token.clone())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_instructions_name_no_way_round() {
        for word in ["agentport ", "http", "/approve", "code", "curl", "policy apply", "--"] {
            assert!(!INSTRUCTIONS.contains(word), "{word}");
        }
        assert!(INSTRUCTIONS.contains("approval_required") && INSTRUCTIONS.contains("human"));
    }

    #[tokio::test]
    async fn t249_a_panic_inside_a_call_is_answered() {
        let never = CancellationToken::new();
        let panics = async { panic!("the gateway fell over with sk_live_1 in its hands") };
        let CallToolResponse::Complete(result) = run(panics, &never, &never).await else { panic!("no result") };
        let result = serde_json::to_value(result).unwrap();
        assert_eq!(result["structuredContent"]["status"], json!("failed"));
        assert_eq!(result["structuredContent"]["error"]["kind"], json!("internal"));
        assert_eq!(result["isError"], json!(true));
        assert!(!result.to_string().contains("sk_live_1"));
    }

    #[tokio::test]
    async fn a_call_that_rmcp_cancels_is_told_and_runs_to_its_end() {
        let (cancelled, gone) = (CancellationToken::new(), CancellationToken::new());
        cancelled.cancel();
        let (waits, (ended, end)) = (gone.clone(), tokio::sync::oneshot::channel());
        let call = async move {
            waits.cancelled().await;
            ended.send(()).unwrap();
            panic!("any answer will do")
        };
        drop(run(call, &cancelled, &gone).await);
        end.await.unwrap();
    }
}
