//! `connect --from-file`: from the finding of `doctor` to a key that is stored here and gone there.

use std::{
    fs,
    io::{Read as _, Write as _},
    os::unix::fs::PermissionsExt as _,
    process::Stdio,
};

use serde_json::json;

use crate::harness::{Port, Ran, Reply, Upstream, skip};

/// The user's home with a host's file that holds the key, and what `doctor` says to do about it.
fn planted(port: &Port) -> (std::path::PathBuf, String) {
    let file = port.folder().join("user/.cursor/mcp.json");
    port.evidence().planted(&file);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    let entry =
        json!({"command": "npx", "args": [format!("--key={}", port.canary())], "env": {"STRIPE_KEY": port.canary()}});
    fs::write(&file, format!("{:#}\n", json!({"mcpServers": {"my shop": entry, "other": {"command": "x"}}}))).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    let home = port.folder().join("user").display().to_string();
    let findings = port.cli(["doctor", "--json", "--user-home", &home]).run().json()["findings"].clone();
    let fixes: Vec<String> = findings
        .as_array()
        .unwrap()
        .iter()
        .filter(|finding| finding["check"] == "keys")
        .map(|finding| finding["fix"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(fixes.len(), 2, "{findings}");
    (file, fixes[1].lines().next().unwrap().to_owned())
}

/// What `doctor` prints is what a shell takes.
#[test]
fn the_command_that_doctor_prints_stores_the_key() {
    let upstream = Upstream::plain();
    let port = Port::enrolled();
    let (file, command) = planted(&port);
    assert_eq!(
        command,
        format!("agentport connect stripe --from-file {} --key 'mcpServers.my shop.env.STRIPE_KEY'", file.display())
    );
    let before = fs::read_to_string(&file).unwrap();
    let line = format!("{command} --origin {} --allow-private --json", upstream.origin());
    let line = line.replacen("agentport", env!("CARGO_BIN_EXE_agentport"), 1);
    let connected = Ran::of(port.shell(&line).output().unwrap(), port.evidence()).json();
    assert_eq!(connected["verified"], json!(true));
    // nobody could be asked: the file is as it was, and that is said
    assert_eq!(connected["from_file"], json!({"file": file, "removed": false, "reason": "there was nobody to ask"}));
    assert_eq!(fs::read_to_string(&file).unwrap(), before);
    port.cli(["call", "stripe_list_customers"]).done();
    assert_eq!(upstream.received()[0].headers["authorization"], format!("Bearer {}", port.canary()));
}

/// At a terminal the person is asked, and then the key is in no file there any more.
#[test]
fn the_key_goes_from_the_file_when_the_person_says_so() {
    if !std::path::Path::new("/usr/bin/script").exists() {
        return skip(
            "the_key_goes_from_the_file_when_the_person_says_so: there is no /usr/bin/script to make a terminal",
        );
    }
    let upstream = Upstream::plain();
    for (answer, removed) in [("n", false), ("y", true)] {
        let port = Port::enrolled();
        let (file, command) = planted(&port);
        let before = fs::read_to_string(&file).unwrap();
        let program = env!("CARGO_BIN_EXE_agentport");
        let line = format!("{command} --origin {} --allow-private", upstream.origin());
        let line = line.replacen("agentport", program, 1);
        let mut asking = port.shell("exec script -qec \"$1\" /dev/null");
        let mut asking = asking.arg(&line).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut output = asking.stdout.take().unwrap();
        let mut shown = String::new();
        while !shown.contains("[Y/n]") {
            let mut byte = [0];
            output.read_exact(&mut byte).unwrap_or_else(|_| panic!("{shown}"));
            shown.push(char::from(byte[0]));
        }
        // stored by then, and the file untouched
        assert_eq!(port.cli(["accounts", "--json"]).done().json()[0]["secret"], json!("ok"));
        assert_eq!(fs::read_to_string(&file).unwrap(), before);
        writeln!(asking.stdin.take().unwrap(), "{answer}").unwrap();
        output.read_to_string(&mut shown).unwrap();
        assert!(asking.wait().unwrap().success(), "{shown}");
        port.evidence().saw(&shown);
        for line in ["- mcpServers.my shop.env.STRIPE_KEY = \"[a key]\"", "+ mcpServers.my shop.args[0] = \"--key=\""] {
            assert!(shown.contains(line), "{line} is not in {shown}");
        }
        assert!(shown.contains("have the vendor replace it (https://dashboard.stripe.com/apikeys)"), "{shown}");
        let after = fs::read_to_string(&file).unwrap();
        assert_eq!(after == before, !removed);
        if removed {
            assert_eq!(after, before.replace(port.canary(), ""));
            assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);
            // and nowhere beside it
            for entry in fs::read_dir(file.parent().unwrap()).unwrap() {
                let path = entry.unwrap().path();
                assert!(!fs::read_to_string(&path).unwrap().contains(port.canary()), "{}", path.display());
            }
        }
    }
}

#[test]
fn what_is_no_key_is_not_taken_over() {
    let port = Port::enrolled();
    let (file, _) = planted(&port);
    let before = fs::read_to_string(&file).unwrap();
    let file_name = file.to_str().unwrap();
    let refused = |key: &str, code| {
        let ran = port.cli(["connect", "stripe", "--from-file", file_name, "--key", key, "--json"]).exits(code);
        ran.error()
    };
    assert!(refused("mcpServers.my shop.command", 1).contains("nothing was stored"));
    assert!(refused("mcpServers.nothing", 64).contains("has no text at"));
    assert!(refused("mcpServers", 64).contains("has no text at"));
    for arguments in [
        &["connect", "stripe", "--from-file", file_name][..],
        &["connect", "stripe", "--key", "a"],
        &["connect", "stripe", "--from-file", file_name, "--key", "a", "--secret-stdin"],
        &["connect", "stripe", "--from-file", "/nonexistent", "--key", "a"],
    ] {
        port.cli(arguments.iter().copied()).exits(64);
    }
    let link = port.folder().join("link.json");
    port.evidence().planted(&link);
    std::os::unix::fs::symlink(&file, &link).unwrap();
    let linked =
        port.cli(["connect", "stripe", "--from-file", link.to_str().unwrap(), "--key", "a", "--json"]).exits(1);
    assert!(linked.error().contains("is a link"), "{linked:?}");
    // a key that the vendor refuses is neither stored nor taken out
    let refusing = Upstream::bare(|_| Reply::json(401, &json!({})));
    let origin = refusing.origin();
    let arguments = ["connect", "stripe", "--from-file", file_name, "--key", "mcpServers.my shop.env.STRIPE_KEY"];
    port.cli(arguments.into_iter().chain(["--origin", &origin, "--allow-private", "--json"])).exits(1);
    assert_eq!(fs::read_to_string(&file).unwrap(), before);
    assert_eq!(port.cli(["accounts", "--json"]).done().json(), json!([]));
}
