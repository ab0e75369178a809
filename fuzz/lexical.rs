//! A second opinion on a statement, by its words alone. It need not see everything; what it does see is never a read.

use agentport::sql::Dialect;

/// The words and signs of a text outside its strings and comments.
pub(super) struct Lexical {
    parts: Vec<Part>,
    whole: bool,
    open_comment: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    /// In lower case.
    Word(String),
    /// Without its quotes.
    Name(String),
    String,
    Sign(char),
}

/// Words that begin a change, and what has to follow for it to be one.
const CHANGES: [(&str, &[&str]); 15] = [
    ("insert", &["into"]),
    ("replace", &["into"]),
    ("delete", &["from"]),
    ("merge", &["into"]),
    ("drop", &["table", "view", "index", "database", "schema", "sequence", "function", "role", "user"]),
    ("alter", &["table", "view", "database", "schema", "sequence", "role", "user", "system"]),
    (
        "create",
        &["table", "temp", "temporary", "view", "index", "database", "schema", "sequence", "function", "role", "user"],
    ),
    ("truncate", &["table"]),
    ("into", &["outfile", "dumpfile", "temp", "temporary", "table", "unlogged"]),
    ("for", &["update", "share"]),
    ("lock", &["in", "table", "tables"]),
    ("next", &["value"]),
    ("execute", &["immediate"]),
    ("attach", &["database"]),
    ("refresh", &["materialized"]),
];

/// Functions that change something, disturb somebody or take their time.
const FUNCTIONS: [&str; 28] = [
    "nextval",
    "setval",
    "set_config",
    "pg_sleep",
    "pg_terminate_backend",
    "pg_cancel_backend",
    "pg_reload_conf",
    "pg_advisory_lock",
    "pg_notify",
    "lo_create",
    "lo_import",
    "lo_export",
    "lo_unlink",
    "dblink",
    "dblink_exec",
    "pg_read_file",
    "query_to_xml",
    "pg_switch_wal",
    "sleep",
    "benchmark",
    "get_lock",
    "release_lock",
    "load_file",
    "sys_exec",
    "last_insert_id",
    "load_extension",
    "writefile",
    "readfile",
];

/// After these, and before a parenthesis, stands what is called.
const BEFORE_A_CALL: [&str; 10] = ["select", "where", "and", "or", "not", "having", "by", "when", "then", "else"];

impl Lexical {
    pub(super) fn of(dialect: Dialect, text: &str) -> Self {
        let mut reader = Reader {
            dialect,
            rest: text.chars().collect(),
            at: 0,
            parts: Vec::new(),
            whole: true,
            open_comment: false,
        };
        while let Some(next) = reader.peek(0) {
            reader.part(next);
        }
        Self { parts: reader.parts, whole: reader.whole, open_comment: reader.open_comment }
    }

    pub(super) fn is_whole(&self) -> bool {
        self.whole
    }

    /// One that has no end, which SQLite takes for one that ends with the text.
    pub(super) fn ends_in_a_comment(&self) -> bool {
        self.open_comment
    }

    pub(super) fn ends_in_semicolon(&self) -> bool {
        self.parts.last() == Some(&Part::Sign(';'))
    }

    pub(super) fn is_one_statement(&self) -> bool {
        let semicolon = self.parts.iter().position(|part| *part == Part::Sign(';'));
        semicolon.is_none_or(|at| at + 1 == self.parts.len())
    }

    /// Does it have the same parts, and no more than a semicolon at the end besides?
    pub(super) fn has_parts_of(&self, other: &Self) -> bool {
        let own = self.parts.strip_suffix(&[Part::Sign(';')]).unwrap_or(&self.parts);
        let mut others = other.parts.iter();
        let same = own.iter().all(|part| match (part, others.next()) {
            // `!=` is written `<>`
            (Part::Sign('!'), Some(Part::Sign('<'))) | (Part::Sign('='), Some(Part::Sign('>'))) => true,
            (part, other) => Some(part) == other,
        });
        same && others.next().is_none()
    }

    /// What in it changes something.
    pub(super) fn writes(&self) -> Option<String> {
        let told = self.word(0).is_some_and(|first| ["show", "desc", "describe"].contains(&first));
        let explained = self.word(0) == Some("explain") && !self.analyzes();
        for at in 0..self.parts.len() {
            if at > 0 && self.parts[at - 1] == Part::Sign('.') {
                continue;
            }
            let (word, next) = (self.word(at), self.word(at + 1));
            let begins =
                |(first, then): &(&str, &[&str])| word == Some(first) && next.is_some_and(|next| then.contains(&next));
            if !told && !explained && CHANGES.iter().any(begins) {
                return Some(format!("{} {}", word.unwrap_or_default(), next.unwrap_or_default()));
            }
            if let Some(called) = self.called(at) {
                return Some(format!("{called}()"));
            }
        }
        if self.parts.windows(2).any(|pair| pair == [Part::Sign(':'), Part::Sign('=')]) {
            return Some(":=".to_owned());
        }
        match self.word(0) {
            Some("update" | "delete" | "insert" | "set" | "begin" | "commit" | "do" | "call" | "vacuum" | "grant") => {
                self.word(0).map(str::to_owned)
            }
            _ => None,
        }
    }

    /// `ANALYZE` stands there, and nothing behind it takes it back.
    fn analyzes(&self) -> bool {
        let off = |at: usize| match self.parts.get(at) {
            Some(Part::Word(word)) => ["off", "false"].contains(&word.as_str()),
            Some(Part::Sign(sign)) => *sign == '0' && matches!(self.parts.get(at + 1), Some(Part::Sign(',' | ')'))),
            Some(Part::Name(_) | Part::String) | None => false,
        };
        (0..self.parts.len()).any(|at| self.word(at) == Some("analyze") && !off(at + 1))
    }

