//! The walk over queries and expressions. It collects what they touch and says, at the first thing that it can't prove
//! harmless, why this is no read. Structures are taken apart field by field without `..` wherever a field could change
//! something, so that a field that a newer parser adds does not compile until it is thought about.

use std::collections::BTreeSet;

use sqlparser::ast::{
    AccessExpr, ArrayElemTypeDef, BinaryOperator, DataType, Distinct, Expr, Function, FunctionArg, FunctionArgExpr,
    FunctionArgumentClause, FunctionArguments, GroupByExpr, GroupByWithModifier, Ident, InTarget, Join, JoinConstraint,
    JoinOperator, LimitClause, NamedWindowExpr, ObjectName, ObjectNamePart, OrderBy, OrderByExpr, OrderByKind,
    OrderBySort, Query, Select, SelectFlavor, SelectItem, SelectItemQualifiedWildcardKind, SetExpr, Statement,
    Subscript, TableFactor, TableWithJoins, UnaryOperator, Value, WildcardAdditionalOptions, WindowFrameBound,
    WindowSpec, WindowType,
};

use super::{
    Class, Dialect,
    functions::{self, Call},
    kind,
};
use crate::visible::visible;

/// What a walk has found so far.
#[derive(Debug)]
pub(super) struct Proof {
    pub(super) dialect: Dialect,
    pub(super) tables: BTreeSet<String>,
    pub(super) functions: BTreeSet<String>,
    /// Has everything been looked into?
    pub(super) complete: bool,
    pub(super) why_not_read: Option<String>,
    /// Each change of rows, and whether it says which.
    pub(super) changes: Vec<(Class, Option<bool>)>,
    columns: usize,
    /// Names of `WITH`, innermost last.
    ctes: Vec<String>,
}

impl Proof {
    pub(super) fn new(dialect: Dialect) -> Self {
        Self {
            dialect,
            tables: BTreeSet::new(),
            functions: BTreeSet::new(),
            complete: true,
            why_not_read: None,
            changes: Vec::new(),
            columns: 0,
            ctes: Vec::new(),
        }
    }

    /// Understood, and no read.
    pub(super) fn refuse(&mut self, why: String) {
        self.why_not_read.get_or_insert(why);
    }

    pub(super) fn refuse_if(&mut self, why: Option<String>) {
        why.into_iter().for_each(|why| self.refuse(why));
    }

    /// Not looked into: there may be anything in it.
    pub(super) fn unknown(&mut self, what: &str) {
        self.complete = false;
        self.refuse(format!("{what} is not known to be a read"));
    }

    fn only(&mut self, fine: bool, what: &str) {
        if !fine {
            self.unknown(what);
        }
    }

