//! What is wrong with a file that a person wrote: message, file, line, caret, help. Collected, never only the first.

use std::{fmt, ops::Range};

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

/// One problem of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// What is wrong: lower case, no full stop, backticks around names.
    pub message: String,
    /// The file as the person knows it.
    pub file: String,
    /// Bytes of the file that it is about; `None` where no place can be named.
    pub span: Option<Range<usize>>,
    /// What to do about it.
    pub help: Option<String>,
    line: usize,
    rendered: String,
}

/// A file under inspection, and what was found wrong with it.
#[derive(Debug, Clone)]
pub struct Source<'a> {
    name: &'a str,
    text: &'a str,
    problems: Vec<Diagnostic>,
}

impl<'a> Source<'a> {
    /// `name` is shown to the person, `text` is what the spans point into.
    pub fn new(name: &'a str, text: &'a str) -> Self {
        Self { name, text, problems: Vec::new() }
    }

    /// The file's name.
    pub fn name(&self) -> &'a str {
        self.name
    }

    /// The file's text.
    pub fn text(&self) -> &'a str {
        self.text
    }

    /// Notes a problem at `span`.
    pub fn problem(&mut self, span: Range<usize>, message: impl Into<String>, help: impl Into<Option<String>>) {
        let problem = Diagnostic::new(self.name, self.text, Some(span), message.into(), help.into());
        self.problems.push(problem);
    }

    /// Notes a problem of the file as a whole.
    pub fn problem_of_file(&mut self, message: impl Into<String>, help: impl Into<Option<String>>) {
        let problem = Diagnostic::new(self.name, self.text, None, message.into(), help.into());
        self.problems.push(problem);
    }

    /// Has nothing been found wrong?
    pub fn is_clean(&self) -> bool {
        self.problems.is_empty()
    }

    /// The one-based line of a byte offset.
    pub fn line_at(&self, offset: usize) -> usize {
        line_at(self.text, offset)
    }

    /// All that was found, in the order of the file.
    pub fn into_problems(mut self) -> Vec<Diagnostic> {
        self.problems.sort_by_key(|problem| problem.span.as_ref().map_or(0, |span| span.start));
        self.problems
    }
}

impl Diagnostic {
    /// One-based line, 0 where no place can be named.
    pub fn line(&self) -> usize {
        self.line
    }

    fn new(file: &str, text: &str, span: Option<Range<usize>>, message: String, help: Option<String>) -> Self {
        let span = span.map(|span| {
            let end = span.end.min(text.len());
            span.start.min(end)..end
        });
        let rendered = render(file, text, span.clone(), &message, help.as_deref());
        let line = span.as_ref().map_or(0, |span| line_at(text, span.start));
        Self { message, file: file.to_owned(), span, help, line, rendered }
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.rendered)
    }
}

/// Every problem of some files, as one error.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct Diagnostics(pub Vec<Diagnostic>);

fn line_at(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

fn render(file: &str, text: &str, span: Option<Range<usize>>, message: &str, help: Option<&str>) -> String {
    let title = Level::ERROR.primary_title(message);
    let mut group = match span {
        Some(span) => title.element(Snippet::source(text).path(file).annotation(AnnotationKind::Primary.span(span))),
        None => title.element(annotate_snippets::Origin::path(file)),
    };
    if let Some(help) = help {
        group = group.element(Level::HELP.message(help));
    }
    Renderer::plain().render(&[group])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_shows_file_line_caret_and_help() {
        let mut source = Source::new("policy.toml", "schema = 1\ncolour = 2\n");
        source.problem(11..17, "unknown key `colour`", Some("remove it".to_owned()));
        let [problem] = source.into_problems().try_into().unwrap();
        assert_eq!(problem.line(), 2);
        insta::assert_snapshot!(problem, @r"
        error: unknown key `colour`
         --> policy.toml:2:1
          |
        2 | colour = 2
          | ^^^^^^
          |
          = help: remove it
        ");
    }
}
