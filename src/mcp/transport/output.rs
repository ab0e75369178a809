//! The one writer: every message on one line, in order, and nothing else.

use std::{
    fmt::Write as _,
    io::{self, ErrorKind, Write},
    sync::Arc,
    time::Duration,
};

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::flights::Flights;
use crate::mcp::frame::RequestId;

/// How many messages may wait for the writer. A client that does not read stops whoever wants to send more.
const QUEUE: usize = 16;

/// Something to write.
#[derive(Debug)]
pub(super) enum Message {
    /// The answer to a request in flight.
    Answer(RequestId, String),
    /// Anything else.
    Other(String),
    /// The last one.
    End,
}

/// Starts the writer. It cancels `deaf` when nobody reads any more, and `done` when it has ended.
pub(super) fn start(
    output: impl Write + Send + 'static,
    flights: Arc<Flights>,
    deaf: CancellationToken,
    done: CancellationToken,
) -> io::Result<mpsc::Sender<Message>> {
    let (sender, messages) = mpsc::channel(QUEUE);
    std::thread::Builder::new().name("mcp-output".to_owned()).spawn(move || {
        let _done = done.drop_guard();
        write_all(output, messages, &flights, &deaf);
    })?;
    Ok(sender)
}

fn write_all(
    mut output: impl Write,
    mut messages: mpsc::Receiver<Message>,
    flights: &Flights,
    deaf: &CancellationToken,
) {
    while let Some(message) = messages.blocking_recv() {
        let text = match message {
            Message::Answer(id, text) => flights.land(&id).then_some(text),
            Message::Other(text) => Some(text),
            Message::End => return,
        };
        // A client that has closed our output gets nothing more, but its requests still land.
        let Some(text) = text.filter(|_| !deaf.is_cancelled()) else { continue };
        if let Err(error) = write_line(&mut output, text) {
            tracing::debug!(kind = ?error.kind(), "the client does not read any more");
            deaf.cancel();
        }
    }
}

fn write_line(output: &mut impl Write, text: String) -> io::Result<()> {
    let line = one_line(text);
    let mut rest = line.as_bytes();
    while !rest.is_empty() {
        match output.write(rest) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(written) => rest = rest.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // Somebody made the pipe non-blocking; std has nothing to wait on it with.
            Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::sleep(Duration::from_millis(5)),
            Err(error) => return Err(error),
        }
    }
    output.flush()
}

/// A message and its newline, with nothing in it that any reader takes for the end of a line. In JSON such a character
/// stands only in strings, where its escape means the same.
fn one_line(mut json: String) -> String {
    // a list of tools is long, and almost none of it is looked at twice: these are the first bytes of all that matter
    let suspect = |text: &str| text.bytes().position(|byte| matches!(byte, b'\n' | b'\r' | 0x7f | 0xc2 | 0xe2));
    if suspect(&json).is_none() {
        json.push('\n');
        return json;
    }
    let mut line = String::with_capacity(json.len() + 1);
    let mut rest = json.as_str();
    while let Some((plain, tail)) = suspect(rest).and_then(|at| rest.split_at_checked(at)) {
        line.push_str(plain);
        let mut characters = tail.chars();
        match characters.next() {
            Some(character @ ('\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}')) => {
                // Writing to a string does not fail.
                let _ = write!(line, "\\u{:04x}", u32::from(character));
            }
            Some('\n' | '\r') => line.push(' '),
            Some(other) => line.push(other),
            None => {}
        }
        rest = characters.as_str();
    }
    line.push_str(rest);
    line.push('\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t008_a_message_is_one_line_for_every_reader() {
        let value = serde_json::json!({"text": "a\r\nb\u{85}c\u{2028}d\u{2029}e\u{b}\u{c}\u{1c}\u{9b}f\u{7f} é£€"});
        let line = one_line(value.to_string());
        assert_eq!(line, "{\"text\":\"a\\r\\nb\\u0085c\\u2028d\\u2029e\\u000b\\f\\u001c\\u009bf\\u007f é£€\"}\n");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&line).unwrap(), value);
    }
}
