//! The program and the home as files: who else could change them, and where copies of them might go.

use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::finding::Findings;
use crate::{canonical, cli::host, config::Home, files, visible::visible};

/// Which program this is, and whether somebody else could put another one in its place.
pub(super) fn check_program(findings: &mut Findings) {
    let path = match std::env::current_exe().and_then(|path| path.canonicalize()) {
        Ok(path) => path,
        Err(error) => return findings.warn("program", format!("it cannot find itself: {error}"), "start it again"),
    };
    let shown = visible(&path.display().to_string());
    if let Some(warning) = path.to_str().and_then(host::fleeting) {
        findings.warn("program", warning, "npm install -g @agentport/mcp-server, or the release's own binary");
    }
    if let Some(fix) = writable_by_others(&path) {
        findings.bad("program", format!("others can change this program: {shown}"), fix);
    } else if let Err(error) = files::check_ancestors(&path) {
        findings.bad(
            "program",
            format!("others can put another program in its place: {}", visible(&error.to_string())),
            error.fix,
        );
    }
    let digest = hash(&path).map_or_else(|| "unreadable".to_owned(), |hash| canonical::hex(&hash));
    findings.ok("program", format!("agentport {} at {shown}\nsha256 {digest}", env!("CARGO_PKG_VERSION")));
}

/// Is the home safe from others? Says what is not.
pub(super) fn check_home(home: &Home, findings: &mut Findings) -> bool {
    let path = home.path();
    if !path.exists() {
        return true;
    }
    let before = findings.0.len();
    let private_dirs = [path.to_owned(), home.run()];
    let mut problems: Vec<files::FileError> = Vec::new();
    problems.extend(
        private_dirs.iter().filter(|path| path.exists()).filter_map(|path| files::ensure_private_dir(path).err()),
    );
    problems.extend(files::check_ancestors(path).err());
    problems.extend([home.database(), home.vault()].iter().filter_map(|path| files::check_private(path).err()));
    for problem in problems {
        let shown = visible(&format!("{} {}", problem.path.display(), problem.reason));
        findings.bad("home", shown, visible(&problem.fix));
    }
    let safe = findings.0.len() == before;
    if let Some(place) = work_tree(path) {
        let shown = visible(&place.display().to_string());
        findings.warn(
            "home",
            format!("the home lies in a git work tree ({shown}); it could be committed"),
            "add it to that tree's .gitignore, or move it and set AGENTPORT_HOME",
        );
    }
    if let Some(name) = synced_by(path) {
        let finding = format!("the home lies in a folder of {name}, which copies it elsewhere");
        findings.warn("home", finding, "move it and set AGENTPORT_HOME");
    }
    safe
}

/// The nearest folder above that git tracks.
fn work_tree(path: &Path) -> Option<&Path> {
    path.ancestors().find(|folder| folder.join(".git").exists())
}

/// The service that copies what lies here, by the names that their folders have.
fn synced_by(path: &Path) -> Option<&'static str> {
    const NAMES: [(&str, &str); 9] = [
        ("dropbox", "Dropbox"),
        ("onedrive", "OneDrive"),
        ("google drive", "Google Drive"),
        ("googledrive", "Google Drive"),
        ("mobile documents", "iCloud"),
        ("cloudstorage", "a cloud drive"),
        ("nextcloud", "Nextcloud"),
        ("owncloud", "ownCloud"),
        ("pclouddrive", "pCloud"),
    ];
    if path.ancestors().any(|folder| folder.join(".stfolder").exists()) {
        return Some("Syncthing");
    }
    path.components().find_map(|part| {
        let part = part.as_os_str().to_string_lossy().to_lowercase();
        NAMES.iter().find(|(name, _)| part.starts_with(name)).map(|(_, service)| *service)
    })
}

fn hash(path: &Path) -> Option<[u8; 32]> {
    let mut hasher = Sha256::new();
    let mut file = std::fs::File::open(path).ok()?;
    let mut buffer = vec![0_u8; 64 * 1024];
    loop {
        let read = std::io::Read::read(&mut file, &mut buffer).ok()?;
        if read == 0 {
            return Some(hasher.finalize().into());
        }
        hasher.update(buffer.get(..read)?);
    }
}

#[cfg(unix)]
fn writable_by_others(path: &Path) -> Option<String> {
    let mode = std::os::unix::fs::MetadataExt::mode(&path.metadata().ok()?);
    (mode & 0o022 != 0).then(|| format!("chmod go-w {}", visible(&path.display().to_string())))
}

#[cfg(not(unix))]
fn writable_by_others(_path: &Path) -> Option<String> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t194_places_from_which_copies_go_elsewhere_are_named() {
        assert_eq!(synced_by(Path::new("/Users/a/Library/Mobile Documents/x")), Some("iCloud"));
        assert_eq!(synced_by(Path::new("/home/a/OneDrive - Acme/.agentport")), Some("OneDrive"));
        assert_eq!(synced_by(Path::new("/home/a/.agentport")), None);
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join(".git")).unwrap();
        let home = folder.path().join("a/.agentport");
        assert_eq!(work_tree(&home), Some(folder.path()));
    }
}
