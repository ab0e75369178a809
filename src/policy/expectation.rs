//! A `[[test]]` of a policy: what its owner expects of one call. A policy that disappoints it is not applied.

use std::ops::Range;

use serde_json::{Map, Value};
use toml::Spanned;

use super::{Decision, Facts, file::RawTest, pin::Stack, rule::decision, selector::Selector, value::Text};
use crate::{
    account::Environment,
    call::{Arguments, Caller},
    catalog::Catalog,
    clock::Millis,
    diagnostic::Source,
};

/// One call and the decision that is expected.
#[derive(Debug)]
pub(super) struct Expectation {
    call: Text,
    caller: Caller,
    account: String,
    environment: Environment,
    /// `None`: a call of which no argument is known.
    args: Option<Spanned<Map<String, Value>>>,
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
        let args = raw.args.map(|args| {
            let span = args.span();
            match args.into_inner() {
                Value::Object(map) => Ok(Spanned::new(span, map)),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                    source.problem(span, "`args` must be a table", "as in `args = { amount = 400 }`".to_owned());
                    Err(())
                }
            }
        });
        let expected = raw.expect.as_ref().map(|text| (decision(source, text), text.span()));
        let (expect, span) = expected?;
        Some(Self {
            call: raw.call?,
            caller: caller.ok()?,
            account: raw.account.map_or_else(|| "default".to_owned(), Spanned::into_inner),
            environment: environment.ok()?,
            args: args.transpose().ok()?,
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
        let arguments = match self.args.as_ref().map(|args| (args.span(), Arguments::parse(tool, args.get_ref()))) {
            Some((span, Err(problems))) => {
                for problem in problems {
                    let message =
                        format!("`{}` cannot be called so: {}: {}", self.call.get_ref(), problem.at, problem.message);
                    source.problem(span.clone(), message, None);
                }
                return;
            }
            Some((_, Ok(arguments))) => Some(arguments),
            None => None,
        };
        let answer = stack.answer(&Facts {
            tool,
            arguments: arguments.as_ref(),
            caller: &self.caller,
            account: &self.account,
            environment: self.environment,
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
}
