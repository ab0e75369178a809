//! The scripted agent: starts this very program as an agent host would, and speaks MCP with it, line by line.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    process::{Child, ChildStdin, Command, Stdio},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::sandbox::Sandbox;
use crate::{cli::Failure, visible::visible};

/// The caller that the log names.
pub(super) const NAME: &str = "demo-agent";
/// Longer than the longest wait that the agent asks for.
const PATIENCE: Duration = Duration::from_secs(70);
/// How long the program may take to end when its input does.
const GOODBYE: Duration = Duration::from_secs(5);

/// A connection to the program, and all that it ever said.
pub(super) struct Agent {
    child: Child,
    input: Option<ChildStdin>,
    lines: mpsc::UnboundedReceiver<String>,
    errors: Arc<Mutex<String>>,
    received: Vec<String>,
    asked: u64,
}

impl Agent {
    /// Starts the program over the sandbox, and shakes hands.
    pub(super) async fn start(sandbox: &Sandbox) -> Result<Self, Failure> {
        let mut child = spawn(sandbox)?;
        let (Some(input), Some(output), Some(error)) = (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(Failure::new("the program's streams are not there"));
        };
        let (sender, lines) = mpsc::unbounded_channel();
        // both threads end with the child
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let errors = Arc::new(Mutex::new(String::new()));
        let said = Arc::clone(&errors);
        std::thread::spawn(move || {
            let mut error = error;
            let mut buffer = [0_u8; 4096];
            while let Ok(read @ 1..) = error.read(&mut buffer) {
                let text = String::from_utf8_lossy(buffer.get(..read).unwrap_or_default()).into_owned();
                said.lock().unwrap_or_else(PoisonError::into_inner).push_str(&text);
            }
        });
        let mut agent = Self { child, input: Some(input), lines, errors, received: Vec::new(), asked: 0 };
        let hello = json!({
            "protocolVersion": "2025-11-25", "capabilities": {},
            "clientInfo": {"name": "agentport-demo", "version": env!("CARGO_PKG_VERSION")},
        });
        agent.request("initialize", hello).await?;
        agent.write(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}))?;
        Ok(agent)
    }

    /// The names of the tools that it is shown.
    pub(super) async fn tools(&mut self) -> Result<Vec<String>, Failure> {
        let result = self.request("tools/list", json!({})).await?;
        let tools = result.get("tools").and_then(Value::as_array).into_iter().flatten();
        Ok(tools.filter_map(|tool| tool.get("name")?.as_str().map(str::to_owned)).collect())
    }

    /// Calls a tool; the answer's object.
    pub(super) async fn call(&mut self, tool: &str, arguments: Value) -> Result<Value, Failure> {
        let result = self.request("tools/call", json!({"name": tool, "arguments": arguments})).await?;
        let answer = result.get("structuredContent").cloned();
        answer.ok_or_else(|| Failure::new(format!("`{tool}` gave no structured answer")))
    }

    /// Everything that it was ever sent, errors included.
    pub(super) fn received(&self) -> (usize, String) {
        let errors = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
        (self.received.len(), format!("{}\n{errors}", self.received.join("\n")))
    }

    /// Ends the input, as a host does, and waits for the program to go by itself.
    pub(super) async fn leave(&mut self) -> Result<(), Failure> {
        drop(self.input.take());
        let started = Instant::now();
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) if status.success() => return Ok(()),
                Ok(Some(status)) => return Err(Failure::new(format!("the program ended with {status}"))),
                Ok(None) if started.elapsed() < GOODBYE => tokio::time::sleep(Duration::from_millis(5)).await,
                Ok(None) => return Err(Failure::new("the program did not end when its input did")),
                Err(error) => return Err(Failure::new(format!("the program cannot be waited for: {error}"))),
            }
        }
    }

    async fn request(&mut self, method: &str, params: Value) -> Result<Value, Failure> {
        self.asked += 1;
        let id = self.asked;
        self.write(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}))?;
        loop {
            let line = tokio::time::timeout(PATIENCE, self.lines.recv()).await;
            let line = line.map_err(|_| self.failed(&format!("`{method}` got no answer")))?;
            let line = line.ok_or_else(|| self.failed(&format!("the program ended during `{method}`")))?;
            let mut message: Value =
                serde_json::from_str(&line).map_err(|_| self.failed("the program wrote what is not JSON"))?;
            self.received.push(line);
            if message.get("id").and_then(Value::as_u64) != Some(id) {
                continue;
            }
            if let Some(error) = message.get("error") {
                return Err(self.failed(&format!("`{method}` was answered with the error {error}")));
            }
            return Ok(message.get_mut("result").map(Value::take).unwrap_or_default());
        }
    }

    fn write(&mut self, message: &Value) -> Result<(), Failure> {
        let input = self.input.as_mut().ok_or_else(|| Failure::new("the program's input was closed"))?;
        let line = format!("{message}\n");
        let written = input.write_all(line.as_bytes()).and_then(|()| input.flush());
        written.map_err(|error| self.failed(&format!("the program takes no input: {error}")))
    }

    fn failed(&self, what: &str) -> Failure {
        let errors = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
        let last = errors.lines().last().map_or_else(String::new, |line| format!(" (it said: {})", visible(line)));
        Failure::new(format!("{what}{last}"))
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        // already gone, in the good case
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Our own binary, with the sandbox as its only home.
#[expect(clippy::disallowed_methods, reason = "the demo starts this very program, with arguments of its own")]
fn spawn(sandbox: &Sandbox) -> Result<Child, Failure> {
    let failed = |error: std::io::Error| Failure::new(format!("this program could not be started again: {error}"));
    let mut command = Command::new(std::env::current_exe().map_err(failed)?);
    command
        .args(["stdio", "--as", NAME])
        .env("AGENTPORT_HOME", sandbox.home())
        .env("AGENTPORT_KEY_FILE", sandbox.key_file());
    // a systemd credential would come before the key file, a gateway's address before the home
    for name in ["CREDENTIALS_DIRECTORY", "AGENTPORT_URL", "AGENTPORT_TOKEN"] {
        command.env_remove(name);
    }
    // Ctrl-C is for us: we end the child, and say what happened
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    command.current_dir(sandbox.folder()).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().map_err(failed)
}
