//! What installs the gateway as a service: the script says what it does, checks before it runs anything, and the unit
//! leaves nothing of the computer open that it does not need.
#![cfg(unix)]
#![expect(clippy::disallowed_methods, reason = "a test starts the script and what judges the unit")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::harness::{Cli, Ran, Scene, skip};

fn deploy(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy").join(name)
}

fn install(scene: &Scene, arguments: &[&str]) -> Ran {
    let mut command = Command::new("/bin/sh");
    command.arg(deploy("install.sh")).args(arguments).env_clear().env("PATH", "/usr/bin:/bin:/usr/sbin:/sbin");
    Cli::new(command, scene.evidence().clone()).run()
}

/// A certificate, a key and a program, none of which is one.
fn files(scene: &Scene) -> [String; 3] {
    ["cert.pem", "key.pem", "agentport"].map(|name| {
        let path = scene.path().join(name);
        fs::write(&path, name).unwrap();
        path.to_str().unwrap().to_owned()
    })
}

#[test]
fn a_dry_run_says_all_that_would_be_done() {
    let scene = Scene::new();
    let [cert, key, program] = files(&scene);
    let told = |arguments: &[&str]| {
        let ran = install(&scene, &[arguments, &["--dry-run"]].concat());
        assert_eq!(ran.code, 0, "{ran:?}");
        let repository = deploy("");
        let text = ran.stdout.replace(scene.path().to_str().unwrap(), "FOLDER");
        text.replace(repository.to_str().unwrap().trim_end_matches('/'), "DEPLOY")
    };
    let sum = "0".repeat(64);
    insta::assert_snapshot!("behind_a_proxy", told(&["--from", "https://example.com/agentport", "--sha256", &sum]));
    insta::assert_snapshot!(
        "with_a_certificate",
        told(&["--binary", &program, "--domain", "agentport.example.com", "--tls-cert", &cert, "--tls-key", &key])
    );
    insta::assert_snapshot!(
        "with_acme",
        told(&["--binary", &program, "--domain", "agentport.example.com", "--acme", "ops@example.com"])
    );
    insta::assert_snapshot!("uninstall", told(&["--uninstall"]));
    insta::assert_snapshot!("uninstall_and_purge", told(&["--uninstall", "--purge"]));
}

#[test]
fn nothing_is_installed_that_was_not_checked() {
    let scene = Scene::new();
    let [_, _, program] = files(&scene);
    let sum = "0".repeat(64);
    for (arguments, says) in [
        (&["--binary", &program, "--sha256", &sum][..], "nothing was installed"),
        (&["--binary", "/nowhere/agentport"], "there is no program"),
        (&["--from", "https://example.com/agentport"], "needs --sha256"),
        (&["--from", "http://example.com/agentport", "--sha256", &sum], "must begin with https://"),
        (&["--binary", &program, "--domain", "a b"], "no name of a host"),
        (&["--binary", &program, "--domain", "a.example", "--tls-cert", &program], "go together"),
        (&["--binary", &program, "--acme", "ops@example.com"], "goes with --domain"),
        (&["--binary", &program, "--domain", "a.example", "--acme", "ops\"@example.com"], "no mail address"),
        (&["--binary", &program, "--quickly"], "not an option"),
        (&["--purge"], "goes with --uninstall"),
        (&[], "--binary FILE"),
    ] {
        let ran = install(&scene, &[arguments, &["--dry-run"]].concat());
        assert!(ran.code == 1 && ran.stderr.contains(says), "{arguments:?}: {ran:?}");
        assert!(!ran.stdout.contains("would run"), "{arguments:?}: {ran:?}");
    }
}

/// No daemon is needed to see that nothing is published beyond this computer, and that nobody is root.
#[test]
fn a_container_is_as_closed_as_the_unit() {
    let compose = fs::read_to_string(deploy("compose.yaml")).unwrap();
    let services = compose.matches("image: agentport").count();
    for line in ["user: \"65532:65532\"", "read_only: true", "cap_drop: [ALL]", "no-new-privileges:true"] {
        assert_eq!(compose.matches(line).count(), services, "{line}");
    }
    let ports = compose.lines().filter(|line| line.trim().ends_with(":4747\"")).collect::<Vec<_>>();
    assert_eq!(ports, ["      - \"127.0.0.1:4747:4747\""]);
    assert!(!compose.contains("privileged") && !compose.contains("docker.sock"), "{compose}");
    let image = fs::read_to_string(deploy("Dockerfile")).unwrap();
    let last = image.split("FROM ").last().unwrap();
    assert!(last.starts_with("scratch\n") && last.contains("USER 65532:65532"), "{last}");
}

/// `systemd-analyze security` goes from 0 (nothing open) to 10; `verify` has no word to say but that nothing is installed.
#[test]
fn the_unit_is_hardened() {
    let scene = Scene::new();
    let analyze = |arguments: &[&str]| {
        let mut command = Command::new("systemd-analyze");
        command.args(arguments).arg(deploy("agentport.service")).env_clear().env("PATH", "/usr/bin:/bin");
        Cli::new(command, scene.evidence().clone()).run()
    };
    if !Path::new("/usr/bin/systemd-analyze").exists() {
        return skip("the unit of the service: needs systemd-analyze");
    }
    let security = analyze(&["security", "--offline=true", "--no-pager", "--threshold=20"]);
    assert_eq!(security.code, 0, "{security:?}");
    let verify = analyze(&["verify"]);
    let words: Vec<&str> = verify.stderr.lines().filter(|line| !line.contains("is not executable")).collect();
    assert_eq!(words, Vec::<&str>::new());
    // it would hide who is at the other end of the socket
    assert!(!fs::read_to_string(deploy("agentport.service")).unwrap().contains("PrivateUsers=yes"));
}
