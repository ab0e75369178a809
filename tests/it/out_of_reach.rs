//! `install --service` for real, in a room of its own (`tests/out-of-reach/room.sh`): what moves, what is left, and what an agent
//! with a shell then still reaches. The same ways are first tried at a plain desktop, so that they are known to lead somewhere.
#![cfg(target_os = "linux")]
#![expect(clippy::disallowed_methods, reason = "a test starts the room")]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::harness::{Cli, Port, Upstream, skip};

const NEEDS: [&str; 5] =
    ["/usr/bin/unshare", "/usr/sbin/useradd", "/usr/bin/setpriv", "/usr/bin/curl", "/usr/bin/python3"];

const ROOM: [&str; 7] = ["--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--propagation", "private"];

pub(crate) fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/out-of-reach").join(name)
}

/// All of `ways.sh`.
pub(crate) const WAYS: usize = 33;
/// Those that lead somewhere where the program runs as the agent's own user (L0).
const AT_A_DESKTOP: [&str; 17] =
    ["01", "02", "03", "04", "06", "07", "08", "09", "10", "12", "13", "14", "25", "26", "28", "32", "33"];

/// What came of each part of the room's story.
pub(crate) fn parts(told: &str) -> BTreeMap<String, String> {
    let parts = told.split("== ").skip(1).filter_map(|part| part.split_once('\n'));
    parts.map(|(name, text)| (name.to_owned(), text.to_owned())).collect()
}

/// The numbers of the ways that led somewhere, and how many were tried.
pub(crate) fn reached(told: &str) -> (Vec<&str>, usize) {
    let ways = |state: &str| told.lines().filter(|line| line.starts_with(state)).collect::<Vec<_>>();
    let reached: Vec<&str> = ways("reached").into_iter().filter_map(|line| line.get(8..10)).collect();
    let tried = reached.len() + ways("held").len();
    (reached, tried)
}

/// In some containers root may not.
pub(crate) fn may_mount() -> bool {
    let mut command = Command::new("/usr/bin/unshare");
    command.args([&ROOM[..], &["mount", "-t", "tmpfs", "tmpfs", "/mnt"]].concat()).stderr(std::process::Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

#[test]
fn t181_t263_what_an_agent_with_a_shell_reaches_of_the_service_is_nothing() {
    if !rustix::process::geteuid().is_root() || NEEDS.iter().any(|path| !Path::new(path).exists()) || !may_mount() {
        return skip("out of reach: needs root that may mount, unshare, useradd, setpriv, curl and python3");
    }
    let upstream = Upstream::plain();
    let port = Port::connected(&upstream);
    let site = fs::read_to_string(port.home().join("agentport.toml")).unwrap();
    let site = site.lines().find_map(|line| line.strip_prefix("listen = \"127.0.0.1:")).unwrap();
    let site = site.split('"').next().unwrap().to_owned();
    let mut command = Command::new("/usr/bin/unshare");
    command
        .args(ROOM)
        .arg("/bin/bash")
        .arg(script("room.sh"))
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .current_dir("/");
    command.env("PROGRAM", env!("CARGO_BIN_EXE_agentport")).env("WAYS", script("ways.sh"));
    command.env("HOME_FROM", port.home()).env("KEY_FROM", port.folder().join("key")).env("SITE_PORT", site);
    command.env("CODE", port.lasting_code()).env("CODE_AGAIN", port.lasting_code());
    let ran = Cli::new(command, port.evidence().clone()).run();
    assert_eq!(ran.code, 0, "{ran:?}");
    let parts = parts(&ran.stdout);

    // the way back to where a stage began: nothing happened, and the owner's home works
    assert!(parts["wrong-code"].contains("that code is not right"), "{}", parts["wrong-code"]);
    assert!(parts["wrong-code"].contains("\"ok\":true"), "{}", parts["wrong-code"]);
    assert!(["unchanged", "nothing-left", "same"].iter().all(|part| parts.contains_key(*part)), "{parts:?}");
    assert!(!parts.contains_key("it was taken") && !parts.contains_key("something changed"), "{parts:?}");
    for stage in ["dry-run", "install", "left", "not-while-it-runs"] {
        insta::assert_snapshot!(stage, parts[stage]);
    }
    assert!(parts["old-server"].contains("restart your agent host"), "{}", parts["old-server"]);

    // first that the ways are ways: at a plain desktop most of what is a file of the user's lies open
    assert_eq!(reached(&parts["control"]), (AT_A_DESKTOP.to_vec(), WAYS), "{}", parts["control"]);
    assert_eq!(parts["service"], "an approval waits\n");
    assert_eq!(reached(&parts["ways"]), (vec![], WAYS), "{}", parts["ways"]);
    assert_eq!(parts["stranger"], "401\n200\n");
    assert!(parts["owner"].contains("\"completed\"") && parts["owner"].contains("\"ok\":true"), "{}", parts["owner"]);
    assert!(parts["undo"].contains("me has the home back"), "{}", parts["undo"]);
    let undone = &parts["no user"];
    assert!(undone.contains("/home/me/bin/agentport") && !undone.contains("AGENTPORT_URL"), "{undone}");
    assert!(undone.contains("\"ok\":true") && undone.contains("\"completed\""), "{undone}");
    assert_eq!(
        upstream.lines().iter().filter(|line| line.contains("/v1/refunds")).count(),
        1,
        "{:?}",
        upstream.lines()
    );
}
