//! What a condition asks of one value: `max = 500`, `domain = "example.com"`.

use std::{cmp::Ordering, fmt};

use serde_json::{Number, Value};
use toml::{Spanned, de::DeValue};

use super::{
    compare::{compare, glob_matches},
    domain::{DomainPattern, host_of},
    matcher::Truth,
    value::{elements, json, members, text},
};
use crate::{catalog::Type, diagnostic::Source, pattern::Pattern};

/// One question with its operand.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Operator {
    /// The value is one of these.
    Any(Vec<Value>),
    /// The value is none of these.
    None(Vec<Value>),
    /// The number is this or more.
    Min(Number),
    /// The number is this or less.
    Max(Number),
    /// The text begins so.
    Prefix(String),
    /// The text ends so.
    Suffix(String),
    /// The whole text, `*` for any run of characters.
    Glob(String),
    /// The whole text.
    Regex(Pattern),
    /// The host of the address or URL.
    Domain(DomainPattern),
    /// A value was given or filled in.
    Present(bool),
    /// Characters of a text, elements of a list.
    Length {
        /// Fewest.
        min: Option<u64>,
        /// Most.
        max: Option<u64>,
    },
}

impl Operator {
    /// Every operator's word.
    pub(super) const NAMES: [&str; 11] =
        ["any", "none", "min", "max", "prefix", "suffix", "glob", "regex", "domain", "present", "length"];

    /// Reads the operand of the operator `name`, which is one of [`Self::NAMES`].
    pub(super) fn read(source: &mut Source<'_>, name: &str, value: Spanned<DeValue<'_>>) -> Option<Self> {
        let span = value.span();
        match name {
            "any" => values(source, name, value).map(Self::Any),
            "none" => values(source, name, value).map(Self::None),
            "min" => number(source, name, value).map(Self::Min),
            "max" => number(source, name, value).map(Self::Max),
            "prefix" => text(source, name, value).map(|text| Self::Prefix(text.into_inner())),
            "suffix" => text(source, name, value).map(|text| Self::Suffix(text.into_inner())),
            "glob" => text(source, name, value).map(|text| Self::Glob(text.into_inner())),
            "regex" => {
                let pattern = Pattern::new(text(source, name, value)?.get_ref());
                pattern
                    .map_err(|reason| source.problem(span, format!("the pattern is not valid: {reason}"), None))
                    .ok()
                    .map(Self::Regex)
            }
            "domain" => {
                let domain = DomainPattern::parse(text(source, name, value)?.get_ref());
                domain.map_err(|reason| source.problem(span, reason, None)).ok().map(Self::Domain)
            }
            "present" => {
                let present = value.get_ref().as_bool();
                if present.is_none() {
                    source.problem(span, "`present` must be true or false", None);
                }
                present.map(Self::Present)
            }
            _ => length(source, value),
        }
    }

    /// Is it asked of the value as a whole, so that a list is one value?
    pub(super) fn is_of_whole(&self) -> bool {
        match self {
            Self::Present(_) | Self::Length { .. } => true,
            Self::Any(_)
            | Self::None(_)
            | Self::Min(_)
            | Self::Max(_)
            | Self::Prefix(_)
            | Self::Suffix(_)
            | Self::Glob(_)
            | Self::Regex(_)
            | Self::Domain(_) => false,
        }
    }

    /// Asks it of a value that exists. A value of another type gives no answer.
    pub(super) fn of(&self, value: &Value) -> Truth {
        let of_text = |holds: &dyn Fn(&str) -> bool| value.as_str().map_or(Truth::Unknown, |text| holds(text).into());
        match self {
            Self::Any(operands) => one_of(operands, value),
            Self::None(operands) => one_of(operands, value).negated(),
            Self::Min(least) => compared(value, least, Ordering::is_ge),
            Self::Max(most) => compared(value, most, Ordering::is_le),
            Self::Prefix(prefix) => of_text(&|text| text.starts_with(prefix.as_str())),
            Self::Suffix(suffix) => of_text(&|text| text.ends_with(suffix.as_str())),
            Self::Glob(glob) => of_text(&|text| glob_matches(glob, text)),
            Self::Regex(pattern) => of_text(&|text| pattern.matches(text)),
            Self::Domain(domain) => {
                value.as_str().and_then(host_of).map_or(Truth::Unknown, |host| domain.covers(&host).into())
            }
            Self::Present(present) => (*present).into(),
            Self::Length { min, max } => {
                let length = match value {
                    Value::String(text) => text.chars().count(),
                    Value::Array(items) => items.len(),
                    Value::Object(map) => map.len(),
                    Value::Null | Value::Bool(_) | Value::Number(_) => return Truth::Unknown,
                } as u64;
                (min.is_none_or(|min| length >= min) && max.is_none_or(|max| length <= max)).into()
            }
        }
    }

