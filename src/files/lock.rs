//! A lock file: who holds it is alone, and its end, however it comes, lets go.

use std::{
    fs::{File, OpenOptions, TryLockError},
    path::Path,
    time::{Duration, Instant},
};

use super::{FileError, guard};

/// The lock of a file, held alone or with others who share it, while this lives. The file stays; only its lock means something.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock if nobody holds it; `None` if somebody does. Makes the file where there is none.
    pub fn try_exclusive(path: &Path) -> Result<Option<Self>, FileError> {
        Self::attempt(path, File::try_lock)
    }

    pub(super) fn attempt(
        path: &Path,
        lock: impl Fn(&File) -> Result<(), TryLockError>,
    ) -> Result<Option<Self>, FileError> {
        loop {
            let file = open(path)?;
            match lock(&file) {
                // who held it may have taken the file away, with all that it was for: its lock keeps nobody out
                Ok(()) if guard::is_at(&file, path) => return Ok(Some(Self { _file: file })),
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => return Err(FileError::io(path, "locked", &error)),
            }
        }
    }

    /// Does somebody hold it alone?
    pub fn is_held(path: &Path) -> Result<bool, FileError> {
        // shared, so that those who only ask do not take each other for the holder
        match open(path)?.try_lock_shared() {
            Ok(()) => Ok(false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(error)) => Err(FileError::io(path, "locked", &error)),
        }
    }

    /// Waits for the lock, up to `patience`: a holder that hangs must not hang us. Blocks the thread.
    pub fn exclusive(path: &Path, patience: Duration) -> Result<Self, FileError> {
        Self::wait(path, patience, File::try_lock)
    }

    /// The same beside others who share it: nobody holds it alone meanwhile.
    pub fn shared(path: &Path, patience: Duration) -> Result<Self, FileError> {
        Self::wait(path, patience, File::try_lock_shared)
    }

    fn wait(path: &Path, patience: Duration, lock: fn(&File) -> Result<(), TryLockError>) -> Result<Self, FileError> {
        let started = Instant::now();
        loop {
            if let Some(lock) = Self::attempt(path, lock)? {
                return Ok(lock);
            }
            if started.elapsed() >= patience {
                return Err(FileError::new(
                    path,
                    "is locked by another process",
                    "let that process finish, then try again",
                ));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

fn open(path: &Path) -> Result<File, FileError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    guard::private(&mut options);
    let file = options.open(path).map_err(|error| guard::opening_failed(path, &error))?;
    guard::check(&file, path, guard::Access::Guarded)?;
    Ok(file)
}
