//! What a command prints, and how it ends.

use std::{io::Write as _, process::ExitCode};

use serde_json::{Value, json};

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done or completed.
    Done,
    /// Failed, unknown, anything else.
    Failed,
    /// A human's approval is required or pending.
    Waiting,
    /// Denied.
    Denied,
    /// Wrong usage.
    Usage,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Waiting => 2,
            Exit::Denied => 3,
            Exit::Usage => 64,
        })
    }
}

/// Why a command did not do what it was asked to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    message: String,
    hint: Option<String>,
    exit: Exit,
}

impl Failure {
    /// Failed, for this reason.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None, exit: Exit::Failed }
    }

    /// Was asked for in the wrong way.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { exit: Exit::Usage, ..Self::new(message) }
    }

    /// What it says.
    pub(super) fn message(&self) -> &str {
        &self.message
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::new(error.to_string())
    }
}

/// Standard output, for people or for programs.
#[derive(Debug)]
pub struct Out {
    json: bool,
}

impl Out {
    /// `json`: one value for programs.
    pub fn new(json: bool) -> Self {
        Self { json }
    }

    /// Is it for programs?
    pub fn is_json(&self) -> bool {
        self.json
    }

    /// The answer: `value` for programs, `text` for people.
    pub fn answer(&self, value: &Value, text: impl FnOnce() -> String) {
        if self.json {
            self.value(value);
        } else {
            self.text(&text());
        }
    }

    /// One JSON value on one line, flushed.
    pub fn value(&self, value: &Value) {
        write(&value.to_string());
    }

    /// One of many JSON values, each on its line. `false`: nobody reads any more.
    pub fn line(&self, value: &Value) -> bool {
        write(&value.to_string())
    }

    /// Text for people, flushed; what somebody else chose in it has been made visible.
    pub fn text(&self, text: &str) {
        write(text.trim_end_matches('\n'));
    }

    /// The reason of a failure: on standard output as JSON for programs, on standard error for people.
    pub fn fail(&self, failure: &Failure) -> Exit {
        if self.json {
            self.value(&json!({"error": {"message": failure.message, "hint": failure.hint}}));
        } else {
            let mut stderr = std::io::stderr().lock();
            drop(writeln!(stderr, "error: {}", failure.message.trim_start_matches("error: ")));
            if let Some(hint) = &failure.hint {
                drop(writeln!(stderr, "hint: {hint}"));
            }
        }
        failure.exit
    }
}

/// A reader that left early is no failure of ours.
fn write(text: &str) -> bool {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{text}").and_then(|()| stdout.flush()).is_ok()
}
