//! The product's own tools: they look, wait and withdraw. None of them decides anything.

use std::{sync::Arc, time::Duration};

use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;

use super::{Gateway, internal, listing::listed_tool};
use crate::{
    call::Caller,
    catalog::{
        Problem, Tool,
        builtin::{AwaitApproval, CallTool, FindTools, ListIntegrations, WithdrawApproval},
    },
    reply::Reply,
    snapshot::Snapshot,
};

/// The longest query, in characters.
const QUERY_MAX: usize = 300;

impl Gateway {
    /// Answers one of the product's own tools; `None` for every other name.
    pub(super) async fn call_builtin(
        self: &Arc<Self>,
        caller: &Caller,
        name: &str,
        arguments: &Map<String, Value>,
        gone: &CancellationToken,
    ) -> Option<Reply> {
        let reply = match name {
            "agentport_list_integrations" => match parse::<ListIntegrations>(arguments) {
                Ok(_) => self.list_integrations(caller),
                Err(reply) => reply,
            },
            "agentport_find_tools" => match parse::<FindTools>(arguments) {
                Ok(find) => self.find_tools(caller, &find),
                Err(reply) => reply,
            },
            "agentport_call_tool" => match parse::<CallTool>(arguments) {
                Ok(call) => {
                    let CallTool { tool, mut arguments, reason } = call;
                    if tool.starts_with("agentport_") {
                        return Some(Reply::InvalidArguments(vec![Problem {
                            at: "/tool".to_owned(),
                            message: "this tool calls the tools of services; call agentport's own tools by themselves"
                                .to_owned(),
                        }]));
                    }
                    if let Some(reason) = reason {
                        arguments.insert("_reason".to_owned(), json!(reason));
                    }
                    Box::pin(self.call(caller, &tool, arguments, gone.clone())).await
                }
                Err(reply) => reply,
            },
            "agentport_await_approval" => match parse::<AwaitApproval>(arguments) {
                Ok(wait) => {
                    let seconds = Duration::from_secs(wait.wait_seconds);
                    self.await_approval(caller, wait.approval_id.as_deref(), seconds, gone).await
                }
                Err(reply) => reply,
            },
            "agentport_withdraw_approval" => match parse::<WithdrawApproval>(arguments) {
                Ok(withdraw) => self.withdraw(caller, &withdraw.approval_id).await,
                Err(reply) => reply,
            },
            _ => return None,
        };
        Some(reply)
    }

    fn current(&self) -> Result<Arc<Snapshot>, Reply> {
        let parts = self.parts().ok_or_else(|| Reply::needs_set_up("nothing is connected yet"))?;
        parts.snapshots.current().map_err(|error| internal(&error))
    }

    /// Ranked: tools of connected services that the policy does not always deny, listed or not.
    fn find_tools(&self, caller: &Caller, find: &FindTools) -> Reply {
        let snapshot = match self.current() {
            Ok(snapshot) => snapshot,
            Err(reply) => return reply,
        };
        let effects = ["read", "write", "destructive"];
        let mut problems = Vec::new();
        let mut problem = |at: &str, message: String| problems.push(Problem { at: at.to_owned(), message });
        if let Some(id) = &find.integration
            && snapshot.catalog.integration(id).is_none()
        {
            let known: Vec<_> = snapshot.catalog.integrations().map(|known| format!("`{}`", known.id)).collect();
            problem("/integration", format!("no such integration; there are {}", known.join(", ")));
        }
        if find.effect.as_ref().is_some_and(|effect| !effects.contains(&effect.as_str())) {
            problem("/effect", "must be one of `read`, `write`, `destructive`".to_owned());
        }
        if find.query.trim().is_empty() || find.query.chars().count() > QUERY_MAX {
            problem("/query", format!("must have from 1 to {QUERY_MAX} characters"));
        }
        if !problems.is_empty() {
            return Reply::InvalidArguments(problems);
        }
        let fits = |tool: &Tool| {
            find.integration.as_ref().is_none_or(|id| *id == tool.integration.id)
                && find.effect.as_ref().is_none_or(|effect| effect == tool.effect.as_str())
                && snapshot.accounts.iter().any(|account| account.integration == tool.integration.id)
                && snapshot.reaches(caller, &tool.integration.id)
                && !snapshot.policy.always_denies(tool, caller)
        };
        let found = snapshot.catalog.search(&find.query).filter(|tool| fits(tool)).take(find.limit);
        let tools: Vec<Value> = found
            .map(|tool| {
                let listed = listed_tool(tool, &snapshot);
                json!({
                    "name": listed.name,
                    "title": listed.title,
                    "description": listed.description,
                    "effect": tool.effect.as_str(),
                    "inputSchema": *listed.input_schema,
                })
            })
            .collect();
        Reply::Plain(Map::from_iter([("result".to_owned(), json!({"tools": tools}))]))
    }

