//! The agent's side of a gateway elsewhere: MCP over lines here, HTTP there. It decides nothing and holds no secret but its
//! own token.

use std::{
    collections::BTreeSet,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
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
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::sync::watch;

use super::{
    Ended, PATIENCE, ServeError,
    remote::{Answer, Lost, Question, Remote},
    render, serve_with,
    server::{accepted, has_one_page, info, tell_listener},
};
use crate::{
    canonical,
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
    /// The list that the agent was told last. `None` before it asked for one.
    told: Arc<Mutex<Option<Mark>>>,
    changes: watch::Receiver<u64>,
}

/// What a list is known by.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Mark {
    /// The gateway's tag: while it is this one, the list is not sent again.
    Tag(String),
    /// The digest of the text, where something on the way takes tags off.
    Digest([u8; 32]),
    /// There was none: every list is another one.
    Missing,
}

impl Mark {
    fn of(answer: &Answer) -> Self {
        match answer {
            Answer { code: 200, tag: Some(tag), .. } => Self::Tag(tag.clone()),
            Answer { code: 200, tag: None, body } if serde_json::from_slice::<Tools>(body).is_ok() => {
                Self::Digest(canonical::sha256("list", &[body]))
            }
            Answer { .. } => Self::Missing,
        }
    }
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
    let shim =
        Shim { remote: remote.map(Arc::new), reads: Arc::default(), told: Arc::default(), changes: changes.clone() };
    let watching = tokio::spawn(shim.clone().watch(bump));
    let ended = serve_with(shim, changes, input, output, PATIENCE).await;
    watching.abort();
    ended
}

impl Shim {
    /// Bumps `changed` when the list is another one than the agent was told.
    async fn watch(self, changed: watch::Sender<u64>) {
        loop {
            tokio::time::sleep(LOOK).await;
            let Some(told) = self.told().clone() else { continue };
            let known = if let Mark::Tag(tag) = &told { Some(tag.clone()) } else { None };
            if let Ok(answer @ Answer { code: 200, .. }) = self.ask(tools(known)).await
                && Mark::of(&answer) != told
            {
                *self.told() = Some(Mark::of(&answer));
                changed.send_modify(|version| *version += 1);
            }
        }
    }

    fn told(&self) -> MutexGuard<'_, Option<Mark>> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
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

    async fn ask(&self, question: Question) -> Result<Answer, Lost> {
        let Some(remote) = self.remote.clone() else { return Ok(Answer { code: 401, body: Vec::new(), tag: None }) };
        let asked = tokio::task::spawn_blocking(move || remote.ask(&question)).await;
        asked.map_err(|error| Lost::Unanswered(io::Error::other(error)))?
    }
}

/// The list of tools, unless it is the one that is `known`.
fn tools(known: Option<String>) -> Question {
    Question { method: "GET", path: "/tools?shown=true".to_owned(), body: None, known }
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
        let answer = self.ask(tools(None)).await;
        *self.told() = Some(answer.as_ref().map_or(Mark::Missing, Mark::of));
        let listed = answer.map_err(|error| format!("the gateway cannot be reached: {error}")).and_then(listed);
        let listed = match listed {
            Ok(listed) => {
                self.note_reads(&listed);
                listed
            }
            // what is there in any case; calling one says what is wrong
            Err(reason) => {
                tracing::warn!("{reason}");
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
        let path = format!("/{integration}/{tool}");
        let question = Question { method: "POST", path, body: Some(arguments), known: None };
        let result = match self.ask(question).await {
            Ok(Answer { code: 401, .. }) => render::failed(
                "setup",
                "the gateway has not let this agent in; a human must finish the set-up of agentport",
            ),
            Ok(Answer { code, body, .. }) => match serde_json::from_slice(&body) {
                Ok(Value::Object(object)) if object.contains_key("status") => {
                    render::object(Value::Object(object), !matches!(code, 200 | 202))
                }
                Ok(_) | Err(_) => {
                    tracing::warn!("what answered with {code} is no gateway");
                    let message = "what answers at the gateway's address is no gateway; a human must look at it";
                    render::failed("setup", message)
                }
            },
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

/// The tools as the gateway shows them.
#[derive(Deserialize)]
struct Tools {
    tools: Vec<Shown>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    name: String,
    title: String,
    description: String,
    input_schema: Map<String, Value>,
    effect: String,
    idempotent: bool,
    open_world: bool,
}

/// The tools of an answer, or why it has none.
fn listed(answer: Answer) -> Result<Vec<Listed>, String> {
    let Answer { code: 200, body, .. } = answer else {
        return Err(format!("the gateway gives no list of tools: it answered with {}", answer.code));
    };
    let tools = serde_json::from_slice::<Tools>(&body)
        .map_err(|error| format!("what the gateway answered is no list of tools: {error}"))?;
    Ok(tools.tools.into_iter().map(Listed::from).collect())
}

impl From<Shown> for Listed {
    fn from(shown: Shown) -> Self {
        let effect = match shown.effect.as_str() {
            "read" => Effect::Read,
            "write" => Effect::Write,
            _ => Effect::Destructive,
        };
        Self {
            name: shown.name,
            title: shown.title,
            description: shown.description,
            input_schema: Arc::new(shown.input_schema),
            effect,
            idempotent: shown.idempotent,
            open_world: shown.open_world,
        }
    }
}

fn built_in() -> Vec<Listed> {
    let mut listed: Vec<Listed> = builtin_tools().into_iter().map(Listed::from).collect();
    listed.sort_by(|a, b| a.name.cmp(&b.name));
    listed
}
