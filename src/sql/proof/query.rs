//! Queries and their clauses.

use sqlparser::ast::{
    Distinct, GroupByExpr, GroupByWithModifier, LimitClause, NamedWindowExpr, ObjectName, ObjectNamePart, OrderBy,
    OrderByExpr, OrderByKind, OrderBySort, Query, Select, SelectFlavor, SelectItem, SelectItemQualifiedWildcardKind,
    SetExpr, Statement, WildcardAdditionalOptions, WindowFrameBound, WindowSpec,
};

use super::Proof;
use crate::sql::{Dialect, kind};

impl Proof {
    pub(in super::super) fn query(&mut self, query: &Query) {
        let Query {
            with,
            body,
            order_by,
            limit_clause,
            fetch,
            locks,
            for_clause,
            settings,
            format_clause,
            pipe_operators,
        } = query;
        let outer = self.ctes.len();
        if let Some(with) = with {
            for cte in &with.cte_tables {
                let name = self.dialect.folded(&cte.alias.name.value, cte.alias.name.quote_style.is_some());
                if with.recursive {
                    self.ctes.push(name.clone().into_owned());
                }
                self.query(&cte.query);
                self.alias(Some(&cte.alias), false);
                self.only(cte.from.is_none(), "this form of `WITH`");
                if !with.recursive {
                    self.ctes.push(name.into_owned());
                }
            }
        }
        self.body(body);
        self.order_by(order_by.as_ref());
        match limit_clause {
            None => {}
            Some(LimitClause::LimitOffset { limit, offset, limit_by }) => {
                self.expressions(limit);
                offset.iter().for_each(|offset| self.expression(&offset.value));
                self.only(limit_by.is_empty(), "`LIMIT BY`");
            }
            Some(LimitClause::OffsetCommaLimit { offset, limit }) => {
                self.expression(offset);
                self.expression(limit);
            }
        }
        fetch.iter().for_each(|fetch| self.expressions(&fetch.quantity));
        if !locks.is_empty() {
            self.refuse("it locks the rows that it reads".to_owned());
        }
        self.only(for_clause.is_none(), "`FOR`");
        self.only(settings.is_none() && format_clause.is_none() && pipe_operators.is_empty(), "this form of query");
        self.ctes.truncate(outer);
    }

