//! The form that offers a standing permission beside a yes, filled in from the call.

use serde_json::Value;

use crate::{
    ledger::Approval,
    policy::{Decision, Evaluation},
    visible::visible,
};

/// A bound that is longer than this is none that a person reads before giving it.
const LONGEST: usize = 200;

/// What is offered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::web) struct GrantView {
    /// The agent that would not be asked about.
    pub(in crate::web) caller: String,
    /// One for each argument.
    pub(in crate::web) bounds: Vec<BoundView>,
}

/// How one argument may be bounded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::web) struct BoundView {
    /// The argument.
    pub(in crate::web) name: String,
    /// As it is in this call.
    pub(in crate::web) value: String,
    /// Can a rule hold it to that?
    pub(in crate::web) holds: bool,
    /// The number, where it is one that has a most.
    pub(in crate::web) most: Option<String>,
}

impl GrantView {
    /// For an approval that the policy plainly asks about: nothing is offered that no grant answers, or whose bounds nobody
    /// would read.
    pub(in crate::web) fn new(approval: &Approval, judgement: Option<&Evaluation>) -> Option<Self> {
        let plan = approval.plan.as_ref()?;
        let plainly = judgement?.decision == Decision::Ask && approval.requirement(judgement).is_plain();
        let bound = |(name, value): (&String, &Value)| BoundView {
            name: name.clone(),
            value: visible(&value.to_string()),
            holds: match value {
                Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
                Value::Array(items) => {
                    !items.is_empty()
                        && items.iter().all(|item| !item.is_array() && !item.is_object() && !item.is_null())
                }
                Value::Null | Value::Object(_) => false,
            },
            most: value.as_f64().filter(|number| *number >= 0.0).map(|_| value.to_string()),
        };
        let bounds: Vec<BoundView> = plan.arguments().as_map().iter().map(bound).collect();
        let readable = bounds.iter().all(|bound| bound.value.chars().count() <= LONGEST);
        (plainly && readable).then(|| Self { caller: visible(&approval.caller), bounds })
    }
}
