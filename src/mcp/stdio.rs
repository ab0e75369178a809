//! Takes the process's standard streams for the protocol.

use std::{
    fs::File,
    io::{self, Read},
};

/// Standard input, and what was standard output until now.
///
/// From here on file descriptor 1 is standard error: whatever prints (a `println!`, a panic, a C library, a child
/// process) writes into the log and not into the protocol. Call it before anything is read or written.
///
/// # Errors
/// The streams cannot be duplicated.
#[cfg(unix)]
pub fn take_stdio() -> io::Result<(impl Read + Send + 'static, File)> {
    // Above the standard three, so that nothing that counts on those finds it there.
    let protocol = rustix::io::fcntl_dupfd_cloexec(io::stdout(), 3)?;
    rustix::stdio::dup2_stdout(io::stderr())?;
    Ok((io::stdin(), File::from(protocol)))
}

/// Standard input and a handle of standard output, which stays open to everybody: Windows has no handle that all
/// libraries agree to print to, so there is none to point elsewhere.
///
/// # Errors
/// The handle cannot be duplicated.
#[cfg(windows)]
pub fn take_stdio() -> io::Result<(impl Read + Send + 'static, File)> {
    use std::os::windows::io::AsHandle;

    let protocol = io::stdout().as_handle().try_clone_to_owned()?;
    Ok((io::stdin(), File::from(protocol)))
}

#[cfg(all(test, unix))]
mod tests {
    use std::io::Write;

    use super::*;

    const CHILD: &str = "AGENTPORT_TEST_CHILD_THAT_PRINTS";

    /// What the next test starts: it prints in several ways after the streams were taken.
    #[test]
    #[expect(clippy::print_stdout, reason = "what must not reach the protocol")]
    #[expect(clippy::disallowed_methods, reason = "only as the child of the next test, which says so")]
    fn child_that_prints() {
        if std::env::var_os(CHILD).is_none() {
            return;
        }
        let (_input, mut protocol) = take_stdio().unwrap();
        println!("noise of println");
        rustix::io::write(rustix::stdio::stdout(), b"noise of a C library\n").unwrap();
        let panicked = std::thread::spawn(|| panic!("noise of a panic")).join();
        assert!(panicked.is_err());
        writeln!(protocol, "{{\"jsonrpc\":\"2.0\"}}").unwrap();
    }

    #[test]
    fn t017_what_prints_does_not_reach_the_protocol() {
        #[expect(clippy::disallowed_methods, reason = "the test looks at a process from outside")]
        let child = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "mcp::stdio::tests::child_that_prints", "--nocapture"])
            .env(CHILD, "1")
            .output()
            .unwrap();
        let (stdout, stderr) = (String::from_utf8_lossy(&child.stdout), String::from_utf8_lossy(&child.stderr));
        assert!(stdout.contains("{\"jsonrpc\":\"2.0\"}\n"), "{stdout}");
        assert!(!stdout.contains("noise"), "{stdout}");
        for noise in ["noise of println", "noise of a C library", "noise of a panic"] {
            assert!(stderr.contains(noise), "{noise} is not in {stderr}");
        }
    }
}
