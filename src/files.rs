//! How this program opens its files: the file itself and never through a link, owned by us or root, with modes that
//! keep others out. What looks different is refused with the command that puts it right, never quietly repaired.
//!
//! On Windows the profile directory's access list does this work; there only the plain file operations remain.

mod guard;
mod lock;

use std::{
    ffi::OsString,
    fs::{File, OpenOptions},
    io::{ErrorKind, Read as _, Write as _},
    path::{Path, PathBuf},
};

use self::guard::Access;
pub use self::lock::Lock;

/// A file or directory that cannot be used as it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` {reason}; {fix}", path.display())]
pub struct FileError {
    /// Which one.
    pub path: PathBuf,
    /// What is wrong with it.
    pub reason: String,
    /// What to do about it.
    pub fix: String,
}

impl FileError {
    fn new(path: &Path, reason: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { path: path.to_owned(), reason: reason.into(), fix: fix.into() }
    }

    fn io(path: &Path, doing: &str, error: &std::io::Error) -> Self {
        Self::new(path, format!("cannot be {doing}: {error}"), "check that it is there, yours, and on a disk with room")
    }
}

/// The bytes of a file that nobody else may read: database, vault, key. `None` where there is none.
pub fn read_private(path: &Path) -> Result<Option<Vec<u8>>, FileError> {
    read(path, Access::Private)
}

/// The bytes of a secret that the service manager put there for us (systemd's `LoadCredential=`). Its access list shows
/// up as the group's bits, so that only the rest of the world must be kept out.
pub fn read_handed(path: &Path) -> Result<Option<Vec<u8>>, FileError> {
    read(path, Access::Handed)
}

/// What a path leads to that may be a link, as certbot's `live/…/privkey.pem` is. Each link on the way must be ours or root's,
/// and in a folder where nobody else can put another one. A path that is none is given back as it is.
pub fn follow(path: &Path) -> Result<PathBuf, FileError> {
    const MOST: usize = 8;
    let mut path = path.to_owned();
    for followed in 0..MOST {
        let Ok(target) = std::fs::read_link(&path) else {
            if followed > 0 {
                guard::check_ancestors(&path)?;
            }
            return Ok(path);
        };
        guard::check_link(&path)?;
        guard::check_ancestors(&path)?;
        path = path.parent().unwrap_or(&path).join(target);
    }
    Err(FileError::new(&path, "is one of too many links", "name the file that they lead to"))
}

/// The text of a file that nobody else may write: policy, settings, manifests. `None` where there is none.
pub fn read_guarded(path: &Path) -> Result<Option<String>, FileError> {
    let Some(bytes) = read(path, Access::Guarded)? else { return Ok(None) };
    text(path, bytes).map(Some)
}

/// The same for a file of at most this many bytes.
pub fn read_guarded_up_to(path: &Path, most: u64) -> Result<Option<String>, FileError> {
    let Some(file) = open(path, Access::Guarded)? else { return Ok(None) };
    let mut bytes = Vec::new();
    file.take(most.saturating_add(1)).read_to_end(&mut bytes).map_err(|error| FileError::io(path, "read", &error))?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > most) {
        return Err(FileError::new(path, format!("has more than {most} bytes"), "make it shorter, or split it"));
    }
    text(path, bytes).map(Some)
}

/// The text of a file that only root can write, in a folder that only root can write, however the path leads there. `None`
/// where there is none.
pub fn read_of_root(path: &Path) -> Result<Option<String>, FileError> {
    let Some(bytes) = read(path, Access::OfRoot)? else { return Ok(None) };
    guard::check_ancestors_of_root(path)?;
    text(path, bytes).map(Some)
}

/// The names in a folder into which nobody else may put anything, sorted. `None` where there is none.
pub fn list_guarded(path: &Path) -> Result<Option<Vec<OsString>>, FileError> {
    if !guard::check_dir(path)? {
        return Ok(None);
    }
    let failed = |error: std::io::Error| FileError::io(path, "listed", &error);
    let entries = std::fs::read_dir(path).map_err(failed)?;
    let mut names = entries.map(|entry| Ok(entry?.file_name())).collect::<std::io::Result<Vec<_>>>().map_err(failed)?;
    names.sort();
    Ok(Some(names))
}

/// Is there a private file of this name? For files that a library opens by name, such as the database.
pub fn check_private(path: &Path) -> Result<bool, FileError> {
    open(path, Access::Private).map(|file| file.is_some())
}

/// Makes an empty private file and opens it for writing. `None` where something of this name exists.
pub fn create_private(path: &Path) -> Result<Option<File>, FileError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    guard::private(&mut options);
    match options.open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(None),
        Err(error) => Err(FileError::io(path, "created", &error)),
    }
}

/// Opens a private file to write at its end; makes it where there is none.
pub fn append_private(path: &Path) -> Result<File, FileError> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    guard::private(&mut options);
    let file = options.open(path).map_err(|error| guard::opening_failed(path, &error))?;
    guard::check(&file, path, Access::Private)?;
    Ok(file)
}

