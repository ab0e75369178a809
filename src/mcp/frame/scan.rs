//! JSON (RFC 8259) as a stream of events, in one pass and without recursion. It decides only what JSON is; what of it
//! is taken is for `rules`.

use std::borrow::Cow;

/// What comes next in a text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Event<'a> {
    /// An object or a list begins; it is a value.
    Open(Kind),
    /// The innermost one ends.
    Close,
    /// A key of the innermost object.
    Key(Text<'a>),
    /// A string as a value.
    String(Text<'a>),
    /// A number, as it is spelled.
    Number(&'a str),
    /// `true` or `false`.
    Bool,
    /// `null`.
    Null,
}

/// The two things that contain others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Object,
    List,
}

/// What stands between two quotes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Text<'a> {
    raw: &'a str,
    escaped: bool,
    /// Does it contain the character U+0000?
    pub(super) nul: bool,
}

impl<'a> Text<'a> {
    /// The text that is meant, escapes resolved.
    pub(super) fn decode(self) -> Cow<'a, str> {
        if !self.escaped {
            return Cow::Borrowed(self.raw);
        }
        let mut decoded = String::with_capacity(self.raw.len());
        let mut rest = self.raw;
        while let Some((before, escape)) = rest.split_once('\\') {
            decoded.push_str(before);
            let (unit, after) = one_escape(escape);
            let (character, after) = match (unit, after.strip_prefix('\\')) {
                (0xd800..=0xdbff, Some(low)) => {
                    let (low, after) = one_escape(low);
                    (0x10000 + ((unit & 0x3ff) << 10) + (low & 0x3ff), after)
                }
                (unit, _) => (unit, after),
            };
            decoded.push(char::from_u32(character).unwrap_or(char::REPLACEMENT_CHARACTER));
            rest = after;
        }
        decoded.push_str(rest);
        Cow::Owned(decoded)
    }
}

/// The code unit of an escape that the scanner has already found valid, and what follows it.
fn one_escape(escape: &str) -> (u32, &str) {
    let mut characters = escape.chars();
    let unit = match characters.next() {
        Some('b') => 0x08,
        Some('f') => 0x0c,
        Some('n') => 0x0a,
        Some('r') => 0x0d,
        Some('t') => 0x09,
        Some('u') => {
            characters.by_ref().take(4).fold(0, |unit, digit| unit * 16 + digit.to_digit(16).unwrap_or_default())
        }
        Some(other) => u32::from(other),
        None => u32::from(char::REPLACEMENT_CHARACTER),
    };
    (unit, characters.as_str())
}

/// Why a text is not one JSON value. Never contains the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not one JSON value: {reason} at byte {at}")]
pub(super) struct SyntaxError {
    reason: &'static str,
    at: usize,
}

/// Reads a text event by event.
#[derive(Debug)]
pub(super) struct Scanner<'a> {
    text: &'a str,
    at: usize,
    expect: Expect,
    // INVARIANT: one byte per open container, so that a frame of brackets costs no more than itself.
    open: Vec<Kind>,
}

