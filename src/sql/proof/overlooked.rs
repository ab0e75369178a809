//! What the walk has not come across, and the statement has: the parser may drop a part, or take it for something else. The
//! bare tokens say how many queries there are, and what stands before a parenthesis.

use sqlparser::{
    ast::Ident,
    tokenizer::{Token, Word},
};

use super::Proof;
use crate::{
    sql::{
        functions::{self, Call},
        tokens::is_word,
        words,
    },
    visible::visible,
};

impl Proof {
    /// A name before a parenthesis that is a call, or has columns behind it.
    pub(in super::super) fn before_parenthesis(&mut self, name: &Ident) {
        let name = self.dialect.folded(&name.value, name.quote_style.is_some());
        match self.before_parentheses.get_mut(name.as_ref()) {
            Some(times) => *times += 1,
            None => {
                self.before_parentheses.insert(name.into_owned(), 1);
            }
        }
    }

    /// Every query among the tokens has to be one that was walked through, whatever the statement.
    pub(in super::super) fn refuse_queries<'a>(&mut self, tokens: impl Iterator<Item = &'a Token>) {
        let (mut queries, mut previous) = (0, &Token::EOF);
        for token in tokens {
            queries += usize::from(is_query(previous, token));
            previous = token;
        }
        if queries != self.queries {
            self.unknown("a query where none is expected");
        }
    }

    /// Every query and every call among the tokens has to be one that was walked through.
    pub(in super::super) fn refuse_overlooked<'a>(&mut self, tokens: impl Iterator<Item = &'a Token>) {
        let mut queries = 0;
        let mut overlooked = None;
        let mut previous: [&Token; 2] = [&Token::EOF; 2];
        for token in tokens {
            let [before, last] = previous;
            let after_dot = matches!(before, Token::Period);
            queries += usize::from(is_query(last, token));
            if let (Token::Word(Word { value, quote_style, .. }), Token::LParen) = (last, token)
                && (after_dot || quote_style.is_some() || !words::is_before_parenthesis(value))
            {
                let name = self.dialect.folded(value, quote_style.is_some());
                match self.before_parentheses.get_mut(name.as_ref()) {
                    Some(times) if *times > 0 => *times -= 1,
                    _ if functions::judge(self.dialect, &name, &[]) == Call::Harmless => {}
                    _ => overlooked = Some(name),
                }
            }
            previous = [last, token];
        }
        if queries != self.queries {
            self.unknown("a query where none is expected");
        }
        if let Some(name) = overlooked {
            self.unknown(&format!("`{}(…)`", visible(&name)));
        }
    }
}

fn is_query(previous: &Token, token: &Token) -> bool {
    is_word(token, "SELECT") && !matches!(previous, Token::Period)
}

#[cfg(test)]
mod tests {
    use sqlparser::ast::Ident;

    use super::Proof;
    use crate::sql::{Dialect, tokens::split};

    fn refused(text: &str, queries: usize, walked: &[&str]) -> Option<String> {
        let mut proof = Proof::new(Dialect::Postgres);
        proof.queries = queries;
        walked.iter().for_each(|name| proof.before_parenthesis(&Ident::with_quote('"', *name)));
        let mut tokens = split(Dialect::Postgres, text).unwrap();
        tokens.retain(|token| !matches!(token.token, sqlparser::tokenizer::Token::Whitespace(_)));
        proof.refuse_overlooked(tokens.iter().map(|token| &token.token));
        proof.why_not_read
    }

    #[test]
    fn a_query_or_a_call_that_the_walk_did_not_meet_is_no_read() {
        let text = "SELECT touch(a), lower(b), count(*) IN (1), \"In\"(1) FROM (SELECT s.select, s.in(1) FROM t) s";
        assert_eq!(refused(text, 2, &["touch", "In", "in"]), None);
        assert_eq!(refused(text, 2, &["a", "touch", "zero", "In", "in"]), None);
        assert_eq!(
            refused(text, 1, &["touch", "In", "in"]).unwrap(),
            "a query where none is expected is not known to be a read"
        );
        assert_eq!(refused(text, 2, &["In", "in"]).unwrap(), "`touch(…)` is not known to be a read");
        assert_eq!(refused(text, 2, &["touch", "in"]).unwrap(), "`In(…)` is not known to be a read");
        assert_eq!(refused(text, 2, &["touch", "In"]).unwrap(), "`in(…)` is not known to be a read");
        // each is met as often as it stands there
        assert!(refused("SELECT touch(touch(1))", 1, &["touch"]).is_some());
        assert!(refused("SELECT repeat('a', 9)", 1, &[]).is_some());
    }
}
