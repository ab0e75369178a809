//! `agentport init` on a terminal: the walk of a person who slips, and what it leaves when they end it.

use std::{
    io::{Read as _, Write as _},
    process::{Child, ChildStdout, Stdio},
};

use crate::harness::{Evidence, Port, now, totp};

/// No keyring is here, whatever this computer has.
const NOWHERE: &str = "unix:path=/nonexistent/bus";

/// The program on a terminal of its own, and somebody who reads and types there.
struct Terminal {
    child: Child,
    output: ChildStdout,
    evidence: Evidence,
    /// Shown, and not read yet.
    shown: String,
}

impl Terminal {
    fn new(port: &Port, arguments: &str) -> Self {
        let line = format!("exec script --quiet --return --command \"$1 {arguments}\" /dev/null");
        let mut command = port.shell(&line);
        command.arg(env!("CARGO_BIN_EXE_agentport")).env("DBUS_SESSION_BUS_ADDRESS", NOWHERE);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let output = child.stdout.take().unwrap();
        Self { child, output, evidence: port.evidence().clone(), shown: String::new() }
    }

    /// What is shown up to `end`.
    fn until(&mut self, end: &str) -> String {
        let mut buffer = [0; 4096];
        loop {
            if let Some((before, after)) = self.shown.split_once(end) {
                let (before, after) = (format!("{before}{end}"), after.to_owned());
                self.shown = after;
                return before;
            }
            let read = self.output.read(&mut buffer).unwrap();
            assert_ne!(read, 0, "it ended before `{end}`: {}", self.shown);
            self.shown += &String::from_utf8_lossy(&buffer[..read]);
        }
    }

    fn say(&mut self, line: &str) {
        writeln!(self.child.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    /// The rest of what is shown, and the exit code.
    fn end(mut self) -> (String, i32) {
        let mut rest = Vec::new();
        self.output.read_to_end(&mut rest).unwrap();
        let rest = self.shown + &String::from_utf8_lossy(&rest);
        self.evidence.saw(&rest);
        (rest, self.child.wait().unwrap().code().unwrap())
    }
}

#[test]
fn who_slips_is_asked_again_and_arrives() {
    let port = Port::empty();
    let file = port.folder().join("shop.db").to_str().unwrap().to_owned();
    rusqlite::Connection::open(&file).unwrap().execute_batch("CREATE TABLE customers (id INTEGER)").unwrap();
    let mut terminal = Terminal::new(&port, "init");
    terminal.until("the keyring cannot be used");
    terminal.until("[Y/n]");
    terminal.say("");
    terminal.until("which one? [default]");
    terminal.say("everday");
    terminal.until("`everday` is none of default, everyday");
    terminal.until("which one? [default]");
    terminal.say("everyday");

    terminal.until("(l)ater? [t]");
    port.keep_vault_key();
    terminal.say("");
    let uri = terminal.until("the six digits that the app shows now:");
    let seed = uri.split("secret=").nth(1).unwrap().split('&').next().unwrap();
    port.evidence().keep_from(seed);
    let step = now() / 30;
    for wrong in ["12345".to_owned(), totp(seed, step - 1000)] {
        terminal.say(&wrong);
        terminal.until("error: ");
        terminal.until("the six digits that the app shows now:");
    }
    terminal.say(&totp(seed, step));
    terminal.until("enrolled. Recovery codes");

    let services = terminal.until("which one? (empty to skip)");
    assert!(services.contains("github") && services.contains("postgres") && services.contains("sqlite"), "{services}");
    terminal.say("SQLite");
    terminal.until("SQLite connection URL: ");
    terminal.say(&format!("sqlite://{file}.gone"));
    terminal.until("not done; now or later: agentport connect sqlite");
    terminal.until("another one? (empty to go on)");
    terminal.say("sqlite");
    terminal.until("SQLite connection URL: ");
    terminal.say(&format!("sqlite://{file}"));
    terminal.until("another one? (empty to go on)");
    terminal.say("");
    let hosts = terminal.until("which one? (empty to skip)");
    assert!(hosts.contains("openclaw, claude-code, codex, cursor"), "{hosts}");
    terminal.say("");
    let (rest, code) = terminal.end();
    assert!(rest.contains("done. `agentport doctor`"), "{rest}");
    assert_eq!(code, 0);

    let factors = port.cli(["factor", "list", "--json"]).done().json();
    assert_eq!(factors["factors"].as_array().unwrap().len(), 1, "{factors}");
    let accounts = port.cli(["accounts", "--json"]).done().stdout;
    assert!(accounts.contains(&format!("\"sqlite://{file}\"")), "{accounts}");
    let everyday = include_str!("../../../policies/everyday.toml");
    assert_eq!(port.policy(), everyday);
}

#[test]
fn who_wants_no_file_for_secrets_has_no_home() {
    let port = Port::empty();
    let mut terminal = Terminal::new(&port, "init");
    terminal.until("[Y/n]");
    terminal.say("n");
    let (rest, code) = terminal.end();
    assert!(rest.contains("nothing was made"), "{rest}");
    assert_eq!(code, 1);
    assert!(!port.home().exists());
}
