//! The words of a statement: what must not be in it at all, and its normalised text. Works on the text before the parser,
//! so that what two readers might split differently never gets that far.

use std::mem;

use sqlparser::{
    dialect::{Dialect as Grammar, MySqlDialect, PostgreSqlDialect, SQLiteDialect},
    tokenizer::{Span, Token, TokenWithSpan, Tokenizer, Whitespace, Word},
};

use super::{
    Dialect, MAX_BYTES, MAX_TOKENS, Misunderstood, Settings,
    numbering::{self, Numbering},
    words,
};
use crate::visible::visible;

/// The longest name that PostgreSQL keeps; what is longer, it cuts off.
const LONGEST_NAME: usize = 63;

/// The tokens of one statement, without spaces and comments and without the semicolon at its end.
#[derive(Debug)]
pub(super) struct Tokens {
    dialect: Dialect,
    all: Vec<TokenWithSpan>,
    /// What the tokens themselves say against a read.
    pub(super) against_read: Option<String>,
}

impl Tokens {
    pub(super) fn read(dialect: Dialect, text: &str, settings: Settings) -> Result<Self, Misunderstood> {
        if text.len() > MAX_BYTES {
            return Err(Misunderstood::TooLong(text.len()));
        }
        refuse_hidden(text)?;
        // MySQL runs what stands in these, and so does our parser for it: refused wherever they stand, in a string too
        let is_run = |(at, _): (usize, &str)| {
            text.get(at + 2..)
                .is_some_and(|behind| behind.starts_with('!') || behind.starts_with("M!") || behind.starts_with("m!"))
        };
        if text.match_indices("/*").any(is_run) {
            return Err(ambiguous("`/*! … */` is run by MySQL and skipped by others"));
        }
        let mut tokens = split(dialect, text)?;
        for token in &tokens {
            refuse_other(token)?;
            match &token.token {
                Token::Whitespace(space) => refuse_comment(dialect, space)?,
                // what is written as an escape stands as itself in the normalised text
                Token::EscapedStringLiteral(value) | Token::UnicodeStringLiteral(value) => refuse_hidden(value)?,
                // in the one the tokenizer lets a backslash escape a quote and servers do not, in the other it is the other
                // way about
                Token::HexStringLiteral(value) if !value.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
                    return Err(ambiguous("what stands in an `x'…'` is not hexadecimal"));
                }
                Token::SingleQuotedByteStringLiteral(value)
                    if !value.bytes().all(|byte| matches!(byte, b'0' | b'1')) =>
                {
                    return Err(ambiguous("what stands in a `b'…'` is not binary"));
                }
                Token::Placeholder(name) if dialect == Dialect::Mysql && name.starts_with('?') && name.len() > 1 => {
                    return Err(ambiguous("values have no numbers here; write `?`"));
                }
                // PostgreSQL ends an operator where a comment begins; the tokenizer takes that into its name, and so might
                // take for a string what the server runs
                Token::CustomBinaryOperator(name) if name.contains("--") || name.contains("/*") => {
                    return Err(ambiguous(&format!("a comment begins within the operator `{name}`")));
                }
                _ => {}
            }
        }
        for (left, right) in tokens.iter().zip(tokens.iter().skip(1)) {
            refuse_pair(dialect, &left.token, &right.token)?;
        }
        keep_statement(&mut tokens);
        if tokens.is_empty() {
            return Err(Misunderstood::Empty);
        }
        if tokens.len() > MAX_TOKENS {
            return Err(Misunderstood::TooManyParts(tokens.len()));
        }
        refuse_quoting(dialect, text, &tokens, settings)?;
        numbering::refuse_names(dialect, &tokens)?;
        let mut read = Self { dialect, all: tokens, against_read: None };
        read.against_read = read.suspicious();
        Ok(read)
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// The tokens themselves, for a parser, which keeps them.
    pub(super) fn lent(&mut self) -> Vec<TokenWithSpan> {
        mem::take(&mut self.all)
    }

    /// The same ones again.
    pub(super) fn given_back(&mut self, tokens: impl Iterator<Item = TokenWithSpan>) {
        self.all = tokens.collect();
    }

    pub(super) fn as_slice(&self) -> &[TokenWithSpan] {
        &self.all
    }

