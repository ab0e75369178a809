//! A server of somebody else's, as a process: it lives as long as its owner, and its log is there when something fails.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, mpsc},
    thread,
};

use rustix::process::{Pid, Signal, kill_process};

use super::free_port;

/// Lines of the log that a failure shows.
const LAST_LINES: usize = 60;

pub struct Server {
    child: Mutex<Child>,
    port: u16,
    log: Arc<Mutex<String>>,
    ends_by: Signal,
}

impl Server {
    /// Once it says `ready`. Another process may take a port before it does, so that several are tried.
    pub fn started(start: impl Fn(u16) -> Command, ready: &'static str, ends_by: Signal) -> Self {
        let mut said = String::new();
        for _ in 0..5 {
            let port = free_port();
            let mut child = start(port).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
            let mut lines = BufReader::new(child.stderr.take().unwrap());
            let log = Arc::new(Mutex::new(String::new()));
            let (tell, told) = mpsc::channel();
            let kept = Arc::clone(&log);
            // to its end, so that the server never waits for a reader; the channel closes when there is none left
            thread::spawn(move || {
                let mut line = Vec::new();
                while lines.read_until(b'\n', &mut line).is_ok_and(|bytes| bytes > 0) {
                    let text = String::from_utf8_lossy(&line);
                    kept.lock().unwrap().push_str(&text);
                    if text.contains(ready) {
                        tell.send(()).ok();
                    }
                    line.clear();
                }
            });
            let server = Self { child: Mutex::new(child), port, log, ends_by };
            if told.recv().is_ok() {
                return server;
            }
            said.push_str(&server.account());
        }
        panic!("the server did not start:\n{said}")
    }

    /// The port of loopback that it was given.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What became of it, for a failure that it may have caused: whether it still runs, the machine's memory, its last words.
    pub fn account(&self) -> String {
        let state = match self.child.lock().unwrap().try_wait() {
            Ok(None) => "the server still runs".to_owned(),
            Ok(Some(status)) => format!("the server has ended: {status}"),
            Err(error) => format!("the server's state is unknown: {error}"),
        };
        let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
        let memory = memory.lines().find(|line| line.starts_with("MemAvailable")).unwrap_or("memory unknown");
        let log = self.log.lock().unwrap();
        let lines: Vec<&str> = log.lines().collect();
        let last = lines.get(lines.len().saturating_sub(LAST_LINES)..).unwrap_or_default().join("\n");
        format!("{state}; {memory}; its log ends with:\n{last}\n")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let Ok(mut child) = self.child.lock() else { return };
        // one that was waited for has no process any more, and its number may be somebody else's
        if let Ok(None) = child.try_wait()
            && let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw)
        {
            kill_process(pid, self.ends_by).ok();
        }
        child.wait().ok();
    }
}