#[derive(Debug, Clone, Copy)]
enum Expect {
    Value,
    ValueOrClose,
    Key,
    KeyOrClose,
    Colon,
    CommaOrClose,
    End,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0, expect: Expect::Value, open: Vec::new() }
    }

    /// The next event; none after the one value.
    pub(super) fn next(&mut self) -> Result<Option<Event<'a>>, SyntaxError> {
        loop {
            while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
                self.at += 1;
            }
            let Some(byte) = self.peek() else {
                return if matches!(self.expect, Expect::End) { Ok(None) } else { Err(self.error("the end")) };
            };
            match self.expect {
                Expect::ValueOrClose if byte == b']' => return Ok(Some(self.close())),
                Expect::Value | Expect::ValueOrClose => return self.value(byte).map(Some),
                Expect::KeyOrClose if byte == b'}' => return Ok(Some(self.close())),
                Expect::Key | Expect::KeyOrClose => {
                    if byte != b'"' {
                        return Err(self.error("something other than a key"));
                    }
                    let key = self.string()?;
                    self.expect = Expect::Colon;
                    return Ok(Some(Event::Key(key)));
                }
                Expect::Colon => {
                    if byte != b':' {
                        return Err(self.error("something other than a colon"));
                    }
                    self.at += 1;
                    self.expect = Expect::Value;
                }
                Expect::CommaOrClose => match (byte, self.open.last()) {
                    (b',', Some(kind)) => {
                        self.at += 1;
                        self.expect = match kind {
                            Kind::Object => Expect::Key,
                            Kind::List => Expect::Value,
                        };
                    }
                    (b'}', Some(Kind::Object)) | (b']', Some(Kind::List)) => return Ok(Some(self.close())),
                    (_, Some(Kind::Object | Kind::List) | None) => {
                        return Err(self.error("something other than a comma"));
                    }
                },
                Expect::End => return Err(self.error("a second value")),
            }
        }
    }

    fn value(&mut self, byte: u8) -> Result<Event<'a>, SyntaxError> {
        let event = match byte {
            b'{' => return Ok(self.open(Kind::Object, Expect::KeyOrClose)),
            b'[' => return Ok(self.open(Kind::List, Expect::ValueOrClose)),
            b'"' => Event::String(self.string()?),
            b'-' | b'0'..=b'9' => Event::Number(self.number()?),
            b't' => self.word("true", Event::Bool)?,
            b'f' => self.word("false", Event::Bool)?,
            b'n' => self.word("null", Event::Null)?,
            _ => return Err(self.error("something other than a value")),
        };
        self.after_value();
        Ok(event)
    }

    fn open(&mut self, kind: Kind, expect: Expect) -> Event<'a> {
        self.at += 1;
        self.open.push(kind);
        self.expect = expect;
        Event::Open(kind)
    }

    fn close(&mut self) -> Event<'a> {
        self.at += 1;
        self.open.pop();
        self.after_value();
        Event::Close
    }

    fn after_value(&mut self) {
        self.expect = if self.open.is_empty() { Expect::End } else { Expect::CommaOrClose };
    }

    fn word(&mut self, word: &str, event: Event<'a>) -> Result<Event<'a>, SyntaxError> {
        if !self.text.get(self.at..).is_some_and(|rest| rest.starts_with(word)) {
            return Err(self.error("something other than a value"));
        }
        self.at += word.len();
        Ok(event)
    }

    fn string(&mut self) -> Result<Text<'a>, SyntaxError> {
        let start = self.at + 1;
        self.at = start;
        let (mut escaped, mut nul) = (false, false);
        loop {
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => {
                    escaped = true;
                    nul |= self.escape()?;
                }
                Some(0..=0x1f) => return Err(self.error("a control byte in a string")),
                Some(_) => self.at += 1,
                None => return Err(self.error("the end of a string that was not closed")),
            }
        }
        let raw = self.text.get(start..self.at).ok_or_else(|| self.error("a broken character"))?;
        self.at += 1;
        Ok(Text { raw, escaped, nul })
    }

    /// One escape, a surrogate pair being one; says whether it was U+0000.
    fn escape(&mut self) -> Result<bool, SyntaxError> {
        self.at += 1;
        match self.peek() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
                self.at += 1;
                Ok(false)
            }
            Some(b'u') => {
                let unit = self.code_unit()?;
                match unit {
                    0xd800..=0xdbff => {
                        if self.peek() == Some(b'\\') {
                            self.at += 1;
                            if self.peek() == Some(b'u') && (0xdc00..=0xdfff).contains(&self.code_unit()?) {
                                return Ok(false);
                            }
                        }
                        Err(self.error("half a surrogate pair"))
                    }
                    0xdc00..=0xdfff => Err(self.error("half a surrogate pair")),
                    unit => Ok(unit == 0),
                }
            }
            Some(_) | None => Err(self.error("an unknown escape")),
        }
    }

    /// `uXXXX`.
    fn code_unit(&mut self) -> Result<u32, SyntaxError> {
        let digits = self.text.get(self.at + 1..self.at + 5).unwrap_or_default();
        if digits.len() != 4 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(self.error("an unknown escape"));
        }
        self.at += 5;
        u32::from_str_radix(digits, 16).map_err(|_| self.error("an unknown escape"))
    }

    fn number(&mut self) -> Result<&'a str, SyntaxError> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        self.text.get(start..self.at).ok_or_else(|| self.error("a broken number"))
    }

    fn digits(&mut self) -> Result<(), SyntaxError> {
        if !self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            return Err(self.error("a broken number"));
        }
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        Ok(())
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn error(&self, reason: &'static str) -> SyntaxError {
        SyntaxError { reason, at: self.at }
    }
}
