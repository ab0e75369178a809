//! What keeps others out of a file, as the operating system sees it.

/// What others may do with a file.
#[derive(Debug, Clone, Copy)]
pub(super) enum Access {
    /// Nothing.
    Private,
    /// Read it.
    Guarded,
    /// Nothing, but the group's bits are not to be trusted to say so.
    Handed,
    /// Read it; and it is root's.
    OfRoot,
}

#[cfg(unix)]
pub(super) use self::unix::{
    check, check_ancestors, check_ancestors_of_root, check_dir, check_link, ensure_private_dir, is_at, opening_failed,
    owner_of_socket, private, sync_directory, without_links,
};

#[cfg(not(unix))]
pub(super) use self::elsewhere::{
    check, check_ancestors, check_ancestors_of_root, check_dir, check_link, ensure_private_dir, is_at, opening_failed,
    private, sync_directory, without_links,
};

#[cfg(unix)]
mod unix {
    use std::{
        fs::{DirBuilder, File, Metadata, OpenOptions, Permissions},
        io::{Error, ErrorKind},
        os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _},
        path::Path,
    };

    use rustix::fs::OFlags;

    use super::{super::FileError, Access};

    const STICKY: u32 = 0o1000;

    /// Not blocking, so that a pipe in the file's place can't hang the open; it is refused after it.
    pub(in super::super) fn without_links(options: &mut OpenOptions) {
        options.custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed());
    }

    pub(in super::super) fn private(options: &mut OpenOptions) {
        without_links(options);
        options.mode(0o600);
    }

    pub(in super::super) fn opening_failed(path: &Path, error: &Error) -> FileError {
        if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) {
            return FileError::new(path, "is a link", "put the file itself in its place; links are not followed");
        }
        FileError::io(path, "opened", error)
    }

    /// Is this open file still the one at `path`?
    pub(in super::super) fn is_at(file: &File, path: &Path) -> bool {
        let which = |found: Metadata| (found.dev(), found.ino());
        let there = std::fs::symlink_metadata(path).map(which);
        file.metadata().map(which).is_ok_and(|opened| there.is_ok_and(|there| there == opened))
    }

    pub(in super::super) fn check(file: &File, path: &Path, access: Access) -> Result<(), FileError> {
        let metadata = file.metadata().map_err(|error| FileError::io(path, "examined", &error))?;
        if !metadata.is_file() {
            return Err(FileError::new(path, "is not a regular file", "move it away"));
        }
        match access {
            Access::OfRoot => check_root(&metadata, path)?,
            Access::Private | Access::Guarded | Access::Handed => check_owner(&metadata, path)?,
        }
        // 0 is a file that was replaced after it was opened
        if metadata.nlink() > 1 {
            return Err(FileError::new(
                path,
                "has a second name (a hard link)",
                "remove the other name, or copy the file",
            ));
        }
        let (mask, reason, mode) = match access {
            Access::Private => (0o077, "can be read by others", "600"),
            Access::Guarded | Access::OfRoot => (0o022, "can be changed by others", "go-w"),
            Access::Handed => (0o007, "can be read by others", "o="),
        };
        if open_to(&metadata, mask) {
            return Err(FileError::new(path, reason, format!("run `chmod {mode} {}`", path.display())));
        }
        Ok(())
    }

    /// Has the mode any of these bits?
    fn open_to(metadata: &Metadata, bits: u32) -> bool {
        metadata.mode() & bits != 0
    }

    fn check_owner(metadata: &Metadata, path: &Path) -> Result<(), FileError> {
        let (owner, us) = (metadata.uid(), rustix::process::geteuid().as_raw());
        if owner == us || owner == 0 {
            return Ok(());
        }
        Err(FileError::new(path, format!("belongs to user {owner}"), format!("only user {us} and root may own it")))
    }

    fn check_root(metadata: &Metadata, path: &Path) -> Result<(), FileError> {
        match metadata.uid() {
            0 => Ok(()),
            owner => {
                let fix = format!("only root may own it: `chown root {}`", path.display());
                Err(FileError::new(path, format!("belongs to user {owner}"), fix))
            }
        }
    }

    /// As [`check_ancestors`], where even we are others.
    pub(in super::super) fn check_ancestors_of_root(path: &Path) -> Result<(), FileError> {
        let written = std::path::absolute(path).map_err(|error| FileError::io(path, "found", &error))?;
        let folder = written.parent().unwrap_or(&written);
        let resolved = folder.canonicalize().map_err(|error| FileError::io(folder, "found", &error))?;
        for part in folder.ancestors().chain(resolved.ancestors()) {
            let metadata = std::fs::symlink_metadata(part).map_err(|error| FileError::io(part, "examined", &error))?;
            check_root(&metadata, part)?;
            if metadata.is_dir() && open_to(&metadata, 0o022) {
                let fix = format!("run `chmod go-w {}`", part.display());
                return Err(FileError::new(part, "can be written by others, and with it all that is below", fix));
            }
        }
        Ok(())
    }

    pub(in super::super) fn ensure_private_dir(path: &Path) -> Result<(), FileError> {
        match std::fs::symlink_metadata(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
                made.map_err(|error| FileError::io(path, "created", &error))
            }
            Err(error) => Err(FileError::io(path, "examined", &error)),
            Ok(metadata) if metadata.is_symlink() => {
                Err(FileError::new(path, "is a link", "name the directory itself; links are not followed"))
            }
            Ok(metadata) if !metadata.is_dir() => Err(FileError::new(path, "is not a directory", "move it away")),
            Ok(metadata) => {
                check_owner(&metadata, path)?;
                if !open_to(&metadata, 0o077) {
                    return Ok(());
                }
                let empty = std::fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none());
                if empty && std::fs::set_permissions(path, Permissions::from_mode(0o700)).is_ok() {
                    return Ok(());
                }
                let fix = format!("run `chmod 700 {}`", path.display());
                Err(FileError::new(path, "can be entered by others", fix))
            }
        }
    }

    /// Is there a directory, and one that nobody else may write?
    pub(in super::super) fn check_dir(path: &Path) -> Result<bool, FileError> {
        match std::fs::symlink_metadata(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(FileError::io(path, "examined", &error)),
            Ok(metadata) if metadata.is_symlink() => {
                Err(FileError::new(path, "is a link", "put the directory itself in its place; links are not followed"))
            }
            Ok(metadata) if !metadata.is_dir() => Err(FileError::new(path, "is not a directory", "move it away")),
            Ok(metadata) => {
                check_owner(&metadata, path)?;
                if open_to(&metadata, 0o022) {
                    let fix = format!("run `chmod go-w {}`", path.display());
                    return Err(FileError::new(path, "can be changed by others", fix));
                }
                Ok(true)
            }
        }
    }

    /// Is it a link of ours or root's?
    pub(in super::super) fn check_link(path: &Path) -> Result<(), FileError> {
        let metadata = std::fs::symlink_metadata(path).map_err(|error| FileError::io(path, "examined", &error))?;
        check_owner(&metadata, path)
    }

    /// Walks the path as it is written, where a link's owner decides where it leads, and the path as it resolves.
    pub(in super::super) fn check_ancestors(path: &Path) -> Result<(), FileError> {
        let written = std::path::absolute(path).map_err(|error| FileError::io(path, "found", &error))?;
        for ancestor in written.ancestors().skip(1) {
            check_ancestor(ancestor)?;
        }
        let Some(existing) = written.ancestors().skip(1).find(|ancestor| ancestor.exists()) else { return Ok(()) };
        let resolved = existing.canonicalize().map_err(|error| FileError::io(existing, "found", &error))?;
        resolved.ancestors().try_for_each(check_ancestor)
    }

    pub(in super::super) fn owner_of_socket(socket: &Path) -> Result<u32, FileError> {
        let found = |path: &Path| std::fs::symlink_metadata(path).map_err(|error| FileError::io(path, "found", &error));
        let written = std::path::absolute(socket).map_err(|error| FileError::io(socket, "found", &error))?;
        let folder = written.parent().unwrap_or(&written);
        let resolved = folder.canonicalize().map_err(|error| FileError::io(folder, "found", &error))?;
        let us = rustix::process::geteuid().as_raw();
        let there = found(&resolved)?;
        let owner = there.uid();
        if open_to(&there, 0o022) {
            return Err(FileError::new(
                &resolved,
                "can be written by others",
                "put the socket into a folder of its own",
            ));
        }
        for path in [folder, resolved.as_path()] {
            let mut shared = false;
            for part in path.ancestors().collect::<Vec<_>>().into_iter().rev() {
                let part_is = found(part)?;
                let ours = [0, us].contains(&part_is.uid());
                if !(ours || part_is.uid() == owner && !shared) {
                    let fix = "put the socket where only its user and root can make it";
                    return Err(FileError::new(part, format!("belongs to user {}", part_is.uid()), fix));
                }
                shared = part_is.is_dir() && open_to(&part_is, 0o022);
                if shared && !open_to(&part_is, STICKY) {
                    return Err(FileError::new(
                        part,
                        "can be written by others, and with it all that is below",
                        "choose another folder",
                    ));
                }
            }
        }
        if !std::os::unix::fs::FileTypeExt::is_socket(&found(&written)?.file_type()) {
            return Err(FileError::new(socket, "is no socket", "start the gateway, or correct AGENTPORT_URL"));
        }
        Ok(owner)
    }

    fn check_ancestor(path: &Path) -> Result<(), FileError> {
        let metadata = match std::fs::symlink_metadata(path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(FileError::io(path, "examined", &error)),
        };
        check_owner(&metadata, path)?;
        if metadata.is_dir() && open_to(&metadata, 0o022) && !open_to(&metadata, STICKY) {
            let fix = format!("run `chmod go-w {}`", path.display());
            return Err(FileError::new(path, "can be written by others, and with it all that is below", fix));
        }
        Ok(())
    }

    pub(in super::super) fn sync_directory(path: &Path) -> std::io::Result<()> {
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        File::open(path)?.sync_all()
    }
}

