//! The npm packages: packed from a program that was built, installed from their tarballs, started as a host starts them.
#![expect(clippy::disallowed_methods, reason = "a test starts npm and what it installed")]

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Arc, Mutex},
};

use serde_json::{Value, json};
use sha2::Digest as _;

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

/// Both packages, as `npm/build` packs them into `out/` of the folder.
fn packed(scene: &Scene, name: &str) -> Folder {
    let folder = Folder(Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id())));
    fs::create_dir_all(&folder.0).unwrap();
    let out = folder.0.join("out");
    // without its debug information, which makes it four times as large
    let program = folder.0.join("agentport");
    let built = env!("CARGO_BIN_EXE_agentport");
    done(scene, with("strip", ["-o".as_ref(), program.as_os_str(), built.as_ref()]));
    let target = format!("linux-x64={}", program.display());
    done(scene, with("node", [root().join("npm/build").as_os_str(), out.as_os_str(), target.as_ref()]));
    folder
}

/// Both, installed without a network; the folder, and what `npx` would start.
fn installed(scene: &Scene) -> (Folder, PathBuf) {
    let folder = packed(scene, "npm");
    let (out, place) = (folder.0.join("out"), folder.0.join("place"));
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
fn t273_t274_what_is_installed_is_checked_and_is_the_program() {
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

    // what it brings is of its own version exactly, and nothing else comes along
    let text = fs::read_to_string(place.join("mcp-server/package.json")).unwrap();
    let manifest: Value = serde_json::from_str(&text).unwrap();
    let exact = json!({"@agentport/linux-x64": env!("CARGO_PKG_VERSION")});
    assert_eq!((&manifest["optionalDependencies"], &manifest["dependencies"]), (&exact, &Value::Null));
    let all = fs::read_dir(folder.0.join("place/node_modules")).unwrap();
    let mut all: Vec<_> = all.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    all.retain(|name| !name.starts_with('.'));
    assert_eq!(all, ["@agentport"]);

    // what the program asks of the system is asked before it is started
    let about = place.join("linux-x64/package.json");
    let mut manifest: Value = serde_json::from_str(&fs::read_to_string(&about).unwrap()).unwrap();
    let needed = manifest["glibc"].as_str().unwrap().to_owned();
    assert!(needed.starts_with("2."), "{needed}");
    let say = |manifest: &Value| fs::write(&about, manifest.to_string()).unwrap();
    manifest["glibc"] = json!("2.100");
    say(&manifest);
    let refused = run(&scene, with(&bin, ["--version".as_ref()]));
    assert_eq!((refused.code, refused.stdout.len()), (1, 0));
    assert!(refused.stderr.contains("this program needs glibc 2.100 or newer, and this system has 2."), "{refused:?}");
    manifest["glibc"] = json!("1.99");
    say(&manifest);
    assert_eq!(run(&scene, with(&bin, ["--version".as_ref()])).code, 0);

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

/// A registry of files: what `npm/build` packed, and what says so.
fn registry(out: &Path) -> (u16, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut files = BTreeMap::new();
    for tarball in fs::read_dir(out).unwrap().map(|entry| entry.unwrap().path()) {
        let bytes = fs::read(&tarball).unwrap();
        let manifest = with("tar", ["-xzOf".as_ref(), tarball.as_os_str(), "package/package.json".as_ref()]);
        let mut manifest: Value = serde_json::from_slice(&read_from(manifest)).unwrap();
        let name = manifest["name"].as_str().unwrap().to_owned();
        let version = manifest["version"].as_str().unwrap().to_owned();
        let place = format!("/tarballs/{}", tarball.file_name().unwrap().to_str().unwrap());
        let integrity = format!("sha512-{}", data_encoding::BASE64.encode(&sha2::Sha512::digest(&bytes)));
        manifest["dist"] = json!({"tarball": format!("http://127.0.0.1:{port}{place}"), "integrity": integrity});
        let document = json!({"name": name, "dist-tags": {"latest": version}, "versions": {&version: manifest}});
        files.insert(format!("/{name}"), document.to_string().into_bytes());
        files.insert(place, bytes);
    }
    let asked = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&asked);
    std::thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let mut request = BufReader::new(client);
            let mut line = String::new();
            request.read_line(&mut line).unwrap_or_default();
            let path = line.split(' ').nth(1).unwrap_or_default().replace("%2f", "/").replace("%2F", "/");
            let mut header = String::new();
            while request.read_line(&mut header).is_ok_and(|count| count > 2) {
                header.clear();
            }
            seen.lock().unwrap().push(path.clone());
            let (code, body) = files.get(&path).map_or(("404 Not Found", &b"{}"[..]), |body| ("200 OK", body));
            let head = format!("HTTP/1.1 {code}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
            let mut client = request.into_inner();
            client.write_all(&[head.as_bytes(), body].concat()).ok();
        }
    });
    (port, asked)
}

fn read_from(mut command: Command) -> Vec<u8> {
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut bytes = Vec::new();
    child.stdout.take().unwrap().read_to_end(&mut bytes).unwrap();
    assert!(child.wait().unwrap().success());
    bytes
}

/// `npx -y @agentport/mcp-server ARGUMENTS`, as somebody tries it who has nothing of it yet.
fn npx(folder: &Path, registry: u16, arguments: &[&str]) -> Command {
    let place = folder.join(format!("tries-{registry}"));
    fs::create_dir_all(&place).unwrap();
    let mut command = Command::new("npx");
    command.args(["-y", "@agentport/mcp-server"]).args(arguments).current_dir(&place);
    command.env("HOME", &place).env("AGENTPORT_HOME", place.join("home")).env("npm_config_cache", place.join("cache"));
    command
        .env("npm_config_registry", format!("http://127.0.0.1:{registry}/"))
        .env("npm_config_update_notifier", "false");
    command
}

#[test]
fn npx_fetches_and_starts_it() {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu")) {
        return;
    }
    let scene = Scene::new();
    let folder = packed(&scene, "npx");
    let (port, asked) = registry(&folder.0.join("out"));
    let version = done(&scene, npx(&folder.0, port, &["--version"]));
    assert_eq!(version.stdout.trim(), concat!("agentport ", env!("CARGO_PKG_VERSION")));
    let mut fetched = asked.lock().unwrap().clone();
    fetched.retain(|path| path.starts_with("/tarballs/"));
    fetched.sort();
    let of = |name: &str| format!("/tarballs/agentport-{name}-{}.tgz", env!("CARGO_PKG_VERSION"));
    assert_eq!(fetched, [of("linux-x64"), of("mcp-server")], "the program of this system and no other");
    let told = done(&scene, npx(&folder.0, port, &["tools", "list", "--all", "--json"]));
    assert!(told.stdout.contains("stripe.create_refund"), "{told:?}");
}
