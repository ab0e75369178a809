//! Attacks on the whole program, by their numbers in the threat catalogue; a file for each of its groups. Each says what
//! must not happen and looks for it where it would show: at the service, in the log, in what anybody saw.

mod answers;
mod approvals;
mod arguments;
mod environment;
mod factor;
mod files;
mod log;
mod network;
mod policy;
mod protocol;
mod resources;
mod secrets;
mod semantics;

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The most memory that a process ever had, in KiB.
fn peak_memory(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Every file and folder below, sorted.
fn files_in(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(files_in(&path));
        }
        all.push(path);
    }
    all.sort();
    all
}
