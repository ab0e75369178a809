//! Opening a page in the person's browser: the only place that starts a process, with an address of our own.

use std::process::{Command, Stdio};

use crate::config::Environment;

/// Opens `url`. `false`: there is no screen, or no program that could.
#[expect(clippy::disallowed_methods, reason = "the one place that starts a process; its argument is our own address")]
pub(super) fn open(environment: &Environment, url: &str) -> bool {
    if !environment.has_display() {
        return false;
    }
    let mut command = if cfg!(target_os = "macos") {
        Command::new("/usr/bin/open")
    } else if cfg!(windows) {
        let mut command = Command::new("rundll32.exe");
        command.arg("url.dll,FileProtocolHandler");
        command
    } else {
        Command::new("xdg-open")
    };
    command.arg(url).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().is_ok()
}
