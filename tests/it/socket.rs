//! The gateway's Unix socket: the system says who knocks, and nobody else is answered.
#![cfg(unix)]

use std::{
    fs::{self, Permissions},
    io::{Read as _, Write as _},
    os::unix::{
        fs::PermissionsExt as _,
        net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
};

use serde_json::json;

use crate::harness::{Answer, Port, Served, Upstream, Wire, skip};

/// A user of nobody's.
const STRANGER: u32 = 65_432;

fn us() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// A gateway that has a socket; its path.
fn with_socket(port: &Port) -> (Served, PathBuf) {
    let folder = port.folder().join("door");
    fs::create_dir(&folder).unwrap();
    for open in [port.folder(), &folder] {
        fs::set_permissions(open, Permissions::from_mode(0o755)).unwrap();
    }
    let path = folder.join("agentport.sock");
    port.settings(&[("[site]\n", &format!("[site]\nsocket = \"{}\"\n", path.display()))]);
    (port.serve(), path)
}

/// What a client without a token hears, code first.
fn ask(socket: &Path, line: &str, headers: &str) -> String {
    let mut stream = UnixStream::connect(socket).unwrap();
    let request = format!("{line} HTTP/1.1\r\nConnection: close\r\nContent-Length: 0\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.strip_prefix("HTTP/1.1 ").unwrap().to_owned()
}

/// Lets an agent in for a user, who gets no token.
fn let_in_user(port: &Port, name: &str, user: u32) {
    let user = user.to_string();
    let added = port.cli(["agents", "add", name, "--user", &user, "--code-stdin", "--json"]).stdin(&port.code()).done();
    assert_eq!((&added.json()["name"], &added.json()["token"]), (&json!(name), &json!(null)), "{added:?}");
}

#[test]
fn t101_at_the_socket_the_system_says_who_calls() {
    let upstream = Upstream::plain();
    let mut port = Port::connected(&upstream);
    let (mut served, socket) = with_socket(&port);
    assert_eq!(fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o666);
    let host = "Host: localhost\r\n";
    // nobody was let in for us: as the one who runs it we may ask how it is, and call nothing
    assert!(ask(&socket, "GET /healthz", host).starts_with("200"));
    assert!(ask(&socket, "GET /tools", host).starts_with("401"));
    let_in_user(&port, "mine", us());
    assert!(ask(&socket, "GET /tools", host).starts_with("200"));
    for page in ["/", "/login", "/style.css"] {
        assert!(ask(&socket, &format!("GET {page}"), host).starts_with("404"), "{page}");
    }
    assert!(ask(&socket, "GET /tools", "Host: evil.example\r\n").starts_with("421"));
    assert!(ask(&socket, "GET /tools", &format!("{host}Authorization: Bearer x\r\n")).starts_with("401"));
    let unknown = format!("{host}Authorization: Bearer apt_{}\r\n", "A".repeat(43));
    assert!(ask(&socket, "GET /tools", &unknown).starts_with("401"));
    // over the network it is nobody
    assert_eq!(served.raw("GET", "/tools", &[], "").code, 401);

    let second = port.cli(["agents", "add", "again", "--user", &us().to_string(), "--code-stdin", "--json"]);
    assert!(second.stdin(&port.code()).exits(1).error().contains("`mine` already"));

    let over_lines = port.wire_as("mine").tools();
    port.set("AGENTPORT_URL", &format!("unix:{}", socket.display()));
    let mut shim = port.wire();
    assert_eq!(shim.tools(), over_lines);
    assert_eq!(shim.call("stripe_get_balance", json!({})).status(), "completed");
    let id = shim.call("stripe_create_refund", json!({"charge": "ch_1", "amount": 500})).approval_id();
    let shown = port.cli(["approvals", "show", &id, "--json"]).done().json();
    assert_eq!(shown["caller"], json!("mine"), "{shown}");
    let listed = port.cli(["agents", "list", "--json"]).done().json();
    assert!(listed[0]["user"].is_string() && listed[0]["last_used_at"].is_string(), "{listed}");

    port.cli(["agents", "revoke", "mine", "--json"]).done();
    assert_eq!(shim.call("stripe_get_balance", json!({})).failed(), "setup");
    assert_eq!(served.terminate(), Some(0));
    assert!(!socket.exists());
    assert_eq!(shim.call("stripe_get_balance", json!({})).failed(), "network");
}

/// Another user of the computer, with the real program on their side too.
#[test]
fn t101_another_user_is_told_that_nobody_let_them_in() {
    if us() != 0 || !Path::new("/usr/bin/setpriv").exists() {
        return skip("another user at the socket: needs root and setpriv");
    }
    let upstream = Upstream::plain();
    let port = Port::connected(&upstream);
    let token = port.let_in(&["by-token"]);
    let (_served, socket) = with_socket(&port);
    let_in_user(&port, "mine", us());
    let program = port.folder().join("door/agentport");
    fs::copy(env!("CARGO_BIN_EXE_agentport"), &program).unwrap();
    let call = |token: Option<&str>| -> Answer {
        let mut command = port.shell("exec setpriv --reuid=$1 --regid=$1 --clear-groups \"$2\" stdio");
        command.args([STRANGER.to_string().as_str(), program.to_str().unwrap()]);
        command.env("AGENTPORT_URL", format!("unix:{}", socket.display())).current_dir("/");
        command.envs(token.map(|token| ("AGENTPORT_TOKEN", token)));
        let mut wire = Wire::start(command, port.evidence().clone());
        wire.initialize("2025-11-25");
        wire.call("stripe_get_balance", json!({}))
    };
    assert_eq!(call(None).failed(), "setup");
    // a token that got out is worth nothing to a user who was not named
    assert_eq!(call(Some(&token)).failed(), "setup");
    let asked = upstream.lines();
    assert!(asked.iter().filter(|line| line.contains("/v1/balance")).count() <= 1, "{asked:?}");
    let_in_user(&port, "theirs", STRANGER);
    assert_eq!(call(None).status(), "completed");
    assert_eq!(call(Some(&token)).status(), "completed");
    // nothing to search for secrets
    fs::remove_file(&program).unwrap();
}

/// T263: a socket where others can put one is neither served at nor asked.
#[test]
fn t263_a_socket_that_others_could_have_made_is_not_used() {
    let mut port = Port::enrolled();
    let open = port.folder().join("open");
    fs::create_dir(&open).unwrap();
    let path = open.join("agentport.sock");
    port.settings(&[("[site]\n", &format!("[site]\nsocket = \"{}\"\n", path.display()))]);
    // as open as a forgotten folder, and as `/tmp`
    for (mode, says) in [(0o777, "can be written by others"), (0o1777, "can be changed by others")] {
        fs::set_permissions(&open, Permissions::from_mode(mode)).unwrap();
        let refused = port.cli(["serve", "--json"]).exits(1);
        assert!(refused.error().contains(says), "{refused:?}");
    }
    let squatter = UnixListener::bind(&path).unwrap();
    squatter.set_nonblocking(true).unwrap();
    port.set("AGENTPORT_URL", &format!("unix:{}", path.display()));
    assert_eq!(port.wire().call("stripe_get_balance", json!({})).failed(), "network");
    assert!(squatter.accept().is_err(), "it was asked");

    // one that a killed gateway left is replaced, one that somebody listens at is not
    let own = port.folder().join("own");
    fs::create_dir(&own).unwrap();
    let left = own.join("agentport.sock");
    let listening = UnixListener::bind(&left).unwrap();
    port.settings(&[(&path.display().to_string(), &left.display().to_string())]);
    assert!(port.cli(["serve", "--json"]).exits(1).error().contains("something listens"));
    drop(listening);
    let _served = port.serve();
    assert!(ask(&left, "GET /healthz", "Host: localhost\r\n").starts_with("200"));
}
