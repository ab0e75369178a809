//! A `[[test]]` of a policy: what its owner expects of one call. A policy that disappoints it is not applied.

use std::ops::Range;

use serde_json::{Map, Value};
use toml::Spanned;

use super::{Decision, Facts, file::RawTest, rule::decision, selector::Selector, stack::Stack, value::Text};
use crate::{
    account::Environment,
    call::{Arguments, Call, Caller},
    catalog::{Catalog, Problem, Tool},
    clock::Millis,
    diagnostic::Source,
    findings::Findings,
};

/// One call and the decision that is expected.
#[derive(Debug)]
pub(super) struct Expectation {
    call: Text,
    caller: Caller,
    /// `None`: as the arguments say, or `default`.
    account: Option<String>,
    environment: Environment,
    /// `None`: a call of which no argument is known.
    args: Option<Spanned<Map<String, Value>>>,
    /// `None`: nothing was looked up.
    facts: Option<Findings>,
    expect: Decision,
    span: Range<usize>,
}

impl Expectation {
    /// Compiles what was read. `None`, and problems noted, where it is not a test.
    pub(super) fn compile(source: &mut Source<'_>, raw: RawTest) -> Option<Self> {
        let caller = raw.caller.unwrap_or_else(|| Spanned::new(0..0, "local".to_owned()));
        let caller = Caller::parse(caller.get_ref()).map_err(|reason| source.problem(caller.span(), reason, None));
        let environment = raw.environment.map_or(Ok(Environment::default()), |text| {
            text.get_ref().parse().map_err(|reason: String| source.problem(text.span(), reason, None))
        });
        let mut table = |value: Spanned<Value>, message: &'static str, example: &str| {
            let span = value.span();
            match value.into_inner() {
                Value::Object(map) => Ok(Spanned::new(span, map)),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                    source.problem(span, message, format!("as in `{example}`"));
                    Err(())
                }
            }
        };
        let args = raw.args.map(|args| table(args, "`args` must be a table", "args = { amount = 400 }"));
        let facts = raw
            .facts
            .map(|facts| table(facts, "`facts` must be a table", "facts = { charge = { currency = \"usd\" } }"));
        let expected = raw.expect.as_ref().map(|text| (decision(source, text), text.span()));
        let (expect, span) = expected?;
        Some(Self {
            call: raw.call?,
            caller: caller.ok()?,
            account: raw.account.map(Spanned::into_inner),
            environment: environment.ok()?,
            args: args.transpose().ok()?,
            facts: facts.transpose().ok()?.map(|facts| Findings::supposed(facts.get_ref())),
            expect: expect?,
            span,
        })
    }

    /// Judges the call, with every `expires` in the future, and notes a disappointment.
    pub(super) fn check(&self, source: &mut Source<'_>, stack: &Stack, catalog: &Catalog) {
        let selector = Selector::Exact(self.call.get_ref().clone());
        if let Some((message, help)) = selector.unknown_in(catalog) {
            source.problem(self.call.span(), message, help);
            return;
        }
        let Some(tool) = catalog.find(self.call.get_ref()) else { return };
        let arguments = match self.args.as_ref().map(|args| (args.span(), self.given(tool, args.get_ref()))) {
            Some((span, Err(problems))) => {
                for problem in problems {
                    let message =
                        format!("`{}` cannot be called so: {}: {}", self.call.get_ref(), problem.at, problem.message);
                    source.problem(span.clone(), message, None);
                }
                return;
            }
            Some((_, Ok(given))) => Some(given),
            None => None,
        };
        let (arguments, named) = arguments.map_or((None, None), |(arguments, named)| (Some(arguments), named));
        let account = self.account.clone().or(named);
        let answer = stack.answer(&Facts {
            tool,
            arguments: arguments.as_ref(),
            caller: &self.caller,
            account: account.as_deref().unwrap_or("default"),
            environment: self.environment,
            findings: self.facts.as_ref(),
            now: Millis::MIN,
        });
        if answer.decision != self.expect {
            let lines =
                answer.reasons.iter().map(|reason| format!("`{}` ({}:{})", reason.rule, reason.file, reason.line));
            source.problem(
                self.span.clone(),
                format!("expected `{}`, but the policy says `{}`", self.expect, answer.decision),
                format!("decided by {}", lines.collect::<Vec<_>>().join(", ")),
            );
        }
    }

    /// The arguments, and the account that they name, as the gateway would take them.
    fn given(&self, tool: &Tool, given: &Map<String, Value>) -> Result<(Arguments, Option<String>), Vec<Problem>> {
        let (given, named) = Call::apart(given)?;
        if let (Some(account), Some(named)) = (&self.account, &named)
            && account != named
        {
            let message = format!("is not `{account}`, the account of the test");
            return Err(vec![Problem { at: "/account".to_owned(), message }]);
        }
        Ok((Arguments::parse(tool, &given)?, named))
    }
}
