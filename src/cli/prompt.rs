//! Asking the person at the terminal, and reading lines of standard input.

use std::io::{BufRead as _, IsTerminal as _, Write as _};

use super::{Failure, Out};
use crate::{approval::Code, secret::Secret, visible::visible};

/// How often a question is put before an answer that will not do ends it.
pub(super) const TRIES: u32 = 3;

/// Is a person at standard input?
pub(super) fn is_terminal() -> bool {
    std::io::stdin().is_terminal()
}

/// Asks a question on standard error and reads the answer.
pub(super) fn ask(question: &str) -> Result<String, Failure> {
    let mut stderr = std::io::stderr().lock();
    drop(write!(stderr, "{question} "));
    drop(stderr.flush());
    line()
}

/// Asks for one of `names`; an empty answer is `None`. A word that is none of them is asked for again.
pub(super) fn choice(out: &Out, question: &str, names: &[&str]) -> Result<Option<String>, Failure> {
    let mut left = TRIES;
    loop {
        let answer = ask(question)?.trim().to_ascii_lowercase();
        if answer.is_empty() {
            return Ok(None);
        }
        if names.contains(&answer.as_str()) {
            return Ok(Some(answer));
        }
        let wrong = format!("`{}` is none of {}", visible(&answer), names.join(", "));
        left -= 1;
        if left == 0 {
            return Err(Failure::usage(wrong));
        }
        out.text(&wrong);
    }
}

/// Yes, unless the answer is a no.
pub(super) fn yes(question: &str) -> Result<bool, Failure> {
    Ok(!ask(&format!("{question} [Y/n]"))?.trim().to_ascii_lowercase().starts_with('n'))
}

/// One line of standard input, without its end.
pub(super) fn line() -> Result<String, Failure> {
    let mut line = String::new();
    let read = std::io::stdin()
        .lock()
        .read_line(&mut line)
        .map_err(|error| Failure::new(format!("standard input: {error}")))?;
    if read == 0 {
        return Err(Failure::new("standard input ended before an answer came"));
    }
    Ok(line.trim_end_matches(['\n', '\r']).to_owned())
}

/// A secret: hidden while typed, or one line of standard input where that was asked for.
pub(super) fn secret(question: &str, from_stdin: bool) -> Result<Secret, Failure> {
    let text = if from_stdin {
        line()?
    } else if is_terminal() {
        typed(question)?
    } else {
        return Err(Failure::usage("there is no terminal to ask on")
            .hint("pass the secret on standard input with --secret-stdin"));
    };
    let text = text.trim().to_owned();
    if text.is_empty() {
        return Err(Failure::new("the secret is empty; nothing was stored"));
    }
    Ok(Secret::new(text))
}

/// Hidden while typed; may be empty.
pub(super) fn hidden(question: &str) -> Result<Secret, Failure> {
    typed(question).map(Secret::new)
}

/// The same, typed twice.
pub(super) fn twice(question: &str) -> Result<Secret, Failure> {
    let typed_twice = Secret::typed_twice(typed(question)?, typed("the same again")?);
    typed_twice.ok_or_else(|| Failure::new("these two differ; nothing was done"))
}

fn typed(question: &str) -> Result<String, Failure> {
    rpassword::prompt_password(format!("{question}: ")).map_err(|error| Failure::new(format!("the terminal: {error}")))
}

/// A code: asked for on the terminal, or one line of standard input where that was asked for.
pub(super) fn code(question: &str, from_stdin: bool) -> Result<Code, Failure> {
    let text = if from_stdin {
        line()?
    } else if is_terminal() {
        ask(question)?
    } else {
        return Err(Failure::usage("there is no terminal to ask for the code on")
            .hint("pass it as one line on standard input with --code-stdin"));
    };
    Ok(Code::parse(&text)?)
}
