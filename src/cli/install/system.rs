//! The computer that a service is installed on: its users, its files, and the programs that change them. The only place
//! that starts processes for it, each by a path that root alone can change, with an environment of our own making.

use std::{
    ffi::OsString,
    fs::{self, File, Permissions},
    io::Write as _,
    os::unix::{
        fs::{MetadataExt as _, PermissionsExt as _, chown},
        net::UnixStream,
        process::CommandExt as _,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use rustix::fs::{Mode, OFlags};
use serde_json::Value;

use crate::{
    cli::{Failure, Out},
    visible::visible,
};

/// The service's own user.
pub(super) const USER: &str = "agentport";
pub(super) const STATE: &str = "/var/lib/agentport";
pub(super) const SERVICE_HOME: &str = "/var/lib/agentport/.agentport";
pub(super) const KEY: &str = "/var/lib/agentport/.agentport.key";
pub(super) const PROGRAM: &str = "/usr/local/bin/agentport";
const PROGRAM_BEFORE: &str = "/usr/local/bin/agentport.before";
const LEDGER: &str = "agentport.db";
pub(super) const UNIT: &str = "/etc/systemd/system/agentport.service";
pub(super) const DROP_IN: &str = "/etc/systemd/system/agentport.service.d";
pub(super) const SOCKET: &str = "/run/agentport/agentport.sock";
pub(super) const UNIT_TEXT: &str = include_str!("../../../deploy/agentport.service");

const PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin";
/// This very program, whatever lies at its path by now.
const THIS: &str = "/proc/self/exe";
/// Whoever is in one of these is as good as root.
const AS_GOOD_AS_ROOT: [&str; 7] = ["root", "sudo", "wheel", "admin", "docker", "lxd", "disk"];

/// A user of this computer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LocalUser {
    pub(super) name: String,
    pub(super) id: u32,
    pub(super) group: u32,
}

impl LocalUser {
    pub(super) fn find(name: &str) -> Result<Self, Failure> {
        let found = nix::unistd::User::from_name(name)?;
        let user = found.ok_or_else(|| Failure::usage(format!("there is no user `{}` here", visible(name))))?;
        Ok(Self { name: user.name, id: user.uid.as_raw(), group: user.gid.as_raw() })
    }

    /// The groups that make this user as good as root.
    pub(super) fn strong_groups(&self) -> Vec<&'static str> {
        let groups = self.groups();
        let of = |name: &str| nix::unistd::Group::from_name(name).ok().flatten().map(|group| group.gid.as_raw());
        AS_GOOD_AS_ROOT.into_iter().filter(|name| of(name).is_some_and(|group| groups.contains(&group))).collect()
    }

    fn groups(&self) -> Vec<u32> {
        let Ok(name) = std::ffi::CString::new(self.name.as_str()) else { return Vec::new() };
        let groups = nix::unistd::getgrouplist(&name, self.group.into()).unwrap_or_default();
        groups.into_iter().map(nix::unistd::Gid::as_raw).collect()
    }

    /// May they put another file in place of one in this folder?
    pub(super) fn can_write(&self, folder: &Path) -> bool {
        folder.ancestors().any(|part| {
            fs::metadata(part).is_ok_and(|found| {
                found.mode() & 0o002 != 0 && found.mode() & 0o1000 == 0
                    || found.uid() == self.id && self.id != 0
                    || found.mode() & 0o020 != 0 && self.groups().contains(&found.gid())
            })
        })
    }
}

/// Does each step, or says that it would.
#[derive(Debug)]
pub(super) struct System<'a> {
    out: &'a Out,
    dry: bool,
    told: Vec<String>,
}

impl<'a> System<'a> {
    pub(super) fn new(out: &'a Out, dry: bool) -> Self {
        Self { out, dry, told: Vec::new() }
    }

    pub(super) fn is_dry(&self) -> bool {
        self.dry
    }

    /// What was done, or would be.
    pub(super) fn told(&self) -> &[String] {
        &self.told
    }

    /// One step, in the words of somebody who is about to do it.
    pub(super) fn step(&mut self, what: &str, work: impl FnOnce() -> Result<(), Failure>) -> Result<(), Failure> {
        if !self.dry {
            work()?;
        }
        if !self.out.is_json() {
            self.out.text(&if self.dry { format!("would {what}") } else { format!("done: {what}") });
        }
        self.told.push(what.to_owned());
        Ok(())
    }

    /// A program of the system's, with these arguments.
    pub(super) fn program(&mut self, name: &str, arguments: &[&str]) -> Result<(), Failure> {
        self.step(&format!("run {name} {}", arguments.join(" ")), || {
            let mut command = of_system(name)?;
            command.args(arguments).stdout(Stdio::null());
            let status = command.status().map_err(|error| Failure::new(format!("{name}: {error}")))?;
            if status.success() { Ok(()) } else { Err(Failure::new(format!("{name} failed ({status})"))) }
        })
    }

