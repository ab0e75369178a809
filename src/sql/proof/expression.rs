//! Expressions, values, operators and types.

use sqlparser::ast::{
    AccessExpr, ArrayElemTypeDef, BinaryOperator, DataType, Expr, InTarget, Subscript, UnaryOperator, Value,
};

use super::Proof;
use crate::{
    sql::{Dialect, types},
    visible::visible,
};

impl Proof {
    pub(in super::super) fn expressions<'a>(&mut self, expressions: impl IntoIterator<Item = &'a Expr>) {
        expressions.into_iter().for_each(|expression| self.expression(expression));
    }

    pub(in super::super) fn expression(&mut self, expression: &Expr) {
        // a chain of `OR` nests to the left, as deep as the statement is long
        let mut expression = expression;
        while let Expr::BinaryOp { left, op, right } = expression {
            self.operator(op);
            self.expression(right);
            expression = left;
        }
        match expression {
            Expr::Identifier(name) => self.column(name),
            Expr::CompoundIdentifier(parts) => parts.first().into_iter().for_each(|first| self.column(first)),
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
    pub(super) fn data_type(&mut self, data_type: &DataType) {
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
                    (Dialect::Postgres, [bare]) => types::is_type(bare),
                    (Dialect::Postgres, [schema, bare]) => schema == "pg_catalog" && types::is_type(bare),
                    (Dialect::Mysql, [bare]) => ["signed", "unsigned", "year", "json"].contains(&bare.as_ref()),
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
            other => {
                if self.dialect == Dialect::Postgres && !types::is_built_in(other) {
                    self.only(false, &format!("the type `{}`", visible(&other.to_string())));
                }
            }
        }
    }
}
