//! What a page says when there is no page: fixed text, and for what went wrong inside an opaque id that the log has too.

use axum::{
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};

/// Why there is no page.
#[derive(Debug)]
pub(super) enum Failure {
    /// Nothing of this name, or nothing for whoever asks.
    NotFound,
    /// The form is not one of ours.
    BadForm,
    /// The form was made for another page or another session.
    WrongToken,
    /// The set-up link has had its tries.
    LinkUsedUp,
    /// The set-up link is none that is open. The same for each, whatever it once was.
    NoSetUp,
    /// The sign-in link is none that is open.
    LinkEnded,
    /// No sign-in of this session waits for it.
    NotAwaited,
    /// The route takes another method.
    WrongMethod,
    /// Who asks has to say who they are first; the form for it.
    Unknown(Box<Response>),
    /// It went wrong inside; the reason is for the log alone.
    Internal(String),
}

impl Failure {
    /// Who asks gets this instead.
    pub(super) fn asked(response: Response) -> Self {
        Self::Unknown(Box::new(response))
    }

    /// Something inside did not work.
    pub(super) fn internal(error: impl std::fmt::Display) -> Self {
        Self::Internal(error.to_string())
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        match self {
            Self::Unknown(response) => *response,
            Self::NotFound => page(
                StatusCode::NOT_FOUND,
                "Nothing is here",
                "The address is not one of this site, or what it named is gone.",
            ),
            Self::BadForm => page(
                StatusCode::BAD_REQUEST,
                "That form cannot be read",
                "Nothing was changed. Go back and load the page again.",
            ),
            Self::WrongToken => page(
                StatusCode::FORBIDDEN,
                "That form is not from this page",
                "Nothing was changed. Go back, load the page again and decide there.",
            ),
            Self::LinkUsedUp => page(
                StatusCode::GONE,
                "This link has ended",
                "Too many codes were wrong, and nothing was enrolled. Make a new link the way you made this one.",
            ),
            Self::NoSetUp => page(
                StatusCode::NOT_FOUND,
                "This link is not open",
                "A set-up link works once and for a short time: it was used, its time is over, a newer one was made, or it never \
                 was one. Where nobody can sign in yet, `agentport open` makes another on the gateway's computer; else the owner \
                 makes one under People.",
            ),
            Self::LinkEnded => page(
                StatusCode::GONE,
                "This link has ended",
                "It was used, its time is over, or a newer one was made. `agentport login` makes another.",
            ),
            Self::NotAwaited => page(
                StatusCode::BAD_REQUEST,
                "Not the answer that is waited for",
                "No sign-in of this browser waits for it, or its time is over. Nothing was changed. Begin on the account's page.",
            ),
            Self::WrongMethod => {
                page(StatusCode::METHOD_NOT_ALLOWED, "That does not work here", "Nothing was changed.")
            }
            Self::Internal(reason) => {
                let id = opaque_id();
                tracing::error!(id, "the approval site failed: {reason}");
                let text = format!(
                    "If you approved something, look at the inbox before you try again. Reference for the log: {id}"
                );
                page(StatusCode::INTERNAL_SERVER_ERROR, "Something went wrong here", &text)
            }
        }
    }
}

/// INVARIANT: title and text are ours alone, so that they need no escaping and no template that could itself fail.
fn page(status: StatusCode, title: &str, text: &str) -> Response {
    let html = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width, initial-scale=1\"><title>{title} - AgentPort</title><link rel=\"stylesheet\" \
         href=\"/style.css\"></head><body><main class=\"narrow\"><section class=\"card\"><h1>{title}</h1><p>{text}</p>\
         <p><a href=\"/\">Go to the inbox</a></p></section></main></body></html>\n"
    );
    (status, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], html).into_response()
}

fn opaque_id() -> String {
    let mut bytes = [0_u8; 6];
    // without randomness the page is the same, less the reference
    match getrandom::fill(&mut bytes) {
        Ok(()) => crate::canonical::hex(&bytes),
        Err(_) => "none".to_owned(),
    }
}
