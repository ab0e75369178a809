//! The strict gate: what one line of input must be before any parser builds something of it.
//!
//! A lenient parser keeps the last of two equal keys, rounds numbers, and lets some keys smuggle a second text in. Then
//! the policy, the human and the service can each see another call. So a frame that could be read in two ways is
//! refused here, whole, and what passes means the same to every reader.

mod number;
mod rules;
mod scan;

use std::borrow::Cow;

pub use self::rules::{MAX_DEPTH, MAX_KEYS, MAX_STRING, MAX_VALUES};
use self::{
    rules::{Problem, Rules},
    scan::{Event, Kind, Scanner, Text},
};

/// The longest line that is taken, in bytes, without its newline.
pub const MAX_FRAME: usize = 1024 * 1024;
/// The longest id and the longest method name, in bytes.
pub const MAX_NAME: usize = 128;

/// JSON-RPC: not JSON.
pub(super) const PARSE_ERROR: i32 = -32700;
/// JSON-RPC: not a request.
pub(super) const INVALID_REQUEST: i32 = -32600;
/// JSON-RPC: a request whose `params` are broken.
pub(super) const INVALID_PARAMS: i32 = -32602;

/// The id of a request (JSON-RPC 2.0, without `null` and fractions).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum RequestId {
    /// A whole number.
    Number(i64),
    /// A text of at most [`MAX_NAME`] bytes.
    Text(String),
}

/// A line that passed the gate.
#[derive(Debug, PartialEq)]
pub enum Frame<'a> {
    /// It wants an answer.
    Request {
        /// Names the answer.
        id: RequestId,
        /// `tools/call`
        method: String,
        /// The whole line.
        text: &'a str,
    },
    /// It has no id and gets no answer, whatever its method.
    Notification {
        /// `notifications/cancelled`
        method: String,
        /// The whole line.
        text: &'a str,
    },
    /// An answer to something that we may have asked.
    Response {
        /// Names the question; none where it cannot be told.
        id: Option<RequestId>,
        /// The whole line.
        text: &'a str,
    },
    /// Nothing but white space.
    Blank,
}

/// Why a line is refused. Never contains the line, only where in it the problem is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// The id, if the line is JSON and has one that can be used.
    pub id: Option<RequestId>,
    /// JSON-RPC's code.
    pub code: i32,
    /// What is wrong, and where.
    pub message: String,
}

/// Reads one line, without its newline.
///
/// # Errors
/// What is wrong with it.
pub fn read(line: &[u8]) -> Result<Frame<'_>, Refusal> {
    let refuse = |code, message: String| Refusal { id: None, code, message };
    if line.len() > MAX_FRAME {
        return Err(too_long());
    }
    let text = str::from_utf8(line)
        .map_err(|error| refuse(PARSE_ERROR, format!("not UTF-8, from byte {} on", error.valid_up_to())))?;
    if text.starts_with('\u{feff}') {
        return Err(refuse(PARSE_ERROR, "begins with a byte order mark".to_owned()));
    }
    if text.trim_matches([' ', '\t', '\r']).is_empty() {
        return Ok(Frame::Blank);
    }
    let mut scanner = Scanner::new(text);
    let mut rules = Rules::default();
    let mut envelope = Envelope::default();
    while let Some(event) = scanner.next().map_err(|error| refuse(PARSE_ERROR, error.to_string()))? {
        rules.see(event);
        envelope.see(event);
    }
    envelope.judge(text, rules.problem())
}

/// Checks a JSON text that came another way than in a frame as strictly as one.
///
/// # Errors
/// What is wrong with it, and where.
pub fn check(text: &[u8]) -> Result<(), String> {
    if text.len() > MAX_FRAME {
        return Err(too_long().message);
    }
    let text = str::from_utf8(text).map_err(|error| format!("not UTF-8, from byte {} on", error.valid_up_to()))?;
    let mut scanner = Scanner::new(text);
    let mut rules = Rules::default();
    while let Some(event) = scanner.next().map_err(|error| error.to_string())? {
        rules.see(event);
    }
    rules.problem().map_or(Ok(()), |problem| Err(problem.to_string()))
}

/// The refusal of a line that is longer than [`MAX_FRAME`].
pub(super) fn too_long() -> Refusal {
    Refusal { id: None, code: INVALID_REQUEST, message: format!("longer than {MAX_FRAME} bytes") }
}

/// What stands on the first level of a frame.
#[derive(Debug, Default)]
struct Envelope<'a> {
    depth: usize,
    list: bool,
    object: bool,
    field: Field,
    version: Member<Cow<'a, str>>,
    id: Member<RequestId>,
    method: Member<String>,
    params: Member<()>,
    answers: bool,
}

#[derive(Debug, Default, Clone, Copy)]
enum Field {
    Version,
    Id,
    Method,
    Params,
    Answer,
    #[default]
    Other,
}