    pub(super) fn query(&mut self, query: &Query) {
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
                    self.ctes.push(name.clone());
                }
                self.query(&cte.query);
                self.only(cte.from.is_none() && cte.alias.at.is_none(), "this form of `WITH`");
                if !with.recursive {
                    self.ctes.push(name);
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
                if let Some(statement) = kind::changing(body) {
                    self.change(statement);
                }
            }
            SetExpr::SetOperation { .. } => {}
        }
    }

    fn change(&mut self, statement: &Statement) {
        let class = kind::changes(statement, self);
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

    pub(super) fn returning(&mut self, items: Option<&[SelectItem]>) {
        self.items(items.unwrap_or_default());
    }

    fn items(&mut self, items: &[SelectItem]) {
        for item in items {
            match item {
                SelectItem::UnnamedExpr(expression) | SelectItem::ExprWithAlias { expr: expression, alias: _ } => {
                    self.expression(expression);
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

    fn wildcard(&mut self, options: &WildcardAdditionalOptions) {
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

    pub(super) fn joined(&mut self, table: &TableWithJoins) {
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

    pub(super) fn factor(&mut self, factor: &TableFactor) {
        match factor {
            TableFactor::Table {
                name,
                alias: _,
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
            }
            TableFactor::Derived { lateral: _, subquery, alias: _, sample } => {
                self.query(subquery);
                self.only(sample.is_none(), "this form of table");
            }
            TableFactor::Function { lateral: _, name, args, with_ordinality: _, alias: _ } => self.call(name, args),
            TableFactor::UNNEST { array_exprs, .. } => self.expressions(array_exprs),
            TableFactor::NestedJoin { table_with_joins, alias: _ } => self.joined(table_with_joins),
            _ => self.unknown("this form of table"),
        }
    }

    /// A table by its name, unless it is one of `WITH`.
    pub(super) fn table(&mut self, name: &ObjectName) {
        let Some(parts) = self.parts(name) else { return self.unknown("this form of name") };
        let Some(bare) = parts.last() else { return self.unknown("this form of name") };
        if parts.len() == 1 && self.ctes.contains(bare) {
            return;
        }
        let full = parts.join(".");
        if functions::is_sensitive(self.dialect, &full, bare) {
            self.refuse(format!("`{}` holds secrets of the server", visible(&full)));
        }
        self.tables.insert(bare.clone());
        self.tables.insert(full);
    }

    fn parts(&self, name: &ObjectName) -> Option<Vec<String>> {
        let fold = |name: &Ident| self.dialect.folded(&name.value, name.quote_style.is_some());
        name.0.iter().map(|part| part.as_ident().map(fold)).collect()
    }

    /// Does a condition say which rows? Only if it looks at a column.
    pub(super) fn names_rows(&mut self, condition: Option<&Expr>) -> bool {
        let before = self.columns;
        self.expressions(condition);
        self.columns > before
    }

    fn order_by(&mut self, order_by: Option<&OrderBy>) {
        let Some(OrderBy { kind, interpolate }) = order_by else { return };
        self.only(interpolate.is_none(), "`INTERPOLATE`");
        match kind {
            OrderByKind::All(_) => {}
            OrderByKind::Expressions(orders) => orders.iter().for_each(|order| self.ordering(order)),
        }
    }

    pub(super) fn ordering(&mut self, order: &OrderByExpr) {
        let OrderByExpr { expr, options, with_fill } = order;
        self.expression(expr);
        // `USING` takes any operator
        let plain = matches!(options.sort, None | Some(OrderBySort::Asc | OrderBySort::Desc));
        self.only(plain && with_fill.is_none(), "this form of `ORDER BY`");
    }

    fn window(&mut self, window: &WindowSpec) {
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

    pub(super) fn expressions<'a>(&mut self, expressions: impl IntoIterator<Item = &'a Expr>) {
        expressions.into_iter().for_each(|expression| self.expression(expression));
    }

    pub(super) fn expression(&mut self, expression: &Expr) {
        // a chain of `OR` nests to the left, as deep as the statement is long
        let mut expression = expression;
        while let Expr::BinaryOp { left, op, right } = expression {
            self.operator(op);
            self.expression(right);
            expression = left;
        }
        match expression {
            Expr::Identifier(_) | Expr::CompoundIdentifier(_) => self.columns += 1,
            Expr::Value(value) => self.value(&value.value),
            Expr::Nested(inner)
            | Expr::IsFalse(inner)
            | Expr::IsNotFalse(inner)
            | Expr::IsTrue(inner)
            | Expr::IsNotTrue(inner)
            | Expr::IsNull(inner)
            | Expr::IsNotNull(inner)
            | Expr::IsUnknown(inner)
            | Expr::IsNotUnknown(inner)
            | Expr::Extract { field: _, syntax: _, expr: inner }
            | Expr::Ceil { expr: inner, field: _ }
            | Expr::Floor { expr: inner, field: _ } => self.expression(inner),
            Expr::UnaryOp { op, expr } => {
                self.sign(*op);
                self.expression(expr);
            }
            Expr::Function(function) => self.function(function),
            Expr::Exists { subquery, negated: _ } | Expr::Subquery(subquery) => self.query(subquery),
            Expr::Tuple(several) => self.expressions(several),
            _ => self.wider_expression(expression),
        }
    }

    /// Those that are seen less often, apart from the others so that a deep nest needs less stack.
    fn wider_expression(&mut self, expression: &Expr) {
        match expression {
            Expr::IsDistinctFrom(left, right)
            | Expr::IsNotDistinctFrom(left, right)
            | Expr::AtTimeZone { timestamp: left, time_zone: right }
            | Expr::Position { expr: left, r#in: right } => self.expressions([left.as_ref(), right]),
            Expr::IsJson { expr, .. } | Expr::IsNormalized { expr, .. } | Expr::Collate { expr, collation: _ } => {
                self.expression(expr);
            }
            Expr::In { expr, target, negated: _, global: _ } => {
                self.expression(expr);
                match target {
                    InTarget::List(values) => self.expressions(values),
                    InTarget::Subquery(query) => self.query(query),
                    InTarget::Unnest(_) | InTarget::Table { .. } => self.unknown("this form of `IN`"),
                }
            }
            Expr::Between { expr, negated: _, low, high } => self.expressions([expr.as_ref(), low, high]),
            Expr::Like { expr, pattern, escape_char, negated: _, any: _ }
            | Expr::ILike { expr, pattern, escape_char, negated: _, any: _ }
            | Expr::SimilarTo { expr, pattern, escape_char, negated: _ } => {
                self.expressions([expr.as_ref(), pattern]);
                self.expressions(escape_char.as_deref());
            }
            Expr::RLike { expr, pattern, negated: _, regexp: _ } => self.expressions([expr.as_ref(), pattern]),
            Expr::AnyOp { left, compare_op, right, is_some: _ } | Expr::AllOp { left, compare_op, right } => {
                self.operator(compare_op);
                self.expressions([left.as_ref(), right]);
            }
            Expr::Cast { kind: _, expr, data_type, format } => {
                self.data_type(data_type);
                self.only(format.is_none(), "`FORMAT`");
                self.expression(expr);
            }
            Expr::Convert { expr, data_type, styles, charset: _, is_try: _, target_before_value: _ } => {
                data_type.iter().for_each(|data_type| self.data_type(data_type));
                self.expression(expr);
                self.expressions(styles);
            }
            Expr::TypedString(typed) => self.data_type(&typed.data_type),
            Expr::Substring { expr, substring_from, substring_for, special: _, shorthand: _ } => {
                self.expression(expr);
                self.expressions(substring_from.as_deref());
                self.expressions(substring_for.as_deref());
            }
            Expr::Trim { trim_where: _, trim_what, expr, trim_characters } => {
                self.expression(expr);
                self.expressions(trim_what.as_deref());
                self.expressions(trim_characters.iter().flatten());
            }
            Expr::Overlay { expr, overlay_what, overlay_from, overlay_for } => {
                self.expressions([expr.as_ref(), overlay_what, overlay_from]);
                self.expressions(overlay_for.as_deref());
            }
            Expr::Case { operand, conditions, else_result, .. } => {
                self.expressions(operand.as_deref());
                for when in conditions {
                    self.expressions([&when.condition, &when.result]);
                }
                self.expressions(else_result.as_deref());
            }
            Expr::GroupingSets(sets) | Expr::Cube(sets) | Expr::Rollup(sets) => self.expressions(sets.iter().flatten()),
            Expr::Array(array) => self.expressions(&array.elem),
            Expr::Interval(interval) => self.expression(&interval.value),
            Expr::MatchAgainst { match_value, .. } => {
                self.columns += 1;
                self.value(&match_value.value);
            }
            Expr::MemberOf(member) => self.expressions([member.value.as_ref(), &member.array]),
            Expr::CompoundFieldAccess { root, access_chain } => {
                self.expression(root);
                for access in access_chain {
                    match access {
                        AccessExpr::Subscript(Subscript::Index { index }) => self.expression(index),
                        AccessExpr::Subscript(Subscript::Slice { lower_bound, upper_bound, stride }) => {
                            self.expressions(lower_bound);
                            self.expressions(upper_bound);
                            self.expressions(stride);
                        }
                        // `(x).f` calls the function `f` where the row has no such column
                        AccessExpr::Dot(_) => self.unknown("`(…).name`"),
                    }
                }
            }
            // a charset in front of a string; in front of anything else it would be something else
            Expr::Prefixed { prefix, value } if self.dialect == Dialect::Mysql && prefix.value.starts_with('_') => {
                self.expression(value);
            }
            Expr::Wildcard(_) | Expr::QualifiedWildcard(..) => {}
            _ => self.unknown("this form of expression"),
        }
    }

    fn value(&mut self, value: &Value) {
        match value {
            // MySQL's variables: reading one is fine, and `:=` is found among the tokens
            Value::Placeholder(name) if name.starts_with('@') => {
                self.only(matches!(self.dialect, Dialect::Mysql | Dialect::Sqlite), "`@`");
            }
            Value::Number(..)
            | Value::SingleQuotedString(_)
            | Value::DollarQuotedString(_)
            | Value::EscapedStringLiteral(_)
            | Value::NationalStringLiteral(_)
            | Value::HexStringLiteral(_)
            | Value::SingleQuotedByteStringLiteral(_)
            | Value::DoubleQuotedString(_)
            | Value::Boolean(_)
            | Value::Null
            | Value::Placeholder(_) => {}
            _ => self.unknown("this form of value"),
        }
    }

    fn sign(&mut self, sign: UnaryOperator) {
        let plain = matches!(
            sign,
            UnaryOperator::Plus
                | UnaryOperator::Minus
                | UnaryOperator::Not
                | UnaryOperator::BangNot
                | UnaryOperator::BitwiseNot
                | UnaryOperator::PGAbs
                | UnaryOperator::PGSquareRoot
                | UnaryOperator::PGCubeRoot
        );
        self.only(plain, "this operator");
    }

    fn operator(&mut self, operator: &BinaryOperator) {
        let foreign = matches!(
            operator,
            BinaryOperator::Custom(_) | BinaryOperator::PGCustomBinaryOperator(_) | BinaryOperator::Assignment
        );
        self.only(!foreign, "an operator that is not built in");
    }

    /// Casting to a type of one's own can run a function of one's own.
    fn data_type(&mut self, data_type: &DataType) {
        let mut data_type = data_type;
        while let DataType::Array(element) = data_type {
            match element {
                ArrayElemTypeDef::SquareBracket(inner, _) => data_type = inner,
                ArrayElemTypeDef::None => return,
                _ => return self.unknown("this type"),
            }
        }
        match data_type {
            DataType::Custom(name, _) => {
                let parts = self.parts(name).unwrap_or_default();
                let known = match (self.dialect, parts.as_slice()) {
                    (Dialect::Sqlite, _) => true,
                    (Dialect::Postgres, [bare]) => functions::is_type(bare),
                    (Dialect::Postgres, [schema, bare]) => schema == "pg_catalog" && functions::is_type(bare),
                    (Dialect::Mysql, [bare]) => ["signed", "unsigned", "year", "json"].contains(&bare.as_str()),
                    (Dialect::Postgres | Dialect::Mysql, _) => false,
                };
                self.only(known, &format!("the type `{}`", visible(&parts.join("."))));
            }
            DataType::Table(_)
            | DataType::NamedTable { .. }
            | DataType::Map(..)
            | DataType::Tuple(_)
            | DataType::Nested(_)
            | DataType::Object(_)
            | DataType::Enum(..)
            | DataType::Set(_)
            | DataType::Struct(..)
            | DataType::Union(_)
            | DataType::Nullable(_)
            | DataType::LowCardinality(_)
            | DataType::Collate(..)
            | DataType::Trigger
            | DataType::AnyType => self.unknown("this type"),
            _ => {}
        }
    }

    fn function(&mut self, function: &Function) {
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

    fn call(&mut self, name: &ObjectName, arguments: &[FunctionArg]) {
        let mut values = Vec::new();
        for argument in arguments {
            let (FunctionArg::Named { arg, .. } | FunctionArg::ExprNamed { arg, .. } | FunctionArg::Unnamed(arg)) =
                argument;
            self.only(!matches!(argument, FunctionArg::ExprNamed { .. }), "this form of call");
            match arg {
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
            [bare] => Some(bare.as_str()),
            [schema, bare] if self.dialect == Dialect::Postgres && schema == "pg_catalog" => Some(bare.as_str()),
            _ => None,
        };
        match bare.map_or(Call::Unknown, |bare| functions::judge(self.dialect, bare, &values)) {
            Call::Harmless => {}
            Call::Unbounded => self.refuse(format!("`{full}` has no small fixed bound")),
            Call::Unknown => self.refuse(format!("the function `{}` is not known to be a read", visible(&full))),
        }
    }
}
