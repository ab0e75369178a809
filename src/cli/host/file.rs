//! A host's configuration file: read as it is, never through a link, replaced as a whole with its mode, and kept
//! beside itself before.

use std::{
    fs::{self, File, OpenOptions, Permissions},
    io::Write as _,
    path::{Path, PathBuf},
};

use crate::{cli::Failure, visible::visible};

/// More than any configuration; what is larger is not one.
const LARGEST: u64 = 64 * 1024 * 1024;
/// More changes of one file than anybody makes.
const MOST_BACKUPS: u32 = 100;

/// The file as it was read.
#[derive(Debug)]
pub(in crate::cli) struct HostFile {
    path: PathBuf,
    text: Option<String>,
    permissions: Option<Permissions>,
}

impl HostFile {
    /// Reads it; one that is not there has no text.
    pub(in crate::cli) fn read(path: &Path) -> Result<Self, Failure> {
        let shown = visible(&path.display().to_string());
        let failed = |error: &std::io::Error| Failure::new(format!("`{shown}`: {error}; nothing was changed"));
        let metadata = match fs::symlink_metadata(path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Self { path: path.to_owned(), text: None, permissions: None });
            }
            Err(error) => return Err(failed(&error)),
        };
        if metadata.is_symlink() {
            let target = fs::read_link(path).map(|target| target.display().to_string()).unwrap_or_default();
            let target = visible(&target);
            return Err(Failure::new(format!(
                "`{shown}` is a link to `{target}`; links are not followed, nothing was changed"
            ))
            .hint(format!("if that is the file you mean, name it: {target}")));
        }
        if !metadata.is_file() || metadata.len() > LARGEST {
            return Err(Failure::new(format!("`{shown}` is not a configuration file; nothing was changed")));
        }
        refuse_foreign(&metadata, &shown)?;
        let bytes = fs::read(path).map_err(|error| failed(&error))?;
        let text = String::from_utf8(bytes)
            .map_err(|_| Failure::new(format!("`{shown}` is not UTF-8 text; it was left as it is")))?;
        Ok(Self { path: path.to_owned(), text: Some(text), permissions: Some(metadata.permissions()) })
    }

    /// Where it is.
    pub(in crate::cli) fn path(&self) -> &Path {
        &self.path
    }

    /// What was in it; `None` where there was no file.
    pub(in crate::cli) fn text(&self) -> Option<&str> {
        self.text.as_deref()
    }

    /// Puts `text` in its place, and keeps what was there; says where.
    pub(super) fn replace(&self, text: &str) -> Result<Option<PathBuf>, Failure> {
        let backup = self.text.as_deref().map(|old| self.keep(old)).transpose()?;
        self.write(text)?;
        Ok(backup)
    }

    /// Puts `text` in its place, and keeps nothing of what was there.
    pub(in crate::cli) fn overwrite(&self, text: &str) -> Result<(), Failure> {
        self.write(text)
    }

    /// Puts back what `backup` holds, which is not needed any more.
    pub(super) fn restore(&self, text: &str, backup: &Path) -> Result<(), Failure> {
        self.write(text)?;
        drop(fs::remove_file(backup));
        Ok(())
    }

    /// Deletes it.
    pub(super) fn delete(&self) -> Result<(), Failure> {
        self.unchanged()?;
        fs::remove_file(&self.path).map_err(|error| self.failed("deleted", &error))
    }

    /// What is kept of it, newest first.
    pub(super) fn backups(&self) -> Vec<(PathBuf, String)> {
        let mut found: Vec<_> = (1..=MOST_BACKUPS)
            .map(|number| self.backup_path(number))
            .map_while(|path| fs::read_to_string(&path).ok().map(|text| (path, text)))
            .collect();
        found.reverse();
        found
    }

    /// One file for each different content, none ever overwritten.
    fn keep(&self, text: &str) -> Result<PathBuf, Failure> {
        for number in 1..=MOST_BACKUPS {
            let path = self.backup_path(number);
            match new_file(&path) {
                Ok(mut file) => {
                    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
                    written.map_err(|error| self.failed("kept as a backup", &error))?;
                    return Ok(path);
                }
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                    if fs::read(&path).is_ok_and(|kept| kept == text.as_bytes()) {
                        return Ok(path);
                    }
                }
                Err(error) => return Err(self.failed("kept as a backup", &error)),
            }
        }
        Err(Failure::new(format!("there are {MOST_BACKUPS} backups of `{}`", self.shown())).hint("delete old ones"))
    }

    fn backup_path(&self, number: u32) -> PathBuf {
        let mut name = self.path.as_os_str().to_owned();
        name.push(".agentport-backup");
        if number > 1 {
            name.push(format!("-{number}"));
        }
        PathBuf::from(name)
    }

    /// A new file with the old one's mode takes its place in one step.
    fn write(&self, text: &str) -> Result<(), Failure> {
        if let Some(folder) = self.path.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.exists()) {
            crate::files::ensure_private_dir(folder)?;
        }
        let mut name = self.path.as_os_str().to_owned();
        name.push(format!(".agentport-{}", std::process::id()));
        let temporary = PathBuf::from(name);
        drop(fs::remove_file(&temporary));
        let written = new_file(&temporary)
            .and_then(|mut file| {
                file.write_all(text.as_bytes())?;
                if let Some(permissions) = &self.permissions {
                    file.set_permissions(permissions.clone())?;
                }
                file.sync_all()
            })
            .map_err(|error| self.failed("written", &error))
            .and_then(|()| self.unchanged())
            .and_then(|()| fs::rename(&temporary, &self.path).map_err(|error| self.failed("written", &error)));
        if written.is_err() {
            drop(fs::remove_file(&temporary));
        }
        written
    }

    /// Hosts write their files while they run: what came in since we read it must not be lost.
    fn unchanged(&self) -> Result<(), Failure> {
        let now = Self::read(&self.path)?;
        if now.text == self.text {
            return Ok(());
        }
        Err(Failure::new(format!("`{}` was changed by another program just now; nothing was changed", self.shown()))
            .hint("close that program, then try again"))
    }

    fn failed(&self, doing: &str, error: &std::io::Error) -> Failure {
        Failure::new(format!("`{}` could not be {doing}: {error}", self.shown()))
    }

    fn shown(&self) -> String {
        visible(&self.path.display().to_string())
    }
}

/// A file that nobody else may read, until it is given another mode.
fn new_file(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// A new file in its place would belong to us.
#[cfg(unix)]
fn refuse_foreign(metadata: &fs::Metadata, shown: &str) -> Result<(), Failure> {
    let (owner, us) = (std::os::unix::fs::MetadataExt::uid(metadata), rustix::process::geteuid().as_raw());
    if owner == us {
        return Ok(());
    }
    Err(Failure::new(format!("`{shown}` belongs to user {owner}, you are {us}; nothing was changed"))
        .hint("run this as that user"))
}

#[cfg(not(unix))]
fn refuse_foreign(_metadata: &fs::Metadata, _shown: &str) -> Result<(), Failure> {
    Ok(())
}