    fn list_integrations(&self, caller: &Caller) -> Reply {
        let snapshot = match self.current() {
            Ok(snapshot) => snapshot,
            Err(reply) => return reply,
        };
        let integrations: Vec<Value> = snapshot
            .catalog
            .integrations()
            .filter(|integration| snapshot.reaches(caller, &integration.id))
            .map(|integration| {
                let accounts: Vec<Value> = snapshot
                    .accounts_of(&integration.id)
                    .iter()
                    .map(|account| {
                        json!({"name": account.name, "environment": account.environment, "live": account.identity.live})
                    })
                    .collect();
                let tools: Vec<String> = snapshot
                    .catalog
                    .tools()
                    .filter(|tool| tool.integration.id == integration.id)
                    .map(|tool| tool.wire_name())
                    .collect();
                json!({
                    "id": integration.id,
                    "title": integration.title,
                    "connected": !accounts.is_empty(),
                    "accounts": accounts,
                    "tools": tools,
                })
            })
            .collect();
        Reply::Plain(Map::from_iter([("result".to_owned(), json!({"integrations": integrations}))]))
    }
}

/// Serde's message names the reason; its words for positions mean nothing to an agent.
fn parse<T: DeserializeOwned>(arguments: &Map<String, Value>) -> Result<T, Reply> {
    serde_json::from_value(Value::Object(arguments.clone())).map_err(|error| {
        let message = error.to_string();
        let at = place::<T>(arguments, &message).map(|name| format!("/{}", name.replace('~', "~0").replace('/', "~1")));
        Reply::InvalidArguments(vec![Problem { at: at.unwrap_or_default(), message }])
    })
}

/// The argument that a problem is about: the one that is missing, or the one of those given without which it is gone.
fn place<T: DeserializeOwned>(arguments: &Map<String, Value>, message: &str) -> Option<String> {
    if let Some((missing, _)) = message.strip_prefix("missing field `").and_then(|rest| rest.split_once('`')) {
        return Some(missing.to_owned());
    }
    let without = |name: &str| {
        let mut fewer = arguments.clone();
        fewer.remove(name);
        serde_json::from_value::<T>(Value::Object(fewer)).err().map(|error| error.to_string())
    };
    arguments.keys().find(|name| without(name).is_none_or(|other| other != message)).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_has_its_place() {
        fn places<T: DeserializeOwned>(given: Value) -> String {
            let Value::Object(given) = given else { return "no object".to_owned() };
            match parse::<T>(&given) {
                Err(Reply::InvalidArguments(problems)) => problems[0].at.clone(),
                Ok(_) | Err(_) => "none".to_owned(),
            }
        }
        assert_eq!(places::<FindTools>(json!({})), "/query");
        assert_eq!(places::<FindTools>(json!({"query": 5})), "/query");
        assert_eq!(places::<FindTools>(json!({"query": "x", "limit": 0})), "/limit");
        assert_eq!(places::<FindTools>(json!({"query": "x", "a/b": 0})), "/a~1b");
        assert_eq!(places::<AwaitApproval>(json!({"approval_id": "apr_1", "wait_seconds": 51})), "/wait_seconds");
        assert_eq!(places::<AwaitApproval>(json!({"approval_id": null})), "/approval_id");
        assert_eq!(places::<CallTool>(json!({"tool": "x", "arguments": []})), "/arguments");
        assert_eq!(places::<WithdrawApproval>(json!({"approval_id": "x"})), "none");
    }
}