    /// Does a semicolon stand between two parts?
    pub(super) fn has_semicolon(&self) -> bool {
        self.all.iter().any(|token| matches!(token.token, Token::SemiColon))
    }

    /// The numbers of the parameters from token `from` up to `to`, and how many there are in all: `$3` says its own
    /// number, the others count.
    pub(super) fn parameters(&self, from: usize, to: usize) -> Vec<usize> {
        let mut found = Vec::new();
        let mut numbering = Numbering::new(self.dialect);
        for (at, token) in self.all.iter().enumerate() {
            if let Some(number) = numbering.next(&token.token)
                && (from..to).contains(&at)
            {
                found.push(number);
            }
        }
        found
    }

    /// A word that no plain read has, wherever it stands: the second opinion beside the walk over the syntax.
    fn suspicious(&self) -> Option<String> {
        let mut previous: Option<&Token> = None;
        for (at, TokenWithSpan { token, .. }) in self.all.iter().enumerate() {
            let after_dot = previous.is_some_and(|previous| matches!(previous, Token::Period));
            match token {
                Token::Word(word) if !word.value.is_ascii() => {
                    return Some(format!("the name `{}` is not plain ASCII", escaped(&word.value)));
                }
                Token::Word(word) if word.value.len() > LONGEST_NAME => {
                    return Some(format!("the name `{}` is longer than {LONGEST_NAME} bytes", visible(&word.value)));
                }
                Token::Word(word) if word.quote_style.is_some_and(|quote| word.value.contains(quote)) => {
                    return Some(format!("the name `{}` has a quote in it", visible(&word.value)));
                }
                // behind an `@` the tokenizer takes any character into a name, also the `;` that ends a statement; and an `@` into the
                // word before it
                Token::Word(word) if word.quote_style.is_none() && !is_plain(&word.value) => {
                    return Some(format!("`{}` is no plain name", visible(&word.value)));
                }
                Token::Word(word) if word.quote_style.is_none() && !after_dot => {
                    let next = self.all.get(at + 1);
                    let next_value = is_word(token, "NEXT") && next.is_some_and(|next| is_word(&next.token, "VALUE"));
                    if next_value || words::is_of_no_read(&word.value) {
                        return Some(format!("`{}` is in it", word.value.to_ascii_uppercase()));
                    }
                }
                Token::Assignment => return Some("`:=` assigns".to_owned()),
                _ => {}
            }
            previous = Some(token);
        }
        None
    }
}

/// The tokens of a statement that was read before, as [`Tokens`] keeps them.
pub(super) fn split_statement(dialect: Dialect, text: &str) -> Result<Vec<TokenWithSpan>, Misunderstood> {
    let mut tokens = split(dialect, text)?;
    keep_statement(&mut tokens);
    Ok(tokens)
}

fn keep_statement(tokens: &mut Vec<TokenWithSpan>) {
    tokens.retain_mut(|token| {
        // with no place, the parser's errors have none, of which it makes many on its way
        token.span = Span::empty();
        !matches!(token.token, Token::Whitespace(_))
    });
    while tokens.last().is_some_and(|last| matches!(last.token, Token::EOF)) {
        tokens.pop();
    }
    if tokens.last().is_some_and(|last| matches!(last.token, Token::SemiColon)) {
        tokens.pop();
    }
}

/// The tokens of any text in this dialect, spaces and comments included. Strings stay as they were written.
pub(super) fn split(dialect: Dialect, text: &str) -> Result<Vec<TokenWithSpan>, Misunderstood> {
    let grammar = grammar(dialect);
    let mut tokenizer = Tokenizer::new(grammar.as_ref(), text).with_unescape(false);
    tokenizer.tokenize_with_location().map_err(|error| Misunderstood::NotSql(visible(&error.message)))
}

pub(super) fn grammar(dialect: Dialect) -> Box<dyn Grammar> {
    match dialect {
        Dialect::Postgres => Box::new(PostgreSqlDialect {}),
        Dialect::Mysql => Box::new(MySqlDialect {}),
        Dialect::Sqlite => Box::new(SQLiteDialect {}),
    }
}

