//! What a call becomes on the wire; `place` is how arguments get there.

use serde::{Deserialize, Serialize};

pub use super::place::{Placed, place};
use crate::sql::{Class, Dialect};

/// What a tool's calls become. A later kind of upstream is a further variant.
#[derive(Debug, Clone, PartialEq)]
pub enum RequestTemplate {
    /// An HTTP request.
    Rest(RestTemplate),
    /// A GraphQL operation.
    Graphql(GraphqlTemplate),
    /// A statement to a database, or a look at what is in it.
    Sql(SqlTemplate),
}

/// An HTTP request with places for arguments.
#[derive(Debug, Clone, PartialEq)]
pub struct RestTemplate {
    /// `GET`, `POST`, …
    pub method: Method,
    /// The path's segments in order.
    pub path: Vec<Segment>,
    /// Does the path end with `/`?
    pub trailing_slash: bool,
    /// How the body is encoded, where there is one.
    pub body: BodyKind,
    /// Constant members of every request, by the names of the request: in the body, or in the query where the method
    /// has no body.
    pub fixed: serde_json::Map<String, serde_json::Value>,
    /// With [`BodyKind::Mime`]: the keys, from the outermost, of the member that is the mail.
    pub raw: Vec<String>,
    /// How the answer is read.
    pub decode: AnswerKind,
    /// The header that takes the idempotency key.
    pub idempotency: Option<String>,
}

/// A GraphQL operation whose variables are the arguments.
#[derive(Debug, Clone, PartialEq)]
pub struct GraphqlTemplate {
    /// Where the service takes operations: the upstream's path, encoded, from its first `/`.
    pub path: String,
    /// The document, in one line.
    pub document: String,
    /// The kind of its one operation.
    pub operation: Operation,
}

/// What a call asks of a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SqlTemplate {
    /// Whose SQL it is.
    pub dialect: Dialect,
    /// What is done.
    pub operation: SqlOperation,
}

/// What can be asked of a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SqlOperation {
    /// Runs a statement that only reads.
    Query,
    /// Runs any one statement.
    Execute,
    /// Asks how a statement that only reads would be run.
    Explain,
    /// Lists tables and views.
    ListTables,
    /// Columns, keys, indexes and triggers of a table.
    DescribeTable,
    /// Who is connected, to what, and what the role may do.
    Verify,
    /// What a statement would change, for who decides about it. It is not run.
    Preview,
}

impl SqlOperation {
    /// The operation of this word of manifests; `verify` and `preview` are not for tools.
    pub(super) fn from_word(word: &str) -> Option<Self> {
        [Self::Query, Self::Execute, Self::Explain, Self::ListTables, Self::DescribeTable]
            .into_iter()
            .find(|operation| operation.as_str() == word)
    }

    /// The word of manifests and plans.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::Execute => "execute",
            Self::Explain => "explain",
            Self::ListTables => "list_tables",
            Self::DescribeTable => "describe_table",
            Self::Verify => "verify",
            Self::Preview => "preview",
        }
    }

    /// Is it about a statement of the caller's?
    pub fn has_statement(self) -> bool {
        match self {
            Self::Query | Self::Execute | Self::Explain | Self::Preview => true,
            Self::ListTables | Self::DescribeTable | Self::Verify => false,
        }
    }
}

/// The kinds of operations that have one answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Fetches.
    Query,
    /// Changes something, then fetches.
    Mutation,
}

impl Operation {
    /// The keyword.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::Mutation => "mutation",
        }
    }
}

/// One segment of a path.
#[derive(Debug, Clone, PartialEq)]
pub enum Segment {
    /// As it stands.
    Literal(String),
    /// The argument of this name.
    Param(String),
    /// The account's setting of this name.
    Setting(String),
    /// What the account's setting of this name holds: no segment, one, or several with `/` before each.
    Prefix(String),
}

/// The methods that a manifest may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[expect(missing_docs, reason = "RFC 9110 section 9")]
pub enum Method {
    Get,
    Head,
    Post,
    Put,
    Patch,
    Delete,
}

