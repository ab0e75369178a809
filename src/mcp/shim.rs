//! The agent's side of a gateway elsewhere: MCP over lines here, HTTP there. It decides nothing and holds no secret but its
//! own token.

use std::{
    collections::BTreeSet,
    io,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CallToolRequestParams, CallToolResponse, ListToolsResult, PaginatedRequestParams, ServerConfig,
        SubscriptionFilter,
    },
    service::{RequestContext, SubscriptionContext},
};
use serde_json::{Map, Value, json};
use tokio::sync::watch;

use super::{
    Ended, PATIENCE, ServeError,
    remote::{Lost, Remote},
    render, serve_with,
    server::{accepted, has_one_page, info, tell_listener},
};
use crate::{
    catalog::{Effect, builtin_tools},
    gateway::Listed,
};

/// How often the gateway is asked whether the list has changed.
const LOOK: Duration = Duration::from_secs(2);

#[derive(Debug, Clone)]
struct Shim {
    /// `None`: nobody was let in yet.
    remote: Option<Arc<Remote>>,
    /// The tools of which the gateway said that they read.
    reads: Arc<Mutex<BTreeSet<String>>>,
    changes: watch::Receiver<u64>,
}

/// Serves one agent out of a gateway elsewhere, until its input has ended. Without `remote`, which is an address without a
/// token, it has the built-in tools and says that a human must finish the set-up.
///
/// # Errors
/// We could not serve it. That it left is none.
pub async fn shim(
    remote: Option<Remote>,
    input: impl io::Read + Send + 'static,
    output: impl io::Write + Send + 'static,
) -> Result<Ended, ServeError> {
    let (bump, changes) = watch::channel(0);
    let shim = Shim { remote: remote.map(Arc::new), reads: Arc::default(), changes: changes.clone() };
    let watching = tokio::spawn(shim.clone().watch(bump));
    let ended = serve_with(shim, changes, input, output, PATIENCE).await;
    watching.abort();
    ended
}

impl Shim {
    /// Bumps `changed` when the list is another one.
    async fn watch(self, changed: watch::Sender<u64>) {
        let mut before = None;
        loop {
            let list = self.ask("GET", "/tools?shown=true".to_owned(), None).await;
            if let Ok((200, list)) = list
                && before.replace(list.clone()).is_some_and(|before| before != list)
            {
                changed.send_modify(|version| *version += 1);
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    fn note_reads(&self, tools: &[Listed]) {
        let reads = tools.iter().filter(|tool| tool.effect == Effect::Read).map(|tool| tool.name.clone());
        *self.reads.lock().unwrap_or_else(PoisonError::into_inner) = reads.collect();
    }

    /// Did the gateway, or this program, say that the tool only reads?
    fn is_read(&self, name: &str) -> bool {
        let said = self.reads.lock().unwrap_or_else(PoisonError::into_inner).contains(name);
        said || built_in().iter().any(|tool| tool.name == name && tool.effect == Effect::Read)
    }

    async fn ask(&self, method: &'static str, path: String, body: Option<Value>) -> Result<(u16, Value), Lost> {
        let Some(remote) = self.remote.clone() else { return Ok((401, Value::Null)) };
        let asked = tokio::task::spawn_blocking(move || remote.ask(method, &path, body.as_ref())).await;
        asked.map_err(|error| Lost::Unanswered(io::Error::other(error)))?
    }
}

impl ServerHandler for Shim {
    fn get_info(&self) -> ServerConfig {
        info()
    }

    async fn list_tools(
        &self,
        request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        has_one_page(request)?;
        let listed = match self.ask("GET", "/tools?shown=true".to_owned(), None).await {
            Ok((200, list)) => {
                let tools = list.get("tools").and_then(Value::as_array);
                let tools: Vec<Listed> =
                    tools.map(|tools| tools.iter().filter_map(listed).collect()).unwrap_or_default();
                self.note_reads(&tools);
                tools
            }
            // what is there in any case; calling one says what is wrong
            Ok(_) => built_in(),
            Err(error) => {
                tracing::warn!("the gateway cannot be reached: {error}");
                built_in()
            }
        };
        Ok(ListToolsResult::with_all_items(listed.iter().map(render::tool).collect()))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let arguments = Value::Object(request.arguments.unwrap_or_default());
        let plain = |text: &str| {
            !text.is_empty()
                && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
        };
        let path = request.name.split_once(['_', '.']).filter(|(integration, tool)| plain(integration) && plain(tool));
        let Some((integration, tool)) = path else {
            return Ok(render::object(json!({"status": "not_found", "message": "there is no such tool"}), true).into());
        };
        let result = match self.ask("POST", format!("/{integration}/{tool}"), Some(arguments)).await {
            Ok((401, _)) => render::failed(
                "setup",
                "the gateway has not let this agent in; a human must finish the set-up of agentport",
            ),
            Ok((code, Value::Object(object))) if object.contains_key("status") => {
                render::object(Value::Object(object), !matches!(code, 200 | 202))
            }
            Ok((code, _)) => {
                tracing::warn!("what answered with {code} is no gateway");
                render::failed("setup", "what answers at the gateway's address is no gateway; a human must look at it")
            }
            Err(error @ Lost::Untrusted(..)) => {
                tracing::warn!("the gateway was asked nothing: {error}");
                let message = format!("the gateway was asked nothing: {error}; a human must look at its certificate");
                render::failed("network", &message)
            }
            Err(Lost::Unreachable(error)) => {
                tracing::warn!("the gateway cannot be reached: {error}");
                render::failed("network", "the gateway cannot be reached now, so nothing was sent; try again later")
            }
            Err(Lost::Unanswered(error)) => {
                tracing::warn!("the gateway's answer was lost: {error}");
                if self.is_read(&format!("{integration}_{tool}")) {
                    let message = "the gateway's answer was lost; it was a read, so that you can try again";
                    return Ok(render::failed("network", message).into());
                }
                let message = "the gateway's answer was lost: it may have happened; ask a human before you repeat it";
                render::object(json!({"status": "unknown", "message": message}), true)
            }
        };
        Ok(result.into())
    }

    fn accepted_subscription_filter(&self, requested: &SubscriptionFilter) -> Option<SubscriptionFilter> {
        Some(accepted(requested))
    }

    async fn listen(&self, context: SubscriptionContext) -> Result<(), ErrorData> {
        tell_listener(self.changes.clone(), &context).await;
        Ok(())
    }
}

/// A tool as the gateway shows it.
fn listed(tool: &Value) -> Option<Listed> {
    let text = |key: &str| tool[key].as_str().map(str::to_owned);
    let effect = match tool["effect"].as_str()? {
        "read" => Effect::Read,
        "write" => Effect::Write,
        _ => Effect::Destructive,
    };
    let schema: Map<String, Value> = tool["inputSchema"].as_object()?.clone();
    Some(Listed {
        name: text("name")?,
        title: text("title")?,
        description: text("description")?,
        input_schema: Arc::new(schema),
        effect,
        idempotent: tool["idempotent"].as_bool()?,
        open_world: tool["openWorld"].as_bool()?,
    })
}

fn built_in() -> Vec<Listed> {
    let mut listed: Vec<Listed> = builtin_tools().into_iter().map(Listed::from).collect();
    listed.sort_by(|a, b| a.name.cmp(&b.name));
    listed
}
