//! A mail, to a real mail server: Exim, on a port of loopback, which keeps in its queue what it takes.

#![expect(clippy::disallowed_methods, reason = "the test starts a mail server")]

use std::{
    fs,
    net::TcpListener,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::json;

use super::{store, told_by};
use crate::harness::{Port, Upstream, skip};

const EXIM: &str = "/usr/sbin/exim4";
const PASSWORD: &str = "password-of-ann-7";

/// Exim for each connection, as inetd starts it. What it took is in its queue.
struct Exim {
    folder: PathBuf,
    port: u16,
}

impl Exim {
    fn start(test: &str, port: &Port) -> Option<Self> {
        if !Path::new(EXIM).exists() {
            skip(&format!("{test}: {EXIM} is not there (Debian: exim4-daemon-light)"));
            return None;
        }
        let folder = port.folder().join("mail");
        fs::create_dir(&folder).unwrap();
        // as root it becomes its own user, who must reach its queue; as anybody else it stays that
        let user = if rustix::process::geteuid().is_root() {
            open(port.folder(), 0o711);
            open(&folder, 0o777);
            "exim_user = Debian-exim\nexim_group = Debian-exim\n".to_owned()
        } else {
            let (user, group) = (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
            format!("exim_user = {user}\nexim_group = {group}\n")
        };
        let folder_name = folder.display();
        let config = format!(
            "{user}spool_directory = {folder_name}/spool\nlog_file_path = {folder_name}/log_%s\n\
             primary_hostname = mail.example.test\nqueue_only = true\nkeep_environment =\nhost_lookup =\n\
             rfc1413_query_timeout = 0s\nacl_smtp_rcpt = signed_in\nacl_smtp_data = accept\n\
             begin acl\nsigned_in:\n  accept authenticated = *\n  deny\n\
             begin authenticators\nplain:\n  driver = plaintext\n  public_name = PLAIN\n  \
             server_condition = ${{if and {{{{eq{{$auth2}}{{ann}}}}{{eq{{$auth3}}{{{PASSWORD}}}}}}}}}\n  \
             server_set_id = $auth2\n  server_advertise_condition = true\n"
        );
        let path = folder.join("exim.conf");
        fs::write(&path, config).unwrap();
        // the test itself put the password there
        port.evidence().planted(folder.clone());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let exim = Self { folder, port: listener.local_addr().unwrap().port() };
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let input = OwnedFd::from(stream.unwrap());
                let output = input.try_clone().unwrap();
                let mut command = Command::new(EXIM);
                command.arg("-C").arg(&path).args(["-bs"]).stdin(input).stdout(output).stderr(Stdio::null());
                let mut child = command.spawn().unwrap();
                drop(command);
                std::thread::spawn(move || child.wait());
            }
        });
        Some(exim)
    }

    /// Heads and bodies of what it took.
    fn queue(&self) -> Vec<(String, String)> {
        let Ok(entries) = fs::read_dir(self.folder.join("spool/input")) else { return Vec::new() };
        let names = entries.map(|entry| entry.unwrap().path().display().to_string());
        let mails = names.filter_map(|name| name.strip_suffix("-D").map(str::to_owned));
        let text = |path: String| String::from_utf8(fs::read(path).unwrap()).unwrap();
        mails.map(|name| (text(format!("{name}-H")), text(format!("{name}-D")))).collect()
    }
}

fn open(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn channel(exim: &Exim, tls: &str) -> String {
    format!(
        "[[notify]]\nkind = \"email\"\nhost = \"127.0.0.1\"\nport = {}\ntls = \"{tls}\"\nuser = \"ann\"\n\
         from = \"agentport@example.com\"\nto = [\"ann@example.com\", \"bob@example.com\"]\n",
        exim.port
    )
}

#[test]
fn a_mail_reaches_a_real_mail_server() {
    let upstream = Upstream::plain();
    let port = told_by(&upstream, "");
    let Some(exim) = Exim::start("a_mail_reaches_a_real_mail_server", &port) else { return };
    super::add(&port, &channel(&exim, "none"));
    store(&port, "email", "another-password-1");
    let tested = port.cli(["notify", "test", "--json"]).exits(1).json();
    assert_eq!(tested[0]["problem"], "the mail server answered 535");
    assert_eq!(exim.queue(), []);
    store(&port, "email", PASSWORD);
    let mut wire = port.wire();
    let id = wire.call("stripe_create_refund", json!({"charge": "ch_1", "amount": 4_242})).approval_id();
    super::health(&port, "email", "told_at");
    drop(wire.end());
    let queue = exim.queue();
    assert_eq!(queue.len(), 1);
    let (head, body) = &queue[0];
    for part in [
        "--auth_id ann",
        "\n2\nann@example.com\nbob@example.com\n",
        "Subject: AgentPort: a call waits for you",
        "Auto-Submitted: auto-generated",
        "<agentport@example.com>",
    ] {
        assert!(head.contains(part), "`{part}` is not in {head}");
    }
    assert!(
        body.contains("Refund a charge (stripe.create_refund)") && body.contains(&format!("/approve/{id}")),
        "{body}"
    );
    assert!(!body.contains("4242") && !body.contains("ch_1"), "{body}");
}

/// Its certificate is its own work: nothing is said to it, the password least of all.
#[test]
fn a_mail_server_that_cannot_prove_who_it_is_gets_nothing() {
    let upstream = Upstream::plain();
    let port = told_by(&upstream, "");
    let Some(exim) = Exim::start("a_mail_server_that_cannot_prove_who_it_is_gets_nothing", &port) else { return };
    super::add(&port, &channel(&exim, "starttls"));
    store(&port, "email", PASSWORD);
    let tested = port.cli(["notify", "test", "--json"]).exits(1).json();
    let problem = tested[0]["problem"].as_str().unwrap();
    assert!(problem.starts_with("the mail server could not prove its identity"), "{problem}");
    assert_eq!(exim.queue(), []);
    let log = fs::read_to_string(exim.folder.join("log_main")).unwrap_or_default();
    assert!(!log.contains("A=plain"), "{log}");
}
