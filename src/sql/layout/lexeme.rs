//! A statement cut into its tokens and comments, each with the very text that it has.

use sqlparser::{
    keywords::Keyword,
    tokenizer::{Token, Tokenizer, Whitespace, Word},
};

use super::Kind;
use crate::sql::{Dialect, grammar, numbering::Numbering, tokens::is_string, words};

/// A token or a comment.
#[derive(Debug)]
pub(super) struct Lexeme {
    pub(super) token: Token,
    pub(super) text: String,
    pub(super) kind: Kind,
    /// Does it follow without a space?
    pub(super) glued: bool,
    /// What it is as a word of SQL, in capitals; empty where it is none.
    pub(super) word: String,
    /// Does a line have to end behind it?
    pub(super) ends_line: bool,
}

/// `None` where the parts do not make up the whole text.
pub(super) fn split_up(dialect: Dialect, text: &str) -> Option<Vec<Lexeme>> {
    let grammar = grammar::of(dialect);
    let found = Tokenizer::new(grammar.as_ref(), text).with_unescape(false).tokenize_with_location().ok()?;
    let mut rest = text.chars().peekable();
    let (mut line, mut column) = (1, 1);
    let mut numbering = Numbering::new(dialect);
    let (mut lexemes, mut glued, mut after_dot) = (Vec::new(), true, false);
    for found in found {
        let mut text = String::new();
        while (line, column) < (found.span.end.line, found.span.end.column) {
            let character = rest.next()?;
            (line, column) = if character == '\n' { (line + 1, 1) } else { (line, column + 1) };
            text.push(character);
        }
        let ends_line = matches!(&found.token, Token::Whitespace(Whitespace::SingleLineComment { .. }));
        if ends_line {
            text.truncate(text.trim_end_matches(['\n', '\r']).len());
        }
        let number = numbering.next(&found.token);
        let kind = match &found.token {
            Token::EOF => continue,
            Token::Whitespace(Whitespace::Space | Whitespace::Newline | Whitespace::Tab) => {
                glued = false;
                continue;
            }
            Token::Whitespace(_) => Kind::Comment,
            token => number.map_or_else(|| kind(token, after_dot), Kind::Parameter),
        };
        let word = match &found.token {
            Token::Word(Word { value, quote_style: None, .. }) if !after_dot => value.to_ascii_uppercase(),
            _ => String::new(),
        };
        after_dot = matches!(found.token, Token::Period);
        let token = match found.token {
            // with or without the end of its line it is the same one
            Token::Whitespace(Whitespace::SingleLineComment { prefix, .. }) => {
                Token::Whitespace(Whitespace::SingleLineComment { comment: String::new(), prefix })
            }
            token => token,
        };
        lexemes.push(Lexeme { token, text, kind, glued, word, ends_line });
        glued = !ends_line;
    }
    rest.next().is_none().then_some(lexemes)
}

fn kind(token: &Token, after_dot: bool) -> Kind {
    match token {
        Token::Word(word) if !after_dot && is_shown_as_keyword(word) => Kind::Keyword,
        Token::Word(_) => Kind::Name,
        Token::Number(..) => Kind::Number,
        string if is_string(string) => Kind::String,
        _ => Kind::Sign,
    }
}

/// Colour only: nothing goes by it.
fn is_shown_as_keyword(word: &Word) -> bool {
    let also = matches!(
        word.keyword,
        Keyword::ADD
            | Keyword::CAST
            | Keyword::DATABASE
            | Keyword::DUPLICATE
            | Keyword::FALSE
            | Keyword::FUNCTION
            | Keyword::IF
            | Keyword::ILIKE
            | Keyword::INTERVAL
            | Keyword::KEY
            | Keyword::RECURSIVE
            | Keyword::RENAME
            | Keyword::REPLACE
            | Keyword::SCHEMA
            | Keyword::TO
            | Keyword::TRIGGER
            | Keyword::TRUE
    );
    word.quote_style.is_none() && (also || words::is_keyword(&word.value))
}