pub(super) fn is_word(token: &Token, name: &str) -> bool {
    matches!(token, Token::Word(Word { value, quote_style: None, .. }) if value.eq_ignore_ascii_case(name))
}

/// Characters that a reader skips and another does not, or that turn a text into another one to look at.
fn refuse_hidden(text: &str) -> Result<(), Misunderstood> {
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\t' | b'\n')) {
        return Ok(());
    }
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let fine = match character {
            '\t' | '\n' => true,
            '\r' => characters.peek() == Some(&'\n'),
            '\u{a0}' | '\u{feff}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' => {
                false
            }
            other => !other.is_control(),
        };
        if !fine {
            return Err(ambiguous(&format!(
                "the statement has the character U+{:04X}; bind it as a parameter",
                character as u32
            )));
        }
    }
    Ok(())
}

fn refuse_comment(dialect: Dialect, space: &Whitespace) -> Result<(), Misunderstood> {
    match space {
        Whitespace::Space | Whitespace::Newline | Whitespace::Tab => Ok(()),
        Whitespace::SingleLineComment { comment, prefix } => {
            if dialect != Dialect::Mysql && prefix == "#" {
                return Err(ambiguous("`#` begins a comment for MySQL only"));
            }
            if dialect == Dialect::Mysql && prefix == "--" && !comment.starts_with([' ', '\t', '\n', '\r']) {
                return Err(ambiguous("`--` without a space behind it is no comment for MySQL"));
            }
            Ok(())
        }
        Whitespace::MultiLineComment(comment) => {
            if comment.contains("/*") || comment.contains("*/") {
                return Err(ambiguous("a comment within a comment is read differently by different servers"));
            }
            if comment.starts_with('+') {
                return Err(ambiguous("a hint in `/*+ … */` can change settings of the server"));
            }
            Ok(())
        }
    }
}

/// What the tokenizer makes of a text is that text: it takes `<|` for `<<|`, and a letter too much behind `&>`.
fn refuse_other(TokenWithSpan { token, span }: &TokenWithSpan) -> Result<(), Misunderstood> {
    let width = match token {
        Token::Word(Word { value, quote_style: None, .. }) => value.chars().count(),
        Token::Number(number, long) => number.len() + usize::from(*long),
        Token::Eq | Token::Lt | Token::Gt | Token::Plus | Token::Minus | Token::Mul | Token::Div => 1,
        sign if is_sign(sign) => sign.to_string().chars().count(),
        _ => return Ok(()),
    };
    let is_whole = span.start.line == span.end.line
        && span.end.column.checked_sub(span.start.column).and_then(|wide| usize::try_from(wide).ok()) == Some(width);
    if is_whole {
        Ok(())
    } else {
        Err(ambiguous(&format!("`{}` is not read as it is written", visible(&token.to_string()))))
    }
}

/// What stands side by side without a space, and is cut in two elsewhere by others.
fn refuse_pair(dialect: Dialect, left: &Token, right: &Token) -> Result<(), Misunderstood> {
    // `1a` and `t.5e_a` are names to MySQL, two words or errors to others
    let are_words = is_name_or_number(left) && is_name_or_number(right);
    // for MySQL one minus may follow another
    let are_signs = is_sign(left) && is_sign(right) && !(dialect == Dialect::Mysql && *left == Token::Minus);
    if !are_words && !are_signs {
        return Ok(());
    }
    let (left, right) = (left.to_string(), right.to_string());
    if are_words {
        return Err(ambiguous(&format!("between `{}` and `{}` is no space", visible(&left), visible(&right))));
    }
    if (left.ends_with('-') && right.starts_with('-')) || (left.ends_with('/') && right.starts_with('*')) {
        return Err(ambiguous(&format!("a comment begins within `{left}{right}`")));
    }
    // PostgreSQL takes all of these for one operator, but for a sign before a number:
    // https://www.postgresql.org/docs/15/sql-syntax-lexical.html#SQL-SYNTAX-OPERATORS
    let is_run = |signs: &str| signs.bytes().all(|sign| b"+-*/<>=~!@#%^&|`?".contains(&sign));
    let is_plain = left.bytes().all(|sign| b"+*/<>=".contains(&sign)) && ["+", "-"].contains(&right.as_str());
    if dialect == Dialect::Postgres && is_run(&left) && is_run(&right) && !is_plain {
        return Err(ambiguous(&format!("`{left}{right}` may be one operator; write a space between")));
    }
    Ok(())
}

