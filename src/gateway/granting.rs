//! A standing permission beside a yes: the rule is made from the stored plan and the human's bounds, tried on that plan, and
//! given in the transaction of the yes. Where a passkey says it the rule is made before it signs, and kept: what is given is
//! what was signed.

use std::sync::Arc;

use super::{DecideError, Gateway, Parts, Presented, Said};
use crate::{
    approval::Assertion,
    files,
    findings::Findings,
    ledger::{Grant, Sqlite},
    plan::Plan,
    policy::{self, Bounds, Decision, Facts, GrantError, grants_text},
    snapshot::Snapshot,
};

impl Gateway {
    /// Yes, and from now on to calls within these bounds without asking. A passkey has signed the grant already, which was
    /// made of the bounds that it was asked with: these are not looked at.
    ///
    /// # Errors
    /// Why it was not taken; then nothing was sent and nothing granted.
    pub async fn approve_and_grant(
        self: &Arc<Self>,
        id: &str,
        bounds: &Bounds,
        shown: &Presented<'_>,
    ) -> Result<Said, DecideError> {
        self.approve_with(id, shown, Some(bounds)).await
    }

    /// What a passkey signs for the same: the grant is made now, whole, and kept with the challenge.
    /// [`Gateway::approve`] gives it with the yes.
    ///
    /// # Errors
    /// Why there can be no such grant.
    pub async fn grant_challenge(self: &Arc<Self>, id: &str, bounds: &Bounds) -> Result<String, DecideError> {
        let (parts, snapshot, approval) = self.waiting(id).await?;
        let plan = approval.plan.clone().ok_or(DecideError::NotFound)?;
        let digest = approval.shown_digest().ok_or(DecideError::NotFound)?;
        let grant = self.grant(&snapshot, id, &plan, approval.findings.as_ref(), bounds)?;
        Ok(parts.home.new_grant_challenge(id.to_owned(), digest, grant, self.clock.now()).await?)
    }

    /// The grant that was kept for what this passkey signed, where there is one.
    pub(super) async fn kept_grant(parts: &Parts, assertion: &Assertion) -> Result<Option<Grant>, DecideError> {
        match assertion.challenge() {
            Some(challenge) => Ok(parts.home.grant_of_challenge(challenge).await?),
            None => Ok(None),
        }
    }

    /// Ends a grant. Needs no code: it only tightens.
    ///
    /// # Errors
    /// There is none of this id.
    pub async fn revoke_grant(&self, id: &str) -> Result<(), DecideError> {
        let parts = self.open_parts()?;
        if !parts.home.revoke_grant(id, self.clock.now()).await? {
            return Err(DecideError::NotFound);
        }
        self.copy_grants();
        Ok(())
    }

    /// The grant that these bounds make of a plan that waits.
    pub(super) fn grant(
        &self,
        snapshot: &Snapshot,
        approval: &str,
        plan: &Plan,
        findings: Option<&Findings>,
        bounds: &Bounds,
    ) -> Result<Grant, DecideError> {
        let now = self.clock.now().wall;
        let tool = snapshot.catalog.find(&plan.tool()).ok_or(DecideError::NotFound)?;
        let why = format!("Granted beside the yes to {approval}.");
        let id = Sqlite::fresh_grant_id()?;
        let (text, expires_at) = policy::grant(&id, tool, plan, bounds, &why, now)?;
        let grant = Grant::new(id, text, plan, expires_at);
        self.try_grant(snapshot, plan, findings, &grant)?;
        Ok(grant)
    }

    /// It must answer the very call that it is made from, or it would promise what it does not do.
    pub(super) fn try_grant(
        &self,
        snapshot: &Snapshot,
        plan: &Plan,
        findings: Option<&Findings>,
        grant: &Grant,
    ) -> Result<(), DecideError> {
        let now = self.clock.now().wall;
        let tool = snapshot.catalog.find(&plan.tool()).ok_or(DecideError::NotFound)?;
        let whole = grants_text(std::iter::once(grant.text.as_str()));
        if let Err(problems) = policy::check("grants.toml", &whole, &snapshot.catalog) {
            return Err(GrantError::Idle(problems.to_string()).into());
        }
        let granting = policy::Policy::clone(&snapshot.policy).granting(&whole);
        let evaluation = granting.evaluate(&Facts::of_plan(tool, plan, now).with(findings));
        if evaluation.decision != Decision::Allow || evaluation.rule() != grant.id {
            return Err(GrantError::Idle(format!("`{}` is not for a grant to answer", evaluation.rule())).into());
        }
        Ok(())
    }

    /// `grants.toml` says what stands in the database, for people to read.
    pub(super) fn copy_grants(&self) {
        let copied = self.open_parts().and_then(|parts| copy(&parts));
        if let Err(error) = copied {
            tracing::warn!("`grants.toml` was not written: {error}");
        }
    }
}

fn copy(parts: &Parts) -> Result<(), DecideError> {
    const HEAD: &str = "# Written by agentport: what people granted, for you to read. An edit changes nothing; `agentport grants revoke` does.\n";
    let grants = parts.home.grants()?;
    let text = HEAD.to_owned() + &grants_text(grants.iter().map(|grant| grant.text.as_str()));
    files::replace_private(&parts.snapshots.home().grants(), text.as_bytes())
        .map_err(|error| DecideError::Home(error.to_string()))
}
