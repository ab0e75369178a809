//! A home, and the real program on it.

use std::{
    cell::RefCell,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::{Value, json};

use super::{Agent, Cli, Evidence, Scene, Served, Upstream, Wire, free_port, now, skip, totp};

/// A home, a secret that must not be seen, and who saw what.
pub struct Port {
    codes: RefCell<Vec<String>>,
    environment: Vec<(String, String)>,
    cwd: PathBuf,
    /// What its processes find at `/etc`, where it is not this computer's.
    etc: Option<PathBuf>,
    scene: Scene,
}

impl Port {
    /// A place for a home, and nothing in it.
    pub fn empty() -> Self {
        let scene = Scene::new();
        let environment = [
            ("AGENTPORT_HOME", scene.path().join("home")),
            ("AGENTPORT_KEY_FILE", scene.path().join("key")),
            ("AGENTPORT_LOG", PathBuf::from("trace")),
        ];
        let environment =
            environment.map(|(name, value)| (name.to_owned(), value.into_os_string().into_string().unwrap()));
        Self {
            codes: RefCell::default(),
            environment: environment.into(),
            cwd: scene.path().to_owned(),
            etc: None,
            scene,
        }
    }

    /// A home with a vault, the default policy and a site port that nobody else uses.
    pub fn new() -> Self {
        let port = Self::empty();
        port.init();
        port
    }

    /// A home with a factor.
    pub fn enrolled() -> Self {
        let port = Self::new();
        port.enrol();
        port
    }

    /// A home with a factor, and with Stripe connected at `upstream`.
    pub fn connected(upstream: &Upstream) -> Self {
        let port = Self::enrolled();
        port.connect_stripe(&upstream.origin());
        port
    }

    /// As the person does it first.
    pub fn init(&self) {
        let made = self.cli(["init", "--store", "vault", "--json"]).done().json();
        assert_eq!(made, json!({"home": self.home(), "store": "vault", "preset": "default"}));
        self.keep_vault_key();
        let site = free_port();
        let key = self.folder().join("key");
        self.settings(&[
            ("\"~/.agentport.key\"", &format!("\"{}\"", key.display())),
            ("listen = \"127.0.0.1:4747\"", &format!("listen = \"127.0.0.1:{site}\"")),
            ("public_url = \"http://localhost:4747\"", &format!("public_url = \"http://localhost:{site}\"")),
            // most tests count what the service gets; `previews` has those of what is looked up
            ("look_up = true", "look_up = false"),
        ]);
    }

    /// The key of a vault that was just made is a secret too.
    pub fn keep_vault_key(&self) {
        keep_vault_key(&self.scene);
    }

    /// Changes lines of `agentport.toml`, each of which must be there.
    pub fn settings(&self, changes: &[(&str, &str)]) {
        let path = self.home().join("agentport.toml");
        let mut text = fs::read_to_string(&path).unwrap();
        for (old, new) in changes {
            assert!(text.contains(old), "`{old}` is not in {text}");
            text = text.replace(old, new);
        }
        fs::write(&path, text).unwrap();
    }

    /// Enrols an authenticator app.
    pub fn enrol(&self) {
        let mut child = self.cli(["factor", "add", "totp", "--json"]).unseen().spawn();
        let uri = child.line()["otpauth_uri"].as_str().unwrap().to_owned();
        let seed = uri.split("secret=").nth(1).unwrap().split('&').next().unwrap().to_owned();
        let step = now() / 30;
        child.say(&totp(&seed, step));
        let active = child.line();
        assert_eq!(active["status"], json!("active"));
        assert_eq!(child.wait(), 0);
        let mut codes: Vec<String> =
            active["recovery_codes"].as_array().unwrap().iter().map(|code| code.as_str().unwrap().to_owned()).collect();
        assert_eq!(codes.len(), 10);
        for secret in codes.iter().chain([&seed]) {
            self.evidence().keep_from(secret);
        }
        // the step after the one that enrolled: it counts already, and later too
        codes.push(totp(&seed, step + 1));
        *self.codes.borrow_mut() = codes;
    }

    /// A code that counts.
    pub fn code(&self) -> String {
        self.codes.borrow_mut().pop().expect("a test has eleven codes")
    }

    /// One that counts however late it is used: a recovery code.
    pub fn lasting_code(&self) -> String {
        self.codes.borrow_mut().remove(0)
    }

    /// Connects Stripe, verified.
    pub fn connect_stripe(&self, origin: &str) -> Value {
        let arguments = ["connect", "stripe", "--origin", origin, "--allow-private", "--secret-stdin", "--json"];
        self.cli(arguments).stdin(self.canary()).done().json()
    }

    /// Connects GitHub, verified.
    pub fn connect_github(&self, origin: &str) -> Value {
        let arguments = ["connect", "github", "--origin", origin, "--allow-private", "--secret-stdin", "--json"];
        self.cli(arguments).stdin(self.canary()).done().json()
    }

    /// Connects Linear with a key of its own, verified.
    pub fn connect_linear(&self, origin: &str) -> Value {
        let arguments = ["connect", "linear", "--origin", origin, "--allow-private", "--secret-stdin", "--json"];
        self.cli(arguments).stdin(&self.linear_key()).done().json()
    }

    /// Makes a database of `sql` and connects it as `prod`, verified; its file.
    pub fn connect_sqlite(&self, sql: &str) -> String {
        let file = self.folder().join("shop.db").to_str().unwrap().to_owned();
        rusqlite::Connection::open(&file).unwrap().execute_batch(sql).unwrap();
        let url = format!("sqlite://{file}");
        let arguments = ["connect", "sqlite", "--account", "prod", "--secret-stdin", "--json"];
        let connected = self.cli(arguments).stdin(&url).done().json();
        assert_eq!((&connected["origin"], &connected["verified"]), (&json!(url), &json!(true)));
        file
    }

    /// A key as Linear gives them out; it must not show either.
    pub fn linear_key(&self) -> String {
        let key = self.canary().replace("sk_test_", "lin_api_");
        self.evidence().keep_from(&key);
        key
    }

    /// The person says yes at the terminal.
    pub fn approve(&self, id: &str) -> Value {
        self.cli(["approvals", "approve", id, "--code-stdin", "--json"]).stdin(&self.code()).done().json()
    }

    /// Lets an agent in, as the person does: name, then options. Its token must not show.
    pub fn let_in(&self, arguments: &[&str]) -> String {
        let command = ["agents", "add"].into_iter().chain(arguments.iter().copied()).chain(["--code-stdin", "--json"]);
        let added = self.cli(command).stdin(&self.code()).unseen().done().json();
        assert_eq!(added["name"], json!(arguments[0]));
        let token = added["token"].as_str().unwrap().to_owned();
        self.evidence().keep_from(&token);
        token
    }

    /// A policy line, in force at once: `policy set`, `policy apply`.
    pub fn allow(&self, target: &str) {
        self.cli(["policy", "set", target, "allow", "--json"]).done();
        self.cli(["policy", "apply", "--code-stdin", "--json"]).stdin(&self.code()).done();
    }

    /// One command.
    pub fn cli<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Cli {
        let mut command = self.command();
        command.args(arguments);
        Cli::new(command, self.evidence().clone())
    }

    /// The gateway, once it serves.
    pub fn serve(&self) -> Served {
        Served::start(self.command(), self.evidence().clone())
    }

    /// The server on raw lines, initialized.
    pub fn wire(&self) -> Wire {
        self.wire_as("local")
    }

    /// The server for a caller, on raw lines, initialized.
    pub fn wire_as(&self, caller: &str) -> Wire {
        let mut wire = self.silent_wire(caller);
        wire.initialize("2025-11-25");
        wire
    }

    /// The server, to which nothing has been said.
    pub fn silent_wire(&self, caller: &str) -> Wire {
        let mut command = self.command();
        command.args(["stdio", "--as", caller]);
        Wire::start(command, self.evidence().clone())
    }

    /// The server with rmcp's client.
    pub async fn agent(&self) -> Agent {
        Agent::start(self.command(), self.evidence().clone()).await
    }

    /// From now on every process of the program finds this at `/etc/agentport/policy.toml`; the file itself. `None` where
    /// this computer lets nobody make such a view of it.
    pub fn of_root(&mut self, test: &str, policy: &str) -> Option<PathBuf> {
        let etc = self.folder().join("etc");
        fs::create_dir_all(etc.join("agentport")).unwrap();
        for name in ["passwd", "group", "hosts", "nsswitch.conf"] {
            fs::copy(Path::new("/etc").join(name), etc.join(name)).ok();
        }
        for folder in [self.folder(), &etc, &etc.join("agentport")] {
            fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
        }
        let file = etc.join("agentport/policy.toml");
        fs::write(&file, policy).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        if !Self::elsewhere(&etc, "/bin/true").status().is_ok_and(|status| status.success()) {
            skip(&format!("{test}: nobody may make a mount namespace here"));
            return None;
        }
        self.etc = Some(etc);
        Some(file)
    }

    /// A program in a view of this computer with another `/etc`; whose files, in it, are root's.
    fn elsewhere(etc: &Path, program: &str) -> Command {
        let mut command = Command::new("/usr/bin/unshare");
        command.args(["-rm", "/bin/sh", "-c", "mount --bind \"$1\" /etc && shift && exec \"$@\"", "sh"]);
        command.arg(etc).arg(program);
        command
    }

    /// The program with this home's environment and no other.
    pub fn command(&self) -> Command {
        let program = env!("CARGO_BIN_EXE_agentport");
        let mut command = self.etc.as_ref().map_or_else(|| Command::new(program), |etc| Self::elsewhere(etc, program));
        command.env_clear().envs(self.environment.iter().map(|(name, value)| (name, value))).current_dir(&self.cwd);
        command.stdin(Stdio::null());
        command
    }

    /// A line of shell with this home's environment; `$1` and so on are the arguments that are added.
    pub fn shell(&self, line: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", line, "sh"]).env_clear();
        command.envs(self.environment.iter().map(|(name, value)| (name, value))).env("PATH", "/usr/bin:/bin");
        command.current_dir(&self.cwd);
        command
    }

    /// From now on every process of the program has this variable.
    pub fn set(&mut self, name: &str, value: &str) {
        self.environment.retain(|(known, _)| known != name);
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    /// From now on every process of the program starts here.
    pub fn start_in(&mut self, folder: &Path) {
        folder.clone_into(&mut self.cwd);
    }

    /// The secret.
    pub fn canary(&self) -> &str {
        self.scene.canary()
    }

    /// Who saw what.
    pub(crate) fn evidence(&self) -> &Evidence {
        self.scene.evidence()
    }

    /// The home.
    pub fn home(&self) -> PathBuf {
        self.folder().join("home")
    }

    /// The folder around the home.
    pub fn folder(&self) -> &Path {
        self.scene.path()
    }

    /// `policy.toml` as it stands.
    pub fn policy(&self) -> String {
        fs::read_to_string(self.home().join("policy.toml")).unwrap()
    }

    /// Edits `policy.toml` with an editor.
    pub fn edit_policy(&self, text: &str) {
        fs::write(self.home().join("policy.toml"), text).unwrap();
    }

    /// The database, for looking and for tampering.
    pub fn database(&self) -> rusqlite::Connection {
        let connection = rusqlite::Connection::open(self.home().join("agentport.db")).unwrap();
        connection.busy_timeout(std::time::Duration::from_secs(5)).unwrap();
        connection
    }

    /// The lines of the log, newest first.
    pub fn log(&self) -> Vec<Value> {
        let Value::Array(lines) = self.cli(["log", "list", "--json"]).done().json() else { panic!("no list") };
        lines
    }

    /// `(tool, status)` of each call in the log, oldest first.
    pub fn calls(&self) -> Vec<(String, String)> {
        let text = |line: &Value, key: &str| line[key].as_str().unwrap().to_owned();
        let calls = self.log().into_iter().rev().filter(|line| line["kind"] == "call");
        calls.map(|line| (text(&line, "tool"), text(&line, "status"))).collect()
    }
}

/// The key of a home's vault is a secret too, and lies beside the home.
pub(crate) fn keep_vault_key(scene: &Scene) {
    let path = scene.path().join("key");
    let text = fs::read_to_string(&path).unwrap();
    scene.evidence().keep_from(text.lines().find(|line| line.starts_with("AGE-SECRET-KEY-")).unwrap());
    scene.evidence().planted(path);
}