#[cfg(not(unix))]
mod elsewhere {
    use std::{
        fs::{File, OpenOptions},
        path::Path,
    };

    use super::{super::FileError, Access};

    pub(in super::super) fn without_links(_options: &mut OpenOptions) {}

    pub(in super::super) fn private(_options: &mut OpenOptions) {}

    pub(in super::super) fn opening_failed(path: &Path, error: &std::io::Error) -> FileError {
        FileError::io(path, "opened", error)
    }

    pub(in super::super) fn is_at(_file: &File, path: &Path) -> bool {
        path.exists()
    }

    pub(in super::super) fn check(file: &File, path: &Path, _access: Access) -> Result<(), FileError> {
        match file.metadata() {
            Ok(metadata) if metadata.is_file() => Ok(()),
            Ok(_) => Err(FileError::new(path, "is not a regular file", "move it away")),
            Err(error) => Err(FileError::io(path, "examined", &error)),
        }
    }

    pub(in super::super) fn ensure_private_dir(path: &Path) -> Result<(), FileError> {
        std::fs::create_dir_all(path).map_err(|error| FileError::io(path, "created", &error))
    }

    pub(in super::super) fn check_dir(path: &Path) -> Result<bool, FileError> {
        match std::fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => Ok(true),
            Ok(_) => Err(FileError::new(path, "is not a directory", "move it away")),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(FileError::io(path, "examined", &error)),
        }
    }

    pub(in super::super) fn check_ancestors(_path: &Path) -> Result<(), FileError> {
        Ok(())
    }

    pub(in super::super) fn check_ancestors_of_root(_path: &Path) -> Result<(), FileError> {
        Ok(())
    }

    pub(in super::super) fn check_link(_path: &Path) -> Result<(), FileError> {
        Ok(())
    }

    pub(in super::super) fn sync_directory(_path: &Path) -> std::io::Result<()> {
        Ok(())
    }
}