    /// Why it can never be asked of a parameter of this type.
    pub(super) fn misfit(&self, ty: &Type) -> Option<String> {
        let leaf = element_type(ty);
        let word = leaf.word();
        match self {
            Self::Present(_) => None,
            Self::Length { .. } => match ty {
                Type::String { .. } | Type::Value { .. } | Type::Array { .. } | Type::Map { .. } => None,
                Type::Integer { .. } | Type::Number { .. } | Type::Boolean | Type::Object { .. } => {
                    Some(format!("`length` is of texts and lists, but the parameter is of type {word}"))
                }
            },
            Self::Any(operands) | Self::None(operands) => operands.iter().find_map(|operand| misfit(operand, leaf)),
            Self::Min(operand) | Self::Max(operand) => match leaf {
                Type::Integer { .. } | Type::Number { .. } | Type::Value { .. } => {
                    misfit(&Value::Number(operand.clone()), leaf)
                }
                Type::String { .. } | Type::Boolean | Type::Array { .. } | Type::Object { .. } | Type::Map { .. } => {
                    Some(format!("`min` and `max` are of numbers, but the parameter is of type {word}"))
                }
            },
            Self::Prefix(_) | Self::Suffix(_) | Self::Glob(_) | Self::Regex(_) | Self::Domain(_) => match leaf {
                Type::String { .. } | Type::Value { .. } => None,
                Type::Integer { .. }
                | Type::Number { .. }
                | Type::Boolean
                | Type::Array { .. }
                | Type::Object { .. }
                | Type::Map { .. } => Some(format!("this operator is of texts, but the parameter is of type {word}")),
            },
        }
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any(values) => write!(formatter, "any {}", Value::from(values.clone())),
            Self::None(values) => write!(formatter, "none {}", Value::from(values.clone())),
            Self::Min(number) => write!(formatter, "min {number}"),
            Self::Max(number) => write!(formatter, "max {number}"),
            Self::Prefix(text) => write!(formatter, "prefix {text:?}"),
            Self::Suffix(text) => write!(formatter, "suffix {text:?}"),
            Self::Glob(text) => write!(formatter, "glob {text:?}"),
            Self::Regex(pattern) => write!(formatter, "regex {:?}", pattern.as_str()),
            Self::Domain(domain) => write!(formatter, "domain {domain}"),
            Self::Present(present) => write!(formatter, "present {present}"),
            Self::Length { min, max } => {
                formatter.write_str("length")?;
                min.iter().try_for_each(|min| write!(formatter, " min {min}"))?;
                max.iter().try_for_each(|max| write!(formatter, " max {max}"))
            }
        }
    }
}

/// What the elements of a list are, or the type itself.
fn element_type(ty: &Type) -> &Type {
    match ty {
        Type::Array { items, .. } => element_type(&items.ty),
        Type::String { .. }
        | Type::Integer { .. }
        | Type::Number { .. }
        | Type::Boolean
        | Type::Value { .. }
        | Type::Object { .. }
        | Type::Map { .. } => ty,
    }
}

/// Why a parameter of this type never has this value.
fn misfit(operand: &Value, ty: &Type) -> Option<String> {
    let right = match ty {
        Type::String { choices: Some(choices), .. } => match operand.as_str() {
            Some(text) if !choices.iter().any(|choice| choice == text) => {
                return Some(format!("{operand} is not one of the parameter's values: {}", choices.join(", ")));
            }
            text => text.is_some(),
        },
        Type::String { choices: None, .. } => operand.is_string(),
        Type::Integer { choices, .. } => match (operand.as_i64(), choices) {
            (Some(integer), Some(choices)) => choices.contains(&integer),
            (integer, _) => integer.is_some() || operand.is_u64(),
        },
        Type::Number { .. } => operand.is_number(),
        Type::Boolean => operand.is_boolean(),
        Type::Value { .. } => operand.is_string() || operand.is_number() || operand.is_boolean(),
        Type::Object { .. } | Type::Map { .. } | Type::Array { .. } => {
            return Some("objects are not compared as a whole; name one of its members, as in `a.b`".to_owned());
        }
    };
    (!right).then(|| format!("{operand} is not a value of the parameter, which is of type {}", ty.word()))
}

