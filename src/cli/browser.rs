//! Opening a page in the person's browser: the only place that starts a process, with an address of our own.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::{config::Environment, files};

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

/// A page that leads on to an address which must not stand in an argument list, where others of this machine could read
/// it. It goes when this does.
#[derive(Debug)]
pub(super) struct Leading(PathBuf);

impl Drop for Leading {
    fn drop(&mut self) {
        drop(std::fs::remove_file(&self.0));
    }
}

/// Opens `url` by way of a file in `folder` that only this user can read. `None`: as for [`open`].
pub(super) fn open_unseen(environment: &Environment, folder: &Path, url: &str) -> Option<Leading> {
    // the address is ours; one that would have to be escaped is not
    if !environment.has_display() || url.contains(['"', '\'', '<', '>', '\\']) {
        return None;
    }
    let url = url.replace('&', "&amp;");
    let path = folder.join("set-up.html");
    let page = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"referrer\" content=\"no-referrer\">\
         <meta http-equiv=\"refresh\" content=\"0;url={url}\"><title>AgentPort</title><a href=\"{url}\">Go on</a></html>\n"
    );
    files::replace_private(&path, page.as_bytes()).ok()?;
    let leading = Leading(path);
    let address = url::Url::from_file_path(&leading.0).ok()?;
    open(environment, address.as_str()).then_some(leading)
}
