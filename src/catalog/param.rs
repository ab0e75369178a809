//! One parameter: what it takes, and where it goes. `schema` shows it to agents, `arguments` accepts exactly what that
//! schema accepts, `place` writes it into the request.

use serde_json::Value;

pub use super::{arguments::parse_arguments, schema::input_schema};
use super::{
    request::{BodyKind, RequestTemplate},
    tool::Tool,
};
use crate::pattern::Pattern;

/// A parameter of a tool, or a member of an object parameter.
#[derive(Debug, Clone, PartialEq)]
pub struct Param {
    /// The name that agents use; `^[a-z][a-z0-9_]*$`.
    pub name: String,
    /// The name in the request.
    pub wire: String,
    /// Where the request has it; nested ones inherit.
    pub place: Place,
    /// What values it takes.
    pub ty: Type,
    /// For models and people.
    pub description: String,
    /// Must it be given?
    pub required: bool,
    /// Filled in, shown and sent.
    pub default: Option<Value>,
    /// What the vendor assumes: judged and shown, not sent.
    pub absent: Option<Value>,
    /// Is JSON null a value?
    pub nullable: bool,
    /// How people read the number.
    pub unit: Option<Unit>,
    /// A value for documents and examples.
    pub example: Option<Value>,
    /// In a path: may the value contain `/`, sent as `%2F`?
    pub slash: bool,
}

impl Param {
    /// One of this type, of which nothing else is said.
    pub fn plain(name: &str, place: Place, ty: Type) -> Self {
        Self {
            name: name.to_owned(),
            wire: name.to_owned(),
            place,
            ty,
            description: String::new(),
            required: false,
            default: None,
            absent: None,
            nullable: false,
            unit: None,
            example: None,
            slash: false,
        }
    }
}

/// Where a parameter stands in a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// A segment of the path.
    Path,
    /// The query string.
    Query,
    /// The body.
    Body,
    /// Nowhere: it says what of the answer is wanted.
    Answer,
    /// The variables of a GraphQL operation.
    Variable,
    /// The mail in the body; the name in the request is the part that it is of it.
    Mail,
    /// A statement to a database, its values, or what is said of its answer.
    Statement,
}

/// How people read a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Money in the currency's smallest unit.
    Minor,
}

/// What values a parameter takes. Lengths are in characters (Unicode scalar values), as JSON Schema counts.
#[derive(Debug, Clone, PartialEq)]
pub enum Type {
    /// Text.
    String {
        /// Whole-value pattern.
        pattern: Option<Pattern>,
        /// Exactly these, where given.
        choices: Option<Vec<String>>,
        /// Fewest characters.
        min_length: Option<u64>,
        /// Most characters.
        max_length: u64,
    },
    /// A whole number, written as one.
    Integer {
        /// Smallest.
        min: Option<i64>,
        /// Largest.
        max: Option<i64>,
        /// Exactly these, where given.
        choices: Option<Vec<i64>>,
    },
    /// A number.
    Number {
        /// Smallest.
        min: Option<f64>,
        /// Largest.
        max: Option<f64>,
    },
    /// True or false.
    Boolean,
    /// A text, a number or a boolean, or a list of those: what the vendor leaves open. Only in a JSON body.
    Value {
        /// Most characters of a text.
        max_length: u64,
        /// Most elements of a list.
        max_items: u64,
    },
    /// A list.
    Array {
        /// What each element is; its name is the list's.
        items: Box<Param>,
        /// Fewest elements.
        min_items: Option<u64>,
        /// Most elements.
        max_items: u64,
    },
    /// An object with these members and no others.
    Object {
        /// The members.
        fields: Vec<Param>,
    },
    /// An object with members of any name, all of one type.
    Map {
        /// What each value is.
        values: Box<Param>,
        /// Most members.
        max_items: u64,
    },
}

impl Type {
    /// The members of an object, or of the objects in a list.
    pub fn fields(&self) -> Option<&[Param]> {
        match self {
            Self::Object { fields } => Some(fields),
            Self::Array { items, .. } => items.ty.fields(),
            Self::String { .. }
            | Self::Integer { .. }
            | Self::Number { .. }
            | Self::Boolean
            | Self::Value { .. }
            | Self::Map { .. } => None,
        }
    }

    /// The word of the manifest for it.
    pub fn word(&self) -> &'static str {
        match self {
            Self::String { .. } => "string",
            Self::Integer { .. } => "integer",
            Self::Number { .. } => "number",
            Self::Boolean => "boolean",
            Self::Value { .. } => "value",
            Self::Array { .. } => "array",
            Self::Object { .. } | Self::Map { .. } => "object",
        }
    }
}

/// What is wrong with one argument.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Problem {
    /// JSON pointer into the arguments: `/amount`.
    pub at: String,
    /// The reason, and what would be right.
    pub message: String,
}

/// The parameter at `path`, `a.b` for a nested one (arrays of objects are walked into).
pub(super) fn find_param<'a>(params: &'a [Param], path: &str) -> Option<&'a Param> {
    let mut parts = path.split('.');
    let first = parts.next()?;
    let mut param = params.iter().find(|param| param.name == first)?;
    for part in parts {
        param = param.ty.fields()?.iter().find(|field| field.name == part)?;
    }
    Some(param)
}

/// Is the parameter written with brackets, in a query or a form? There an empty list or object leaves no trace, so
/// that what was approved would not be sent: it has to have something in it.
pub(super) fn is_bracketed(tool: &Tool, param: &Param) -> bool {
    let RequestTemplate::Rest(template) = &tool.request else { return false };
    match (param.place, template.body) {
        (Place::Query, BodyKind::Json | BodyKind::Form | BodyKind::Mime) | (Place::Body, BodyKind::Form) => true,
        (
            Place::Path | Place::Variable | Place::Mail | Place::Answer | Place::Statement,
            BodyKind::Json | BodyKind::Form | BodyKind::Mime,
        )
        | (Place::Body, BodyKind::Json | BodyKind::Mime) => false,
    }
}

/// The most characters that the name of a map's member has.
pub(super) const MEMBER_NAME: usize = 40;

/// Names of a map's members go into brackets, so they have only letters, digits, `_` and `-`.
pub(super) fn is_member_name(name: &str) -> bool {
    (1..=MEMBER_NAME).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}
