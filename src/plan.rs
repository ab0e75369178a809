//! The exact upstream request that a call becomes, less the secret. One stored plan, one digest, from page to wire.

#[cfg(test)]
pub(crate) mod samples;

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    account::{Environment, Origin},
    call::{Arguments, Call, Caller},
    canonical,
    catalog::{
        Effect, HttpRequest, Problem, Reading, SqlRequest,
        request::{self, Placed},
    },
};

/// SHA-256 over everything that the plan would do: what page, factor, ledger and wire share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest([u8; 32]);

impl Digest {
    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl From<[u8; 32]> for Digest {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&canonical::hex(&self.0))
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_string()
    }
}

impl TryFrom<String> for Digest {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let bytes = data_encoding::HEXLOWER.decode(text.as_bytes()).ok().and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or_else(|| "not a digest".to_owned())
    }
}

/// What acts, and how. A later kind of upstream is a further variant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Request {
    /// Sent by the one HTTP client.
    Http(HttpRequest),
    /// Run by a database.
    Sql(SqlRequest),
}

/// The exact request, and all that an approver has to know of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    contents: Contents,
    digest: Digest,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Contents {
    integration: String,
    tool: String,
    definition: Digest,
    effect: Effect,
    account: String,
    account_id: String,
    environment: Environment,
    origin: Origin,
    caller: Caller,
    request: Request,
    arguments: Arguments,
    given: Map<String, Value>,
    reason: Option<String>,
    #[serde(default, skip_serializing_if = "Reading::is_plain")]
    reading: Reading,
}

impl Plan {
    /// Places the call's arguments into its tool's request.
    ///
    /// # Errors
    /// An argument that has no safe place, such as a path segment `..`.
    pub fn build(call: &Call) -> Result<Self, Vec<Problem>> {
        let (tool, account) = (call.tool(), call.account());
        let contents = Contents {
            integration: tool.integration.id.clone(),
            tool: tool.name.clone(),
            definition: tool.definition().into(),
            effect: tool.effect_of(Some(call.arguments())),
            account: account.name.clone(),
            account_id: account.id.clone(),
            environment: account.environment,
            origin: account.origin.clone(),
            caller: call.caller().clone(),
            request: match request::place(tool, call.arguments(), &account.origin, &account.settings)? {
                Placed::Http(http) => Request::Http(http),
                Placed::Sql(sql) => Request::Sql(sql),
            },
            arguments: call.arguments().clone(),
            given: call.given().clone(),
            reason: call.reason().map(str::to_owned),
            reading: Reading::of(tool, call.arguments()),
        };
        Ok(Self { digest: digest(&contents), contents })
    }

    /// Reads a stored plan back.
    ///
    /// # Errors
    /// The text is not a plan, or not the one of `digest`.
    pub fn load(text: &str, expected: Digest) -> Result<Self, PlanError> {
        let contents: Contents = serde_json::from_str(text).map_err(|_| PlanError::Unreadable)?;
        let digest = digest(&contents);
        if digest != expected {
            return Err(PlanError::Altered);
        }
        Ok(Self { contents, digest })
    }

    /// The plan of a request of the product's own that no manifest has as a tool: to an authorization server. The
    /// secrets in its body are the credential; they are no part of the plan, as no credential is.
    pub fn own(account: &crate::account::Account, tool: &str, effect: Effect, http: HttpRequest) -> Self {
        let contents = Contents {
            integration: account.integration.clone(),
            tool: tool.to_owned(),
            definition: canonical::sha256("agentport/own-request/1", &[tool.as_bytes()]).into(),
            effect,
            account: account.name.clone(),
            account_id: account.id.clone(),
            environment: account.environment,
            origin: account.origin.clone(),
            caller: Caller::agentport(),
            request: Request::Http(http),
            arguments: Arguments::default(),
            given: Map::new(),
            reason: None,
            reading: Reading::default(),
        };
        Self { digest: digest(&contents), contents }
    }

    /// As [`Plan::own`], for the tests of what sends and stores plans.
    #[cfg(test)]
    pub(crate) fn of_request(account: &crate::account::Account, effect: Effect, http: HttpRequest) -> Self {
        Self::own(account, "test_tool", effect, http)
    }

    /// The text that [`Plan::load`] reads.
    ///
    /// # Errors
    /// None that can be caused; serialising strings and numbers does not fail.
    pub fn store(&self) -> Result<String, PlanError> {
        let value = serde_json::to_value(&self.contents).map_err(|_| PlanError::Unreadable)?;
        Ok(canonical::text(&value))
    }

    /// What page, factor, ledger and wire share.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// `stripe.create_refund`
    pub fn tool(&self) -> String {
        format!("{}.{}", self.contents.integration, self.contents.tool)
    }

    /// `stripe`
    pub fn integration(&self) -> &str {
        &self.contents.integration
    }

    /// The digest of the definition that it was built from.
    pub fn definition(&self) -> Digest {
        self.contents.definition
    }

    /// What it does, raised by its arguments.
    pub fn effect(&self) -> Effect {
        self.contents.effect
    }

    /// The account's name.
    pub fn account(&self) -> &str {
        &self.contents.account
    }

    /// The account's id: another set of credentials under the same name has another.
    pub fn account_id(&self) -> &str {
        &self.contents.account_id
    }

    /// What breaks if something goes wrong.
    pub fn environment(&self) -> Environment {
        self.contents.environment
    }

    /// Where it goes.
    pub fn origin(&self) -> &Origin {
        &self.contents.origin
    }

