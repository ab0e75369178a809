//! `agentport doctor`: it finds what is wrong, names the fix, and shows no key.

#![expect(clippy::disallowed_methods, reason = "the real program is what is tested")]

use std::{fs, path::Path, process::Command};

use serde_json::{Value, json};

use super::harness::{Ran, Scene, keep_vault_key};

struct Place(Scene);

impl Place {
    /// Nothing yet.
    fn empty() -> Self {
        Self(Scene::new())
    }

    /// A home with a vault, and a user's home beside it, where keys lie that are not ours.
    fn new() -> Self {
        let place = Self::empty();
        place.0.evidence().planted(place.path("user"));
        fs::create_dir(place.path("user")).unwrap();
        let made = place.run(&["init", "--store", "vault"]);
        assert_eq!(made.code, 0, "{made:?}");
        keep_vault_key(&place.0);
        place
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, args: &[&str]) -> Ran {
        let mut command = Command::new(env!("CARGO_BIN_EXE_agentport"));
        command
            .env_clear()
            .env("AGENTPORT_HOME", self.path("home"))
            .env("AGENTPORT_KEY_FILE", self.path("key"))
            .args(args);
        Ran::of(command.output().unwrap(), self.0.evidence())
    }

    fn look(&self, args: &[&str]) -> Ran {
        let user = self.path("user");
        self.run(&[args, &["--user-home", user.to_str().unwrap()]].concat())
    }

    fn doctor(&self) -> Value {
        let ran = self.look(&["--json", "doctor"]);
        let value = ran.json();
        assert_eq!(ran.code, i32::from(value["ok"] == json!(false)), "{value}");
        value
    }

