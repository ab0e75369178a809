//! `agentport host`: our entry in, our entry out, and every other byte as it was.

#![expect(clippy::disallowed_methods, reason = "the real program is what is tested")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Value, json};

use super::harness::{Cli, Ran, Scene};

/// A folder with a home that is not the usual one, and a host's file, in which the secret is somebody else's.
struct Place {
    scene: Scene,
    file: PathBuf,
}

const HOSTS: [&str; 4] = ["openclaw", "claude-code", "codex", "cursor"];

impl Place {
    fn new(host: &str) -> Self {
        let scene = Scene::new();
        let name = if host == "codex" { "config.toml" } else { "config.json" };
        let folder = scene.path().join("host");
        fs::create_dir(&folder).unwrap();
        scene.evidence().planted(&folder);
        Self { file: folder.join(name), scene }
    }

    /// `KEY` in the text is the secret.
    fn with(host: &str, text: &str) -> Self {
        let place = Self::new(host);
        fs::write(&place.file, place.keyed(text)).unwrap();
        place
    }

    fn keyed(&self, text: &str) -> String {
        text.replace("KEY", self.scene.canary())
    }

    fn run(&self, action: &str, host: &str, args: &[&str]) -> Ran {
        let mut command = Command::new(env!("CARGO_BIN_EXE_agentport"));
        command
            .env_clear()
            .env("AGENTPORT_HOME", self.home())
            .env("DBUS_SESSION_BUS_ADDRESS", "unix:abstract=/tmp/dbus-x")
            .env("XDG_RUNTIME_DIR", "/run/user/7")
            .args(["host", action, host, "--config"])
            .arg(&self.file)
            .args(args);
        Ran::of(command.output().unwrap(), self.scene.evidence())
    }

    fn done(&self, action: &str, host: &str) -> Value {
        let ran = self.run(action, host, &["--json"]);
        assert_eq!(ran.code, 0, "{ran:?}");
        ran.json()
    }

    fn text(&self) -> String {
        fs::read_to_string(&self.file).unwrap()
    }

    /// The names beside the file, and its own.
    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.scene.path().join("host")).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn home(&self) -> String {
        self.scene.path().join("home").to_str().unwrap().to_owned()
    }
}

fn program() -> String {
    Path::new(env!("CARGO_BIN_EXE_agentport")).canonicalize().unwrap().to_str().unwrap().to_owned()
}

/// What each host has to hold, by its documentation.
fn expected(host: &str, home: &str) -> Value {
    let bus = "unix:abstract=/tmp/dbus-x";
    let entry = |more: Value| {
        let mut entry = json!({"command": program(), "args": ["stdio", "--as", host], "env": {"AGENTPORT_HOME": home}});
        for (key, value) in more.as_object().unwrap() {
            entry[key] = value.clone();
        }
        entry
    };
    match host {
        "openclaw" => json!({"mcp": {"servers": {"agentport": entry(json!({
            "env": {"AGENTPORT_HOME": home, "DBUS_SESSION_BUS_ADDRESS": bus, "XDG_RUNTIME_DIR": "/run/user/7"},
            "requestTimeoutMs": 90_000,
        }))}}}),
        "codex" => json!({"mcp_servers": {"agentport": entry(json!({
            "env_vars": ["DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR"],
        }))}}),
        _ => json!({"mcpServers": {"agentport": entry(json!({}))}}),
    }
}

fn parsed(host: &str, text: &str) -> Value {
    match host {
        "codex" => serde_json::to_value(toml::from_str::<toml::Table>(text).unwrap()).unwrap(),
        _ => serde_json::from_str(text).unwrap(),
    }
}

/// A file as its owner keeps it: odd formatting, other servers, a key of theirs.
fn foreign(host: &str) -> &'static str {
    match host {
        "codex" => {
            "# mine\nmodel = 'o9'   # the good one\n\n[mcp_servers.other]\ncommand = \"x\"\nenv = { K = \"KEY\" }\n\n[tools]\nweb = true\n"
        }
        "openclaw" => {
            "{\n\t\"z\": 1.50,\n\t\"mcp\": { \"servers\": {\n\t\t\"other\": {\"command\": \"x\", \"env\": {\"K\": \"KEY\"}} } },\n\t\"a\": [1,  2]\n}\n"
        }
        _ => {
            "{\"z\": 1.50, \"projects\": {\"/a\": {\"history\": [\"}\", \"\\\"mcpServers\\\": {\"]}},\n  \"token\": \"KEY\"}"
        }
    }
}

