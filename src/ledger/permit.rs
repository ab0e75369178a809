//! Proof that a plan was allowed and recorded: the only thing an upstream accepts.

use std::sync::Arc;

use crate::plan::Plan;

/// A plan that may be sent, once. Minted by the ledger in the transaction that recorded it.
///
/// ```compile_fail,E0451
/// use agentport::ledger::Permit;
/// fn forge(plan: std::sync::Arc<agentport::plan::Plan>) -> Permit {
///     Permit { plan, record: String::new(), idempotency_key: String::new(), most_rows: None }
/// }
/// ```
#[derive(Debug)]
pub struct Permit {
    plan: Arc<Plan>,
    record: String,
    idempotency_key: String,
    most_rows: Option<u64>,
}

impl Permit {
    pub(super) fn mint(plan: Arc<Plan>, record: String, idempotency_key: String) -> Self {
        Self { plan, record, idempotency_key, most_rows: None }
    }

    /// With the bound that its yes was for.
    pub(super) fn within(self, most_rows: Option<u64>) -> Self {
        Self { most_rows, ..self }
    }

    /// A permit of no ledger, for the tests of upstreams.
    #[cfg(test)]
    pub(crate) fn for_tests(plan: Plan) -> Self {
        Self::mint(Arc::new(plan), "rec_test".to_owned(), "apr_test".to_owned())
    }

    /// The stored plan.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The record that it was minted with: `rec_…`.
    pub fn record(&self) -> &str {
        &self.record
    }

    /// The approval's id, or the record's where there was none: the same for every try of the same permission.
    pub fn idempotency_key(&self) -> &str {
        &self.idempotency_key
    }

    /// The most rows that it may touch, where a human was shown a bound and said yes to it; `None` is no bound.
    pub fn most_rows(&self) -> Option<u64> {
        self.most_rows
    }
}