    fn plant(&self, name: &str, text: &str) {
        let path = self.path("user").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

/// Status and finding of each line of a check.
fn of<'a>(value: &'a Value, check: &str) -> Vec<(&'a str, &'a str)> {
    let findings = value["findings"].as_array().unwrap().iter().filter(|finding| finding["check"] == check);
    findings.map(|finding| (finding["status"].as_str().unwrap(), finding["finding"].as_str().unwrap())).collect()
}

#[test]
fn doctor_of_a_fresh_home_names_what_is_missing_and_the_level() {
    let place = Place::new();
    let value = place.doctor();
    assert_eq!((&value["level"], &value["ok"]), (&json!("L0"), &json!(false)));
    assert_eq!(of(&value, "factor"), [("bad", "no second factor is enrolled, so nothing can be approved")]);
    assert_eq!(of(&value, "accounts"), [("warn", "no account is connected")]);
    assert_eq!(of(&value, "log"), [("ok", "1 records, none changed")]);
    assert_eq!(of(&value, "clock"), [("ok", "it runs forward")]);
    assert_eq!(of(&value, "store")[0].0, "ok");
    assert!(of(&value, "reach")[0].1.starts_with("your agent could read these keys: it runs as you"));
    for finding in value["findings"].as_array().unwrap() {
        assert_eq!(finding["fix"].is_null(), finding["status"] == "ok", "{finding}");
    }
    let text = place.look(&["doctor"]).stdout;
    assert!(text.contains("→ agentport factor add totp") && text.contains("(level L0)"), "{text}");
}

#[test]
fn doctor_without_a_home_says_so() {
    let place = Place::empty();
    let value = place.doctor();
    assert!(of(&value, "home")[0].1.starts_with("there is no home at "));
    assert!(!place.path("home").exists());
}

#[test]
fn doctor_finds_planted_keys_by_name_and_never_prints_them() {
    let place = Place::new();
    let key = place.0.canary();
    assert_eq!(of(&place.doctor(), "keys")[0].0, "ok");
    // without what it begins with, the key is the secret of others
    let random = key.rsplit('_').next().unwrap();
    place.0.evidence().keep_from(random);
    let openclaw = json!({"mcp": {"servers": {"shop": {"env": {"STRIPE_KEY": key}}}}});
    place.plant(".openclaw/openclaw.json", &openclaw.to_string());
    place.plant(".openclaw/openclaw.json.agentport-backup-2", &openclaw.to_string());
    place.plant(".codex/.env", &format!("# mine\nexport SHOP={key}\n"));
    place.plant(".codex/config.toml", &format!("[mcp_servers.db]\nargs = [\"postgres://me:{random}@db/x\"]\n"));
    place.plant(".cursor/mcp.json", &format!("{{\n  // with a comment\n  \"GITHUB\": \"ghp_{random}\"\n}}"));
    place.plant(".claude.json", &json!({"mcpServers": {key: {"x": [1, {"y": format!("Bearer {key}")}]}}}).to_string());
    let value = place.doctor();
    let found: Vec<_> = of(&value, "keys")
        .into_iter()
        .map(|(status, finding)| {
            let (what, at) = finding.rsplit_once(", `").unwrap();
            (status, what.split(" in plain text").next().unwrap(), at.trim_end_matches('`'))
        })
        .collect();
    assert_eq!(
        found,
        [
            ("bad", "OpenClaw's file holds a Stripe key", "mcp.servers.shop.env.STRIPE_KEY"),
            ("bad", "OpenClaw's file holds a Stripe key", "mcp.servers.shop.env.STRIPE_KEY"),
            ("bad", "Claude Code's file holds a Stripe key", "mcpServers.[a key]"),
            ("bad", "Claude Code's file holds a Stripe key", "mcpServers.[a key].x[1].y"),
            ("bad", "Codex's file holds a database's password", "mcp_servers.db.args[0]"),
            ("bad", "Codex's file holds a Stripe key", "SHOP (line 2)"),
            ("bad", "Cursor's file holds a GitHub token", "GITHUB (line 3)"),
        ]
    );
    for args in [&["--json", "doctor"][..], &["doctor"]] {
        assert!(place.look(args).stdout.contains("STRIPE_KEY"), "{args:?}");
    }
}

#[test]
fn doctor_finds_a_store_that_does_not_open() {
    let place = Place::new();
    fs::rename(place.path("key"), place.path("elsewhere")).unwrap();
    let value = place.doctor();
    let (status, finding) = of(&value, "store")[0];
    assert!(status == "bad" && finding.contains("key") && finding.contains("is not there"), "{finding}");
    open_to_others(&place.path("elsewhere"), 0o600);
    fs::rename(place.path("elsewhere"), place.path("key")).unwrap();
    open_to_others(&place.path("key"), 0o644);
    let value = place.doctor();
    assert!(of(&value, "store")[0].1.contains("can be read by others"), "{value}");
}

#[test]
fn doctor_finds_files_that_others_can_reach() {
    let place = Place::new();
    open_to_others(&place.path("home/agentport.db"), 0o644);
    let value = place.doctor();
    let home = of(&value, "home");
    assert_eq!(home.len(), 1, "{home:?}");
    assert!(home[0].1.ends_with("agentport.db can be read by others"), "{home:?}");
}

#[test]
fn doctor_finds_an_edit_that_is_not_in_force_and_one_that_is_broken() {
    let place = Place::new();
    let policy = place.path("home/policy.toml");
    let text = fs::read_to_string(&policy).unwrap();
    fs::write(&policy, text.replace("write = \"ask\"", "write = \"deny\"")).unwrap();
    assert_eq!(of(&place.doctor(), "policy")[0].0, "warn");
    fs::write(&policy, text.replace("write = \"ask\"", "write = \"perhaps\"")).unwrap();
    let value = place.doctor();
    let (status, finding) = of(&value, "policy")[0];
    assert!(status == "bad" && finding.starts_with("policy.toml "), "{finding}");
}

#[test]
fn doctor_finds_a_foreign_program_on_the_sites_port() {
    let place = Place::new();
    let foreign = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = foreign.local_addr().unwrap().port().to_string();
    let settings = place.path("home/agentport.toml");
    let text = fs::read_to_string(&settings).unwrap().replace("4747", &port);
    fs::write(&settings, text).unwrap();
    let value = place.doctor();
    assert_eq!(of(&value, "site")[0].0, "warn");
    drop(foreign);
    assert_eq!(of(&place.doctor(), "site")[0].0, "ok");
}

#[test]
fn doctor_finds_a_changed_log() {
    let place = Place::new();
    let database = rusqlite::Connection::open(place.path("home/agentport.db")).unwrap();
    database.execute("UPDATE record SET status = 'policy removed' WHERE seq = 1", []).unwrap();
    drop(database);
    let value = place.doctor();
    assert_eq!(of(&value, "log")[0].0, "bad", "{value}");
}

#[test]
fn doctor_finds_a_clock_that_was_set_back() {
    let place = Place::new();
    let database = rusqlite::Connection::open(place.path("home/agentport.db")).unwrap();
    database.execute("UPDATE record SET at = at + 86400000 WHERE seq = 1", []).unwrap();
    drop(database);
    assert_eq!(of(&place.doctor(), "clock")[0].0, "bad");
}

#[test]
fn doctor_finds_a_host_that_starts_what_is_gone() {
    let place = Place::new();
    place.plant(
        ".cursor/mcp.json",
        &json!({"mcpServers": {"agentport": {"command": "/nowhere/agentport"}}}).to_string(),
    );
    assert_eq!(of(&place.doctor(), "hosts"), [("bad", "Cursor starts /nowhere/agentport, which is not there")]);
}

#[cfg(unix)]
fn open_to_others(path: &Path, mode: u32) {
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
}

#[cfg(not(unix))]
fn open_to_others(_path: &Path, _mode: u32) {}