#[test]
fn t270_host_add_makes_a_private_file_that_the_host_understands_and_remove_takes_it_away() {
    for host in HOSTS {
        let place = Place::new(host);
        let added = place.done("add", host);
        assert_eq!((&added["created"], &added["backup"]), (&json!(true), &Value::Null));
        assert_eq!(parsed(host, &place.text()), expected(host, &place.home()), "{host}");
        #[cfg(unix)]
        assert_eq!(std::os::unix::fs::MetadataExt::mode(&place.file.metadata().unwrap()) & 0o777, 0o600);
        let before = place.text();
        assert_eq!(place.done("add", host)["changed"], json!(false));
        assert_eq!(place.text(), before);
        assert_eq!(place.done("remove", host)["deleted"], json!(true));
        assert_eq!(place.names(), Vec::<String>::new());
        assert_eq!(place.done("remove", host)["changed"], json!(false));
    }
}

#[test]
fn host_add_and_remove_give_the_same_bytes_and_mode() {
    for host in HOSTS {
        let place = Place::with(host, foreign(host));
        #[cfg(unix)]
        fs::set_permissions(&place.file, std::os::unix::fs::PermissionsExt::from_mode(0o640)).unwrap();
        let added = place.done("add", host);
        let foreign = place.keyed(foreign(host));
        let mut expected_file = parsed(host, &foreign);
        let ours = expected(host, &place.home());
        match host {
            "openclaw" => expected_file["mcp"]["servers"]["agentport"] = ours["mcp"]["servers"]["agentport"].clone(),
            "codex" => expected_file["mcp_servers"]["agentport"] = ours["mcp_servers"]["agentport"].clone(),
            _ => expected_file["mcpServers"] = ours["mcpServers"].clone(),
        }
        assert_eq!(parsed(host, &place.text()), expected_file, "{host}");
        let backup = added["backup"].as_str().unwrap();
        assert_eq!(fs::read_to_string(backup).unwrap(), foreign);
        assert_eq!(place.done("add", host)["changed"], json!(false));
        place.done("remove", host);
        assert_eq!(place.text(), foreign);
        // the backup was put back, and a later one must not be mistaken for it
        assert_eq!(place.names().len(), 1, "{:?}", place.names());
        #[cfg(unix)]
        assert_eq!(std::os::unix::fs::MetadataExt::mode(&place.file.metadata().unwrap()) & 0o777, 0o640);
    }
}

#[test]
fn host_remove_keeps_what_its_owner_changed_since() {
    for host in HOSTS {
        let place = Place::with(host, foreign(host));
        place.done("add", host);
        let changed = match host {
            "codex" => format!("# new\n{}", place.text()),
            _ => place.text().replacen("1.50", "1.75", 1),
        };
        fs::write(&place.file, &changed).unwrap();
        place.done("remove", host);
        let foreign = place.keyed(foreign(host));
        let expected = match host {
            "codex" => format!("# new\n{foreign}"),
            _ => foreign.replacen("1.50", "1.75", 1),
        };
        assert_eq!(place.text(), expected, "{host}");
    }
}

#[test]
fn host_add_keeps_every_backup_of_different_content() {
    let place = Place::with("cursor", "{\"a\": 1}");
    place.done("add", "cursor");
    fs::write(&place.file, "{\"a\": 2}").unwrap();
    let second = place.done("add", "cursor");
    assert!(second["backup"].as_str().unwrap().ends_with(".agentport-backup-2"));
    let expected = ["config.json", "config.json.agentport-backup", "config.json.agentport-backup-2"];
    assert_eq!(place.names(), expected);
    assert_eq!(fs::read_to_string(place.scene.path().join("host").join(expected[1])).unwrap(), "{\"a\": 1}");
    place.done("remove", "cursor");
    assert_eq!(place.text(), "{\"a\": 2}");
}

