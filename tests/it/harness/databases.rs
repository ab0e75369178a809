//! Real database servers, Debian's PostgreSQL and MariaDB: each test that asks has one of its own, in a folder that goes
//! with it, on a socket and a port of loopback. Neither runs as root, so as root they are given to nobody.

use std::{
    fs,
    io::Write as _,
    os::unix::fs::chown,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use rustix::process::Signal;

use super::{Shown, server::Server, skip};

/// The user and the group `nobody`, as Debian numbers them.
const NOBODY: u32 = 65_534;

/// Who knows everything of a server of tests.
const ADMIN_PASSWORD: &str = "of-the-test-itself";

/// A server with one empty database, `shop`.
pub struct Database {
    kind: Kind,
    server: Server,
    folder: tempfile::TempDir,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Postgres,
    Mariadb,
}

impl Database {
    /// PostgreSQL, whose superuser is `postgres`. `None`: it is not installed, and the test says that it was skipped.
    pub fn postgres(test: &str) -> Option<Self> {
        Self::start_postgres(test, None)
    }

    /// The same with TLS, without which nobody comes in over the network.
    pub fn postgres_showing(test: &str, shown: &Shown) -> Option<Self> {
        Self::start_postgres(test, Some(shown))
    }

    fn start_postgres(test: &str, shown: Option<&Shown>) -> Option<Self> {
        let Some(programs) = postgres_programs() else {
            skip(&format!("{test}: there is no /usr/lib/postgresql; install postgresql"));
            return None;
        };
        let folder = private_folder();
        let password = folder.path().join("password");
        fs::write(&password, ADMIN_PASSWORD).unwrap();
        give_away(&password);
        let mut init = unprivileged(&programs.join("initdb"));
        init.args(["--username=postgres", "--auth-local=trust", "--auth-host=scram-sha-256", "--encoding=UTF8"]);
        init.args(["--locale=C", "--no-sync", "--no-instructions", "--pwfile"]).arg(&password);
        done(init.arg("-D").arg(folder.path().join("data")));
        let start = |port: u16| {
            let mut server = unprivileged(&programs.join("postgres"));
            server.arg("-D").arg(folder.path().join("data")).arg("-k").arg(folder.path());
            server.args(["-h", "127.0.0.1", "-p", &port.to_string()]);
            // nothing changes by itself while a test compares
            server.args(["-c", "autovacuum=off", "-c", "fsync=off", "-c", "max_prepared_transactions=5"]);
            if shown.is_some() {
                let file = |name: &str| folder.path().join(name).display().to_string();
                server.args(["-c", "ssl=on", "-c", &format!("ssl_cert_file={}", file("server.pem"))]);
                server.args(["-c", &format!("ssl_key_file={}", file("server.key"))]);
            }
            server
        };
        if let Some(shown) = shown {
            hand_over(shown, folder.path());
            let rules = "local all all trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n";
            fs::write(folder.path().join("data/pg_hba.conf"), rules).unwrap();
        }
        let server = Server::started(start, "database system is ready to accept connections", Signal::QUIT);
        let server = Self { kind: Kind::Postgres, server, folder };
        server.is_itself("postgres", "SHOW data_directory");
        server.client("postgres", "CREATE DATABASE shop");
        Some(server)
    }

    /// MariaDB, whose superuser is `root`; as [`Database::postgres`].
    pub fn mariadb(test: &str) -> Option<Self> {
        Self::start_mariadb(test, None)
    }

    /// The same with TLS, without which nobody comes in over the network.
    pub fn mariadb_showing(test: &str, shown: &Shown) -> Option<Self> {
        Self::start_mariadb(test, Some(shown))
    }

    fn start_mariadb(test: &str, shown: Option<&Shown>) -> Option<Self> {
        let (Some(init), Some(server)) = (program("mariadb-install-db"), program("mariadbd")) else {
            skip(&format!("{test}: there is no mariadbd; install mariadb-server"));
            return None;
        };
        let folder = private_folder();
        let data = format!("--datadir={}", folder.path().join("data").display());
        // a server that starts removes every `#sql…` of its folder for temporary files: in a common one also what another
        // server is about to open, and that one crashes (`mysql_rm_tmp_tables` and `ha_maria::drop_table` of 10.11)
        fs::create_dir(folder.path().join("tmp")).unwrap();
        give_away(&folder.path().join("tmp"));
        let temporary = format!("--tmpdir={}", folder.path().join("tmp").display());
        let mut init = unprivileged(&init);
        init.args(["--no-defaults", &data, "--auth-root-authentication-method=normal", "--skip-test-db"]);
        done(init.args(["--skip-name-resolve", "--innodb-log-file-size=8M", &temporary]));
        let start = |port: u16| {
            let mut server = unprivileged(&server);
            server.args(["--no-defaults", &data, "--bind-address=127.0.0.1", "--skip-name-resolve"]);
            server.arg(format!("--socket={}", folder.path().join("socket").display())).arg(format!("--port={port}"));
            server.arg(format!("--pid-file={}", folder.path().join("pid").display()));
            server.arg(&temporary);
            // nothing changes by itself while a test compares, and files may be written anywhere
            server.args(["--innodb-stats-auto-recalc=0", "--innodb-flush-log-at-trx-commit=0", "--secure-file-priv="]);
            server.args(["--innodb-log-file-size=8M", "--innodb-buffer-pool-size=32M", "--performance-schema=off"]);
            if shown.is_some() {
                let file = |name: &str| folder.path().join(name).display().to_string();
                server.args(["--require-secure-transport=ON", &format!("--ssl-cert={}", file("server.pem"))]);
                server.arg(format!("--ssl-key={}", file("server.key")));
            }
            server
        };
        if let Some(shown) = shown {
            hand_over(shown, folder.path());
        }
        let server = Server::started(start, "ready for connections", Signal::KILL);
        let server = Self { kind: Kind::Mariadb, server, folder };
        server.is_itself("mysql", "SELECT @@datadir");
        server.client("mysql", "CREATE DATABASE shop CHARACTER SET utf8mb4");
        Some(server)
    }

    /// Where `user` finds `shop`.
    pub fn url(&self, user: &str, password: &str) -> String {
        let scheme = match self.kind {
            Kind::Postgres => "postgres",
            Kind::Mariadb => "mysql",
        };
        format!("{scheme}://{user}:{password}@127.0.0.1:{}/shop", self.port())
    }

    /// From now on it shows this to who connects.
    pub fn show(&self, shown: &Shown) {
        hand_over(shown, self.folder.path());
        match self.kind {
            Kind::Postgres => {
                // a connection that knows of the later time was taken after the files had been read
                let loaded = "SELECT pg_conf_load_time()";
                let before = self.client("shop", loaded);
                self.client("shop", "SELECT pg_reload_conf()");
                while self.client("shop", loaded) == before {}
            }
            Kind::Mariadb => drop(self.client("shop", "FLUSH SSL")),
        }
    }

    /// Runs statements in `shop` as the superuser. What they answer: a line for each row, cells between tabs.
    pub fn run(&self, statements: &str) -> String {
        self.client("shop", statements)
    }

    /// Runs a script of PostgreSQL's own suite in `shop`, as far as it goes. The suite's data are copied to where the server
    /// may read them.
    pub fn script(&self, script: &Path, suite: &Path) {
        let folder = self.folder.path().join("suite");
        fs::create_dir_all(folder.join("data")).unwrap();
        for file in fs::read_dir(suite.join("data")).unwrap().map(Result::unwrap) {
            fs::copy(file.path(), folder.join("data").join(file.file_name())).unwrap();
        }
        let mut command = self.command(false, "shop");
        command.args(["-v", "ON_ERROR_STOP=0", "-f"]).arg(script).stdin(Stdio::null());
        command.env("PG_ABS_SRCDIR", &folder).env("PG_LIBDIR", &folder).env("PG_DLSUFFIX", ".so");
        done(&mut command);
    }

    /// Everything that is stored, as the server's own tool writes it: all databases, sequences, users and their settings.
    pub fn dump(&self) -> String {
        let mut command = match self.kind {
            Kind::Postgres => {
                let mut command = Command::new(postgres_programs().unwrap().join("pg_dumpall"));
                command.args(["--no-sync", "-U", "postgres", "-h"]).arg(self.folder.path());
                command.args(["-p", &self.port().to_string()]);
                command
            }
            Kind::Mariadb => {
                let mut command = Command::new("mariadb-dump");
                command.arg("--no-defaults").arg("-uroot").arg("-S").arg(self.folder.path().join("socket"));
                command.args(["--all-databases", "--routines", "--events", "--triggers", "--hex-blob"]);
                command.args(["--skip-dump-date", "--order-by-primary", "--flush-privileges", "--skip-lock-tables"]);
                command
            }
        };
        self.answered(&mut command, "")
    }

    /// The folder of its data.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The port of loopback.
    pub fn port(&self) -> u16 {
        self.server.port()
    }

    /// The superuser: name and password.
    pub fn superuser(&self) -> (&'static str, &'static str) {
        match self.kind {
            Kind::Postgres => ("postgres", ADMIN_PASSWORD),
            Kind::Mariadb => ("root", ""),
        }
    }

    /// Is it this very server that answers, on its socket and on its port?
    fn is_itself(&self, database: &str, where_is_the_data: &str) {
        for over_tcp in [false, true] {
            let mut command = self.command(over_tcp, database);
            let said = self.answered(&mut command, where_is_the_data);
            assert_eq!(Path::new(said.trim()), self.data(), "somebody else answers");
        }
    }

    fn client(&self, database: &str, statements: &str) -> String {
        self.answered(&mut self.command(false, database), statements)
    }

    /// The server's own client, as the superuser.
    fn command(&self, over_tcp: bool, database: &str) -> Command {
        let socket = self.folder.path();
        match self.kind {
            Kind::Postgres => {
                let mut command = Command::new("psql");
                command.args(["-X", "-q", "-A", "-t", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-h"]);
                command.arg(if over_tcp { Path::new("127.0.0.1") } else { socket });
                command.args(["-p", &self.port().to_string(), database]).env("PGPASSWORD", ADMIN_PASSWORD);
                command
            }
            Kind::Mariadb => {
                let mut command = Command::new("mariadb");
                command.args(["--no-defaults", "-N", "-B", "-uroot", "--default-character-set=utf8mb4"]);
                if over_tcp {
                    command.args(["--protocol=tcp", "-h127.0.0.1", &format!("-P{}", self.port())]);
                } else {
                    command.arg("-S").arg(socket.join("socket"));
                }
                command.arg(database);
                command
            }
        }
    }

    /// What a client printed that has to succeed; if it doesn't, what became of the server is said too.
    fn answered(&self, command: &mut Command, input: &str) -> String {
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("a client");
        let mut pipe = child.stdin.take().unwrap();
        let text = input.to_owned();
        let writing = std::thread::spawn(move || pipe.write_all(text.as_bytes()));
        let output = child.wait_with_output().unwrap();
        // one that ends at an error reads no further
        writing.join().unwrap().ok();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command:?}: {error}\n{input}\n{}", self.server.account());
        String::from_utf8(output.stdout).unwrap()
    }
}

/// A statement in Debian's shell of SQLite, with a file's own folder to work in.
pub fn shell_of_sqlite(file: &Path, statement: &str) -> Result<(), String> {
    let mut command = Command::new("/usr/bin/sqlite3");
    // what would never end is interrupted
    command.args(["-batch", "-init", "/dev/null", "-cmd", ".progress 1000000 --limit 3 --quiet"]);
    command.arg(file).arg(statement).current_dir(file.parent().unwrap());
    let output = command.stdin(Stdio::null()).output().unwrap();
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}

/// The newest of those that Debian installs side by side.
fn postgres_programs() -> Option<PathBuf> {
    let versions =
        fs::read_dir("/usr/lib/postgresql").ok()?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let newest = versions.filter_map(|version| version.parse::<u32>().ok()).max()?;
    let programs = PathBuf::from(format!("/usr/lib/postgresql/{newest}/bin"));
    programs.join("postgres").exists().then_some(programs)
}

fn program(name: &str) -> Option<PathBuf> {
    ["/usr/sbin", "/usr/bin"].map(|folder| Path::new(folder).join(name)).into_iter().find(|path| path.exists())
}

fn private_folder() -> tempfile::TempDir {
    let folder = tempfile::Builder::new().prefix("agentport-db-").tempdir().unwrap();
    give_away(folder.path());
    folder
}

fn give_away(path: &Path) {
    if rustix::process::geteuid().is_root() {
        chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
    }
}

/// The server's own certificate and key, where the server looks for them.
fn hand_over(shown: &Shown, folder: &Path) {
    let (certificate, key) = shown.write(folder, "server");
    give_away(&certificate);
    give_away(&key);
}

/// A program as somebody who is not root, which ends with the test, however that ends.
fn unprivileged(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    if rustix::process::geteuid().is_root() {
        command.args(["--reuid", &NOBODY.to_string(), "--regid", &NOBODY.to_string(), "--clear-groups"]);
    }
    command.args(["--pdeathsig", "KILL"]).arg(program).current_dir("/").stdin(Stdio::null());
    command
}

/// What a program printed that has to succeed.
fn done(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}