    fn body(&mut self, body: &SetExpr) {
        // a chain of `UNION` nests to the left, as deep as the statement is long
        let mut body = body;
        while let SetExpr::SetOperation { left, op: _, set_quantifier: _, right } = body {
            self.body(right);
            body = left;
        }
        match body {
            SetExpr::Select(select) => self.select(select),
            SetExpr::Query(query) => self.query(query),
            SetExpr::Values(values) => {
                values.rows.iter().flat_map(|row| &row.content).for_each(|value| self.expression(value));
            }
            SetExpr::Table(table) => {
                let names = table.schema_name.iter().chain(&table.table_name).cloned();
                self.table(&ObjectName(names.map(ObjectNamePart::Identifier).collect()));
            }
            SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_) => {
                if let Some(statement) = kind::change::changing(body) {
                    self.change(statement);
                }
            }
            SetExpr::SetOperation { .. } => {}
        }
    }

    fn change(&mut self, statement: &Statement) {
        let class = kind::change::changes(statement, self);
        self.refuse(format!("there is a statement of class `{class}` in it"));
    }

    fn select(&mut self, select: &Select) {
        let Select {
            select_token: _,
            optimizer_hints,
            distinct,
            select_modifiers: _,
            top,
            top_before_distinct: _,
            projection,
            exclude,
            into,
            from,
            lateral_views,
            prewhere,
            selection,
            connect_by,
            group_by,
            cluster_by,
            distribute_by,
            sort_by,
            having,
            named_window,
            qualify,
            window_before_qualify: _,
            value_table_mode,
            flavor,
        } = select;
        self.queries += 1;
        if into.is_some() {
            self.unknown("`SELECT … INTO`");
        }
        let foreign = exclude.is_none()
            && optimizer_hints.is_empty()
            && top.is_none()
            && lateral_views.is_empty()
            && prewhere.is_none()
            && connect_by.is_empty()
            && cluster_by.is_empty()
            && distribute_by.is_empty()
            && sort_by.is_empty()
            && qualify.is_none()
            && value_table_mode.is_none()
            && matches!(flavor, SelectFlavor::Standard);
        self.only(foreign, "a clause of another database's `SELECT`");
        match distinct {
            None | Some(Distinct::All | Distinct::Distinct) => {}
            Some(Distinct::On(columns)) => self.expressions(columns),
        }
        self.items(projection);
        from.iter().for_each(|table| self.joined(table));
        self.expressions(selection);
        let (expressions, modifiers) = match group_by {
            GroupByExpr::All(modifiers) => (None, modifiers),
            GroupByExpr::Expressions(expressions, modifiers) => (Some(expressions), modifiers),
        };
        self.expressions(expressions.into_iter().flatten());
        for modifier in modifiers {
            match modifier {
                GroupByWithModifier::Rollup | GroupByWithModifier::Cube | GroupByWithModifier::Totals => {}
                GroupByWithModifier::GroupingSets(sets) => self.expression(sets),
            }
        }
        self.expressions(having);
        for window in named_window {
            match &window.1 {
                NamedWindowExpr::NamedWindow(_) => {}
                NamedWindowExpr::WindowSpec(window) => self.window(window),
            }
        }
    }

    pub(in super::super) fn returning(&mut self, items: Option<&[SelectItem]>) {
        self.items(items.unwrap_or_default());
    }

    fn items(&mut self, items: &[SelectItem]) {
        for item in items {
            match item {
                SelectItem::UnnamedExpr(expression) => self.expression(expression),
                SelectItem::ExprWithAlias { expr, alias } => {
                    self.expression(expr);
                    // behind `AS` PostgreSQL takes any word for a name
                    if self.dialect != Dialect::Postgres {
                        self.name(alias);
                    }
                }
                SelectItem::ExprWithAliases { .. } => self.unknown("this form of alias"),
                SelectItem::QualifiedWildcard(kind, options) => {
                    if let SelectItemQualifiedWildcardKind::Expr(expression) = kind {
                        self.expression(expression);
                    }
                    self.wildcard(options);
                }
                SelectItem::Wildcard(options) => self.wildcard(options),
            }
        }
    }

    pub(super) fn wildcard(&mut self, options: &WildcardAdditionalOptions) {
        let WildcardAdditionalOptions {
            wildcard_token: _,
            opt_ilike,
            opt_exclude,
            opt_except,
            opt_replace,
            opt_rename,
            opt_alias,
        } = options;
        let plain = opt_ilike.is_none()
            && opt_exclude.is_none()
            && opt_except.is_none()
            && opt_replace.is_none()
            && opt_rename.is_none()
            && opt_alias.is_none();
        self.only(plain, "this form of `*`");
    }

    fn order_by(&mut self, order_by: Option<&OrderBy>) {
        let Some(OrderBy { kind, interpolate }) = order_by else { return };
        self.only(interpolate.is_none(), "`INTERPOLATE`");
        match kind {
            OrderByKind::All(_) => {}
            OrderByKind::Expressions(orders) => orders.iter().for_each(|order| self.ordering(order)),
        }
    }

    pub(in super::super) fn ordering(&mut self, order: &OrderByExpr) {
        let OrderByExpr { expr, options, with_fill } = order;
        self.expression(expr);
        // `USING` takes any operator
        let plain = matches!(options.sort, None | Some(OrderBySort::Asc | OrderBySort::Desc));
        self.only(plain && with_fill.is_none(), "this form of `ORDER BY`");
    }

    pub(super) fn window(&mut self, window: &WindowSpec) {
        let WindowSpec { window_name: _, partition_by, order_by, window_frame } = window;
        self.expressions(partition_by);
        order_by.iter().for_each(|order| self.ordering(order));
        if let Some(frame) = window_frame {
            for bound in [Some(&frame.start_bound), frame.end_bound.as_ref()].into_iter().flatten() {
                match bound {
                    WindowFrameBound::CurrentRow => {}
                    WindowFrameBound::Preceding(rows) | WindowFrameBound::Following(rows) => {
                        self.expressions(rows.as_deref());
                    }
                }
            }
        }
    }
}