impl Method {
    /// The method of this name; names are upper case (RFC 9110 section 9.1).
    pub(super) fn from_word(word: &str) -> Option<Self> {
        [Self::Get, Self::Head, Self::Post, Self::Put, Self::Patch, Self::Delete]
            .into_iter()
            .find(|m| m.as_str() == word)
    }

    /// As the request line has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// How a body is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BodyKind {
    /// `application/json`
    Json,
    /// `application/x-www-form-urlencoded`, nested names in brackets
    Form,
    /// `application/json` of which one member is a mail, as base64url
    Mime,
}

impl BodyKind {
    /// The content type of such a body.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Json | Self::Mime => "application/json",
            Self::Form => "application/x-www-form-urlencoded",
        }
    }
}

/// A finished HTTP request, less origin, credential and idempotency key: what an approver sees and the wire gets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpRequest {
    /// The method.
    pub method: Method,
    /// The encoded path, from its first `/`.
    pub path: String,
    /// The encoded query without `?`; empty where there is none.
    pub query: String,
    /// Headers in order, names in lower case, the content type among them.
    pub headers: Vec<(String, String)>,
    /// The body's text, where there is one.
    pub body: Option<String>,
    /// The header that takes the idempotency key.
    pub idempotency: Option<String>,
    /// How its answer is read.
    #[serde(default, skip_serializing_if = "AnswerKind::is_plain")]
    pub answer: AnswerKind,
}

#[cfg(test)]
impl HttpRequest {
    /// One that asks for a path and says nothing else.
    pub(crate) fn bare(method: Method, path: &str, answer: AnswerKind) -> Self {
        let (query, headers) = (String::new(), Vec::new());
        Self { method, path: path.to_owned(), query, headers, body: None, idempotency: None, answer }
    }
}

/// A finished request to a database, less the credential: what an approver sees and the server gets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SqlRequest {
    /// Whose SQL it is.
    #[serde(with = "dialect_word")]
    pub dialect: Dialect,
    /// The database on the server; empty where the server has no such thing.
    pub database: String,
    /// What is done.
    pub operation: SqlOperation,
    /// The statement, character by character as it will be run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statement: Option<String>,
    /// What kind of statement it is.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "class_word")]
    pub class: Option<Class>,
    /// The values that are bound to its placeholders, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub params: Vec<serde_json::Value>,
    /// The schema or the table that is looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Most rows of the answer.
    pub limit: u64,
    /// Rows before them that are left out.
    pub offset: u64,
    /// How long the server may take.
    pub timeout_ms: u64,
}

/// A dialect in a plan, by its word.
mod dialect_word {
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    use super::Dialect;

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
    pub(super) fn serialize<S: Serializer>(dialect: &Dialect, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(dialect.as_str())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Dialect, D::Error> {
        let word = String::deserialize(deserializer)?;
        let known = [Dialect::Postgres, Dialect::Mysql, Dialect::Sqlite];
        known.into_iter().find(|dialect| dialect.as_str() == word).ok_or_else(|| D::Error::custom("not a dialect"))
    }
}

/// A statement's class in a plan, by its word.
mod class_word {
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    use super::Class;

    #[expect(clippy::ref_option, clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
    pub(super) fn serialize<S: Serializer>(class: &Option<Class>, serializer: S) -> Result<S::Ok, S::Error> {
        match class {
            Some(class) => serializer.serialize_str(class.as_str()),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Class>, D::Error> {
        let Some(word) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
        let known = Class::ALL.into_iter().find(|class| class.as_str() == word);
        known.map(Some).ok_or_else(|| D::Error::custom("not a class"))
    }
}

/// How an answer is read: what says whether the call was done, and what is made of it before it is shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AnswerKind {
    /// By its status alone.
    #[default]
    Plain,
    /// By its `data` and `errors` (GraphQL, section 7.1), whatever the status.
    Graphql,
    /// By its status; Gmail's messages in it, parts in base64url, are made into a text and a list of attachments.
    Mail,
}

impl AnswerKind {
    /// Plans of before there was another kind have none.
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
    pub(crate) fn is_plain(&self) -> bool {
        *self == Self::Plain
    }
}
