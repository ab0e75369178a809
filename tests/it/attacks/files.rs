//! O: files. They are private, and what is loose, linked or borrowed is refused.

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink},
    path::{Path, PathBuf},
};

use serde_json::json;

use super::files_in;
use crate::harness::{Cli, Port, Upstream};

#[test]
fn t255_files_are_private_whatever_the_umask_and_loose_ones_are_refused() {
    let upstream = Upstream::plain();
    let port = Port::empty();
    let open = |arguments: &[&str], input: &str| {
        let program = env!("CARGO_BIN_EXE_agentport");
        let mut command = port.shell("umask 000; exec \"$@\"");
        command.arg(program).args(arguments);
        Cli::new(command, port.evidence().clone()).stdin(input).done()
    };
    open(&["init", "--store", "vault"], "");
    let origin = upstream.origin();
    open(&["connect", "stripe", "--origin", &origin, "--allow-private", "--secret-stdin"], port.canary());
    open(&["policy", "set", "stripe.create_refund", "deny"], "");
    open(&["call", "stripe.list_customers"], "");
    let modes = |folder: &Path| -> Vec<(PathBuf, u32)> {
        let mut all = files_in(folder);
        all.push(folder.to_owned());
        all.into_iter()
            .map(|path| {
                let mode = fs::metadata(&path).unwrap().mode() & 0o7777;
                (path, mode)
            })
            .collect()
    };
    for (path, mode) in modes(&port.home())
        .into_iter()
        .chain([(port.folder().join("key"), fs::metadata(port.folder().join("key")).unwrap().mode() & 0o7777)])
    {
        let wanted = if path.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(mode, wanted, "{}: {mode:o}", path.display());
    }
    let list = ["call", "stripe.list_customers", "--json"];
    for (file, mode) in [("home", 0o755), ("home", 0o770), ("home/agentport.db", 0o640), ("home/agentport.db", 0o604)] {
        let path = port.folder().join(file);
        let good = fs::metadata(&path).unwrap().permissions();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        port.cli(list).exits(1);
        // the person learns why, and what to do
        let refused = port.cli(["accounts", "--json"]).exits(1).error();
        assert!(refused.contains("chmod") && refused.contains(path.to_str().unwrap()), "{file} {mode:o}: {refused}");
        fs::set_permissions(&path, good).unwrap();
        port.cli(list).done();
    }
    // a vault or key that others can read opens nothing; a policy or settings that others can write count for nothing
    for (file, mode) in [("key", 0o644), ("home/vault.age", 0o644)] {
        let path = port.folder().join(file);
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(port.cli(list).exits(1).json()["error"]["kind"], json!("credential"), "{file}");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }
    port.edit_policy("schema = 1\n[tools]\n\"stripe.list_customers\" = \"deny\"\n");
    port.cli(list).exits(3);
    fs::set_permissions(port.home().join("policy.toml"), fs::Permissions::from_mode(0o666)).unwrap();
    port.cli(list).done();
    port.cli(["policy", "check", "--json"]).exits(1).error();
    fs::set_permissions(port.home().join("agentport.toml"), fs::Permissions::from_mode(0o666)).unwrap();
    port.cli(list).exits(1);
}

#[test]
fn t256_links_pipes_and_borrowed_files_are_refused() {
    let upstream = Upstream::plain();
    let port = Port::connected(&upstream);
    let list = ["call", "stripe.list_customers", "--json"];
    let aside = port.folder().join("aside");
    for file in ["home", "home/agentport.db", "home/run", "home/vault.age", "key", "home/agentport.toml"] {
        let path = port.folder().join(file);
        fs::rename(&path, &aside).unwrap();
        symlink(&aside, &path).unwrap();
        port.cli(list).exits(1);
        fs::remove_file(&path).unwrap();
        if aside.is_file() {
            fs::hard_link(&aside, &path).unwrap();
            port.cli(list).exits(1);
            fs::remove_file(&path).unwrap();
            assert!(port.shell("exec mkfifo -m 600 \"$1\"").arg(&path).status().unwrap().success());
            port.cli(list).exits(1);
            fs::remove_file(&path).unwrap();
        }
        fs::rename(&aside, &path).unwrap();
        assert_eq!(port.cli(list).done().code, 0, "{file}");
    }
    // a folder above it that everybody may write to
    let above = port.folder().join("above");
    fs::create_dir(&above).unwrap();
    fs::set_permissions(&above, fs::Permissions::from_mode(0o777)).unwrap();
    let home = above.join("home");
    let refused =
        port.cli(["init", "--store", "vault", "--json"]).env("AGENTPORT_HOME", home.to_str().unwrap()).exits(1);
    assert!(refused.error().contains("above"), "{refused:?}");
    assert!(!home.join("agentport.db").exists());
    fs::set_permissions(&above, fs::Permissions::from_mode(0o1777)).unwrap();
    port.cli(["init", "--store", "vault", "--json"]).env("AGENTPORT_HOME", home.to_str().unwrap()).done();
}
