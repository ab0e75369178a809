//! The container image: what `deploy/Dockerfile` puts into its last stage is built by buildah and run by podman as
//! `deploy/compose.yaml` says, as nobody in particular, with a root that cannot be written. The program is the one under test,
//! with the few libraries that it has for its tests and that a released one has not.
#![cfg(target_os = "linux")]
#![expect(clippy::disallowed_methods, reason = "a test starts the containers")]

use std::{
    fs,
    os::unix::fs::{DirBuilderExt as _, PermissionsExt as _, chown},
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
};

use crate::harness::{Cli, Ran, Scene, free_port, skip};

const NEEDS: [&str; 5] = ["/usr/bin/buildah", "/usr/bin/podman", "/usr/sbin/runc", "/usr/bin/conmon", "/usr/bin/strip"];
/// The image's user.
const USER: u32 = 65_532;

/// Builds and runs with all that the tools keep in a folder of their own; what the containers write is the scene's.
pub(crate) struct Engine {
    scene: Scene,
    kept: PathBuf,
}

impl Engine {
    /// With the image in it; none where that cannot be, which is said.
    pub(crate) fn with_image(needs: &[&str]) -> Option<Self> {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let root = rustix::process::geteuid().is_root();
        if !root || NEEDS.iter().chain(needs).any(|path| !Path::new(path).exists()) {
            skip(&format!("the container image: needs root, {}", [&NEEDS, needs].concat().join(", ")));
            return None;
        }
        // podman takes no longer path
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let kept = PathBuf::from(format!("/tmp/agentport-image.{}.{number}", std::process::id()));
        fs::DirBuilder::new().mode(0o700).create(&kept).unwrap();
        let engine = Self { scene: Scene::new(), kept };
        let build = format!("build={}", first_stage(&engine.scene, &engine.kept).to_str().unwrap());
        fs::create_dir(engine.kept.join("tmp")).unwrap();
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/Dockerfile");
        let (file, nothing) = (file.to_str().unwrap(), engine.kept.join("tmp"));
        let with = ["build", "--format", "docker", "--isolation", "chroot", "--build-context", &build, "--file", file];
        let made = engine.run("buildah", &[&with[..], &["--tag", "agentport", nothing.to_str().unwrap()]].concat());
        assert_eq!(made.code, 0, "{made:?}");
        Some(engine)
    }

    fn run(&self, tool: &str, arguments: &[&str]) -> Ran {
        let mut command = self.command("/usr/bin/timeout");
        command.args(["--signal=KILL", "60", tool]).args(self.arguments(tool)).args(arguments);
        Cli::new(command, self.scene.evidence().clone()).run()
    }

    /// A script that has podman do things with the image.
    pub(crate) fn script(&self, script: &Path, file: &Path) -> Ran {
        let mut command = self.command(script.to_str().unwrap());
        command.env("PODMAN", format!("/usr/bin/podman {}", self.arguments("podman").join(" ")));
        command.env("KEPT", &self.kept).env("FILE", file);
        Cli::new(command, self.scene.evidence().clone()).run()
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").current_dir("/");
        command.env("HOME", &self.kept).env("TMPDIR", self.kept.join("tmp"));
        command
    }

    fn arguments(&self, tool: &str) -> Vec<String> {
        let place = |name: &str| self.kept.join(name).to_str().unwrap().to_owned();
        let mut arguments = vec![format!("--root={}", place("images")), format!("--runroot={}", place("state"))];
        arguments.push("--storage-driver=vfs".to_owned());
        if tool == "podman" {
            arguments
                .extend(["--cgroup-manager=cgroupfs", "--runtime=runc", "--events-backend=none"].map(str::to_owned));
            arguments.push(format!("--tmpdir={}", place("podman")));
        }
        arguments
    }

    /// A container of the image, as each service of `compose.yaml` is one.
    fn container(&self, network: &str, more: &[&str], command: &[&str]) -> Ran {
        let volume = format!("{}:/data", self.scene.path().join("data").to_str().unwrap());
        // what this computer's own limits are is no matter of the image
        let limits = ["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=512:512", "--no-healthcheck"];
        let closed = ["--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--volume", &volume];
        let begin = ["run", "--network", network];
        self.run("podman", &[&begin[..], &limits, &closed, more, &["agentport"], command].concat())
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        drop(self.run("podman", &["rm", "--force", "--time", "0", "gateway"]));
        // images are large, and hold no secret: they are no part of what is searched
        fs::remove_dir_all(&self.kept).ok();
    }
}

