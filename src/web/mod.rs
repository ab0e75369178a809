//! The approval site: server-rendered pages on loopback, where a human reads what exactly would be sent and says yes
//! with a second factor, or no.
//!
//! `host` keeps exactly one process of the home serving, `guard` stands before everything, `session` knows the browser,
//! `visitor` who is signed in, and `proof` what they prove. `login`, `signing`, `inbox`, `deciding`, `together`, `enrolling`,
//! `people`, `lock`, `log`, `policy`, `applying`, `accounts`, `connecting`, `oauth`, `agents` and `passkey` answer the routes with what
//! `pages` has for all of them, `view` turns an approval into plain text that cannot lie, and the templates only lay it out.
//! `listener`, `tls`, `socket` and `peer` are how requests arrive, `api` is the agents' side of the same port.
//! Nothing here decides: [`Gateway::approve`](crate::gateway::Gateway::approve) and
//! [`Gateway::deny`](crate::gateway::Gateway::deny) do.

mod accounts;
mod agents;
mod api;
mod applying;
mod connecting;
mod deciding;
mod enrolling;
mod failure;
mod guard;
mod host;
mod inbox;
mod listener;
mod lock;
mod log;
mod login;
mod oauth;
mod pages;
mod passkey;
mod peer;
mod people;
mod policy;
mod proof;
mod session;
mod signing;
#[cfg(unix)]
mod socket;
mod tls;
mod together;
mod view;
mod visitor;

use std::sync::Arc;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware,
    routing::{get, post},
};

pub use self::{
    host::{Doors, ServeError, Site, host, hosted, serve},
    tls::{Standing, standing, valid_until},
};

/// Everything that the site answers. What is not here is a 404.
fn router(site: &Arc<Site>) -> Router {
    Router::new()
        .route("/", get(inbox::show))
        .route("/login", get(signing::form).post(signing::sign_in))
        .route("/logout", post(signing::sign_out))
        .route("/lock", post(lock::set))
        .route("/lock/challenge", post(lock::for_lock))
        .route("/unlock/challenge", post(lock::for_unlock))
        .route("/grants/revoke", post(lock::revoke))
        .route("/people", get(people::show))
        .route("/people/change", get(people::ask).post(people::make))
        .route("/people/change/challenge", post(people::for_change))
        .route("/login/challenge", post(passkey::for_sign_in))
        .route("/login/{token}", get(login::show).post(login::sign_in))
        .route("/approve/{id}", get(deciding::show).post(deciding::decide))
        .route("/approve/{id}/challenge", post(passkey::for_approval))
        .route("/together/{id}", get(together::show).post(together::decide))
        .route("/together/{id}/challenge", post(together::for_together))
        .route("/log", get(log::list))
        .route("/log/verify", post(log::verify))
        .route("/log/{id}", get(log::show))
        .route("/policy", get(policy::show).post(policy::explain))
        .route("/policy/apply", get(applying::show).post(applying::apply))
        .route("/policy/apply/challenge", post(applying::for_apply))
        .route("/accounts", get(accounts::list))
        .route("/accounts/new", get(accounts::new))
        .route("/accounts/{integration}/{name}", get(accounts::show))
        .route("/accounts/{integration}/{name}/connect", post(connecting::connect))
        .route("/accounts/{integration}/{name}/connect/challenge", post(accounts::for_connect))
        .route("/accounts/{integration}/{name}/sign-in", post(oauth::begin))
        .route("/accounts/{integration}/{name}/sign-in/store", post(oauth::store))
        .route("/accounts/{integration}/{name}/sign-in/store/challenge", post(oauth::for_store))
        .route("/oauth/callback", get(oauth::come_back))
        .route("/accounts/{integration}/{name}/disconnect", post(accounts::disconnect))
        .route("/accounts/{integration}/{name}/disconnect/challenge", post(accounts::for_disconnect))
        .route("/agents", get(agents::list))
        .route("/agents/{name}", get(agents::show).post(agents::revoke))
        .route("/agents/{name}/challenge", post(agents::for_revoke))
        .route("/enrol/{token}", get(enrolling::show).post(enrolling::enrol))
        .route("/passkey.js", get(passkey::script))
        .route("/style.css", get(pages::style))
        .fallback(pages::nothing)
        .method_not_allowed_fallback(pages::wrong_method)
        .layer(DefaultBodyLimit::max(guard::LARGEST_BODY))
        .layer(middleware::from_fn_with_state(Arc::clone(site), guard::guard))
        .with_state(Arc::clone(site))
}
