//! Where things are in a JSON text that has been parsed before: values by their span, objects by their members.

use std::ops::Range;

/// The span of the whole value.
pub(super) fn span_of_root(text: &str) -> Option<Range<usize>> {
    let mut scanner = Scanner { text, at: 0 };
    scanner.blank();
    scanner.value()
}

/// An object of the text: where its members are.
pub(super) struct Object {
    pub(super) members: Vec<Member>,
}

/// One of them.
pub(super) struct Member {
    pub(super) start: usize,
    pub(super) key: String,
    pub(super) value: Range<usize>,
}

impl Object {
    /// The object that begins at `start`; `None` where none does.
    pub(super) fn read(text: &str, start: usize) -> Option<Self> {
        let mut scanner = Scanner { text, at: start };
        let mut members = Vec::new();
        scanner.take(b'{')?;
        loop {
            scanner.blank();
            if scanner.take(b'}').is_some() {
                return Some(Self { members });
            }
            if !members.is_empty() {
                scanner.take(b',')?;
                scanner.blank();
            }
            let key = scanner.value()?;
            scanner.blank();
            scanner.take(b':')?;
            scanner.blank();
            let value = scanner.value()?;
            members.push(Member { start: key.start, key: serde_json::from_str(text.get(key)?).ok()?, value });
        }
    }
}

/// Walks a text that has been parsed before.
struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl Scanner<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        (self.peek() == Some(byte)).then(|| self.at += 1)
    }

    fn blank(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    fn string(&mut self) -> Option<()> {
        self.take(b'"')?;
        loop {
            match self.peek()? {
                b'"' => return self.take(b'"'),
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
    }

    /// The span of the value that begins here.
    fn value(&mut self) -> Option<Range<usize>> {
        let start = self.at;
        let mut depth = 0_usize;
        loop {
            match self.peek()? {
                b'"' => self.string()?,
                b'{' | b'[' => {
                    depth += 1;
                    self.at += 1;
                    continue;
                }
                b'}' | b']' => {
                    depth = depth.checked_sub(1)?;
                    self.at += 1;
                }
                b',' | b':' => self.at += 1,
                byte if byte.is_ascii_whitespace() => self.at += 1,
                _ => {
                    while self.peek().is_some_and(|byte| !byte.is_ascii_whitespace() && !b",]}".contains(&byte)) {
                        self.at += 1;
                    }
                }
            }
            if depth == 0 {
                return Some(start..self.at);
            }
        }
    }
}
