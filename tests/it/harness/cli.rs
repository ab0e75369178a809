//! One command of the program, run to its end.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    process::{Child, ChildStdin, ChildStdout, Command, Output, Stdio},
};

use serde_json::Value;

use super::Evidence;

/// A command about to run.
pub struct Cli {
    command: Command,
    evidence: Evidence,
    input: String,
    seen: bool,
}

impl Cli {
    pub fn new(command: Command, evidence: Evidence) -> Self {
        Self { command, evidence, input: String::new(), seen: true }
    }

    /// One line of standard input.
    pub fn stdin(mut self, line: &str) -> Self {
        self.input += line;
        self.input.push('\n');
        self
    }

    /// A variable of its own.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// Its output is for the person alone: the one time that a factor is shown.
    pub fn unseen(mut self) -> Self {
        self.seen = false;
        self
    }

    /// Ends well.
    pub fn done(self) -> Ran {
        self.exits(0)
    }

    /// Ends with this exit code.
    pub fn exits(self, code: i32) -> Ran {
        let ran = self.run();
        assert_eq!(ran.code, code, "{ran:?}");
        ran
    }

    pub fn run(mut self) -> Ran {
        self.command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = self.command.spawn().unwrap();
        // it may end without reading
        child.stdin.take().unwrap().write_all(self.input.as_bytes()).ok();
        let output = child.wait_with_output().unwrap();
        if self.seen {
            return Ran::of(output, &self.evidence);
        }
        let ran = Ran::unseen(output);
        self.evidence.person_saw(&ran.stdout);
        self.evidence.saw(&ran.stderr);
        ran
    }

    /// Runs beside the test, which reads its lines and answers.
    pub fn spawn(mut self) -> Talk {
        assert!(!self.seen, "what is talked about is not recorded");
        self.command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(self.evidence.stderr());
        let mut child = self.command.spawn().unwrap();
        let (input, output) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        Talk { child, input, output, evidence: self.evidence }
    }
}

/// A command that asks.
pub struct Talk {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    evidence: Evidence,
}

impl Talk {
    /// The next line that it prints.
    pub fn line(&mut self) -> Value {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        self.evidence.person_saw(&line);
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
    }

    /// What it tells a person, up to the line with `end`; then it is ended.
    pub fn told_until(mut self, end: &str) -> String {
        let mut told = String::new();
        while !told.contains(end) {
            assert_ne!(self.output.read_line(&mut told).unwrap(), 0, "{told}");
        }
        self.evidence.person_saw(&told);
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        told
    }

    pub fn say(&mut self, line: &str) {
        writeln!(self.input, "{line}").unwrap();
    }

    /// Its exit code; it must print nothing more.
    pub fn wait(mut self) -> i32 {
        let mut rest = String::new();
        self.output.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "");
        self.child.wait().unwrap().code().unwrap()
    }
}

/// A command that has ended.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    /// How a process ended, seen by everybody.
    pub(crate) fn of(output: Output, evidence: &Evidence) -> Self {
        let ran = Self::unseen(output);
        evidence.saw(&ran.stdout);
        evidence.saw(&ran.stderr);
        ran
    }

    fn unseen(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// The one JSON value of `--json`.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The message of a failure under `--json`, whose shape is checked.
    pub fn error(&self) -> String {
        let value = self.json();
        let error = &value["error"];
        let hint = &error["hint"];
        assert!(error["message"].is_string() && (hint.is_string() || hint.is_null()), "{value}");
        error["message"].as_str().unwrap().to_owned()
    }
}