#[test]
fn host_add_brings_an_entry_up_to_date_and_keeps_what_its_owner_added_to_it() {
    let place = Place::with("cursor", r#"{"mcpServers": {"agentport": {"command": "/old", "disabled": true}}}"#);
    assert_eq!(place.done("show", "cursor")["state"], json!("outdated"));
    place.done("add", "cursor");
    let mut entry = expected("cursor", &place.home())["mcpServers"]["agentport"].clone();
    entry["disabled"] = json!(true);
    assert_eq!(parsed("cursor", &place.text())["mcpServers"]["agentport"], entry);
    assert_eq!(place.done("show", "cursor")["state"], json!("current"));
}

#[test]
fn host_refuses_what_it_cannot_change_safely_and_leaves_it() {
    for (host, text, reason) in [
        (
            "openclaw",
            "{\n  // mine\n  \"token\": \"KEY\"\n}",
            "it is not plain JSON: key must be a string at line 2 column 3",
        ),
        ("claude-code", "[]", "it is JSON, but not an object"),
        ("cursor", "{\"mcpServers\": []}", "what should hold `agentport` is not an object"),
        ("codex", "a = 1\ntoken = KEY x\n", "it is not TOML: "),
    ] {
        let place = Place::with(host, text);
        for action in ["add", "remove"] {
            let ran = place.run(action, host, &["--json"]);
            assert_eq!(ran.code, 1, "{ran:?}");
            assert!(ran.stdout.contains(reason), "{ran:?}");
            assert_eq!((place.text(), place.names().len()), (place.keyed(text), 1));
        }
    }
}

#[cfg(unix)]
#[test]
fn host_follows_no_link_and_names_where_it_leads() {
    let place = Place::new("cursor");
    let target = place.scene.path().join("dotfile.json");
    fs::write(&target, "{}").unwrap();
    std::os::unix::fs::symlink(&target, &place.file).unwrap();
    let ran = place.run("add", "cursor", &["--json"]);
    assert!(ran.stdout.contains("is a link to `") && ran.stdout.contains("dotfile.json"), "{ran:?}");
    assert_eq!((ran.code, fs::read_to_string(&target).unwrap().as_str()), (1, "{}"));
}

#[test]
fn host_shows_no_key_of_anybody() {
    for host in HOSTS {
        let place = Place::with(host, foreign(host));
        for action in ["show", "add", "remove"] {
            let ran = place.run(action, host, &[]);
            assert!(ran.code == 0 && format!("{ran:?}").contains("agentport"), "{ran:?}");
        }
    }
}

/// What a folder brings along is not asked: the entry is the program's own path, whatever a `.npmrc`, a `node_modules/.bin` or
/// a `PATH` of the folder says.
#[cfg(unix)]
#[test]
fn t271_what_host_add_wrote_starts_this_program_in_any_folder() {
    use std::os::unix::fs::PermissionsExt as _;
    let registry = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    registry.set_nonblocking(true).unwrap();
    for host in HOSTS {
        let place = Place::new(host);
        place.done("add", host);
        let entry = match parsed(host, &place.text()) {
            file if host == "openclaw" => file["mcp"]["servers"]["agentport"].clone(),
            file if host == "codex" => file["mcp_servers"]["agentport"].clone(),
            file => file["mcpServers"]["agentport"].clone(),
        };
        let folder = place.scene.path().join("project");
        let planted = folder.join("node_modules/.bin");
        fs::create_dir_all(&planted).unwrap();
        let address = registry.local_addr().unwrap();
        fs::write(
            folder.join(".npmrc"),
            format!("registry=http://{address}/\n@agentport:registry=http://{address}/\n"),
        )
        .unwrap();
        for name in ["agentport", "npx", "npm", "node"] {
            let path = planted.join(name);
            fs::write(&path, format!("#!/bin/sh\ntouch '{}'\n", folder.join("planted").display())).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        let mut command = Command::new(entry["command"].as_str().unwrap());
        command.args(entry["args"].as_array().unwrap().iter().map(|argument| argument.as_str().unwrap()));
        command.env_clear().env("AGENTPORT_HOME", place.home()).env("PATH", &planted).current_dir(&folder);
        command.env("npm_config_registry", format!("http://{address}/"));
        let client =
            json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}});
        let hello = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": client});
        let ran = Cli::new(command, place.scene.evidence().clone()).stdin(&hello.to_string()).run();
        assert!(ran.code == 0 && ran.stdout.contains("\"name\":\"agentport\""), "{host}: {ran:?}");
        assert!(!folder.join("planted").exists(), "{host}");
    }
    assert_eq!(registry.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
}
