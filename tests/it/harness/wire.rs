//! The server over raw lines. Every line that comes must be a message of JSON-RPC.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::{Answer, Evidence};

/// Longer than anything that works takes.
const PATIENCE: Duration = Duration::from_secs(30);

pub struct Wire {
    child: Child,
    input: Option<ChildStdin>,
    lines: Receiver<String>,
    notes: Vec<Value>,
    answers: Vec<Value>,
    next: u64,
}

impl Wire {
    pub fn start(mut command: Command, evidence: Evidence) -> Self {
        let stderr = evidence.stderr();
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(stderr).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in output.lines() {
                let line = line.unwrap();
                evidence.saw(&line);
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let input = child.stdin.take();
        Self { child, input, lines, notes: Vec::new(), answers: Vec::new(), next: 1 }
    }

    /// The handshake of a revision that has one; what the server says of itself.
    pub fn initialize(&mut self, revision: &str) -> Value {
        let client = json!({"name": "test", "version": "1"});
        let params = json!({"protocolVersion": revision, "capabilities": {}, "clientInfo": client});
        let answer = self.ask("initialize", &params);
        self.say(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
        answer["result"].clone()
    }

    /// Calls a tool and waits for its answer.
    #[expect(clippy::needless_pass_by_value, reason = "every call has its own arguments")]
    pub fn call(&mut self, tool: &str, arguments: Value) -> Answer {
        let id = self.begin(tool, &arguments);
        Answer::of(&self.answer(id)["result"])
    }

    /// Calls a tool; the request's id.
    pub fn begin(&mut self, tool: &str, arguments: &Value) -> u64 {
        let id = self.next;
        self.next += 1;
        let params = json!({"name": tool, "arguments": arguments});
        self.say(&json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params}));
        id
    }

    /// A tool call whose arguments are a text, for what no `Value` can be.
    pub fn call_text(&mut self, tool: &str, arguments: &str) -> Value {
        let id = self.next;
        self.next += 1;
        self.send(format!(
            r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"{tool}","arguments":{arguments}}}}}"#
        ));
        self.hear()
    }

    /// A request, and its whole answer.
    pub fn ask(&mut self, method: &str, params: &Value) -> Value {
        let id = self.next;
        self.next += 1;
        self.say(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
        self.answer(id)
    }

    /// The answer to a request.
    pub fn answer(&mut self, id: u64) -> Value {
        loop {
            if let Some(index) = self.answers.iter().position(|answer| answer["id"] == json!(id)) {
                return self.answers.remove(index);
            }
            let message = self.hear();
            if message.get("id").is_some() {
                self.answers.push(message);
            } else {
                self.notes.push(message);
            }
        }
    }

    /// Waits until a notification came.
    pub fn told(&mut self, method: &str) {
        let begun = Instant::now();
        loop {
            if let Some(index) = self.notes.iter().position(|note| note["method"] == json!(method)) {
                self.notes.remove(index);
                return;
            }
            let left = PATIENCE.saturating_sub(begun.elapsed());
            let line = self.lines.recv_timeout(left).unwrap_or_else(|_| panic!("no `{method}` within {PATIENCE:?}"));
            self.notes.push(message(&line));
        }
    }

    /// The names of the listed tools.
    pub fn tools(&mut self) -> Vec<String> {
        let listed = self.ask("tools/list", &json!({}));
        let tools = listed["result"]["tools"].as_array().unwrap();
        tools.iter().map(|tool| tool["name"].as_str().unwrap().to_owned()).collect()
    }

    pub fn say(&mut self, message: &Value) {
        self.send(message.to_string());
    }

    /// One line as it is.
    pub fn send(&mut self, line: impl AsRef<[u8]>) {
        let input = self.input.as_mut().unwrap();
        input.write_all(line.as_ref()).unwrap();
        input.write_all(b"\n").unwrap();
    }

    /// The next message, whatever it is.
    pub fn hear(&mut self) -> Value {
        message(&self.lines.recv_timeout(PATIENCE).expect("an answer"))
    }

    /// The process's id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Tells the process to end.
    pub fn terminate(&self) {
        let pid = rustix::process::Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    }

    /// Ends the input.
    pub fn close(&mut self) {
        drop(self.input.take());
    }

    /// Ends the input; see [`Wire::wait`].
    pub fn end(mut self) -> Ended {
        self.close();
        self.wait()
    }

    /// Waits for the process: its exit code, how long it took, and what it still said.
    pub fn wait(mut self) -> Ended {
        let begun = Instant::now();
        let mut rest = std::mem::take(&mut self.answers);
        while let Ok(line) = self.lines.recv_timeout(PATIENCE * 2) {
            rest.push(message(&line));
        }
        let status = self.child.wait().unwrap();
        Ended { code: status.code(), after: begun.elapsed(), rest }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.close();
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// How a server ended.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub after: Duration,
    pub rest: Vec<Value>,
}

fn message(line: &str) -> Value {
    let message: Value =
        serde_json::from_str(line).unwrap_or_else(|error| panic!("no JSON on stdout: {error}: {line}"));
    assert_eq!(message["jsonrpc"], json!("2.0"), "{line}");
    message
}
