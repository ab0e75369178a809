//! What only the C library sees of the program (`tests/standins/observer.c`): whom it calls, and what of its log is on the disk.

use std::{
    fs,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use super::Port;

/// Stands between every process of a port and the C library.
pub struct Observer {
    folder: PathBuf,
}

impl Observer {
    /// From now on, for what `port` starts.
    pub fn of(port: &mut Port) -> Self {
        let (folder, library) = (port.folder().join("observer"), port.folder().join("observer.so"));
        fs::create_dir_all(folder.join("disk")).unwrap();
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/standins/observer.c");
        let mut cc = Command::new("cc");
        cc.args(["-O1", "-shared", "-fPIC", "-o"]).arg(&library).args([source, "-ldl"]);
        assert!(cc.status().unwrap().success());
        port.set("OBSERVER", folder.to_str().unwrap());
        port.set("LD_PRELOAD", library.to_str().unwrap());
        Self { folder }
    }

    /// Every name that was looked up, as `name x`, and every address that was connected to, as `address port`, once each.
    pub fn calls(&self) -> Vec<String> {
        let mut calls: Vec<_> =
            fs::read_to_string(self.folder.join("calls")).unwrap_or_default().lines().map(str::to_owned).collect();
        calls.sort();
        calls.dedup();
        calls
    }

    /// Where the files of the database lie as a power cut would leave them now.
    pub fn disk(&self) -> PathBuf {
        self.folder.join("disk")
    }
}

/// A home as it would be found after a power cut: its files, and of its database what was on the disk.
pub fn after_power_cut(home: &Path, disk: &Path, found: &Path) {
    fs::DirBuilder::new().mode(0o700).create(found).unwrap();
    let of_database = |path: &Path| path.file_name().unwrap().to_str().unwrap().starts_with("agentport.db");
    let files = |folder: &Path| fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect::<Vec<_>>();
    let others = files(home).into_iter().filter(|path| path.is_file() && !of_database(path));
    // a copy that is still being made is not on the disk
    let database =
        files(disk).into_iter().filter(|path| path.extension().is_some_and(|end| end == "db" || end == "db-wal"));
    for path in others.chain(database) {
        fs::copy(&path, found.join(path.file_name().unwrap())).unwrap();
    }
}