/// Puts a private file in the place of an old one or of none. Whoever reads it, even after a power cut, finds the old
/// bytes or the new ones and nothing between.
pub fn replace_private(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    // A link or a file of somebody else's in this place is a reason to stop, though the rename would only replace it.
    open(path, Access::Guarded)?;
    let (directory, temporary) = beside(path)?;
    let Some(mut file) = create_private(&temporary)? else {
        return Err(FileError::new(&temporary, "exists already", "try again"));
    };
    let written = file
        .write_all(bytes)
        .and_then(|()| file.sync_all())
        .and_then(|()| std::fs::rename(&temporary, path))
        .and_then(|()| guard::sync_directory(directory));
    written.map_err(|error| {
        drop(std::fs::remove_file(&temporary));
        FileError::io(path, "written", &error)
    })
}

/// The same for a file that a library writes by name: `write` is given that of an empty private one, which takes the
/// place of an old one or of none when it is done.
pub fn make_private<E: From<FileError>>(path: &Path, write: impl FnOnce(&Path) -> Result<(), E>) -> Result<(), E> {
    open(path, Access::Guarded)?;
    let (directory, temporary) = beside(path)?;
    if create_private(&temporary)?.is_none() {
        return Err(FileError::new(&temporary, "exists already", "try again").into());
    }
    let put = || {
        let synced = File::options().write(true).open(&temporary).and_then(|file| file.sync_all());
        let placed = synced.and_then(|()| std::fs::rename(&temporary, path));
        placed.and_then(|()| guard::sync_directory(directory)).map_err(|error| FileError::io(path, "written", &error))
    };
    let written = write(&temporary).and_then(|()| Ok(put()?));
    if written.is_err() {
        drop(std::fs::remove_file(&temporary));
    }
    written
}

/// The name of a file for a library that takes nothing but text.
pub fn name_of(path: &Path) -> Result<&str, FileError> {
    path.to_str().ok_or_else(|| FileError::new(path, "has a name that is not UTF-8", "choose another name"))
}

/// Makes a directory that only we can enter, or checks that an existing one is. An empty one of ours is tightened:
/// nothing has lain open in it.
pub fn ensure_private_dir(path: &Path) -> Result<(), FileError> {
    guard::ensure_private_dir(path)
}

/// Refuses a path of which somebody else could swap a part: an ancestor that others may write (unless it is sticky,
/// like `/tmp`) or that belongs to neither us nor root.
pub fn check_ancestors(path: &Path) -> Result<(), FileError> {
    guard::check_ancestors(path)
}

/// The folder of a Unix socket that we listen at: nobody else may put another in its place.
#[cfg(unix)]
pub fn check_socket_folder(socket: &Path) -> Result<(), FileError> {
    let folder = socket.parent().unwrap_or(socket);
    guard::check_ancestors(socket)?;
    if guard::check_dir(folder)? {
        return Ok(());
    }
    Err(FileError::new(folder, "is not there", "make it, as the user whose gateway this is"))
}

/// A Unix socket of somebody else's: who alone can have put it there. Nobody but root, us and they may be able to swap a
/// part of its path; where others may make files, as in `/tmp`, its folder must be root's or ours.
#[cfg(unix)]
pub fn owner_of_socket(socket: &Path) -> Result<u32, FileError> {
    guard::owner_of_socket(socket)
}

fn text(path: &Path, bytes: Vec<u8>) -> Result<String, FileError> {
    String::from_utf8(bytes).map_err(|_| FileError::new(path, "is not UTF-8 text", "save it as UTF-8 in your editor"))
}

fn read(path: &Path, access: Access) -> Result<Option<Vec<u8>>, FileError> {
    let Some(mut file) = open(path, access)? else { return Ok(None) };
    // One allocation: a buffer that grows leaves copies of a key behind.
    let length = file.metadata().map_or(0, |metadata| metadata.len());
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(0).saturating_add(1));
    file.read_to_end(&mut bytes).map_err(|error| FileError::io(path, "read", &error))?;
    Ok(Some(bytes))
}

fn open(path: &Path, access: Access) -> Result<Option<File>, FileError> {
    let mut options = OpenOptions::new();
    options.read(true);
    guard::without_links(&mut options);
    match options.open(path) {
        Ok(file) => guard::check(&file, path, access).map(|()| Some(file)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(guard::opening_failed(path, &error)),
    }
}

/// The file's directory, and a name in it that nobody uses.
fn beside(path: &Path) -> Result<(&Path, PathBuf), FileError> {
    let nameless = || FileError::new(path, "has no name to write to", "give the path of a file");
    let (directory, name) = (path.parent().ok_or_else(nameless)?, path.file_name().ok_or_else(nameless)?);
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(|error| {
        FileError::new(path, format!("cannot be written: no random numbers ({error})"), "try again")
    })?;
    let name = format!(".{}.{}.tmp", name.to_string_lossy(), crate::canonical::hex(&random));
    Ok((directory, directory.join(name)))
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
