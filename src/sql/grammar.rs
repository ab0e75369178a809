//! The grammars of the three databases: the parser's own, which are answered here in two places where it would look for
//! something else first. It takes each name, number and string for the beginning of a type (`DATE '2026-01-01'`), gives up,
//! makes a message of why, and begins again; a fifth of the time that a statement takes.
//!
//! INVARIANT: what comes out is what the parser makes by itself. Each statement of the tests, and each text of the fuzzer, is
//! parsed both ways.

mod base;

use sqlparser::{
    ast::Expr,
    dialect::{Dialect as Base, MySqlDialect, PostgreSqlDialect, SQLiteDialect},
    keywords::Keyword,
    parser::{Parser, ParserError},
    tokenizer::{Token, Word},
};

use super::Dialect;

/// A grammar of the parser's, answered by it in all but two places.
#[derive(Debug, Default)]
struct Grammar<Base>(Base);

/// How a server of this dialect reads.
pub(super) fn of(dialect: Dialect) -> Box<dyn Base> {
    match dialect {
        Dialect::Postgres => Box::new(Grammar::<PostgreSqlDialect>::default()),
        Dialect::Mysql => Box::new(Grammar::<MySqlDialect>::default()),
        Dialect::Sqlite => Box::new(Grammar::<SQLiteDialect>::default()),
    }
}

/// A number, a string in single quotes, or a name (`a`, `t.a`) with something behind it that no name goes on with and that
/// makes no type of it. None of them can fail: the parser remembers what did, and this would not.
fn plain_prefix(parser: &mut Parser<'_>) -> Option<Result<Expr, ParserError>> {
    let first = parser.peek_token_ref();
    let name = match &first.token {
        Token::Number(..) | Token::SingleQuotedString(_) => return Some(parser.parse_value().map(Expr::Value)),
        Token::Word(word) if is_mere_name(word.keyword) => word,
        _ => return None,
    };
    let behind = |at: usize| &parser.peek_nth_token_ref(at).token;
    let is_plain = match behind(1) {
        Token::Period => matches!(behind(2), Token::Word(_)) && ends_name(behind(3)),
        other => ends_name(other),
    };
    let name = is_plain.then(|| name.to_ident(first.span))?;
    parser.advance_token();
    Some(Ok(Expr::Identifier(name)))
}

/// A word that begins no type and no expression of its own form: the parser has a word for each of these functions and columns,
/// and does with it what it does with any name.
fn is_mere_name(word: Keyword) -> bool {
    matches!(
        word,
        Keyword::NoKeyword
            | Keyword::ABS
            | Keyword::AVG
            | Keyword::COALESCE
            | Keyword::COUNT
            | Keyword::ID
            | Keyword::LOWER
            | Keyword::MAX
            | Keyword::MIN
            | Keyword::NAME
            | Keyword::NULLIF
            | Keyword::STATUS
            | Keyword::SUM
            | Keyword::UPPER
            | Keyword::VALUE
    )
}

fn ends_name(token: &Token) -> bool {
    match token {
        Token::EOF
        | Token::Comma
        | Token::RParen
        | Token::Eq
        | Token::Neq
        | Token::Lt
        | Token::LtEq
        | Token::Gt
        | Token::GtEq
        | Token::Plus
        | Token::Minus
        | Token::Mul
        | Token::Div
        | Token::DoubleColon => true,
        Token::Word(Word { keyword, .. }) => matches!(
            keyword,
            Keyword::AND
                | Keyword::AS
                | Keyword::ASC
                | Keyword::BETWEEN
                | Keyword::DESC
                | Keyword::ELSE
                | Keyword::END
                | Keyword::FROM
                | Keyword::GROUP
                | Keyword::HAVING
                | Keyword::IN
                | Keyword::IS
                | Keyword::LIKE
                | Keyword::LIMIT
                | Keyword::NOT
                | Keyword::OR
                | Keyword::ORDER
                | Keyword::THEN
                | Keyword::WHEN
                | Keyword::WHERE
        ),
        _ => false,
    }
}

/// Why a call (`lower(c.name)`, `count(*)`) is no type with modifiers, where its first two tokens say so: those are names,
/// numbers and strings between commas.
fn no_data_type(parser: &Parser<'_>) -> Option<ParserError> {
    let behind = |at: usize| &parser.peek_nth_token_ref(at).token;
    let is_modifier = |at: usize| {
        matches!(
            behind(at),
            Token::Word(_) | Token::Number(..) | Token::SingleQuotedString(_) | Token::Comma | Token::RParen
        )
    };
    let is_call = matches!(behind(0), Token::Word(word) if is_mere_name(word.keyword))
        && *behind(1) == Token::LParen
        && *behind(2) != Token::RParen
        && !(is_modifier(2) && is_modifier(3));
    is_call.then(|| ParserError::ParserError("Expected: type modifiers".to_owned()))
}

/// Stops where the parser by itself would have made something else of these tokens.
#[cfg(any(test, fuzzing))]
pub(super) fn assert_same(
    dialect: Dialect,
    depth: usize,
    tokens: Vec<sqlparser::tokenizer::TokenWithSpan>,
    parsed: &Result<Vec<sqlparser::ast::Statement>, ParserError>,
) {
    let plain: Box<dyn Base> = match dialect {
        Dialect::Postgres => Box::new(PostgreSqlDialect {}),
        Dialect::Mysql => Box::new(MySqlDialect {}),
        Dialect::Sqlite => Box::new(SQLiteDialect {}),
    };
    let options = sqlparser::parser::ParserOptions::new().with_unescape(false);
    let parser = Parser::new(plain.as_ref()).with_options(options).with_recursion_limit(depth);
    let by_itself = parser.with_tokens_with_locations(tokens).parse_statements();
    // it counts one level more for what it tries first
    if by_itself != Err(ParserError::RecursionLimitExceeded) {
        assert_eq!(parsed.as_ref().ok(), by_itself.as_ref().ok(), "{dialect}: {by_itself:?}");
    }
}
