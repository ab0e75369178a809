//! Calls of functions.

use sqlparser::ast::{
    Function, FunctionArg, FunctionArgExpr, FunctionArgumentClause, FunctionArguments, Ident, ObjectName,
    ObjectNamePart, WindowType,
};

use super::Proof;
use crate::{
    sql::{
        Dialect,
        functions::{self, Call},
    },
    visible::visible,
};

impl Proof {
    pub(super) fn function(&mut self, function: &Function) {
        let Function { name, uses_odbc_syntax: _, parameters, args, within_group, filter, null_treatment: _, over } =
            function;
        self.only(matches!(parameters, FunctionArguments::None), "this form of call");
        match args {
            FunctionArguments::None => self.call(name, &[]),
            FunctionArguments::Subquery(query) => {
                self.call(name, &[]);
                self.query(query);
            }
            FunctionArguments::List(list) => {
                self.call(name, &list.args);
                list.clauses.iter().for_each(|clause| self.clause(clause));
            }
        }
        within_group.iter().for_each(|order| self.ordering(order));
        self.expressions(filter.as_deref());
        match over {
            Some(WindowType::WindowSpec(window)) => self.window(window),
            Some(WindowType::NamedWindow(_)) | None => {}
        }
    }

    fn clause(&mut self, clause: &FunctionArgumentClause) {
        match clause {
            FunctionArgumentClause::IgnoreOrRespectNulls(_)
            | FunctionArgumentClause::Separator(_)
            | FunctionArgumentClause::JsonNullClause(_) => {}
            FunctionArgumentClause::Where(expression) | FunctionArgumentClause::Limit(expression) => {
                self.expression(expression);
            }
            FunctionArgumentClause::OrderBy(orders) => orders.iter().for_each(|order| self.ordering(order)),
            _ => self.unknown("this form of call"),
        }
    }

    pub(super) fn call(&mut self, name: &ObjectName, arguments: &[FunctionArg]) {
        name.0.last().and_then(|last| last.as_ident()).into_iter().for_each(|last| self.before_parenthesis(last));
        // in quotes it is not the grammar's own, and a stored one of its name is called
        let is_quoted = |name: &&Ident| self.dialect == Dialect::Mysql && name.quote_style.is_some();
        if let Some(quoted) = name.0.last().and_then(|last| last.as_ident()).filter(is_quoted) {
            self.refuse(format!("the function `{}` in quotes may be a stored one", visible(&quoted.value)));
        }
        let mut values = Vec::new();
        for (at, argument) in arguments.iter().enumerate() {
            let (FunctionArg::Named { arg, .. } | FunctionArg::ExprNamed { arg, .. } | FunctionArg::Unnamed(arg)) =
                argument;
            self.only(!matches!(argument, FunctionArg::ExprNamed { .. }), "this form of call");
            match arg {
                FunctionArgExpr::Expr(expression) if at == 0 && self.is_word_of(name, expression) => {}
                FunctionArgExpr::Expr(expression) => {
                    self.expression(expression);
                    values.push(expression);
                }
                FunctionArgExpr::QualifiedWildcard(_) | FunctionArgExpr::Wildcard => {}
                FunctionArgExpr::WildcardWithOptions(options) => self.wildcard(options),
            }
        }
        let Some(parts) = self.parts(name) else { return self.unknown("this form of call") };
        // PostgreSQL folds what is not quoted only; the others not at all
        let full = parts.join(".");
        if !self.functions.contains(&full) {
            self.functions.insert(full.to_ascii_lowercase());
        }
        let bare = match parts.as_slice() {
            [bare] => Some(bare.as_ref()),
            [schema, bare] if self.dialect == Dialect::Postgres && schema == "pg_catalog" => Some(bare.as_ref()),
            _ => None,
        };
        match bare.map_or(Call::Unknown, |bare| functions::judge(self.dialect, bare, &values)) {
            Call::Harmless => {}
            Call::Grows(times) => {
                self.growth = self.growth.saturating_mul(times.max(1));
                if self.growth > functions::MOST {
                    self.refuse(format!("`{full}` makes more than a read may, with all that the statement makes"));
                }
            }
            Call::Unbounded => self.refuse(format!("`{full}` has no small fixed bound")),
            Call::Unknown => {
                // `SQL_CACHE * FROM (…)` calls nothing; two that MySQL reserves are on no list of reads and are called
                if let [ObjectNamePart::Identifier(name)] = name.0.as_slice()
                    && !(self.dialect == Dialect::Mysql && ["insert", "values"].contains(&full.as_str()))
                {
                    self.name(name);
                }
                self.refuse(format!("the function `{}` is not known to be a read", visible(&full)));
            }
        }
    }
}
