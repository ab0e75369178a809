//! Where lines begin: at clauses, at the conditions of a `WHERE`, in long lists and around queries in brackets. Looks only
//! at words and brackets; where it guesses wrong, a line breaks at an odd place and nothing else.

use sqlparser::tokenizer::Token;

use super::{DEEPEST, Kind, Line, Part, lexeme::Lexeme};

/// A list or a bracket that is longer than this goes over lines.
const LONG: usize = 56;

/// The lines of a statement.
pub(super) fn lines(lexemes: &[Lexeme]) -> Vec<Line> {
    let mut flow = Flow {
        lexemes,
        closing: closing(lexemes),
        lines: Vec::new(),
        line: Line { indent: 0, parts: Vec::new() },
        statement: Frame::new(Form::Query, 0),
        frames: Vec::new(),
        must_break: false,
    };
    for at in 0..lexemes.len() {
        flow.take(at);
    }
    flow.end_line(0);
    flow.lines
}

struct Flow<'a> {
    lexemes: &'a [Lexeme],
    /// Of each opening bracket, where it closes.
    closing: Vec<Option<usize>>,
    lines: Vec<Line>,
    line: Line,
    statement: Frame,
    /// The brackets that are open in it.
    frames: Vec<Frame>,
    must_break: bool,
}

struct Frame {
    form: Form,
    indent: usize,
    /// The word that the clause began with.
    clause: String,
    /// Is the clause a list with a line for each element?
    listed: bool,
    /// An `AND` that belongs to a `BETWEEN` is to come.
    between: bool,
    /// So many `CASE` are open.
    cases: usize,
}

/// What stands in a bracket.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// A query, or the statement itself.
    Query,
    /// Conditions that are too long for one line.
    Conditions,
    /// The columns of a new table.
    Columns,
    /// Anything else, on one line.
    Inline,
}

impl Frame {
    fn new(form: Form, indent: usize) -> Self {
        let clause = String::new();
        Self { form, indent, clause, listed: false, between: false, cases: 0 }
    }
}

impl<'a> Flow<'a> {
    fn take(&mut self, at: usize) {
        let Some(lexeme) = self.lexemes.get(at) else { return };
        if self.must_break {
            let indent = self.frame().indent + 1;
            self.end_line(indent);
            self.must_break = false;
        }
        match &lexeme.token {
            Token::LParen => {
                self.push(lexeme);
                self.open(at);
            }
            Token::RParen => {
                if let Some(frame) = self.frames.pop()
                    && frame.form != Form::Inline
                {
                    self.end_line(frame.indent.saturating_sub(1));
                }
                self.push(lexeme);
            }
            Token::Comma => {
                self.push(lexeme);
                let frame = self.frame();
                let (indent, inner) = (frame.indent, frame.indent + usize::from(frame.clause != "WITH"));
                if frame.form == Form::Columns {
                    self.end_line(indent);
                } else if frame.form == Form::Query && frame.listed {
                    self.end_line(inner);
                }
            }
            _ => {
                self.word(at, lexeme);
                self.push(lexeme);
            }
        }
        self.must_break = lexeme.ends_line;
    }

    /// Ends the line where a word begins something.
    fn word(&mut self, at: usize, lexeme: &Lexeme) {
        let (before, next) = (self.word_at(at.checked_sub(1)), self.word_at(Some(at + 1)));
        let word = lexeme.word.as_str();
        let listed = self.is_long_list(at);
        let frame = self.frame();
        match word {
            "CASE" => frame.cases += 1,
            "END" => frame.cases = frame.cases.saturating_sub(1),
            "BETWEEN" => frame.between = true,
            "AND" if frame.between => {
                frame.between = false;
                return;
            }
            _ => {}
        }
        let indent = frame.indent;
        if matches!(word, "AND" | "OR") && frame.cases == 0 {
            match frame.form {
                Form::Query if matches!(frame.clause.as_str(), "WHERE" | "HAVING" | "ON" | "JOIN") => {
                    self.end_line(indent + 1);
                }
                Form::Conditions => self.end_line(indent),
                Form::Query | Form::Columns | Form::Inline => {}
            }
            return;
        }
        if frame.form != Form::Query || !begins_clause(&frame.clause, word, before, next) {
            return;
        }
        // `LEFT JOIN … ON …` stays on one line
        let goes_on = word == "ON" && frame.clause == "JOIN";
        if JOINS.contains(&word) { "JOIN" } else { word }.clone_into(&mut frame.clause);
        frame.listed = listed || matches!(word, "SET" | "VALUES" | "WITH" | "ALTER");
        if !goes_on {
            self.end_line(indent);
        }
    }

    /// Behind an opening bracket.
    fn open(&mut self, at: usize) {
        let (first, function) = (self.word_at(Some(at + 1)), self.is_glued_to_name(at));
        let creates = self.frames.is_empty() && self.statement.clause == "CREATE";
        let outer = self.frame().indent.max(self.line.indent);
        let form = match first {
            "SELECT" | "WITH" | "INSERT" | "UPDATE" | "DELETE" => Form::Query,
            _ if creates && self.has_word("TABLE") => Form::Columns,
            _ if !function && self.is_long(at) => Form::Conditions,
            _ => Form::Inline,
        };
        let indent = outer + 1;
        self.frames.push(Frame::new(form, indent));
        if form != Form::Inline {
            self.end_line(indent);
        }
    }

