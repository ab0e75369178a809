//! The server with rmcp's client, as an agent host has it.

use std::process::Command;

use rmcp::{
    RoleClient, ServiceExt as _, model::CallToolRequestParams, service::RunningService, transport::TokioChildProcess,
};
use serde_json::{Value, json};

use super::{Answer, Evidence};

pub struct Agent {
    service: RunningService<RoleClient, ()>,
    evidence: Evidence,
}

impl Agent {
    pub async fn start(command: Command, evidence: Evidence) -> Self {
        let command = tokio::process::Command::from(command);
        let (transport, _) = TokioChildProcess::builder(command).stderr(evidence.stderr()).spawn().unwrap();
        let service = ().serve(transport).await.unwrap();
        evidence.saw(format!("{:?}", service.peer_info()));
        Self { service, evidence }
    }

    pub async fn call(&self, tool: &str, arguments: Value) -> Answer {
        let Value::Object(arguments) = arguments else { panic!("arguments are an object") };
        let params = CallToolRequestParams::new(tool.to_owned()).with_arguments(arguments);
        let result = serde_json::to_value(self.service.call_tool(params).await.unwrap()).unwrap();
        self.evidence.saw(result.to_string());
        Answer::of(&result)
    }

    /// What `agentport_await_approval` says of an approval, without waiting.
    pub async fn look(&self, id: &str) -> Answer {
        self.call("agentport_await_approval", json!({"approval_id": id, "wait_seconds": 0})).await
    }

    pub async fn tools(&self) -> Vec<String> {
        let tools = self.service.list_all_tools().await.unwrap();
        self.evidence.saw(serde_json::to_string(&tools).unwrap());
        tools.into_iter().map(|tool| tool.name.into_owned()).collect()
    }

    /// Leaves; returns when the program has ended.
    pub async fn leave(self) {
        self.service.cancel().await.unwrap();
    }
}
