//! The person in front of the demo: what they type, while the page may be faster.

use std::io::BufRead as _;

use tokio::sync::mpsc;

/// What a line says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    /// Yes, right here.
    Approve,
    /// No.
    Deny,
    /// Stop the demo.
    Quit,
    /// None of it.
    Unclear,
}

impl Wish {
    fn of(line: &str) -> Self {
        match line.trim().to_lowercase().as_str() {
            "" | "y" | "yes" => Self::Approve,
            "n" | "no" | "d" | "deny" => Self::Deny,
            "q" | "quit" => Self::Quit,
            _ => Self::Unclear,
        }
    }
}

/// Lines of standard input as wishes. The end of input wishes to quit.
pub(super) fn listen() -> mpsc::UnboundedReceiver<Wish> {
    let (sender, wishes) = mpsc::unbounded_channel();
    // blocks until a line comes; the process's end does not wait for it
    std::thread::spawn(move || {
        let ends = std::iter::once(Wish::Quit);
        let lines = std::io::stdin().lock().lines().map_while(Result::ok).map(|line| Wish::of(&line));
        for wish in lines.chain(ends) {
            if sender.send(wish).is_err() {
                return;
            }
        }
    });
    wishes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_wish() {
        for (line, wish) in [
            ("", Wish::Approve),
            (" Y", Wish::Approve),
            ("n", Wish::Deny),
            ("q\r", Wish::Quit),
            ("123456", Wish::Unclear),
        ] {
            assert_eq!(Wish::of(line), wish, "{line:?}");
        }
    }
}
