//! Lines out of a stream of bytes, with a bound on what is kept of one.

use std::{
    io::{self, BufRead, BufReader, ErrorKind, Read},
    time::Duration,
};

use crate::mcp::frame::MAX_FRAME;

/// Splits a stream at its newlines.
#[derive(Debug)]
pub(super) struct Lines<R> {
    input: BufReader<R>,
    line: Vec<u8>,
}

/// What stood between two newlines.
#[derive(Debug, PartialEq)]
pub(super) enum Line<'a> {
    /// All of it.
    Whole(&'a [u8]),
    /// It was longer than a frame may be and has been thrown away.
    Long,
    /// The input ended before its newline: half a frame is none.
    Cut,
}

impl<R: Read> Lines<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input: BufReader::with_capacity(64 * 1024, input), line: Vec::new() }
    }

    /// The next line; none at the end of input.
    pub(super) fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        self.line.clear();
        // One long line must not keep its memory for the rest of the session.
        self.line.shrink_to(64 * 1024);
        let (mut long, mut any) = (false, false);
        loop {
            let chunk = match self.input.fill_buf() {
                Ok(chunk) => chunk,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    // Somebody made the pipe non-blocking; std has nothing to wait on it with.
                    std::thread::sleep(Duration::from_millis(5));
                    continue;
                }
                Err(error) => return Err(error),
            };
            if chunk.is_empty() {
                return Ok(any.then_some(Line::Cut));
            }
            any = true;
            let newline = chunk.iter().position(|byte| *byte == b'\n');
            let part = chunk.get(..newline.unwrap_or(chunk.len())).unwrap_or_default();
            long |= self.line.len() + part.len() > MAX_FRAME;
            if long {
                self.line.clear();
            } else {
                self.line.extend_from_slice(part);
            }
            let used = part.len() + usize::from(newline.is_some());
            self.input.consume(used);
            if newline.is_some() {
                return Ok(Some(if long { Line::Long } else { Line::Whole(&self.line) }));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives one byte a read, as a slow client does.
    struct Slow<'a>(&'a [u8]);

    impl Read for Slow<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let (Some((first, rest)), Some(place)) = (self.0.split_first(), into.first_mut()) else { return Ok(0) };
            *place = *first;
            self.0 = rest;
            Ok(1)
        }
    }

    #[test]
    fn t003_lines_come_byte_by_byte_and_half_a_line_is_none() {
        let mut lines = Lines::new(Slow(b"{}\n\r\n{\"half\""));
        assert_eq!(lines.next().unwrap(), Some(Line::Whole(b"{}")));
        assert_eq!(lines.next().unwrap(), Some(Line::Whole(b"\r")));
        assert_eq!(lines.next().unwrap(), Some(Line::Cut));
        assert_eq!(lines.next().unwrap(), None);
    }

    #[test]
    fn t002_a_long_line_is_thrown_away_and_the_next_one_is_read() {
        let long = io::repeat(b'x').take(100 * 1024 * 1024);
        let mut lines = Lines::new(long.chain(&b"\n{}\n"[..]));
        assert_eq!(lines.next().unwrap(), Some(Line::Long));
        assert!(lines.line.capacity() <= MAX_FRAME * 2);
        assert_eq!(lines.next().unwrap(), Some(Line::Whole(b"{}")));
        assert_eq!(lines.next().unwrap(), None);
    }

    #[test]
    fn t002_a_line_of_exactly_the_limit_is_whole() {
        let full = io::repeat(b'x').take(MAX_FRAME as u64);
        let mut lines = Lines::new(full.chain(&b"\n"[..]));
        assert_eq!(lines.next().unwrap(), Some(Line::Whole(vec![b'x'; MAX_FRAME].as_slice())));
    }
}