/// What the first stage of `Dockerfile` leaves for the last one.
fn first_stage(scene: &Scene, kept: &Path) -> PathBuf {
    let image = kept.join("build/image");
    let place = |path: &str| {
        let path = image.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        path
    };
    let program = place("usr/local/bin/agentport");
    let built = env!("CARGO_BIN_EXE_agentport");
    assert!(Command::new("/usr/bin/strip").arg("-o").arg(&program).arg(built).status().unwrap().success());
    let mut ldd = Command::new("/usr/bin/ldd");
    ldd.arg(built);
    let listed = Cli::new(ldd, scene.evidence().clone()).run().stdout;
    for library in listed.split_whitespace().filter(|word| word.starts_with('/')) {
        fs::copy(library, place(library.trim_start_matches('/'))).unwrap();
    }
    let user = format!("agentport:x:{USER}:{USER}:AgentPort:/data:/sbin/nologin\n");
    for (file, text) in [("etc/passwd", user.as_str()), ("etc/nsswitch.conf", "hosts: files dns\n")] {
        assert!(dockerfile().contains(&format!("echo '{}' > /image/{file}", text.trim())), "{file}");
        fs::write(place(file), text).unwrap();
    }
    private(&place("data"));
    kept.join("build")
}

fn private(folder: &Path) {
    fs::create_dir(folder).unwrap();
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).unwrap();
    chown(folder, Some(USER), Some(USER)).unwrap();
}

fn dockerfile() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/Dockerfile")).unwrap()
}

#[test]
fn a_container_starts_closed_takes_its_first_human_and_says_that_it_is_well() {
    let Some(engine) = Engine::with_image(&[]) else { return };
    private(&engine.scene.path().join("data"));
    let told = engine.run("podman", &["image", "inspect", "agentport"]);
    for part in ["\"65532:65532\"", "serve", "--check", "Healthcheck"] {
        assert!(told.stdout.contains(part), "{part}: {told:?}");
    }

    // as the service `home` of compose.yaml: what is there already is left alone
    for said in ["made /data/.agentport", "there is a home at /data/.agentport"] {
        let init = ["init", "--store", "vault", "--published-on", "127.0.0.1", "--if-absent"];
        let made = engine.container("none", &["--rm"], &init);
        assert_eq!(made.code, 0, "{made:?}");
        assert!(made.stdout.contains(said), "{made:?}");
    }
    let settings = engine.scene.path().join("data/.agentport/agentport.toml");
    let port = free_port().to_string();
    let text = fs::read_to_string(&settings).unwrap();
    fs::write(&settings, text.replace("4747", &port)).unwrap();
    let started = engine.container("host", &["--detach", "--name", "gateway"], &["serve"]);
    assert_eq!(started.code, 0, "{started:?}");
    let inside = |arguments: &[&str]| {
        engine.run("podman", &[&["exec", "gateway", "/usr/local/bin/agentport"], arguments].concat())
    };
    let mut health = inside(&["serve", "--check"]);
    for _ in 0..40 {
        if health.code == 0 {
            break;
        }
        health = inside(&["serve", "--check"]);
    }
    assert!(health.code == 0 && health.stdout.contains("it answers"), "{health:?}");

    // it is nobody in particular, may do nothing in particular, and writes to its volume alone
    let pid = engine.run("podman", &["inspect", "gateway", "--format", "{{.State.Pid}}"]).stdout;
    let status = fs::read_to_string(format!("/proc/{}/status", pid.trim())).unwrap();
    let line = |key: &str| {
        status.lines().find_map(|line| line.strip_prefix(key)).unwrap().split_whitespace().collect::<Vec<_>>()
    };
    assert_eq!(line("Uid:"), ["65532"; 4]);
    for set in ["CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"] {
        assert_eq!(line(set), ["0000000000000000"], "{set}");
    }
    assert_eq!(line("NoNewPrivs:"), ["1"]);
    let mounts = fs::read_to_string(format!("/proc/{}/mounts", pid.trim())).unwrap();
    let of = |place: &str| mounts.lines().find(|line| line.split(' ').nth(1) == Some(place)).unwrap().to_owned();
    assert!(of("/").split(' ').nth(3).unwrap().starts_with("ro"), "{mounts}");
    assert!(of("/data").split(' ').nth(3).unwrap().starts_with("rw"), "{mounts}");

    // the first human comes by the link of its log
    let log = engine.run("podman", &["logs", "gateway"]);
    let said = format!("{}{}", log.stdout, log.stderr);
    let address = said.lines().find(|line| line.starts_with("http://localhost:")).unwrap_or_else(|| panic!("{said}"));
    let path = address.strip_prefix(&format!("http://localhost:{port}")).unwrap();
    let page = get(&port, path);
    assert!(page.starts_with("HTTP/1.1 200") && page.contains("authenticator app"), "{page}");
    // whoever comes without it is asked for no code
    let asked = get(&port, "/");
    assert!(asked.contains("Nobody is enrolled yet") && !asked.contains("name=\"code\""), "{asked}");
}

/// What comes back from the gateway, as a browser on this computer gets it.
fn get(port: &str, path: &str) -> String {
    use std::io::{Read as _, Write as _};
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port.parse::<u16>().unwrap())).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}
