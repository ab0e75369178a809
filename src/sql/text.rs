//! A statement's normalised text: its own tokens on one line, keywords in capitals.

use sqlparser::tokenizer::{Token, TokenWithSpan, Word};

use super::{Dialect, tokens::split_statement, words};

/// A whole statement that was read before.
pub(super) fn of(dialect: Dialect, text: &str) -> String {
    split_statement(dialect, text).map(|tokens| normalised(dialect, &tokens)).unwrap_or_default()
}

/// The tokens as one line. Spaces are left out only where no reader needs them.
pub(super) fn normalised(dialect: Dialect, tokens: &[TokenWithSpan]) -> String {
    let mut out = String::with_capacity(tokens.len() * 8);
    let mut previous: Option<(&Token, bool)> = None;
    for TokenWithSpan { token, .. } in tokens {
        let is_keyword =
            matches!(token, Token::Word(Word { value, quote_style: None, .. }) if words::is_keyword(value));
        let glued = matches!(
            (previous, token),
            (None | Some((Token::LParen | Token::Period | Token::DoubleColon | Token::LBracket, _)), _)
                | (Some(_), Token::Comma | Token::RParen | Token::SemiColon | Token::DoubleColon | Token::RBracket)
                | (Some((Token::Word(_), _)), Token::Period)
                | (Some((Token::Word(_), false) | (Token::RParen | Token::RBracket, _)), Token::LBracket)
                | (Some((Token::Word(_), false)), Token::LParen)
        );
        if !glued {
            out.push(' ');
        }
        let after_dot = matches!(previous, Some((Token::Period, _)));
        write(&mut out, dialect, token, is_keyword && !after_dot);
        previous = Some((token, is_keyword));
    }
    out
}

fn write(out: &mut String, dialect: Dialect, token: &Token, in_capitals: bool) {
    match token {
        Token::Word(Word { value, quote_style: None, .. }) => {
            let from = out.len();
            out.push_str(value);
            let written = out.get_mut(from..).unwrap_or_default();
            if in_capitals {
                written.make_ascii_uppercase();
            } else if dialect != Dialect::Mysql {
                written.make_ascii_lowercase();
            }
        }
        Token::Comma => out.push(','),
        Token::Eq => out.push('='),
        Token::Neq => out.push_str("<>"),
        Token::SingleQuotedString(value) => {
            out.push('\'');
            out.push_str(value);
            out.push('\'');
        }
        Token::Period => out.push('.'),
        Token::LParen => out.push('('),
        Token::RParen => out.push(')'),
        // the tokenizer has resolved its escapes
        Token::EscapedStringLiteral(value) => {
            let value = value.replace('\\', "\\\\").replace('\'', "\\'").replace('\n', "\\n").replace('\r', "\\r");
            out.push_str(&format!("E'{value}'"));
        }
        other => out.push_str(&other.to_string()),
    }
}
