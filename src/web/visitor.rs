//! Who is signed in, at one request, and the form that they sent. Whoever is not signed in is asked who they are, and learns
//! nothing else.

use askama::Template;
use axum::{
    Form,
    extract::rejection::FormRejection,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Response},
};
use serde::Deserialize;

use super::{
    Site,
    failure::Failure,
    pages::{SIGN_OUT, Visit, scripted},
    passkey,
    session::{Session, check_form_token, form_token},
    view::ByPasskey,
};
use crate::approval::Claim;

/// The open home, and who looks at it.
pub(super) struct Visitor {
    pub(super) visit: Visit,
    pub(super) session: Session,
}

/// A form with the token of its page.
pub(super) trait Tokened {
    /// The token.
    fn csrf(&self) -> &str;
}

/// A form with nothing but its token: a script asks with it for something to sign.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asking {
    csrf: String,
}

impl Tokened for Asking {
    fn csrf(&self) -> &str {
        &self.csrf
    }
}

/// A form that a factor is enough for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Factor {
    csrf: String,
    #[serde(default)]
    pub(super) code: String,
    /// What a passkey signed, instead of a code.
    #[serde(default)]
    pub(super) passkey: String,
}

impl Tokened for Factor {
    fn csrf(&self) -> &str {
        &self.csrf
    }
}

impl Visitor {
    /// Who asks for a page of the group `next`.
    pub(super) async fn open(site: &Site, headers: &HeaderMap, next: &str) -> Result<Self, Failure> {
        Self::find(site, headers, StatusCode::OK, next).await
    }

    /// Who sends a form of a page of the group `next`, whose token is for `purpose`.
    pub(super) async fn posting<F: Tokened>(
        site: &Site,
        headers: &HeaderMap,
        form: Result<Form<F>, FormRejection>,
        purpose: &str,
        next: &str,
    ) -> Result<(Self, F), Failure> {
        let Form(form) = form.map_err(|_| Failure::BadForm)?;
        let visitor = Self::find(site, headers, StatusCode::UNAUTHORIZED, next).await?;
        check_form_token(&visitor.session.token, purpose, form.csrf())?;
        Ok((visitor, form))
    }

    /// Who asks, by a script, for something to sign.
    pub(super) async fn asking<F: Tokened>(
        site: &Site,
        headers: &HeaderMap,
        form: Result<Form<F>, FormRejection>,
        purpose: &str,
    ) -> Result<(Self, F), Failure> {
        let Form(form) = form.map_err(|_| Failure::BadForm)?;
        let mut visit = Visit::open(site, headers).await?;
        let session = visit.session.take().ok_or_else(|| Failure::asked(StatusCode::UNAUTHORIZED.into_response()))?;
        check_form_token(&session.token, purpose, form.csrf())?;
        Ok((Self { visit, session }, form))
    }

    async fn find(site: &Site, headers: &HeaderMap, status: StatusCode, next: &str) -> Result<Self, Failure> {
        let mut visit = Visit::open(site, headers).await?;
        match visit.session.take() {
            Some(session) => Ok(Self { visit, session }),
            None => Err(Failure::asked(visit.ask_who(site, headers, status, next, None).await?)),
        }
    }

    /// The token of a form of theirs.
    pub(super) fn form_token(&self, purpose: &str) -> String {
        form_token(&self.session.token, purpose)
    }

    /// The token of the form that every page has.
    pub(super) fn sign_out(&self) -> String {
        self.form_token(SIGN_OUT)
    }

    /// Can they use a passkey on the page of this path?
    pub(super) async fn passkey(&self, site: &Site, headers: &HeaderMap, path: &str) -> Result<ByPasskey, Failure> {
        let of = Some(self.session.person.clone());
        let passkeys = self.visit.parts.home.passkeys(of).await.map_err(Failure::internal)?;
        Ok(ByPasskey::new(&passkeys, site.authorities().origin_of(headers), site.origin(), path))
    }

    /// The answer to their script, which asks for a claim to sign.
    pub(super) async fn challenge(self, site: &Site, claim: Claim) -> Result<Response, Failure> {
        passkey::challenge(site, &self.visit.parts, claim, Some(self.session.person)).await
    }

    /// A page for them, which may run the site's script if it is to use a passkey.
    pub(super) fn page(
        &self,
        site: &Site,
        headers: &HeaderMap,
        status: StatusCode,
        script: bool,
        page: &impl Template,
    ) -> Result<Response, Failure> {
        let response = self.visit.page(site, headers, &self.session.token, status, page)?;
        Ok(if script { scripted(response) } else { response })
    }
}
