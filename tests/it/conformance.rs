//! The gateway judged by others: MCP's own conformance suite and its Inspector, and a public validator of `OpenAPI`.
#![expect(clippy::disallowed_methods, reason = "a test starts the judges")]

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{Shutdown, TcpListener, TcpStream},
    path::PathBuf,
    process::{Command, Stdio},
    thread,
};

use serde_json::{Value, json};

use crate::harness::{Cli, Port, Ran, Scene, Served, Upstream, setting, skip};

/// A gateway, and before it a door that adds the token which these judges cannot be given.
struct Judged {
    port: Port,
    door: u16,
    token: String,
    _served: Served,
}

impl Judged {
    fn start() -> Self {
        let port = Port::connected(&Upstream::plain());
        let token = port.let_in(&["judge"]);
        let text = fs::read_to_string(port.home().join("agentport.toml")).unwrap();
        let site: u16 = text.split("listen = \"127.0.0.1:").nth(1).unwrap().split('"').next().unwrap().parse().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let door = listener.local_addr().unwrap().port();
        // it comes under another port than the gateway's, which has to know the name
        port.settings(&[(&format!("http://localhost:{site}"), &format!("http://localhost:{door}"))]);
        let header = format!("Authorization: Bearer {token}\r\nConnection: close\r\n");
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let header = header.clone();
                thread::spawn(move || pass(client, site, &header));
            }
        });
        let served = port.serve();
        Self { port, door, token, _served: served }
    }

    fn url(&self) -> String {
        format!("http://localhost:{}/mcp", self.door)
    }

    fn run(&self, command: Command) -> Ran {
        Cli::new(command, self.port.evidence().clone()).run()
    }
}

/// One request and its answer, unchanged but for the header.
fn pass(client: TcpStream, site: u16, header: &str) {
    let mut server = TcpStream::connect(("127.0.0.1", site)).unwrap();
    let mut request = BufReader::new(client.try_clone().unwrap());
    let mut head = String::new();
    while request.read_line(&mut head).is_ok_and(|count| count > 2) {}
    let lines = head.split_inclusive("\r\n").filter(|line| !line.to_lowercase().starts_with("connection:"));
    let head: String = lines.collect();
    let Some(head) = head.strip_suffix("\r\n") else { return };
    server.write_all(format!("{head}{header}\r\n").as_bytes()).ok();
    let mut answer = server.try_clone().unwrap();
    let body = thread::spawn(move || {
        std::io::copy(&mut request, &mut server).ok();
    });
    let mut client = client;
    let mut piece = [0; 4096];
    while let Ok(count) = answer.read(&mut piece) {
        if count == 0 || client.write_all(&piece[..count]).is_err() {
            break;
        }
    }
    client.shutdown(Shutdown::Both).ok();
    answer.shutdown(Shutdown::Both).ok();
    body.join().ok();
}

/// A program of a package among the tests' own, with the Node that they bring.
pub(crate) fn package(script: &str) -> Option<Command> {
    let node = setting("AGENTPORT_TEST_EMULATE_NODE")?;
    let script = PathBuf::from(setting("AGENTPORT_TEST_NODE_MODULES")?).join(script);
    script.exists().then(|| {
        let mut command = Command::new(node);
        command.arg(script).env_clear().env("PATH", "/usr/bin:/bin").stdin(Stdio::null());
        command
    })
}

const CONFORMANCE: &str = "@modelcontextprotocol/conformance/dist/index.js";
const INSPECTOR: &str = "@modelcontextprotocol/inspector/clients/launcher/build/index.js";

/// The scenarios that a server without the suite's own fixtures can be judged by.
const SCENARIOS: [(&str, [&str; 5]); 2] = [
    ("2025-11-25", ["server-initialize", "ping", "tools-list", "server-session-lifecycle", "dns-rebinding-protection"]),
    (
        "2026-07-28",
        [
            "tools-list",
            "http-header-validation",
            "sep-2164-resource-not-found",
            "dns-rebinding-protection",
            "input-required-result-unsupported-methods",
        ],
    ),
];

#[test]
fn the_protocols_own_suite_passes_in_both_eras() {
    if package(CONFORMANCE).is_none() {
        return skip("MCP's conformance suite: needs the npm packages of tests/standins");
    }
    let judged = Judged::start();
    for (version, scenarios) in SCENARIOS {
        for scenario in scenarios {
            let mut command = package(CONFORMANCE).unwrap();
            command.args(["server", "--url", &judged.url(), "--spec-version", version, "--scenario", scenario]);
            command.current_dir(judged.port.folder());
            let ran = judged.run(command);
            assert_eq!(ran.code, 0, "{version} {scenario}: {ran:?}");
        }
    }
}

#[test]
fn the_inspector_lists_and_calls_in_both_eras() {
    if package(INSPECTOR).is_none() {
        return skip("MCP's Inspector: needs the npm packages of tests/standins");
    }
    let judged = Judged::start();
    let ask = |arguments: &[&str]| {
        let mut command = package(INSPECTOR).unwrap();
        command.args(["--cli", &judged.url(), "-q", "--format", "json", "--transport", "http"]).args(arguments);
        command.current_dir(judged.port.folder()).env("HOME", judged.port.folder());
        let ran = judged.run(command);
        assert_eq!(ran.code, 0, "{arguments:?}: {ran:?}");
        ran.json()
    };
    for (era, strict) in [(&[][..], &[][..]), (&["--protocol-era", "modern"], &["--strict"])] {
        let listed = ask(&[&["--method", "tools/list"], era, strict].concat());
        let listed = listed["tools"].as_array().or_else(|| listed["result"]["tools"].as_array()).unwrap().clone();
        assert!(listed.iter().any(|tool| tool["name"] == json!("stripe_create_refund")), "{listed:?}");
        let called = ask(&[&["--method", "tools/call", "--tool-name", "stripe_get_balance"], era].concat());
        assert!(called.to_string().contains("completed"), "{called}");
    }
}

#[test]
fn the_document_of_all_routes_is_valid() {
    let python = setting("AGENTPORT_TEST_PY").filter(|python| {
        let mut command = Command::new(python);
        command.args(["-c", "import openapi_spec_validator"]);
        Cli::new(command, Scene::new().evidence().clone()).run().code == 0
    });
    let Some(python) = python else {
        return skip("openapi.json: needs the Python of tests/standins with openapi-spec-validator");
    };
    let judged = Judged::start();
    let mut client = TcpStream::connect(("127.0.0.1", judged.door)).unwrap();
    let request = format!("GET /openapi.json HTTP/1.1\r\nHost: localhost:{}\r\n\r\n", judged.door);
    client.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    let document: Value = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
    assert!(document["paths"].as_object().unwrap().len() > 10);
    assert!(!document.to_string().contains(&judged.token));
    let judge = |document: &Value| {
        let file = judged.port.folder().join("openapi.json");
        fs::write(&file, document.to_string()).unwrap();
        let mut command = Command::new(&python);
        command.args(["-m", "openapi_spec_validator", "--schema", "3.1", file.to_str().unwrap()]);
        judged.run(command)
    };
    let ran = judge(&document);
    assert_eq!(ran.code, 0, "{ran:?}");
    // it judges at all
    let mut wrong = document;
    wrong["paths"]["/tools"]["get"]["responses"] = json!("none");
    assert_ne!(judge(&wrong).code, 0);
}