    /// This program's file, root's, at [`PROGRAM`]: the very one that runs.
    pub(super) fn copy_program(&mut self) -> Result<(), Failure> {
        self.step(&format!("copy this program to {PROGRAM}, owned by root"), || {
            let mut running = File::open(THIS).map_err(|error| at(THIS, &error))?;
            put(Path::new(PROGRAM), 0o755, |file| std::io::copy(&mut running, file).map(drop))
        })
    }

    /// A file of root's that everybody may read.
    pub(super) fn write(&mut self, path: &str, text: &str) -> Result<(), Failure> {
        self.step(&format!("write {path}"), || {
            let path = Path::new(path);
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder).map_err(|error| at(path, &error))?;
            }
            put(path, 0o644, |file| file.write_all(text.as_bytes()))
        })
    }

    /// Files that may be there already, or not any more.
    pub(super) fn remove(&mut self, path: &str) -> Result<(), Failure> {
        self.step(&format!("remove {path}"), || {
            let path = Path::new(path);
            let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
            match removed {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(at(path, &error)),
                Ok(()) | Err(_) => Ok(()),
            }
        })
    }
}

/// Whether it works or not, and without a word.
pub(super) fn systemctl(arguments: &[&str]) {
    drop(System::new(&Out::new(true), false).program("systemctl", arguments));
}

/// What was there before an installation, and what has to go or come back where it fails.
#[derive(Debug)]
pub(super) struct Before {
    /// Files and folders that were not there.
    absent: Vec<&'static str>,
    /// The service had no user.
    no_user: bool,
    /// The unit as it was.
    unit: Option<Vec<u8>>,
    /// What older versions had kept of the ledger.
    kept: Vec<OsString>,
}

impl Before {
    /// Looks, and keeps the program of before beside the new one.
    pub(super) fn look(dry: bool) -> Result<Self, Failure> {
        let absent: Vec<_> = [UNIT, STATE, PROGRAM].into_iter().filter(|path| !Path::new(path).exists()).collect();
        if !dry && !absent.contains(&PROGRAM) {
            drop(fs::remove_file(PROGRAM_BEFORE));
            fs::hard_link(PROGRAM, PROGRAM_BEFORE).map_err(|error| at(PROGRAM_BEFORE, &error))?;
        }
        let no_user = !dry && LocalUser::find(USER).is_err();
        Ok(Self { absent, no_user, unit: fs::read(UNIT).ok(), kept: kept_ledgers() })
    }

    /// It did not go well.
    pub(super) fn put_back(self) {
        if has_systemd() && self.unit.is_some() {
            systemctl(&["stop", "agentport.service"]);
        }
        self.put_ledger_back();
        if let Some(unit) = &self.unit {
            drop(put(Path::new(UNIT), 0o644, |file| file.write_all(unit)));
        }
        for path in &self.absent {
            let path = Path::new(path);
            drop(if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) });
        }
        // a link is renamed over the other of the same file to no effect
        drop(fs::rename(PROGRAM_BEFORE, PROGRAM));
        drop(fs::remove_file(PROGRAM_BEFORE));
        drop(Path::new(super::note::PATH).parent().map(fs::remove_dir));
        if self.no_user && LocalUser::find(USER).is_ok() {
            drop(of_system("userdel").and_then(|mut command| Ok(command.arg(USER).status()?)));
        }
        if has_systemd() {
            systemctl(&["daemon-reload"]);
            if !self.absent.contains(&UNIT) {
                systemctl(&["enable", "--now", "agentport.service"]);
            }
        }
    }

    /// A ledger that the new program brought to its own schema is none to the old one: what was kept of it then comes back,
    /// and what nobody was served with stays beside it.
    fn put_ledger_back(&self) {
        let Some(copy) = kept_ledgers().into_iter().find(|name| !self.kept.contains(name)) else { return };
        // the folder itself: the service's user could have put a link in its place, to lead root elsewhere
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let Ok(home) = rustix::fs::open(SERVICE_HOME, flags, Mode::empty()) else { return };
        for end in ["", "-wal", "-shm"] {
            let newer = format!("{LEDGER}.newer{end}");
            let _gone = rustix::fs::renameat(&home, format!("{LEDGER}{end}"), &home, newer);
        }
        let _back = rustix::fs::renameat(&home, copy, &home, LEDGER);
    }

    /// It went well.
    pub(super) fn forget() {
        drop(fs::remove_file(PROGRAM_BEFORE));
    }
}

