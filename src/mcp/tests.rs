//! Raw frames in, raw frames out, over real pipes.

mod ending;
mod eras;
mod lines;

use std::{
    io::{BufRead, BufReader, PipeWriter, Write},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    time::{Duration, Instant},
};

use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CallToolRequestParams, CallToolResponse, CallToolResult, JsonRpcMessage, ServerCapabilities, ServerConfig,
        ServerResult,
    },
    service::RequestContext,
    transport::Transport as _,
};
use serde_json::{Value, json};
use tokio::sync::{Semaphore, watch};

use super::{
    transport::{Gone, MAX_FLIGHTS},
    *,
};

/// A client that speaks in lines.
struct Client {
    input: Option<PipeWriter>,
    lines: mpsc::Receiver<String>,
    served: tokio::task::JoinHandle<Result<Ended, ServeError>>,
}

impl Client {
    fn of_gateway(gateway: &Arc<Gateway>) -> Self {
        let gateway = Arc::clone(gateway);
        Self::of(|input, output| tokio::spawn(serve(gateway, Caller::parse("claude").unwrap(), input, output)))
    }

    fn of_double(double: &Double, patience: Duration) -> Self {
        let double = double.clone();
        let (_, changes) = watch::channel(0);
        Self::of(|input, output| tokio::spawn(serve_with(double, changes, input, output, patience)))
    }

    fn of(
        serve: impl FnOnce(io::PipeReader, PipeWriter) -> tokio::task::JoinHandle<Result<Ended, ServeError>>,
    ) -> Self {
        let (from_client, input) = io::pipe().unwrap();
        let (output, to_client) = io::pipe().unwrap();
        let served = serve(from_client, to_client);
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines() {
                if sender.send(line.unwrap()).is_err() {
                    return;
                }
            }
        });
        Self { input: Some(input), lines, served }
    }

    fn send(&mut self, line: impl AsRef<[u8]>) {
        let mut line = line.as_ref().to_vec();
        line.push(b'\n');
        self.input.as_mut().unwrap().write_all(&line).unwrap();
    }

    fn say(&mut self, message: &Value) {
        self.send(message.to_string());
    }

    fn line(&self) -> String {
        tokio::task::block_in_place(|| self.lines.recv_timeout(Duration::from_secs(20))).unwrap()
    }

    fn hear(&self) -> Value {
        serde_json::from_str(&self.line()).unwrap()
    }

    fn ask(&mut self, message: &Value) -> Value {
        self.say(message);
        self.hear()
    }

    /// Ends the input; what is still written, once the server has ended.
    async fn end(mut self) -> Vec<Value> {
        drop(self.input.take());
        tokio::time::timeout(Duration::from_secs(20), self.served).await.unwrap().unwrap().unwrap();
        self.lines.iter().map(|line| serde_json::from_str(&line).unwrap()).collect()
    }
}

/// A server whose tools do what the tests need.
#[derive(Clone)]
struct Double {
    begun: Arc<AtomicUsize>,
    release: Arc<Semaphore>,
}

impl Double {
    fn new() -> Self {
        Self { begun: Arc::default(), release: Arc::new(Semaphore::new(0)) }
    }
}

impl ServerHandler for Double {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        self.begun.fetch_add(1, Ordering::SeqCst);
        let Gone(gone) = context.extensions.get::<Gone>().unwrap().clone();
        match request.name.as_ref() {
            "echo" => {}
            "wait" => gone.cancelled().await,
            "hold" => self.release.acquire().await.unwrap().forget(),
            "stuck" => std::future::pending().await,
            other => panic!("{other}"),
        }
        Ok(CallToolResult::structured(request.arguments.unwrap_or_default().into()).into())
    }
}

fn initialize(version: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": "init", "method": "initialize", "params": {
        "protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "test", "version": "0"},
    }})
}

fn initialized(client: &mut Client) {
    assert_eq!(client.ask(&initialize("2025-11-25"))["id"], json!("init"));
    client.say(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
}

fn call(id: impl Into<Value>, tool: &str, arguments: &Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id.into(), "method": "tools/call", "params": {"name": tool, "arguments": arguments}})
}

fn ping(id: i64) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": "ping"})
}

fn cancel(id: i64) -> Value {
    json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": id, "reason": "enough"}})
}

/// A request of the revision without `initialize`.
fn modern(id: i64, method: &str, params: &Value) -> Value {
    let mut params = params.clone();
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})
}

fn code(answer: &Value) -> (Value, Value) {
    (answer["id"].clone(), answer["error"]["code"].clone())
}

const LONG: Duration = Duration::from_secs(30);