    fn word(&self, at: usize) -> Option<&str> {
        match self.parts.get(at) {
            Some(Part::Word(word)) => Some(word),
            _ => None,
        }
    }

    /// The function that is called where the part `at` stands, if it is one of those.
    fn called(&self, at: usize) -> Option<&str> {
        let (Some(Part::Word(name) | Part::Name(name)), Some(Part::Sign('('))) =
            (self.parts.get(at), self.parts.get(at + 1))
        else {
            return None;
        };
        let before = at.checked_sub(1).and_then(|before| self.parts.get(before));
        let is_call = match before {
            Some(Part::Word(word)) => BEFORE_A_CALL.contains(&word.as_str()),
            Some(Part::Sign(sign)) => "=<>+-*/|%".contains(*sign),
            Some(Part::Name(_) | Part::String) | None => false,
        };
        (is_call && FUNCTIONS.contains(&name.to_lowercase().as_str())).then_some(name)
    }
}

struct Reader {
    dialect: Dialect,
    rest: Vec<char>,
    at: usize,
    parts: Vec<Part>,
    whole: bool,
    open_comment: bool,
}

impl Reader {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.rest.get(self.at + ahead).copied()
    }

    fn part(&mut self, next: char) {
        match (next, self.peek(1), self.dialect) {
            ('-', Some('-'), Dialect::Postgres | Dialect::Sqlite) | ('#', _, Dialect::Mysql) => self.line(),
            // without a space behind them, to MySQL they are two signs
            ('-', Some('-'), Dialect::Mysql) if self.peek(2).is_none_or(char::is_whitespace) => self.line(),
            ('/', Some('*'), _) => self.comment(),
            ('\'', _, _) => self.quoted('\'', self.dialect == Dialect::Mysql, |_| Part::String),
            ('"', _, Dialect::Mysql) => self.quoted('"', true, |_| Part::String),
            ('"', _, Dialect::Postgres | Dialect::Sqlite) => self.quoted('"', false, Part::Name),
            ('`', _, Dialect::Mysql | Dialect::Sqlite) => self.quoted('`', false, Part::Name),
            ('[', _, Dialect::Sqlite) => self.quoted(']', false, Part::Name),
            ('e' | 'E', Some('\''), Dialect::Postgres) => {
                self.at += 1;
                self.quoted('\'', true, |_| Part::String);
            }
            ('$', _, Dialect::Postgres) if self.dollars() => {}
            (space, _, _) if space.is_whitespace() => self.at += 1,
            // to MySQL a `$` and a digit begin a name, too
            ('$' | '0'..='9', _, Dialect::Mysql) => self.word(),
            (letter, _, _) if is_letter(letter) => self.word(),
            (sign, _, _) => {
                self.parts.push(Part::Sign(sign));
                self.at += 1;
            }
        }
    }

    fn word(&mut self) {
        let mut word = String::new();
        while let Some(next) = self.peek(0)
            && (is_letter(next) || next.is_ascii_digit() || next == '$')
        {
            word.push(next.to_ascii_lowercase());
            self.at += 1;
        }
        self.parts.push(Part::Word(word));
    }

    fn line(&mut self) {
        while self.peek(0).is_some_and(|next| next != '\n') {
            self.at += 1;
        }
    }

    /// PostgreSQL's nest.
    fn comment(&mut self) {
        let mut depth = 0;
        loop {
            match (self.peek(0), self.peek(1)) {
                (Some('/'), Some('*')) if depth == 0 || self.dialect == Dialect::Postgres => {
                    depth += 1;
                    self.at += 2;
                }
                (Some('*'), Some('/')) => {
                    depth -= 1;
                    self.at += 2;
                    if depth == 0 {
                        return;
                    }
                }
                (Some(_), _) => self.at += 1,
                (None, _) => {
                    self.open_comment = true;
                    self.whole &= self.dialect == Dialect::Sqlite;
                    return;
                }
            }
        }
    }

    fn quoted(&mut self, end: char, backslash: bool, part: impl Fn(String) -> Part) {
        let mut value = String::new();
        self.at += 1;
        loop {
            match self.peek(0) {
                Some('\\') if backslash => self.at += 2,
                Some(next) if next == end => {
                    self.at += 1;
                    if end == ']' || self.peek(0) != Some(end) {
                        break;
                    }
                    value.push(end);
                    self.at += 1;
                }
                Some(next) => {
                    value.push(next);
                    self.at += 1;
                }
                None => {
                    self.whole = false;
                    break;
                }
            }
        }
        self.parts.push(part(value));
    }

    /// `$tag$ … $tag$`; a parameter is not.
    fn dollars(&mut self) -> bool {
        let mut end = self.at + 1;
        while let Some(next) = self.rest.get(end)
            && (is_letter(*next) || (end > self.at + 1 && next.is_ascii_digit()))
        {
            end += 1;
        }
        if self.rest.get(end) != Some(&'$') {
            return false;
        }
        let tag: Vec<char> = self.rest.iter().skip(self.at).take(end + 1 - self.at).copied().collect();
        let body = end + 1;
        let found = self.rest.get(body..).unwrap_or_default().windows(tag.len()).position(|window| window == tag);
        self.whole &= found.is_some();
        self.at = found.map_or(self.rest.len(), |found| body + found + tag.len());
        self.parts.push(Part::String);
        true
    }
}

fn is_letter(letter: char) -> bool {
    letter.is_alphabetic() || letter == '_' || !letter.is_ascii()
}
