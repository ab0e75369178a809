//! A home is made once and whole, and without one every command says so.

use std::{collections::BTreeMap, fs, os::unix::fs::PermissionsExt as _, path::Path};

use serde_json::json;

use crate::harness::Port;

#[test]
fn init_on_a_home_changes_nothing() {
    let port = Port::enrolled();
    let before = contents(port.folder());
    let again = port.cli(["init", "--store", "vault", "--json"]).exits(1);
    assert!(again.error().contains("there is a home at"), "{again:?}");
    assert_eq!(contents(port.folder()), before);
}

/// As `deploy/compose.yaml` starts it, each time.
#[test]
fn in_a_container_a_home_is_made_once_and_says_where_its_port_is_published() {
    let port = Port::empty();
    let init =
        |address: &str| port.cli(["init", "--store", "vault", "--published-on", address, "--if-absent", "--json"]);
    assert!(init("0.0.0.0").exits(64).error().contains("loopback"));
    assert!(!port.home().exists());
    init("127.0.0.1").done();
    let settings = fs::read_to_string(port.home().join("agentport.toml")).unwrap();
    assert!(settings.contains("published_on = \"127.0.0.1\"\nlisten = \"0.0.0.0:4747\""), "{settings}");
    let before = contents(port.folder());
    assert_eq!(init("127.0.0.1").done().json()["made"], json!(false));
    assert_eq!(contents(port.folder()), before);
}

/// A folder with files of somebody else's is no home to be: they are neither written over nor cleared away.
#[test]
fn init_leaves_a_folder_that_is_not_empty() {
    let port = Port::empty();
    for name in ["policy.toml", "agentport.toml", "run/notes.txt"] {
        let path = port.home().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "mine").unwrap();
    }
    for folder in [port.home(), port.home().join("run")] {
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).unwrap();
    }
    let before = contents(port.folder());
    for store in ["vault", "keyring"] {
        let refused = port
            .cli(["init", "--store", store, "--json"])
            .env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent/bus")
            .exits(1);
        assert!(refused.error().contains("not empty"), "{refused:?}");
        assert_eq!(contents(port.folder()), before);
    }
}

#[test]
fn an_init_that_fails_leaves_nothing() {
    let port = Port::empty();
    let refused = port.cli(["init", "--store", "vault", "--preset", "none", "--json"]).exits(64);
    assert!(refused.error().contains("there is no preset `none`"), "{refused:?}");
    // no bus, no keyring: the cause, and what to do instead
    let bus = ("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent/bus");
    let refused = port.cli(["init", "--json"]).env(bus.0, bus.1).exits(1);
    assert!(refused.error().contains("keyring"), "{refused:?}");
    assert!(refused.json()["error"]["hint"].as_str().unwrap().contains("agentport init --store vault"), "{refused:?}");
    assert_eq!(contents(port.folder()), BTreeMap::new());
    assert!(!port.home().exists());
    // an existing empty folder will do
    fs::create_dir(port.home()).unwrap();
    port.init();
    let settings = fs::read_to_string(port.home().join("agentport.toml")).unwrap();
    for key in [
        "listen",
        "public_url",
        "session",
        "store",
        "key_file",
        "expires",
        "max_pending",
        "hourly",
        "look_up",
        "expose",
        "mask_secrets",
        "keep_payloads",
    ] {
        assert!(settings.lines().any(|line| line.starts_with(&format!("{key} = "))), "{key} is not in {settings}");
    }
}

#[test]
fn without_a_home_every_command_says_so() {
    let port = Port::empty();
    let commands: [&[&str]; 19] = [
        &["accounts"],
        &["connect", "stripe", "--secret-stdin"],
        &["disconnect", "stripe"],
        &["factor", "list"],
        &["factor", "add", "totp"],
        &["approvals", "list"],
        &["approvals", "show", "apr_x"],
        &["approvals", "approve", "apr_x", "--code-stdin"],
        &["approvals", "deny", "apr_x"],
        &["policy", "show"],
        &["policy", "check"],
        &["policy", "apply", "--code-stdin"],
        &["policy", "set", "stripe.create_refund", "deny"],
        &["log", "list"],
        &["log", "verify"],
        &["open"],
        &["backup", "home.backup"],
        &["secrets", "move", "--to", "vault"],
        &["purge", "--yes"],
    ];
    for arguments in commands {
        let message = port.cli(arguments.iter().copied().chain(["--json"])).exits(1).error();
        assert!(message.contains("there is no home"), "{arguments:?}: {message}");
        assert!(port.cli(arguments.iter().copied()).exits(1).stderr.starts_with("error: there is no home"));
    }
    let answer = port.cli(["call", "stripe_list_customers", "--json"]).exits(1).json();
    assert_eq!((&answer["status"], &answer["error"]["kind"]), (&json!("failed"), &json!("setup")));
    // what needs none works
    assert_eq!(port.cli(["tools", "list", "--json"]).done().json(), json!([]));
    assert!(port.cli(["tools", "list", "--all", "--json"]).done().json().as_array().unwrap().len() > 20);
    assert_eq!(port.cli(["tools", "check", "--json"]).done().json()["ok"], json!(true));
    assert!(!port.home().exists());
}

/// Every file under a folder, with its bytes; less what the children of the test wrote.
fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(contents(&path));
        } else if path.extension().is_none_or(|extension| extension != "stderr") {
            found.insert(path.display().to_string(), fs::read(&path).unwrap());
        }
    }
    found
}
