//! The npm packages: packed from a program that was built, installed from their tarballs, started as a host starts them.
#![expect(clippy::disallowed_methods, reason = "a test starts npm and what it installed")]

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::{Value, json};

use crate::harness::{Cli, Ran, Scene};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// One command, to its end; what it prints is searched with the rest.
fn run(scene: &Scene, command: Command) -> Ran {
    Cli::new(command, scene.evidence().clone()).run()
}

fn done(scene: &Scene, command: Command) -> Ran {
    Cli::new(command, scene.evidence().clone()).done()
}

fn with<const N: usize>(program: impl AsRef<std::ffi::OsStr>, arguments: [&std::ffi::OsStr; N]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments);
    command
}

/// A folder with programs in it and no home, which goes when the test is over.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

/// Both packages, installed without a network; the folder, and what `npx` would start.
fn installed(scene: &Scene) -> (Folder, PathBuf) {
    let folder = Folder(Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("npm-{}", std::process::id())));
    fs::create_dir_all(&folder.0).unwrap();
    let (out, place) = (folder.0.join("out"), folder.0.join("place"));
    // without its debug information, which makes it four times as large
    let program = folder.0.join("agentport");
    let built = env!("CARGO_BIN_EXE_agentport");
    done(scene, with("strip", ["-o".as_ref(), program.as_os_str(), built.as_ref()]));
    let target = format!("linux-x64={}", program.display());
    done(scene, with("node", [root().join("npm/build").as_os_str(), out.as_os_str(), target.as_ref()]));
    fs::create_dir(&place).unwrap();
    fs::write(place.join("package.json"), r#"{"private": true}"#).unwrap();
    let tarballs = fs::read_dir(&out).unwrap().map(|entry| entry.unwrap().path());
    let mut install = Command::new("npm");
    install.args(["install", "--offline", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]).args(tarballs);
    install.current_dir(&place).env("npm_config_cache", folder.0.join("cache"));
    done(scene, install);
    let bin = place.join("node_modules/.bin/agentport");
    (folder, bin)
}

#[test]
fn t274_what_is_installed_is_checked_and_is_the_program() {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu")) {
        return;
    }
    let scene = Scene::new();
    let (folder, bin) = installed(&scene);
    let version = done(&scene, with(&bin, ["--version".as_ref()]));
    assert_eq!(version.stdout.trim(), concat!("agentport ", env!("CARGO_PKG_VERSION")));
    // its exit code is the program's own
    assert_eq!(run(&scene, with(&bin, ["--no-such-flag".as_ref()])).code, 64);

    // a pipe on standard input is a server, and nothing else is on its output
    let mut server = Command::new(&bin)
        .env("AGENTPORT_HOME", scene.path().join("home"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(scene.evidence().stderr())
        .spawn()
        .unwrap();
    let client =
        json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}});
    let hello = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": client});
    let mut input = server.stdin.take().unwrap();
    writeln!(input, "{hello}").unwrap();
    let mut line = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
    scene.evidence().saw(&line);
    let answer: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(answer["result"]["serverInfo"]["name"], json!("agentport"));
    drop(input);
    assert!(server.wait().unwrap().success());

    // no script runs when it is installed, and the versions go together
    let place = folder.0.join("place/node_modules/@agentport");
    for name in ["mcp-server", "linux-x64"] {
        let text = fs::read_to_string(place.join(name).join("package.json")).unwrap();
        let manifest: Value = serde_json::from_str(&text).unwrap();
        assert_eq!((&manifest["scripts"], &manifest["version"]), (&Value::Null, &json!(env!("CARGO_PKG_VERSION"))));
    }

    // a program that is another than the one that was packed is not started
    let program = place.join("linux-x64/bin/agentport");
    fs::OpenOptions::new().append(true).open(&program).unwrap().write_all(b"x").unwrap();
    let refused = run(&scene, with(&bin, ["--version".as_ref()]));
    assert_eq!((refused.code, refused.stdout.len()), (1, 0));
    assert!(refused.stderr.contains("is not the program that this version was released with"), "{refused:?}");

    // and where there is none for this system it says so
    fs::write(place.join("mcp-server/sums.json"), "{}").unwrap();
    let missing = run(&scene, with(&bin, ["--version".as_ref()]));
    assert_eq!(missing.code, 1);
    assert!(missing.stderr.contains("not yet on this system (linux-x64)"), "{missing:?}");
}