#[derive(Debug, Default)]
enum Member<T> {
    #[default]
    Absent,
    Given(T),
    Unusable,
}

impl<T> Member<T> {
    /// A member that is given twice has no value: nobody can say which one is meant.
    fn give(&mut self, value: Option<T>) {
        *self = match (&self, value) {
            (Self::Absent, Some(value)) => Self::Given(value),
            (Self::Absent | Self::Given(_) | Self::Unusable, _) => Self::Unusable,
        };
    }
}

impl<'a> Envelope<'a> {
    fn see(&mut self, event: Event<'a>) {
        match event {
            Event::Close => self.depth -= 1,
            Event::Key(key) if self.depth == 1 => {
                self.field = match key.decode().as_ref() {
                    "jsonrpc" => Field::Version,
                    "id" => Field::Id,
                    "method" => Field::Method,
                    "params" => Field::Params,
                    "result" | "error" => Field::Answer,
                    _ => Field::Other,
                }
            }
            Event::Open(kind) => {
                match self.depth {
                    0 => (self.object, self.list) = (kind == Kind::Object, kind == Kind::List),
                    1 => self.member(event),
                    _ => {}
                }
                self.depth += 1;
            }
            Event::String(_) | Event::Number(_) | Event::Bool | Event::Null if self.depth == 1 => self.member(event),
            Event::Key(_) | Event::String(_) | Event::Number(_) | Event::Bool | Event::Null => {}
        }
    }

    fn member(&mut self, value: Event<'a>) {
        let text = |longest| match value {
            Event::String(text) => name(text, longest),
            Event::Open(_) | Event::Close | Event::Key(_) | Event::Number(_) | Event::Bool | Event::Null => None,
        };
        match self.field {
            Field::Version => self.version.give(text(MAX_NAME)),
            Field::Method => self.method.give(text(MAX_NAME).map(Cow::into_owned)),
            Field::Id => self.id.give(match value {
                Event::Number(spelling) if spelling != "-0" => spelling.parse().ok().map(RequestId::Number),
                Event::Number(_) | Event::Open(_) | Event::Close | Event::Key(_) | Event::Bool | Event::Null => None,
                Event::String(_) => text(MAX_NAME).map(|text| RequestId::Text(text.into_owned())),
            }),
            // Some clients write `null` where they have none.
            Field::Params => self.params.give(match value {
                Event::Open(Kind::Object) | Event::Null => Some(()),
                Event::Open(Kind::List)
                | Event::Close
                | Event::Key(_)
                | Event::String(_)
                | Event::Number(_)
                | Event::Bool => None,
            }),
            Field::Answer => self.answers = true,
            Field::Other => {}
        }
    }

    fn judge(self, text: &'a str, problem: Option<Problem>) -> Result<Frame<'a>, Refusal> {
        let (id, broken_id) = match self.id {
            Member::Absent => (None, false),
            Member::Given(id) => (Some(id), false),
            Member::Unusable => (None, true),
        };
        let refuse = |code, message: &str| Err(Refusal { id: id.clone(), code, message: message.to_owned() });
        if self.list {
            return refuse(INVALID_REQUEST, "batches are not taken; send one object a line");
        }
        if !self.object {
            return refuse(INVALID_REQUEST, "not an object");
        }
        if let Some(problem) = problem {
            let inside = problem.at == "/params" || problem.at.starts_with("/params/");
            return refuse(if inside { INVALID_PARAMS } else { INVALID_REQUEST }, &problem.to_string());
        }
        if !matches!(&self.version, Member::Given(version) if version == "2.0") {
            return refuse(INVALID_REQUEST, "`jsonrpc` must be \"2.0\"");
        }
        if broken_id {
            return refuse(INVALID_REQUEST, "`id` must be a whole number of 64 bits or a text of at most 128 bytes");
        }
        let method = match (self.method, self.answers) {
            (Member::Absent, true) => return Ok(Frame::Response { id, text }),
            (Member::Given(method), false) => method,
            (Member::Given(_) | Member::Unusable, true) => {
                return refuse(INVALID_REQUEST, "`method` beside `result` or `error`");
            }
            (Member::Absent | Member::Unusable, false) => {
                return refuse(INVALID_REQUEST, "`method` must be a text of at most 128 bytes");
            }
        };
        match self.params {
            Member::Absent | Member::Given(()) => {}
            Member::Unusable => return refuse(INVALID_PARAMS, "`params` must be an object"),
        }
        Ok(match id {
            Some(id) => Frame::Request { id, method, text },
            None => Frame::Notification { method, text },
        })
    }
}

fn name(text: Text<'_>, longest: usize) -> Option<Cow<'_, str>> {
    Some(text.decode()).filter(|decoded| !text.nul && decoded.len() <= longest)
}

#[cfg(test)]
mod tests;