fn values(source: &mut Source<'_>, name: &str, value: Spanned<DeValue<'_>>) -> Option<Vec<Value>> {
    let elements = elements(source, name, value)?;
    let values: Vec<_> = elements.into_iter().map(|element| json(source, element)).collect();
    values.into_iter().collect()
}

fn number(source: &mut Source<'_>, name: &str, value: Spanned<DeValue<'_>>) -> Option<Number> {
    let span = value.span();
    if let Value::Number(number) = json(source, value)? {
        return Some(number);
    }
    source.problem(span, format!("`{name}` must be a number"), "write it without quotes".to_owned());
    None
}

fn length(source: &mut Source<'_>, value: Spanned<DeValue<'_>>) -> Option<Operator> {
    let span = value.span();
    let (mut min, mut max) = (None, None);
    for (key, value) in members(source, "length", value)? {
        let bound = match key.get_ref().as_ref() {
            "min" => &mut min,
            "max" => &mut max,
            other => {
                source.problem(key.span(), format!("unknown key `{other}`"), "`length` has `min` and `max`".to_owned());
                return None;
            }
        };
        let span = value.span();
        *bound = json(source, value)?.as_u64();
        if bound.is_none() {
            source.problem(span, format!("`{}` of a length must be 0 or more", key.get_ref()), None);
            return None;
        }
    }
    if min.is_none() && max.is_none() {
        source.problem(span, "`length` says nothing", "give it `min`, `max` or both".to_owned());
        return None;
    }
    Some(Operator::Length { min, max })
}

/// Is the value among the operands? Only those of its own type can tell.
fn one_of(operands: &[Value], value: &Value) -> Truth {
    let equal = |operand: &Value| match (operand, value) {
        (Value::Number(operand), Value::Number(value)) => Some(compare(value, operand) == Some(Ordering::Equal)),
        (Value::String(operand), Value::String(value)) => Some(operand == value),
        (Value::Bool(operand), Value::Bool(value)) => Some(operand == value),
        _ => None,
    };
    operands.iter().filter_map(equal).map(Truth::from).max().unwrap_or(Truth::Unknown)
}

fn compared(value: &Value, operand: &Number, holds: fn(Ordering) -> bool) -> Truth {
    match value {
        Value::Number(value) => compare(value, operand).map_or(Truth::Unknown, |ordering| holds(ordering).into()),
        Value::Null | Value::Bool(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => Truth::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_operator_answers_yes_no_or_nothing() {
        let max = Operator::Max(500.into());
        assert_eq!(
            [json!(500), json!(501), json!("500"), json!(null)].map(|value| max.of(&value)),
            [Truth::True, Truth::False, Truth::Unknown, Truth::Unknown]
        );
        let any = Operator::Any(vec![json!("a"), json!("b")]);
        assert_eq!(
            [json!("a"), json!("c"), json!(1)].map(|value| any.of(&value)),
            [Truth::True, Truth::False, Truth::Unknown]
        );
        let none = Operator::None(vec![json!("a"), json!("b")]);
        assert_eq!(
            [json!("a"), json!("c"), json!(null)].map(|value| none.of(&value)),
            [Truth::False, Truth::True, Truth::Unknown]
        );
        let domain = Operator::Domain(DomainPattern::parse("acme.com").unwrap());
        assert_eq!(
            [json!("a@acme.com"), json!("a@evil.com"), json!("acme.com")].map(|value| domain.of(&value)),
            [Truth::True, Truth::False, Truth::Unknown]
        );
        let length = Operator::Length { min: Some(2), max: Some(3) };
        assert_eq!(
            [json!("né"), json!([1]), json!({"a": 1, "b": 2}), json!(22)].map(|value| length.of(&value)),
            [Truth::True, Truth::False, Truth::True, Truth::Unknown]
        );
    }
}
