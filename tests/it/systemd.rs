//! The service under a real systemd, the first process of a computer of its own (`tests/out-of-reach/systemd.sh`): it is really
//! started, stays out of the reach of the agent's user, comes back when it dies, and leaves all as it was where it cannot start.
#![cfg(target_os = "linux")]
#![expect(clippy::disallowed_methods, reason = "a test starts the room")]

use std::{collections::BTreeMap, fs, path::Path, process::Command};

use crate::{
    harness::{Cli, Port, Upstream, skip},
    out_of_reach::{WAYS, may_mount, parts, reached, script},
};

const NEEDS: [&str; 9] = [
    "/lib/systemd/systemd",
    "/usr/bin/systemctl",
    "/usr/bin/unshare",
    "/usr/sbin/useradd",
    "/usr/bin/setpriv",
    "/usr/bin/curl",
    "/usr/bin/python3",
    "/usr/bin/dbus-daemon",
    "/usr/bin/gnome-keyring-daemon",
];

/// The kernel's groups of processes, which systemd cannot do without.
fn may_group() -> bool {
    let mounts = fs::read_to_string("/proc/mounts").unwrap();
    let groups = mounts.lines().find(|line| line.split(' ').nth(2) == Some("cgroup2"));
    let Some(groups) = groups.and_then(|line| line.split(' ').nth(1)) else { return false };
    let probe = Path::new(groups).join(format!("agentport-probe.{}", std::process::id()));
    fs::create_dir(&probe).and_then(|()| fs::remove_dir(&probe)).is_ok()
}

const OK: &str = "\"ok\":true\n\"status\":\"completed\"\n";
const RUNNING: &str = "enabled\nactive\nagentport\n";
const WAS: &str = "everything is as it was before\n";
const LIKE_BEFORE: &str = "unchanged\n\"ok\":true\nrecords\n";

/// What the room told, part by part, and what it said besides; `None` where none can be made here.
fn room(by: &str) -> Option<(BTreeMap<String, String>, String)> {
    let root = rustix::process::geteuid().is_root();
    if !root || NEEDS.iter().any(|path| !Path::new(path).exists()) || !may_mount() || !may_group() {
        skip(
            "a real systemd: needs root that may mount and group processes, systemd, unshare, useradd, setpriv, curl, python3, dbus and gnome-keyring",
        );
        return None;
    }
    let upstream = Upstream::plain();
    let port = Port::connected(&upstream);
    let site = fs::read_to_string(port.home().join("agentport.toml")).unwrap();
    let site = site.lines().find_map(|line| line.strip_prefix("listen = \"127.0.0.1:")).unwrap();
    let out = port.folder().join("out");
    fs::create_dir(&out).unwrap();
    let mut command = Command::new("/bin/bash");
    command.arg(script("systemd.sh")).env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").current_dir("/");
    command.env("PROGRAM", env!("CARGO_BIN_EXE_agentport")).env("PARTS", script("")).env("OUT", &out).env("BY", by);
    command.env("DEPLOY", Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy"));
    command.env("HOME_FROM", port.home()).env("KEY_FROM", port.folder().join("key"));
    command.env("SITE_PORT", site.split('"').next().unwrap());
    command.env("SERVICE_PORT", upstream.origin().rsplit(':').next().unwrap());
    command.env("CODES", [(); 4].map(|()| port.lasting_code()).join("\n"));
    let ran = Cli::new(command, port.evidence().clone()).run();
    let told = fs::read_to_string(out.join("told")).unwrap_or_default();
    let failed = fs::read_to_string(out.join("failed")).unwrap_or_default();
    port.evidence().saw(format!("{told}{failed}"));
    let parts = parts(&told);
    assert!(parts.contains_key("end"), "{ran:?}\n{told}\n{failed}");
    assert_eq!(parts["systemd"], format!("systemd\n{OK}"), "{failed}");
    Some((parts, failed))
}

#[test]
fn t263_a_real_systemd_starts_what_the_script_installs_and_what_fails_changes_nothing() {
    let Some((parts, failed)) = room("script") else { return };
    assert_eq!(parts["first"], format!("{WAS}unchanged\n{WAS}inactive\nunchanged\n"), "{failed}");

    let script = &parts["script"];
    let exposure = script.lines().last().and_then(|line| line.rsplit(' ').next()?.parse::<f32>().ok());
    assert!(script.starts_with(&format!("{RUNNING}200\n401\n")), "{script}{failed}");
    assert!(exposure.is_some_and(|exposure| exposure < 2.0), "{script}");
    assert_eq!(parts["killed"], "1\n200\n", "{failed}");
    assert_eq!(parts["upgrade"], format!("nothing was installed\n{RUNNING}{LIKE_BEFORE}"), "{failed}");
    assert_eq!(parts["planted"], format!("{WAS}root 0\n{RUNNING}{LIKE_BEFORE}"), "{failed}");
    assert_eq!(parts["upgrade-script"], format!("{WAS}{RUNNING}newer\n{LIKE_BEFORE}"), "{failed}");
    assert_eq!(parts["upgrade-broken"], format!("{WAS}{RUNNING}{LIKE_BEFORE}"), "{failed}");
    assert_eq!(parts["script-undone"], "inactive\n", "{failed}");
}

#[test]
fn t181_t263_a_real_systemd_starts_it_out_of_reach_and_gives_the_home_back() {
    let Some((parts, failed)) = room("program") else { return };
    let cannot = &parts["cannot-start"];
    assert!(cannot.contains("the service does not answer; everything is as it was before"), "{cannot}{failed}");
    assert_eq!(parts.get("unchanged").map(String::as_str), Some(OK), "{cannot}{failed}");

    assert_eq!(parts["started"], format!("{RUNNING}unix:/run/agentport/agentport.sock\n"), "{failed}");
    assert_eq!(reached(&parts["ways"]), (vec![], WAYS), "{}", parts["ways"]);
    assert_eq!(parts["stranger"], "401\n200\n\"status\":\"completed\"\n\"ok\":true\n", "{failed}");
    assert_eq!(parts["upgrade-program"], format!("{WAS}{RUNNING}newer\n{LIKE_BEFORE}"), "{failed}");
    let given_back = "me has the home back; start the agent hosts again\n";
    assert_eq!(parts["undone"], format!("{given_back}inactive\n{OK}"), "{failed}");

    let (keyring, moved, back) = (&parts["keyring"], &parts["keyring-moved"], &parts["keyring-back"]);
    assert!(keyring.contains(OK) && keyring.ends_with("2\n"), "{keyring}{failed}");
    let used = "0\nstore = \"vault\"\n\"secret\":\"ok\"\n\"status\":\"completed\"\n";
    assert_eq!(*moved, format!("{RUNNING}{used}"), "{failed}");
    assert_eq!(*back, format!("{given_back}2\nstore = \"keyring\"\n{OK}"), "{failed}");
}