fn refuse_quoting(
    dialect: Dialect,
    text: &str,
    tokens: &[TokenWithSpan],
    settings: Settings,
) -> Result<(), Misunderstood> {
    let usual = Settings::usual(dialect);
    let is_plain = text.is_ascii();
    let mut previous_word: Option<&str> = None;
    for TokenWithSpan { token, .. } in tokens {
        match token {
            Token::SingleQuotedString(value) | Token::NationalStringLiteral(value)
                if value.contains('\\') && settings.backslash_escapes != usual.backslash_escapes =>
            {
                return Err(ambiguous(
                    "whether `\\` escapes in a string depends on the server; bind it as a parameter",
                ));
            }
            Token::DoubleQuotedString(_) | Token::Word(Word { quote_style: Some('"'), .. })
                if settings.double_quotes_name != usual.double_quotes_name =>
            {
                return Err(ambiguous("whether `\"` is round a name or a string depends on the server"));
            }
            Token::DoubleQuotedString(value)
                if value.contains('\\') && settings.backslash_escapes != usual.backslash_escapes =>
            {
                return Err(ambiguous(
                    "whether `\\` escapes in a string depends on the server; bind it as a parameter",
                ));
            }
            Token::UnicodeStringLiteral(_) => {
                return Err(ambiguous("`U&'…'` is written differently; use the characters"));
            }
            Token::CopyData { .. } | Token::Backslash => return Err(ambiguous("`\\` is no SQL")),
            Token::Ampersand
                if dialect == Dialect::Postgres
                    && previous_word == Some("u")
                    && text.to_ascii_lowercase().contains("u&\"") =>
            {
                return Err(ambiguous("`U&\"…\"` is written differently; use the characters"));
            }
            Token::Word(_) => {}
            other if !is_plain && !is_string(other) && !other.to_string().is_ascii() => {
                return Err(ambiguous(&format!("`{}` is no sign of SQL", visible(&other.to_string()))));
            }
            _ => {}
        }
        previous_word = match token {
            Token::Word(word) if word.value.eq_ignore_ascii_case("u") => Some("u"),
            _ => None,
        };
    }
    Ok(())
}

pub(super) fn ambiguous(why: &str) -> Misunderstood {
    Misunderstood::Ambiguous(why.to_owned())
}

/// A value between quotes of any kind.
pub(super) fn is_string(token: &Token) -> bool {
    matches!(
        token,
        Token::SingleQuotedString(_)
            | Token::DoubleQuotedString(_)
            | Token::EscapedStringLiteral(_)
            | Token::DollarQuotedString(_)
            | Token::NationalStringLiteral(_)
            | Token::HexStringLiteral(_)
            | Token::SingleQuotedByteStringLiteral(_)
            | Token::DoubleQuotedByteStringLiteral(_)
    )
}

fn is_name_or_number(token: &Token) -> bool {
    matches!(token, Token::Number(..) | Token::Word(Word { quote_style: None, .. }))
}

/// Part of an operator, or one: neither a word, a value nor what stands round them.
fn is_sign(token: &Token) -> bool {
    !matches!(
        token,
        Token::EOF
            | Token::Word(_)
            | Token::Number(..)
            | Token::Placeholder(_)
            | Token::Whitespace(_)
            | Token::Comma
            | Token::Period
            | Token::SemiColon
            | Token::LParen
            | Token::RParen
    ) && !is_string(token)
}

/// May it stand without quotes, as a name or a variable's? What begins with a digit is a name to MySQL alone.
fn is_plain(name: &str) -> bool {
    !name.starts_with(|first: char| first.is_ascii_digit())
        && name.trim_start_matches('@').bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_$".contains(&byte))
}

/// Non-ASCII letters by number: two that look alike are told apart.
fn escaped(name: &str) -> String {
    name.chars()
        .map(|character| match character {
            plain if plain.is_ascii() => plain.to_string(),
            other => format!("⟨U+{:04X}⟩", other as u32),
        })
        .collect()
}
