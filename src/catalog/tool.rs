//! A tool and its integration as they are after compiling: valid, immutable, shared.

use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use serde::{Deserialize, Serialize};

use super::{
    answer::AnswerSpec,
    arguments::Arguments,
    ask::Ask,
    definition, folder, mail,
    oauth::{OAuthSpec, Warning},
    param::{Param, Type, find_param},
    request::{BodyKind, Method, Operation, RequestTemplate},
    statement,
};
use crate::{pattern::Pattern, sql::Dialect};

/// What a tool does to the world, weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// Nothing changes.
    Read,
    /// Something changes that can be changed back.
    Write,
    /// Something is lost, money moves, mail goes out, access is granted.
    Destructive,
}

impl Effect {
    /// The word that manifests and answers use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Destructive => "destructive",
        }
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

/// A service: where it is, and what proves who is calling.
#[derive(Debug, PartialEq)]
pub struct Integration {
    /// `stripe`; matches `^[a-z][a-z0-9]*$`.
    pub id: String,
    /// The service's name for people.
    pub title: String,
    /// The vendor's documentation.
    pub docs: Option<String>,
    /// What acts, and where.
    pub upstream: UpstreamSpec,
    /// How the secret is sent and checked.
    pub credential: CredentialSpec,
    /// What an account has beside its secret, in the order of the manifest.
    pub settings: Vec<Setting>,
}

/// What an account has beside its secret, such as a project's id; given by `connect --set`.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    /// The key; `^[a-z][a-z0-9_]*$`.
    pub name: String,
    /// For people.
    pub description: String,
    /// Whole-value pattern.
    pub pattern: Pattern,
    /// A value that matches.
    pub example: String,
    /// What holds unless it is set.
    pub default: Option<String>,
}

/// The kind of upstream and what all its tools share. A later kind is a further variant.
#[derive(Debug, PartialEq)]
pub enum UpstreamSpec {
    /// JSON or form requests over HTTPS.
    Rest {
        /// Scheme, host and port that an account has unless `connect` names another.
        origin: String,
        /// Sent with every request; names in lower case.
        headers: Vec<(String, String)>,
        /// How bodies are encoded unless a tool says otherwise.
        body: BodyKind,
    },
    /// GraphQL operations over HTTPS.
    Graphql {
        /// Scheme, host and port that an account has unless `connect` names another.
        origin: String,
        /// Sent with every request; names in lower case.
        headers: Vec<(String, String)>,
        /// Where operations are sent to.
        path: String,
    },
    /// Statements to a database; where it is, the account's connection URL says.
    Sql {
        /// Whose SQL it is.
        dialect: Dialect,
    },
}

impl UpstreamSpec {
    /// The origin of an account that names none.
    pub fn origin(&self) -> &str {
        match self {
            Self::Rest { origin, .. } | Self::Graphql { origin, .. } => origin,
            Self::Sql { .. } => "",
        }
    }

    /// What is sent with every request.
    pub fn headers(&self) -> &[(String, String)] {
        match self {
            Self::Rest { headers, .. } | Self::Graphql { headers, .. } => headers,
            Self::Sql { .. } => &[],
        }
    }
}

/// How an integration's secret is written into a request, and what it looks like.
#[derive(Debug, PartialEq)]
pub struct CredentialSpec {
    /// The header that carries the secret.
    pub scheme: CredentialScheme,
    /// What a person calls it: `Stripe restricted key`.
    pub label: String,
    /// Where one is made.
    pub create_at: Option<String>,
    /// What it has to be allowed to do, for people.
    pub rights: Option<String>,
    /// What a pasted secret must begin with or look like; unlike a parameter's it may match a part.
    pub pattern: Option<Pattern>,
    /// Where the verifying read's answer says whose secret it is.
    pub identity: IdentityPointers,
    /// How a person signs in, where the vendor has that.
    pub oauth: Option<OAuthSpec>,
    /// The header of the verifying read's answer that lists what a key may do, lower case.
    pub scopes_header: Option<String>,
    /// What to say of credentials that can do more than an agent should.
    pub warnings: Vec<Warning>,
}

