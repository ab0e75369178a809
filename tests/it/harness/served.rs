//! The gateway as a process, and what asks it over HTTP.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{IpAddr, TcpStream},
    process::{Child, Command, Stdio},
    sync::{
        Mutex,
        mpsc::{Receiver, channel},
    },
    time::Duration,
};

use serde_json::{Value, json};

use super::Evidence;

const PATIENCE: Duration = Duration::from_mins(1);

/// A running gateway.
pub struct Served {
    child: Child,
    said: Mutex<Receiver<String>>,
    evidence: Evidence,
    pub port: u16,
}

/// What it answered.
#[derive(Debug)]
pub struct Heard {
    pub code: u16,
    pub head: String,
    pub body: String,
}

impl Heard {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The code, and the word of the answer.
    pub fn told(&self) -> (u16, String) {
        (self.code, self.json()["status"].as_str().unwrap_or_default().to_owned())
    }

    pub fn header(&self, wanted: &str) -> Option<String> {
        let headers = self.head.lines().filter_map(|line| line.split_once(": "));
        headers.filter(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value.to_owned()).next()
    }
}

impl Served {
    /// Returns when it serves.
    pub fn start(mut command: Command, evidence: Evidence) -> Self {
        command.arg("serve").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let output = BufReader::new(child.stderr.take().unwrap());
        let (sender, said) = channel();
        let seen = evidence.clone();
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                seen.saw(&line);
                sender.send(line).ok();
            }
        });
        let mut served = Self { child, said: Mutex::new(said), evidence, port: 0 };
        let line = served.says("the approval site is at");
        served.port = line.rsplit(':').next().unwrap().parse().unwrap();
        served
    }

    /// Waits until it says so.
    pub fn says(&self, word: &str) -> String {
        loop {
            let line = self
                .said
                .lock()
                .unwrap()
                .recv_timeout(PATIENCE)
                .unwrap_or_else(|error| panic!("{error}: it never said `{word}`"));
            if line.contains(word) {
                return line;
            }
        }
    }

    /// A request with exactly these headers beside `Host` and the body's length.
    pub fn raw(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Heard {
        self.heard(self.send(method, path, headers, body))
    }

    /// Bytes to it at this address of the computer, and what came back.
    pub fn at(&self, address: IpAddr, request: &str) -> Heard {
        let mut stream = TcpStream::connect((address, self.port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        self.heard(stream)
    }

    fn heard(&self, mut stream: TcpStream) -> Heard {
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        self.evidence.saw(&answer);
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        Heard { code: head.split(' ').nth(1).unwrap().parse().unwrap(), head: head.to_owned(), body: body.to_owned() }
    }

    fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> TcpStream {
        let host = [("Host", format!("127.0.0.1:{}", self.port))];
        let host = host.iter().map(|(name, value)| (*name, value.as_str()));
        let host: Vec<_> = host.filter(|_| headers.iter().all(|(name, _)| *name != "Host")).collect();
        let mut request =
            format!("{method} {path} HTTP/1.1\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
        for (name, value) in host.iter().chain(headers) {
            request += &format!("{name}: {value}\r\n");
        }
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(format!("{request}\r\n{body}").as_bytes()).unwrap();
        stream
    }

    /// An agent's call, under way for as long as the stream is kept.
    pub fn begin(&self, token: &str, path: &str, body: &Value) -> TcpStream {
        let bearer = format!("Bearer {token}");
        self.send("POST", path, &[("Authorization", &bearer), ("Content-Type", "application/json")], &body.to_string())
    }

    /// An agent's request.
    pub fn ask(&self, token: &str, method: &str, path: &str, body: &Value) -> Heard {
        let bearer = format!("Bearer {token}");
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.raw(method, path, &[("Authorization", &bearer), ("Content-Type", "application/json")], &body)
    }

    /// An agent's frame at `/mcp`, and the answer's frame.
    pub fn mcp(&self, token: &str, session: Option<&str>, frame: &Value) -> Heard {
        let bearer = format!("Bearer {token}");
        let mut headers = vec![
            ("Authorization", bearer.as_str()),
            ("Content-Type", "application/json"),
            ("Accept", "application/json, text/event-stream"),
        ];
        headers.extend(session.map(|session| ("Mcp-Session-Id", session)));
        self.raw("POST", "/mcp", &headers, &frame.to_string())
    }

    /// As a supervisor ends it: its exit code.
    pub fn terminate(&mut self) -> Option<i32> {
        self.signal();
        self.ended()
    }

    /// A SIGTERM.
    pub fn signal(&self) {
        let pid = rustix::process::Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    }

    /// Waits for its end: its exit code.
    pub fn ended(&mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// The frame in an answer of `/mcp`, which may be an event.
pub fn frame(heard: &Heard) -> Value {
    let event = heard.body.lines().filter_map(|line| line.strip_prefix("data: ")).find(|data| data.starts_with('{'));
    serde_json::from_str(event.unwrap_or(&heard.body)).unwrap_or_else(|_| json!({"none": heard.body}))
}
