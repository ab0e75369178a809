//! What stands behind `FROM`: tables, joins, queries and functions in a table's place.

use sqlparser::ast::{Ident, Join, JoinConstraint, JoinOperator, ObjectName, TableAlias, TableFactor, TableWithJoins};

use super::Proof;
use crate::{
    sql::{Dialect, catalogs},
    visible::visible,
};

impl Proof {
    pub(in super::super) fn joined(&mut self, table: &TableWithJoins) {
        self.factor(&table.relation);
        for Join { relation, global, join_operator } in &table.joins {
            self.factor(relation);
            let constraint = match join_operator {
                JoinOperator::Join(constraint)
                | JoinOperator::Inner(constraint)
                | JoinOperator::Left(constraint)
                | JoinOperator::LeftOuter(constraint)
                | JoinOperator::Right(constraint)
                | JoinOperator::RightOuter(constraint)
                | JoinOperator::FullOuter(constraint)
                | JoinOperator::CrossJoin(constraint)
                | JoinOperator::StraightJoin(constraint) => Some(constraint),
                _ => None,
            };
            self.only(constraint.is_some() && !global, "this form of join");
            if let Some(JoinConstraint::On(condition)) = constraint {
                self.expression(condition);
            }
        }
    }

    pub(in super::super) fn factor(&mut self, factor: &TableFactor) {
        match factor {
            TableFactor::Table {
                name,
                alias,
                args,
                with_hints,
                version,
                with_ordinality: _,
                partitions: _,
                json_path,
                sample,
                index_directives: _,
                inheritance: _,
            } => {
                match args {
                    Some(args) => {
                        self.only(args.settings.is_none(), "this form of table function");
                        self.call(name, &args.args);
                    }
                    None => self.table(name),
                }
                let plain = with_hints.is_empty() && version.is_none() && json_path.is_none() && sample.is_none();
                self.only(plain, "this form of table");
                self.alias(alias.as_ref(), args.is_some());
            }
            TableFactor::Derived { lateral: _, subquery, alias, sample } => {
                self.query(subquery);
                self.alias(alias.as_ref(), false);
                self.only(sample.is_none(), "this form of table");
            }
            TableFactor::Function { lateral: _, name, args, with_ordinality: _, alias } => {
                self.call(name, args);
                self.alias(alias.as_ref(), true);
            }
            TableFactor::UNNEST { alias, array_exprs, with_offset: _, with_offset_alias: _, with_ordinality: _ } => {
                self.before_parenthesis(&Ident::new("unnest"));
                self.expressions(array_exprs);
                self.alias(alias.as_ref(), true);
            }
            TableFactor::NestedJoin { table_with_joins, alias } => {
                self.joined(table_with_joins);
                self.alias(alias.as_ref(), false);
            }
            _ => self.unknown("this form of table"),
        }
    }

    /// A table's other name. Its columns have types only where PostgreSQL has to be told what a function returns.
    pub(super) fn alias(&mut self, alias: Option<&TableAlias>, of_function: bool) {
        let Some(TableAlias { explicit: _, name, columns, at }) = alias else { return };
        self.name(name);
        columns.iter().for_each(|column| {
            self.name(&column.name);
        });
        self.only(at.is_none(), "this form of alias");
        for data_type in columns.iter().filter_map(|column| column.data_type.as_ref()) {
            self.only(of_function && self.dialect == Dialect::Postgres, "a type in an alias");
            self.data_type(data_type);
        }
        if !columns.is_empty() {
            self.before_parenthesis(name);
        }
    }

    /// Tables of which rows are changed, beside others or not: what is changed is never a name of `WITH`.
    pub(in super::super) fn changed(&mut self, table: &TableWithJoins) {
        self.changed_factor(&table.relation);
        self.joined(table);
    }

    /// The same, of a table alone.
    pub(in super::super) fn changed_factor(&mut self, factor: &TableFactor) {
        if let TableFactor::Table { name, .. } = factor {
            self.stored(name);
        }
    }

    /// A table by its name, unless it is one of `WITH`.
    pub(in super::super) fn table(&mut self, name: &ObjectName) {
        let is_of_with = match name.0.as_slice() {
            [part] => part.as_ident().is_some_and(|bare| {
                let bare = self.dialect.folded(&bare.value, bare.quote_style.is_some());
                self.ctes.iter().any(|cte| *cte == bare)
            }),
            _ => false,
        };
        if !is_of_with {
            self.stored(name);
        }
    }

    /// A table that the database keeps, by its name.
    pub(in super::super) fn stored(&mut self, name: &ObjectName) {
        if let Some(first) = name.0.first().and_then(|first| first.as_ident()) {
            self.name(first);
        }
        let Some(parts) = self.parts(name) else { return self.unknown("this form of name") };
        let Some(bare) = parts.last() else { return self.unknown("this form of name") };
        let full = parts.join(".");
        if let Some(why) = catalogs::why_closed(self.dialect, &full, bare) {
            self.refuse(format!("`{}` {why}", visible(&full)));
        }
        self.tables.insert(bare.to_string());
        self.tables.insert(full);
    }
}