impl CredentialSpec {
    /// How a secret begins, as people read it: of the alternatives that the manifest's pattern has, the first ones.
    pub fn beginning(&self) -> Option<String> {
        let pattern = self.pattern.as_ref()?.as_str().strip_prefix("(?:")?.strip_suffix(").*")?;
        let begins = first_of(pattern.strip_prefix('^')?);
        (!begins.is_empty()).then(|| format!("{begins}…"))
    }
}

/// What fits the beginning of a pattern, as far as it is plain.
fn first_of(pattern: &str) -> String {
    let (mut text, mut rest) = (String::new(), pattern.chars().peekable());
    while let Some(one) = rest.next() {
        let piece = match one {
            '(' => {
                let inside: String = rest.by_ref().take_while(|one| *one != ')').collect();
                let inside = inside.strip_prefix("?:").unwrap_or(&inside);
                inside.split('|').next().unwrap_or_default().to_owned()
            }
            '[' => {
                let inside: String = rest.by_ref().take_while(|one| *one != ']').collect();
                inside.chars().next().map(String::from).unwrap_or_default()
            }
            '\\' => match rest.next().filter(char::is_ascii_punctuation) {
                Some(plain) => plain.to_string(),
                None => break,
            },
            '.' | '$' | '|' | '*' | '+' | '{' => break,
            plain => plain.to_string(),
        };
        match rest.peek() {
            // it may be left out
            Some('?' | '*') => {
                rest.next();
            }
            Some('+' | '{') => break,
            Some(_) | None => text.push_str(&piece),
        }
    }
    text
}

/// The header that carries a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "kind")]
pub enum CredentialScheme {
    /// `Authorization: Bearer …` (RFC 6750).
    Bearer,
    /// A header of the vendor's own, with something before the secret or nothing.
    Header {
        /// The header's name, lower case.
        name: String,
        /// Written before the secret as it is.
        prefix: String,
    },
    /// The connection URL of a database; a second one after a space is for what is not a read.
    Connection,
}

/// JSON pointers (RFC 6901) into the answer of the verifying read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IdentityPointers {
    /// The vendor account's id, by which a replaced secret is recognised.
    pub id: Option<String>,
    /// The name that a person knows the account by.
    pub name: Option<String>,
    /// Whether the account is live; a boolean.
    pub live: Option<String>,
}

/// One endpoint, as a tool. Everything about it comes from its manifest.
#[derive(Debug, PartialEq)]
pub struct Tool {
    /// The service it belongs to.
    pub integration: Arc<Integration>,
    /// `create_refund`.
    pub name: String,
    /// For people: `Refund a charge`.
    pub title: String,
    /// For models, as the manifest has it.
    pub description: String,
    /// What it does, before `raises`.
    pub effect: Effect,
    /// Arguments that make the effect stronger.
    pub raises: Vec<Raise>,
    /// The set that `expose` names; `core` is shown by default.
    pub toolset: String,
    /// Parameters in the order of the manifest.
    pub params: Vec<Param>,
    /// Of each list at least one must be given.
    pub require_any: Vec<Vec<String>>,
    /// What a call becomes.
    pub request: RequestTemplate,
    /// How its answers are read.
    pub answer: AnswerSpec,
    /// What an approver reads first.
    pub ask: Ask,
    /// See [`Tool::definition`].
    pub definition: Definition,
}

/// A digest of a tool that is made when it is first asked for: of hundreds of tools a process calls a few.
#[derive(Debug, Default)]
pub struct Definition(OnceLock<[u8; 32]>);

/// It follows from the rest of its tool.
impl PartialEq for Definition {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// An argument that makes a call's effect stronger.
#[derive(Debug, Clone, PartialEq)]
pub struct Raise {
    /// The parameter; `a.b` for a nested one.
    pub param: String,
    /// What fires, given, defaulted or assumed.
    pub when: When,
    /// The effect of such a call.
    pub effect: Effect,
}

/// Which values of an argument make a call's effect stronger.
#[derive(Debug, Clone, PartialEq)]
pub enum When {
    /// One of these.
    Any(Vec<serde_json::Value>),
    /// A path that leads to one of these folders, or below.
    Under(Vec<String>),
    /// Whatever it is, null included.
    Present,
}

impl Tool {
    /// `stripe.create_refund`: the name in policies, logs and pages.
    pub fn policy_name(&self) -> String {
        format!("{}.{}", self.integration.id, self.name)
    }