    /// Who asked.
    pub fn caller(&self) -> &Caller {
        &self.contents.caller
    }

    /// The request itself.
    pub fn request(&self) -> &Request {
        &self.contents.request
    }

    /// The arguments with defaults.
    pub fn arguments(&self) -> &Arguments {
        &self.contents.arguments
    }

    /// The arguments as the agent gave them.
    pub fn given(&self) -> &Map<String, Value> {
        &self.contents.given
    }

    /// What the agent says it is for. Unverified.
    pub fn reason(&self) -> Option<&str> {
        self.contents.reason.as_deref()
    }

    /// How the answer is read.
    pub fn reading(&self) -> &Reading {
        &self.contents.reading
    }
}

/// A stored plan that cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "each says what it is")]
pub enum PlanError {
    #[error("the stored plan cannot be read")]
    Unreadable,
    #[error("the stored plan is not the one that was recorded")]
    Altered,
}

/// What the request does and with whom: no policy, no caller, no reason, no spelling of the arguments.
fn digest(contents: &Contents) -> Digest {
    let request = match &contents.request {
        Request::Http(http) => {
            let mut request = serde_json::json!({
                "method": http.method.as_str(),
                "path": http.path,
                "query": http.query,
                "headers": http.headers,
                "body": http.body,
            });
            // how the answer is read is part of what was planned; plans of before there was a second way have none
            if !http.answer.is_plain()
                && let Some(members) = request.as_object_mut()
            {
                members.insert("answer".to_owned(), serde_json::json!(http.answer));
            }
            canonical::text(&request)
        }
        Request::Sql(sql) => canonical::text(&serde_json::json!({ "sql": sql })),
    };
    Digest(canonical::sha256(
        "agentport/plan/1",
        &[
            contents.integration.as_bytes(),
            contents.tool.as_bytes(),
            contents.definition.as_bytes(),
            contents.account.as_bytes(),
            contents.account_id.as_bytes(),
            contents.origin.as_str().as_bytes(),
            request.as_bytes(),
        ],
    ))
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, LazyLock};

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::{
        account::Account,
        catalog::{AnswerKind, Catalog},
    };

    static CATALOG: LazyLock<Catalog> = LazyLock::new(Catalog::built_in);

    fn account() -> Account {
        Account {
            integration: "stripe".to_owned(),
            name: "default".to_owned(),
            id: "acc_1".to_owned(),
            origin: Origin::parse("https://api.stripe.com", false).unwrap(),
            environment: Environment::Production,
            identity: crate::account::Identity::default(),
            settings: std::collections::BTreeMap::new(),
            connected_at: 0,
        }
    }

    fn plan(caller: &str, name: &str, description: &str) -> Plan {
        let tool = CATALOG.find("stripe_create_customer").unwrap();
        let given = json!({"name": name, "description": description, "_reason": caller});
        let caller = Caller::parse(caller).unwrap();
        let call = Call::parse(tool, given.as_object().unwrap().clone(), &caller, &[Arc::new(account())]).unwrap();
        Plan::build(&call).unwrap()
    }

    /// A plan of before answers were read in more than one way is the same plan; how an answer is read is part of it.
    #[test]
    fn a_digest_covers_how_the_answer_is_read() {
        let of = |answer| {
            let http = HttpRequest {
                method: crate::catalog::Method::Post,
                path: "/graphql".to_owned(),
                query: String::new(),
                headers: Vec::new(),
                body: Some("{}".to_owned()),
                idempotency: None,
                answer,
            };
            Plan::of_request(&account(), Effect::Write, http)
        };
        let (plain, graphql) = (of(AnswerKind::Plain), of(AnswerKind::Graphql));
        assert!(!plain.store().unwrap().contains("\"answer\""));
        assert!(graphql.store().unwrap().contains("\"answer\":\"graphql\""));
        for plan in [&plain, &graphql] {
            assert_eq!(Plan::load(&plan.store().unwrap(), plan.digest()).as_ref(), Ok(plan));
        }
        let altered = graphql.store().unwrap().replace("\"answer\":\"graphql\",", "");
        assert_eq!(Plan::load(&altered, graphql.digest()), Err(PlanError::Altered));
        assert_eq!(Plan::load(&altered, plain.digest()), Ok(plain));
        let before = "194f08a162ebc9e5f06130b715459b1097d33626c8fb35e6ea00a5c04cf80d40";
        assert_eq!(of(AnswerKind::Plain).digest().to_string(), before, "old plans keep their digest");
    }

    proptest! {
        /// I3: what is stored is what was planned, and its digest is of what it would do and of nothing else.
        #[test]
        fn t041_a_digest_is_one_request(
            one in ("[ -~]{1,20}", "[ -~é\u{202e}]{1,20}"),
            other in ("[ -~]{1,20}", "[ -~é\u{202e}]{1,20}"),
        ) {
            let planned = plan("claude", &one.0, &one.1);
            let loaded = Plan::load(&planned.store().unwrap(), planned.digest()).unwrap();
            prop_assert_eq!(&loaded, &planned);
            prop_assert_eq!(plan("codex", &one.0, &one.1).digest(), planned.digest());
            if one != other {
                let different = plan("claude", &other.0, &other.1);
                prop_assert_ne!(different.digest(), planned.digest());
                prop_assert_eq!(Plan::load(&different.store().unwrap(), planned.digest()), Err(PlanError::Altered));
            }
        }
    }
}
