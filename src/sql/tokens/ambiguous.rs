//! What two readers may read in two ways, and what the tokenizer reads otherwise than a server does: refused as it stands,
//! whatever the statement.

use sqlparser::tokenizer::{Token, TokenWithSpan, Whitespace, Word};

use super::is_string;
use crate::{
    sql::{Dialect, Misunderstood, Settings},
    visible::visible,
};

pub(in super::super) fn ambiguous(why: &str) -> Misunderstood {
    Misunderstood::Ambiguous(why.to_owned())
}

/// Before anything is read.
pub(super) fn refuse_text(text: &str) -> Result<(), Misunderstood> {
    refuse_hidden(text)?;
    // MySQL runs what stands in these, and so does our parser for it: refused wherever they stand, in a string too
    let is_run = |(at, _): (usize, &str)| {
        text.get(at + 2..)
            .is_some_and(|behind| behind.starts_with('!') || behind.starts_with("M!") || behind.starts_with("m!"))
    };
    if text.match_indices("/*").any(is_run) {
        return Err(ambiguous("`/*! … */` is run by MySQL and skipped by others"));
    }
    Ok(())
}

/// The tokens as they stand in the text, spaces and comments included.
pub(super) fn refuse_read(dialect: Dialect, tokens: &[TokenWithSpan]) -> Result<(), Misunderstood> {
    for token in tokens {
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
            Token::SingleQuotedByteStringLiteral(value) if !value.bytes().all(|byte| matches!(byte, b'0' | b'1')) => {
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
    Ok(())
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
        Token::Neq | Token::LtEq | Token::GtEq => 2,
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
    // `1a`, `t.5e_a` and `0xAAg` are names to MySQL, two words or errors to others
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

pub(super) fn refuse_quoting(
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

fn is_name_or_number(token: &Token) -> bool {
    matches!(token, Token::Number(..) | Token::HexStringLiteral(_) | Token::Word(Word { quote_style: None, .. }))
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