/// The names of the ledgers that were kept where their schema changed (`ledger/sqlite/migration.rs`).
fn kept_ledgers() -> Vec<OsString> {
    let entries = fs::read_dir(SERVICE_HOME).into_iter().flatten().flatten().map(|entry| entry.file_name());
    entries.filter(|name| name.to_string_lossy().starts_with("agentport.db.schema-")).collect()
}

/// A folder that only this user can enter.
pub(super) fn private_folder(path: &str, owner: &LocalUser) -> Result<(), Failure> {
    let path = Path::new(path);
    fs::create_dir_all(path).map_err(|error| at(path, &error))?;
    let found = fs::symlink_metadata(path).map_err(|error| at(path, &error))?;
    if !found.is_dir() {
        return Err(Failure::new(format!("{} is no folder; move it away", path.display())));
    }
    chown(path, Some(owner.id), Some(owner.group)).map_err(|error| at(path, &error))?;
    fs::set_permissions(path, Permissions::from_mode(0o700)).map_err(|error| at(path, &error))
}

/// Is systemd what runs this computer?
pub(super) fn has_systemd() -> bool {
    Path::new("/run/systemd/system").is_dir()
}

/// Does something answer at the service's socket within ten seconds?
pub(super) fn answers() -> bool {
    (0..100).any(|_| {
        let there = UnixStream::connect(SOCKET).is_ok();
        if !there {
            std::thread::sleep(Duration::from_millis(100));
        }
        there
    })
}

/// This program as another user, with none of root's environment: where a keyring is, and nothing else.
#[expect(clippy::disallowed_methods, reason = "starts this very program as the user whose home it is")]
pub(super) fn as_user(user: &LocalUser, program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).env_clear().env("PATH", PATH).uid(user.id).gid(user.group).current_dir("/");
    let runtime = format!("/run/user/{}", user.id);
    if Path::new(&runtime).join("bus").exists() {
        command.env("DBUS_SESSION_BUS_ADDRESS", format!("unix:path={runtime}/bus")).env("XDG_RUNTIME_DIR", runtime);
    }
    command
}

/// The same, of the file that runs now.
pub(super) fn this_as_user(user: &LocalUser, arguments: &[&str]) -> Command {
    as_user(user, THIS, arguments)
}

/// Runs it with `--json` among its arguments, and reads what it answers; its own words where it failed.
pub(super) fn answer(mut command: Command, input: Option<&str>) -> Result<Value, Failure> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
    let mut child = command.spawn().map_err(|error| Failure::new(format!("agentport did not start: {error}")))?;
    if let (Some(mut stdin), Some(input)) = (child.stdin.take(), input) {
        drop(writeln!(stdin, "{input}"));
    }
    ended(child)
}

/// What a process of ours answered in the end.
pub(super) fn ended(child: Child) -> Result<Value, Failure> {
    let output = child.wait_with_output().map_err(|error| Failure::new(format!("agentport did not end: {error}")))?;
    let value: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    if output.status.success() {
        return Ok(value);
    }
    let word = |key: &str| value.pointer(&format!("/error/{key}")).and_then(Value::as_str).map(visible);
    let failure = Failure::new(word("message").unwrap_or_else(|| format!("agentport ended with {}", output.status)));
    Err(match word("hint") {
        Some(hint) => failure.hint(hint),
        None => failure,
    })
}

#[expect(clippy::disallowed_methods, reason = "starts a program of the system's, found in root's own folders")]
fn of_system(name: &str) -> Result<Command, Failure> {
    let found = PATH.split(':').map(|folder| Path::new(folder).join(name)).find(|path| path.is_file());
    let path = found.ok_or_else(|| Failure::new(format!("there is no `{name}` in {PATH}")))?;
    let mut command = Command::new(path);
    command.env_clear().env("PATH", PATH).current_dir("/").stdin(Stdio::null());
    Ok(command)
}

/// A file of root's in the place of an old one or of none, whole at every moment.
fn put(path: &Path, mode: u32, fill: impl FnOnce(&mut File) -> std::io::Result<()>) -> Result<(), Failure> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    drop(fs::remove_file(&beside));
    let written = File::create_new(&beside).and_then(|mut file| {
        file.set_permissions(Permissions::from_mode(mode))?;
        fill(&mut file)?;
        file.sync_all()?;
        fs::rename(&beside, path)
    });
    written.map_err(|error| {
        drop(fs::remove_file(&beside));
        at(path, &error)
    })
}

pub(super) fn at(path: impl AsRef<Path>, error: &std::io::Error) -> Failure {
    Failure::new(format!("{}: {error}", path.as_ref().display()))
}