    /// `stripe_create_refund`: the name that agents see.
    pub fn wire_name(&self) -> String {
        format!("{}_{}", self.integration.id, self.name)
    }

    /// SHA-256 of all that a call of it depends on: an approval holds for one definition.
    pub fn definition(&self) -> [u8; 32] {
        *self.definition.0.get_or_init(|| definition::digest(self))
    }

    /// The description as models get it: with what the schema cannot say.
    pub fn full_description(&self) -> String {
        let groups = self.require_any.iter().map(|group| {
            let names: Vec<_> = group.iter().map(|name| format!("`{name}`")).collect();
            format!("At least one of {} must be given.", names.join(", "))
        });
        std::iter::once(self.description.clone()).chain(groups).collect::<Vec<_>>().join(" ")
    }

    /// The strongest effect that any arguments can give.
    pub fn strongest_effect(&self) -> Effect {
        let own = self.effect.max(self.statement_effect(None));
        self.raises.iter().map(|raise| raise.effect).fold(own, Effect::max)
    }

    /// The effect of a call with these arguments; the strongest where none are known.
    pub fn effect_of(&self, arguments: Option<&Arguments>) -> Effect {
        let Some(arguments) = arguments else { return self.strongest_effect() };
        self.raises
            .iter()
            .filter(|raise| match &raise.when {
                When::Any(values) => arguments.assumed(self, &raise.param).iter().any(|value| {
                    let elements = value.as_array().is_some_and(|all| all.iter().any(|one| values.contains(one)));
                    elements || values.contains(value)
                }),
                When::Under(folders) => arguments.assumed(self, &raise.param).iter().any(|value| {
                    let one = std::slice::from_ref(*value);
                    let mut paths = value.as_array().map_or(one, Vec::as_slice).iter().filter_map(|one| one.as_str());
                    paths.any(|path| folders.iter().any(|folder| folder::leads_below(path, folder)))
                }),
                When::Present => !arguments.given(&raise.param).is_empty(),
            })
            .map(|raise| raise.effect)
            .fold(self.effect.max(self.statement_effect(Some(arguments))), Effect::max)
    }

    /// Does the same call twice do no more than once? By its method, RFC 9110 section 9.2.2, or the kind of operation.
    pub fn is_idempotent(&self) -> bool {
        match &self.request {
            RequestTemplate::Rest(template) => match template.method {
                Method::Get | Method::Head | Method::Put | Method::Delete => true,
                Method::Post | Method::Patch => self.effect == Effect::Read,
            },
            RequestTemplate::Graphql(template) => match template.operation {
                Operation::Query => true,
                Operation::Mutation => false,
            },
            RequestTemplate::Sql(_) => self.effect == Effect::Read,
        }
    }

    /// The type of a parameter, `a.b` for a nested one; through arrays it is the type of their elements.
    pub fn type_at(&self, path: &str) -> Option<&Type> {
        self.param_at(path).map(|param| &param.ty)
    }

    /// A parameter, `a.b` for a nested one (arrays of objects are walked into); `recipients` where there is a mail.
    pub fn param_at(&self, path: &str) -> Option<&Param> {
        find_param(&self.params, path)
            .or_else(|| mail::virtual_param(&self.params, path))
            .or_else(|| statement::condition_param(&self.request, path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_reads_how_a_secret_begins_and_no_pattern() {
        for (pattern, begins) in [
            ("(rk|sk)_(test|live)_", "rk_test_"),
            ("postgres(ql)?://", "postgres://"),
            ("(?:mysql|mariadb)://", "mysql://"),
            ("sqlite:///", "sqlite:///"),
            ("xox[bp]-", "xoxb-"),
            ("a\\.b[0-9]{4}", "a.b"),
            ("[A-Z]+", ""),
            ("\\d", ""),
        ] {
            assert_eq!(first_of(pattern), begins, "{pattern}");
        }
    }
}
