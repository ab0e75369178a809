//! The product's own tools: they look, wait and withdraw. None of them decides anything.

use std::{sync::Arc, time::Duration};

use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;

use super::Gateway;
use crate::{
    call::Caller,
    catalog::{
        Problem,
        builtin::{AwaitApproval, CallTool, ListIntegrations, WithdrawApproval},
    },
    reply::Reply,
};

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
                Ok(_) => self.list_integrations(),
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

    fn list_integrations(&self) -> Reply {
        let Some(snapshot) = self.parts().and_then(|parts| parts.snapshots.current().ok()) else {
            return Reply::needs_set_up("nothing is connected yet");
        };
        let integrations: Vec<Value> = snapshot
            .catalog
            .integrations()
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

/// Serde's message names the field and the reason; its words for positions mean nothing to an agent.
fn parse<T: DeserializeOwned>(arguments: &Map<String, Value>) -> Result<T, Reply> {
    serde_json::from_value(Value::Object(arguments.clone()))
        .map_err(|error| Reply::InvalidArguments(vec![Problem { at: String::new(), message: error.to_string() }]))
}