    fn push(&mut self, lexeme: &Lexeme) {
        let spaced = !lexeme.glued && !self.line.parts.is_empty();
        self.line.parts.push(Part { kind: lexeme.kind, text: lexeme.text.clone(), spaced });
    }

    fn end_line(&mut self, indent: usize) {
        let next = Line { indent: indent.min(DEEPEST), parts: Vec::new() };
        let line = std::mem::replace(&mut self.line, next);
        if !line.parts.is_empty() {
            self.lines.push(line);
        }
    }

    /// The innermost bracket.
    fn frame(&mut self) -> &mut Frame {
        self.frames.last_mut().unwrap_or(&mut self.statement)
    }

    fn word_at(&self, at: Option<usize>) -> &'a str {
        at.and_then(|at| self.lexemes.get(at)).map_or("", |lexeme| lexeme.word.as_str())
    }

    /// Is it among the first words?
    fn has_word(&self, word: &str) -> bool {
        self.lexemes.iter().take(6).any(|lexeme| lexeme.word == word)
    }

    /// `count(`
    fn is_glued_to_name(&self, at: usize) -> bool {
        let glued = self.lexemes.get(at).is_some_and(|lexeme| lexeme.glued);
        let before = at.checked_sub(1).and_then(|before| self.lexemes.get(before));
        glued && before.is_some_and(|before| before.kind == Kind::Name)
    }

    fn is_long(&self, at: usize) -> bool {
        let end = self.closing.get(at).copied().flatten().unwrap_or(self.lexemes.len());
        // each has a character and a space: so many are long whatever they are
        let inner = self.lexemes.get(at..end.min(at + LONG)).unwrap_or_default();
        let conditions = inner.iter().any(|lexeme| matches!(lexeme.word.as_str(), "AND" | "OR"));
        conditions && inner.iter().map(|lexeme| lexeme.text.len() + 1).sum::<usize>() > LONG
    }

    /// Is what stands between a `SELECT` and its `FROM` long?
    fn is_long_list(&self, at: usize) -> bool {
        if self.word_at(Some(at)) != "SELECT" {
            return false;
        }
        let (mut length, mut at) = (0, at + 1);
        while let Some(lexeme) = self.lexemes.get(at) {
            if lexeme.word == "FROM" || matches!(lexeme.token, Token::RParen) {
                break;
            }
            let end = self.closing.get(at).copied().flatten().unwrap_or(at);
            let inner = self.lexemes.get(at..=end).unwrap_or_default();
            length += inner.iter().map(|lexeme| lexeme.text.len() + 1).sum::<usize>();
            at = end + 1;
        }
        length > LONG
    }
}

const JOINS: [&str; 7] = ["LEFT", "RIGHT", "FULL", "INNER", "CROSS", "NATURAL", "OUTER"];

/// Does a clause of its own begin with `word`?
fn begins_clause(clause: &str, word: &str, before: &str, next: &str) -> bool {
    let rights = matches!(clause, "GRANT" | "REVOKE");
    match word {
        "WHERE" | "HAVING" | "UNION" | "INTERSECT" | "EXCEPT" | "RETURNING" | "WINDOW" | "VALUES" => true,
        "SELECT" => !rights,
        "WITH" | "CREATE" | "GRANT" | "REVOKE" => clause.is_empty(),
        "UPDATE" | "INSERT" | "DELETE" | "MERGE" | "REPLACE" | "ALTER" => {
            clause.is_empty() || (clause == "WITH" && before.is_empty())
        }
        "FROM" => !matches!(before, "DELETE" | "DISTINCT"),
        "GROUP" | "ORDER" => next == "BY",
        "LIMIT" | "OFFSET" | "FETCH" => !clause.is_empty(),
        "SET" => clause == "UPDATE" || (clause == "ON" && before == "UPDATE"),
        "ON" => clause == "JOIN" || matches!(next, "CONFLICT" | "DUPLICATE"),
        "JOIN" => !JOINS.contains(&before),
        _ if JOINS.contains(&word) => !JOINS.contains(&before) && (next == "JOIN" || JOINS.contains(&next)),
        _ => false,
    }
}

/// Of each opening bracket the closing one.
fn closing(lexemes: &[Lexeme]) -> Vec<Option<usize>> {
    let mut found = vec![None; lexemes.len()];
    let mut open = Vec::new();
    for (at, lexeme) in lexemes.iter().enumerate() {
        match lexeme.token {
            Token::LParen => open.push(at),
            Token::RParen => {
                if let Some(entry) = open.pop().and_then(|from: usize| found.get_mut(from)) {
                    *entry = Some(at);
                }
            }
            _ => {}
        }
    }
    found
}
