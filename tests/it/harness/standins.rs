//! The stand-ins that keep state as the services do: localstripe and emulate (`tests/standins/README.md`).

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
};

use serde_json::{Value, json};

use super::{free_port, setting, skip};

/// Stripe on loopback.
pub struct Localstripe {
    child: Child,
    port: u16,
}

impl Localstripe {
    /// `None`: it is not there, and the test says that it was skipped.
    pub fn start(test: &str) -> Option<Self> {
        let Some(program) = setting("AGENTPORT_TEST_LOCALSTRIPE") else {
            skip(&format!("{test}: AGENTPORT_TEST_LOCALSTRIPE names no localstripe"));
            return None;
        };
        let python = Path::new(&program).with_file_name("python");
        let launcher = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/standins/localstripe.py");
        let mut command = Command::new(python);
        command.args(["-I", launcher]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let line = line_with(&mut child, "port ").expect("localstripe did not start");
        let port = line.trim_start_matches("port ").trim().parse().unwrap();
        Some(Self { child, port })
    }

    pub fn origin(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// A charge of so many cents.
    pub fn charge(&self, amount: u32) -> String {
        let card = "card[number]=4242424242424242&card[exp_month]=12&card[exp_year]=2030&card[cvc]=123";
        let token = self.made("/v1/tokens", card);
        let customer = self.made("/v1/customers", &format!("email=a@b.c&source={token}"));
        self.made("/v1/charges", &format!("amount={amount}&currency=eur&customer={customer}"))
    }

    /// The refunds of a charge, as `(id, amount)`, oldest first.
    pub fn refunds(&self, charge: &str) -> Vec<(String, u64)> {
        let list = self.http("GET", &format!("/v1/refunds?charge={charge}&limit=100"), "");
        let mut refunds: Vec<_> = list["data"].as_array().unwrap().clone();
        refunds.sort_by_key(|refund| refund["created"].as_u64());
        let pair = |refund: &Value| (refund["id"].as_str().unwrap().to_owned(), refund["amount"].as_u64().unwrap());
        refunds.iter().map(pair).collect()
    }

    fn made(&self, path: &str, body: &str) -> String {
        let made = self.http("POST", path, body);
        made["id"].as_str().unwrap_or_else(|| panic!("{path}: {made}")).to_owned()
    }

    /// The id of a card that a customer can pay with.
    pub fn card(&self) -> String {
        let card = "type=card&card[number]=4242424242424242&card[exp_month]=12&card[exp_year]=2030&card[cvc]=123";
        self.made("/v1/payment_methods", card)
    }

    /// A request as it is: status and JSON.
    pub fn ask(&self, method: &str, path: &str, form: &str) -> (u16, Value) {
        http(self.port, method, path, "sk_test_of_the_test_itself", form)
    }

    fn http(&self, method: &str, path: &str, body: &str) -> Value {
        self.ask(method, path, body).1
    }
}

/// GitHub, whose user is `octocat`, Google with Gmail, whose user is `ann@example.com`, Linear, Slack, whose user is `admin`, or
/// Stripe, on loopback.
pub struct Emulate {
    child: Child,
    port: u16,
    _seed: tempfile::TempDir,
}

impl Emulate {
    /// GitHub. `None`: it is not there, and the test says that it was skipped.
    pub fn start(test: &str) -> Option<Self> {
        let octocat = "tokens:\n  token-octocat:\n    login: octocat\n    scopes: [repo, delete_repo]\n\
                    github:\n  users:\n    - login: octocat\n";
        Self::of(test, "github", octocat)
    }

    /// Google; as [`Emulate::start`].
    pub fn google(test: &str) -> Option<Self> {
        Self::of(test, "google", "google:\n  users:\n    - email: ann@example.com\n      name: Ann\n")
    }

    /// Linear with the team `ENG`, whose member `ada@example.com` has this key.
    pub fn linear(test: &str, key: &str) -> Option<Self> {
        let seed = format!(
            "linear:\n  users:\n    - email: ada@example.com\n  teams:\n    - key: ENG\n      name: Engineering\n  \
             tokens:\n    - token: {key}\n      user: ada@example.com\n      scopes: [read, write]\n"
        );
        Self::of(test, "linear", &seed)
    }

    /// Slack, with two channels. It takes `POST` alone, which Slack itself takes for everything.
    pub fn slack(test: &str) -> Option<Self> {
        Self::of(test, "slack", "slack: {}\n")
    }

    /// Stripe with one customer, `test@example.com`. It has no balance, so nothing that verifies a key, and no subscriptions.
    pub fn stripe(test: &str) -> Option<Self> {
        Self::of(test, "stripe", "stripe: {}\n")
    }

    fn of(test: &str, service: &str, contents: &str) -> Option<Self> {
        let (Some(node), Some(script)) = (setting("AGENTPORT_TEST_EMULATE_NODE"), setting("AGENTPORT_TEST_EMULATE_JS"))
        else {
            skip(&format!("{test}: AGENTPORT_TEST_EMULATE_NODE and _JS name no emulate"));
            return None;
        };
        let seed = tempfile::tempdir().unwrap();
        let file = seed.path().join("seed.yaml");
        std::fs::write(&file, contents).unwrap();
        // another process may take the port before it does
        for _ in 0..5 {
            let port = free_port();
            let mut command = Command::new(&node);
            command.args([script.as_str(), "start", "--service", service, "--port", &port.to_string(), "--seed"]);
            command.arg(&file).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
            let mut child = command.spawn().unwrap();
            if line_with(&mut child, "Ready.").is_some() {
                return Some(Self { child, port, _seed: seed });
            }
            child.wait().unwrap();
        }
        panic!("emulate did not start");
    }

    pub fn origin(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Asks Slack as Slack's own clients do: status and JSON.
    pub fn slack_method(&self, path: &str, form: &str) -> (u16, Value) {
        http(self.port, "POST", path, "xoxb-of-the-test-itself", form)
    }

    /// Asks Linear with that key: status and JSON.
    pub fn linear_query(&self, key: &str, query: &Value) -> (u16, Value) {
        http(self.port, "POST", "/graphql", key, &query.to_string())
    }

    /// The status of a repository of octocat's.
    pub fn repository(&self, name: &str) -> u16 {
        http(self.port, "GET", &format!("/repos/octocat/{name}"), "token-octocat", "").0
    }
}

impl Drop for Localstripe {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

impl Drop for Emulate {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

fn end(child: &mut Child) {
    child.kill().ok();
    child.wait().ok();
}

/// The first line of its output that contains `text`; what it says later goes nowhere.
pub(super) fn line_with(child: &mut Child, text: &str) -> Option<String> {
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let found = output.by_ref().lines().map_while(Result::ok).find(|line| line.contains(text));
    std::thread::spawn(move || std::io::copy(&mut output, &mut std::io::sink()));
    found
}

/// The test's own request to a stand-in: status and JSON.
fn http(port: u16, method: &str, path: &str, token: &str, body: &str) -> (u16, Value) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let length = body.len();
    let kind = if body.starts_with('{') { "json" } else { "x-www-form-urlencoded" };
    let request = format!(
        "{method} {path} HTTP/1.0\r\nhost: 127.0.0.1:{port}\r\nauthorization: Bearer {token}\r\n\
         content-type: application/{kind}\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_str(body).unwrap_or_else(|_| json!(body)))
}
