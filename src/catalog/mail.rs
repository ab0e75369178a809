//! Mail in requests: the parts that a parameter can be, addresses in the one strict form that we take, and a finished
//! mail read again.
//!
//! INVARIANT: an address has one reading. What two mail programs could take for different recipients (groups, comments,
//! quoted names, several addresses in one text) is refused, so that the recipients that a human is shown and a policy
//! judged are those on the wire.

mod address;
mod letter;

use std::sync::LazyLock;

use serde_json::{Value, json};

pub use self::{
    address::Mailbox,
    letter::{Attachment, Letter},
};
use super::{Arguments, BodyKind, HttpRequest, Param, Place, RequestTemplate, Tool, Type, arguments::pointer};

/// The parameter that every tool with recipients has for policies: to, cc and bcc together.
pub const RECIPIENTS: &str = "recipients";

/// What a parameter with `in = "mail"` is of the mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each is the header or the part of its name")]
pub enum Role {
    To,
    Cc,
    Bcc,
    ReplyTo,
    Subject,
    InReplyTo,
    References,
    Text,
    Html,
    Attachments,
}

impl Role {
    /// All of them, in the order of a mail.
    pub const ALL: [Self; 10] = [
        Self::To,
        Self::Cc,
        Self::Bcc,
        Self::ReplyTo,
        Self::Subject,
        Self::InReplyTo,
        Self::References,
        Self::Text,
        Self::Html,
        Self::Attachments,
    ];

    /// The word of manifests.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::To => "to",
            Self::Cc => "cc",
            Self::Bcc => "bcc",
            Self::ReplyTo => "reply_to",
            Self::Subject => "subject",
            Self::InReplyTo => "in_reply_to",
            Self::References => "references",
            Self::Text => "text",
            Self::Html => "html",
            Self::Attachments => "attachments",
        }
    }

    /// The role of this word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == word)
    }

    /// The role of a parameter, where it is a part of a mail.
    pub fn of(param: &Param) -> Option<Self> {
        Self::from_word(&param.wire).filter(|_| param.place == Place::Mail)
    }

    /// Does the mail go to those who stand there?
    pub fn receives(self) -> bool {
        match self {
            Self::To | Self::Cc | Self::Bcc => true,
            Self::ReplyTo
            | Self::Subject
            | Self::InReplyTo
            | Self::References
            | Self::Text
            | Self::Html
            | Self::Attachments => false,
        }
    }

    /// Are its values addresses?
    pub fn is_address(self) -> bool {
        self.receives() || self == Self::ReplyTo
    }
}

impl Tool {
    /// What a condition on `path` is judged by, where that is not the argument as it stands: addresses without the
    /// names beside them, and of `recipients` all that the mail goes to. What is no address is null, which no condition
    /// can be evaluated for.
    pub fn judged(&self, path: &str, arguments: &Arguments) -> Option<Value> {
        let given = |wanted: &dyn Fn(&Param, Role) -> bool| -> Vec<&Value> {
            let params = self.params.iter().filter(|param| Role::of(param).is_some_and(|role| wanted(param, role)));
            params.filter_map(|param| arguments.as_map().get(&param.name)).collect()
        };
        match given(&|param, role| param.name == path && role.is_address()).as_slice() {
            [only] => Some(bare(only)),
            _ if virtual_param(&self.params, path).is_some() => match given(&|_, role| role.receives()).as_slice() {
                [] => None,
                lists => Some(lists.iter().flat_map(|list| elements(list)).map(bare).collect()),
            },
            _ => self.judged_statement(path, arguments),
        }
    }

    /// The mail in a finished request of this tool.
    pub fn letter(&self, request: &HttpRequest) -> Option<Letter> {
        let template = match &self.request {
            RequestTemplate::Rest(template) if template.body == BodyKind::Mime => template,
            RequestTemplate::Rest(_) | RequestTemplate::Graphql(_) | RequestTemplate::Sql(_) => return None,
        };
        let body: Value = serde_json::from_str(request.body.as_deref()?).ok()?;
        let at = template.raw.iter().fold(String::new(), |at, key| pointer(&at, key));
        let bytes = data_encoding::BASE64URL_NOPAD.decode(body.pointer(&at)?.as_str()?.as_bytes()).ok()?;
        Letter::read(&bytes)
    }
}

/// A parameter that no manifest declares: `recipients`, where some declared one receives.
pub(super) fn virtual_param(params: &[Param], path: &str) -> Option<&'static Param> {
    static ALL: LazyLock<Param> = LazyLock::new(|| {
        let param = |name: &str, ty: Type| Param {
            description: "Everybody who gets the mail: to, cc and bcc together.".to_owned(),
            ..Param::plain(name, Place::Mail, ty)
        };
        let address = Type::String { pattern: None, choices: None, min_length: None, max_length: u64::MAX };
        let items = Box::new(param(RECIPIENTS, address));
        param(RECIPIENTS, Type::Array { items, min_items: None, max_items: u64::MAX })
    });
    let receives = |param: &Param| Role::of(param).is_some_and(Role::receives);
    let declared = |param: &Param| param.name == RECIPIENTS;
    (path == RECIPIENTS && params.iter().any(receives) && !params.iter().any(declared)).then(|| &*ALL)
}

fn bare(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(bare).collect(),
        Value::String(text) => Mailbox::parse(text).map_or(Value::Null, |mailbox| json!(mailbox.compared())),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => Value::Null,
    }
}

fn elements(value: &Value) -> &[Value] {
    value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice)
}

#[cfg(test)]
mod tests;
