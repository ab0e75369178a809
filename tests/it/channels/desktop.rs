//! A notification on a desktop: a bus of its own, and a service on it that is a notification daemon as far as the
//! Desktop Notifications Specification goes.

#![expect(clippy::disallowed_methods, reason = "the test starts a bus")]
#![expect(clippy::disallowed_types, reason = "what zbus writes for an interface has one")]
#![expect(clippy::used_underscore_binding, reason = "what zbus writes for an interface uses every parameter")]

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
    sync::mpsc,
};

use serde_json::json;

use crate::harness::{Port, Upstream, skip};

/// A session's bus.
struct Bus {
    daemon: Child,
    address: String,
}

impl Bus {
    fn start(test: &str) -> Option<Self> {
        let started = Command::new("dbus-daemon")
            .args(["--session", "--nofork", "--print-address=1"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let Ok(mut daemon) = started else {
            skip(&format!("{test}: dbus-daemon is not there"));
            return None;
        };
        let mut address = String::new();
        BufReader::new(daemon.stdout.take().unwrap()).read_line(&mut address).unwrap();
        Some(Self { daemon, address: address.trim().to_owned() })
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        self.daemon.kill().ok();
        self.daemon.wait().ok();
    }
}

/// Title, body, and the names of actions.
type Shown = (String, String, Vec<String>);

struct Daemon(mpsc::Sender<Shown>);

#[zbus::interface(name = "org.freedesktop.Notifications")]
impl Daemon {
    #[expect(clippy::unused_self, reason = "the shape of the interface")]
    fn get_capabilities(&self) -> Vec<String> {
        vec!["body".to_owned(), "body-markup".to_owned(), "actions".to_owned()]
    }

    #[expect(clippy::too_many_arguments, reason = "the shape of the interface")]
    fn notify(
        &self,
        app_name: &str,
        _replaces_id: u32,
        _app_icon: &str,
        summary: &str,
        body: &str,
        actions: Vec<String>,
        _hints: std::collections::BTreeMap<String, zbus::zvariant::OwnedValue>,
        _expire_timeout: i32,
    ) -> u32 {
        assert_eq!(app_name, "AgentPort");
        self.0.send((summary.to_owned(), body.to_owned(), actions)).unwrap();
        1
    }
}

#[test]
fn a_desktop_shows_that_a_call_waits() {
    let Some(bus) = Bus::start("a_desktop_shows_that_a_call_waits") else { return };
    let (sender, shown) = mpsc::channel();
    let daemon = zbus::blocking::connection::Builder::address(bus.address.as_str())
        .unwrap()
        .name("org.freedesktop.Notifications")
        .unwrap()
        .serve_at("/org/freedesktop/Notifications", Daemon(sender))
        .unwrap()
        .build()
        .unwrap();
    let upstream = Upstream::plain();
    // it does not leave this computer, so that a link of this computer will do
    let mut port = Port::connected(&upstream);
    port.set("DBUS_SESSION_BUS_ADDRESS", &bus.address);
    super::add(&port, "[[notify]]\nkind = \"desktop\"\n");
    let mut wire = port.wire();
    let id = wire.call("stripe_create_refund", json!({"charge": "ch_1", "amount": 4_242})).approval_id();
    let (title, body, actions) = shown.recv_timeout(std::time::Duration::from_secs(30)).unwrap();
    assert_eq!(title, "AgentPort: a call waits for you");
    assert!(
        body.contains("Refund a charge (stripe.create_refund)") && body.contains(&format!("/approve/{id}")),
        "{body}"
    );
    assert!(!body.contains("4242"), "{body}");
    assert!(actions.is_empty(), "none could approve: {actions:?}");
    drop(wire.end());
    drop(daemon);
    // and where there is no desktop, the channel says so
    port.set("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent");
    let tested = port.cli(["notify", "test", "--json"]).exits(1).json();
    assert_eq!(tested[0]["problem"], "no desktop of this session takes notifications");
}
