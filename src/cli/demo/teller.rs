//! How the story is told: to a person on standard output, with colour where a terminal takes it; beside a program's
//! JSON on standard error.

use std::io::{IsTerminal as _, Write as _};

use crate::{cli::Out, config::Environment};

/// Tells.
pub(super) struct Teller<'a> {
    out: &'a Out,
    color: bool,
}

/// What a piece of text is.
#[derive(Debug, Clone, Copy)]
enum Style {
    Bold,
    Dim,
    Good,
    Code,
}

impl<'a> Teller<'a> {
    pub(super) fn new(out: &'a Out, environment: &Environment) -> Self {
        let terminal = if out.is_json() { std::io::stderr().is_terminal() } else { std::io::stdout().is_terminal() };
        Self { out, color: environment.wants_color() && terminal }
    }

    /// A chapter's title, and what the agent does in it.
    pub(super) fn chapter(&self, number: u8, title: &str) {
        self.line("");
        self.line(&self.styled(Style::Bold, &format!("{number}  {title}")));
    }

    /// What happens.
    pub(super) fn says(&self, text: &str) {
        for line in text.lines() {
            self.line(&format!("   {line}"));
        }
    }

    /// What came of it.
    pub(super) fn came(&self, text: &str) {
        self.line(&format!("   {} {text}", self.styled(Style::Good, "→")));
    }

    /// Why it matters.
    pub(super) fn because(&self, text: &str) {
        for line in text.lines() {
            self.line(&self.styled(Style::Dim, &format!("   {line}")));
        }
    }

    /// The six digits that only exist in here.
    pub(super) fn code(&self, digits: &str, seconds: u64) {
        let shown = self.styled(Style::Code, &format!(" DEMO code {digits} "));
        self.line(&format!("      {shown}  good for {seconds} s; on a real set-up your phone shows it"));
    }

    /// The last line.
    pub(super) fn end(&self, millis: u64) {
        self.line("");
        let all = format!("All of it behaved ({}.{} s).", millis / 1000, millis % 1000 / 100);
        self.line(&format!("{} The folder is gone. Your turn: agentport init", self.styled(Style::Good, &all)));
    }

    fn line(&self, text: &str) {
        if self.out.is_json() {
            drop(writeln!(std::io::stderr().lock(), "{text}"));
        } else {
            self.out.text(text);
        }
    }

    fn styled(&self, style: Style, text: &str) -> String {
        let code = match style {
            Style::Bold => "1",
            Style::Dim => "2",
            Style::Good => "32",
            Style::Code => "7",
        };
        if self.color { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}
