//! Before anything else: no core dump of this process, no look into its memory by others of the same user, and no
//! panic that tells what it was about.

use std::io::Write as _;

/// Best effort: a platform that has no such switch is named in SECURITY.md.
#[cfg(target_os = "linux")]
pub(super) fn harden() {
    use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
    // prctl(2) PR_SET_DUMPABLE: /proc/PID/{mem,environ,fd} become root's, ptrace(2) by the same user ends
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
}

#[cfg(all(unix, not(target_os = "linux")))]
pub(super) fn harden() {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
}

#[cfg(not(unix))]
pub(super) fn harden() {}

/// A panic says where it happened and nothing else: its message could hold an argument or a secret.
pub(super) fn quiet_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let at = panic.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
        let mut stderr = std::io::stderr().lock();
        let _told =
            writeln!(stderr, "agentport: a fault of the program at {at}; what was being sent is settled as unknown");
    }));
}
