//! Which value is bound where. What a page shows in place, and what a preview binds, goes by this.

use sqlparser::tokenizer::{Token, TokenWithSpan};

use super::{Dialect, Misunderstood, tokens::ambiguous::ambiguous};

/// Which value is bound to which placeholder, counted as the server of this dialect does.
pub(super) struct Numbering {
    dialect: Dialect,
    last: usize,
}

impl Numbering {
    pub(super) fn new(dialect: Dialect) -> Self {
        Self { dialect, last: 0 }
    }

    /// The number (from 1) of the value that this token stands for; the tokens have to come one after the other.
    pub(super) fn next(&mut self, token: &Token) -> Option<usize> {
        let Token::Placeholder(name) = token else { return None };
        let number = match self.dialect {
            Dialect::Postgres => name.strip_prefix('$')?.parse().ok()?,
            Dialect::Mysql => name.starts_with('?').then_some(self.last + 1)?,
            // `?` is the one behind the largest so far, numbered ones included
            Dialect::Sqlite => match name.strip_prefix('?')? {
                "" => self.last + 1,
                number => number.parse().ok()?,
            },
        };
        self.last = self.last.max(number);
        Some(number)
    }
}

/// SQLite numbers them by rules of its own, between those without a name.
pub(super) fn refuse_names(dialect: Dialect, tokens: &[TokenWithSpan]) -> Result<(), Misunderstood> {
    let named = |token: &TokenWithSpan| match &token.token {
        Token::Placeholder(name) => !name.starts_with('?'),
        Token::Word(word) => word.quote_style.is_none() && word.value.starts_with(['@', '$', ':']),
        Token::Colon | Token::AtSign => true,
        _ => false,
    };
    if dialect == Dialect::Sqlite && tokens.iter().any(named) {
        return Err(ambiguous("values have numbers here and no names; write `?` or `?1`"));
    }
    Ok(())
}
