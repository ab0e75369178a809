//! Names: what stands in a name's place, and is none to the server.

use sqlparser::ast::{Expr, Ident, ObjectName};

use super::Proof;
use crate::{
    sql::{
        Dialect,
        words::{self, Bare},
    },
    visible::visible,
};

impl Proof {
    /// A name as it stands. The parser takes many a word for a name that a server reserves: `SELECT SQL_CACHE * FROM t` is
    /// for it a column times a column `FROM` that is called `t`. What else stands there is then not known either.
    pub(super) fn name(&mut self, name: &Ident) -> Bare {
        if name.quote_style.is_some() {
            return Bare::Name;
        }
        let bare = words::bare(self.dialect, &name.value);
        if bare == Bare::Reserved {
            self.complete = false;
            self.refuse(format!("`{}` is no name without quotes", visible(&name.value)));
        }
        bare
    }

    /// A column, or what stands in its place: a variable and `CURRENT_USER` say nothing of a row.
    pub(super) fn column(&mut self, first: &Ident) {
        let is_variable = first.quote_style.is_none() && first.value.starts_with('@');
        if !is_variable && self.name(first) == Bare::Name {
            self.columns += 1;
        }
    }

    /// Is an argument no value, but a word of the function's own (`timestampdiff(MINUTE, a, b)`)?
    pub(super) fn is_word_of(&self, function: &ObjectName, argument: &Expr) -> bool {
        let takes_a_word = |function: &Ident| {
            ["timestampdiff", "timestampadd", "get_format"]
                .iter()
                .any(|known| function.value.eq_ignore_ascii_case(known))
        };
        self.dialect == Dialect::Mysql
            && matches!(argument, Expr::Identifier(Ident { quote_style: None, .. }))
            && function.0.last().and_then(|last| last.as_ident()).is_some_and(takes_a_word)
    }
}
