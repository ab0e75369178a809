//! The words of a statement. Works on the text before the parser, so that what two readers might split differently
//! (`ambiguous`) never gets that far.

pub(super) mod ambiguous;

use std::mem;

use sqlparser::tokenizer::{Span, Token, TokenWithSpan, Tokenizer, Word};

use super::{
    Dialect, MAX_BYTES, MAX_TOKENS, Misunderstood, Settings, functions, grammar,
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
        ambiguous::refuse_text(text)?;
        let mut tokens = split(dialect, text)?;
        ambiguous::refuse_read(dialect, &tokens)?;
        let spaced = spaced_call(dialect, &tokens);
        keep_statement(&mut tokens);
        if tokens.is_empty() {
            return Err(Misunderstood::Empty);
        }
        if tokens.len() > MAX_TOKENS {
            return Err(Misunderstood::TooManyParts(tokens.len()));
        }
        ambiguous::refuse_quoting(dialect, text, &tokens, settings)?;
        numbering::refuse_names(dialect, &tokens)?;
        let mut read = Self { dialect, all: tokens, against_read: None };
        read.against_read = spaced.or_else(|| read.suspicious());
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
                // PostgreSQL has neither; where one is, somebody made it, and for the parser the first is another way to write `=`
                Token::DoubleEq | Token::Spaceship if self.dialect == Dialect::Postgres => {
                    return Some(format!("the operator `{token}` is not built in"));
                }
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

/// A function of MySQL's grammar is one only with its parenthesis next to its name; otherwise it is a stored one.
fn spaced_call(dialect: Dialect, tokens: &[TokenWithSpan]) -> Option<String> {
    if dialect != Dialect::Mysql {
        return None;
    }
    let mut word: Option<(&str, bool)> = None;
    for TokenWithSpan { token, .. } in tokens {
        word = match (token, word) {
            (Token::Word(Word { value, quote_style: None, .. }), _) => Some((value, false)),
            (Token::Whitespace(_), Some((name, _))) => Some((name, true)),
            (Token::LParen, Some((name, true))) if functions::is_of_grammar(name) => {
                return Some(format!("the name `{}` has a space between it and its parenthesis", visible(name)));
            }
            _ => None,
        };
    }
    None
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
    let grammar = grammar::of(dialect);
    let mut tokenizer = Tokenizer::new(grammar.as_ref(), text).with_unescape(false);
    // more than most statements have: each time that it grows, all of it is copied, and a token is longer than its word
    let mut tokens = Vec::with_capacity(text.len() / 2);
    let split = tokenizer.tokenize_with_location_into_buf(&mut tokens);
    split.map(|()| tokens).map_err(|error| Misunderstood::NotSql(visible(&error.message)))
}

pub(super) fn is_word(token: &Token, name: &str) -> bool {
    matches!(token, Token::Word(Word { value, quote_style: None, .. }) if value.eq_ignore_ascii_case(name))
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
