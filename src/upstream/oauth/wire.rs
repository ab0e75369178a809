//! What is said to an authorization server: requests and answers are the `oauth2` crate's, the way there is ours.
//!
//! The crate keeps tokens in plain strings while it works; they are copied out at once. What a server says in an error
//! is shown to the person alone, and never without a search for what it was asked with.

use std::{pin::Pin, time::Duration};

use oauth2::{
    AccessToken, AsyncHttpClient, AuthType, AuthorizationCode, ClientId, ClientSecret, DeviceAuthorizationUrl,
    HttpRequest, HttpResponse, PkceCodeVerifier, RedirectUrl, RefreshToken, RequestTokenError,
    StandardDeviceAuthorizationResponse, TokenResponse as _, TokenUrl,
    basic::{BasicClient, BasicTokenResponse, BasicTokenType},
};
use reqwest::{Method, Request};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::{
    super::{
        filter::{Needles, redact_text},
        http::{Answer, BodyFault, Fault, Http, Lost},
    },
    endpoint::Endpoint,
    grant::Client,
    sign_in::Code,
};
use crate::{account::Origin, clock::Millis, visible::visible};

/// A code that nobody typed in is not asked about for longer, whatever the server says.
const DEVICE_WAITS: Duration = Duration::from_mins(30);
/// Two questions of a device are at least so far apart.
const POLL: Duration = Duration::from_secs(1);
/// Words of a server that are shown.
const WORDS: usize = 200;

/// What a token endpoint gave.
pub(super) struct TokenAnswer {
    pub(super) access: Zeroizing<String>,
    pub(super) refresh: Option<Zeroizing<String>>,
    pub(super) expires_in: Option<Millis>,
    pub(super) scopes: Option<Vec<String>>,
}

impl TokenAnswer {
    /// What the log may know of it.
    pub(super) fn facts(&self) -> Value {
        json!({
            "expires_in": self.expires_in.map(|life| life / 1000),
            "refresh_token": self.refresh.is_some(),
            "scopes": self.scopes,
        })
    }
}

/// A device's code, for the person to type in.
#[derive(Debug)]
pub struct Device {
    answer: StandardDeviceAuthorizationResponse,
    verification_uri: String,
    complete: Option<String>,
}

impl Device {
    /// What the person types in.
    pub fn user_code(&self) -> &str {
        self.answer.user_code().secret()
    }

    /// Where.
    pub fn verification_uri(&self) -> &str {
        &self.verification_uri
    }

    /// The same, with the code filled in, where the vendor has that.
    pub fn complete(&self) -> Option<&str> {
        self.complete.as_deref()
    }

    /// For how long.
    pub fn expires_in(&self) -> Duration {
        self.answer.expires_in().min(DEVICE_WAITS)
    }
}

/// Why there are no tokens.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignInError {
    /// The server said no.
    #[error("the authorization server refused: {code}{}", .words.as_ref().map_or(String::new(), |words| format!(" ({words})")))]
    Refused {
        /// Its word for why: `invalid_grant`.
        code: String,
        /// Its sentence, made safe to look at.
        words: Option<String>,
    },
    /// There was no answer that says yes or no.
    #[error("the authorization server could not be asked: {0}")]
    Unavailable(String),
    /// The manifest has no such way to sign in.
    #[error("there is no such way to sign in")]
    NoWay,
    /// The person gave up.
    #[error("it was stopped")]
    Stopped,
}

/// A code for tokens (RFC 6749 section 4.1.3, RFC 7636).
pub(super) async fn redeem(
    http: &Http,
    endpoint: &Endpoint,
    client: &Client,
    code: &Code,
) -> Result<TokenAnswer, SignInError> {
    let needles = needles(client, &[code.text(), code.verifier()]);
    let basic = basic(client).set_token_uri(token_url(endpoint)?);
    let redirect = RedirectUrl::new(code.redirect_uri().to_owned()).map_err(|_| unusable())?;
    let line = Line { http, endpoint };
    let answer = basic
        .exchange_code(AuthorizationCode::new(code.text().to_owned()))
        .set_pkce_verifier(PkceCodeVerifier::new(code.verifier().to_owned()))
        .set_redirect_uri(std::borrow::Cow::Owned(redirect))
        .request_async(&line)
        .await;
    tokens(answer, &needles)
}

/// A refresh token for the next tokens (RFC 6749 section 6).
pub(super) async fn refresh(
    http: &Http,
    endpoint: &Endpoint,
    client: &Client,
    token: &str,
) -> Result<TokenAnswer, SignInError> {
    let needles = needles(client, &[token]);
    let basic = basic(client).set_token_uri(token_url(endpoint)?);
    let line = Line { http, endpoint };
    let token = RefreshToken::new(token.to_owned());
    let answer = basic.exchange_refresh_token(&token).request_async(&line).await;
    tokens(answer, &needles)
}

/// A code for the person to type in (RFC 8628 section 3.1).
pub(super) async fn start_device(
    http: &Http,
    endpoint: &Endpoint,
    client: &Client,
    scope: &str,
) -> Result<Device, SignInError> {
    let url = DeviceAuthorizationUrl::new(endpoint.url()).map_err(|_| unusable())?;
    let basic = basic(client).set_device_authorization_url(url);
    let line = Line { http, endpoint };
    let mut request = basic.exchange_device_code();
    if !scope.is_empty() {
        // not the crate's own list: some vendors want a comma between scopes
        request = request.add_extra_param("scope", scope.to_owned());
    }
    let answer: StandardDeviceAuthorizationResponse =
        request.request_async(&line).await.map_err(|error| refused(error, &needles(client, &[])))?;
    let page = |text: &str| shown_page(text, endpoint.origin());
    let verification_uri = page(answer.verification_uri()).ok_or_else(|| {
        SignInError::Unavailable("the page that it names for the code is not an https address".to_owned())
    })?;
    let complete = answer.verification_uri_complete().and_then(|uri| page(uri.secret()));
    Ok(Device { answer, verification_uri, complete })
}

/// The tokens, once the person has typed the code in (RFC 8628 section 3.4).
pub(super) async fn await_device(
    http: &Http,
    endpoint: &Endpoint,
    client: &Client,
    device: &Device,
) -> Result<TokenAnswer, SignInError> {
    let needles = needles(client, &[device.answer.device_code().secret()]);
    let basic = basic(client).set_token_uri(token_url(endpoint)?);
    let line = Line { http, endpoint };
    let answer = basic
        .exchange_device_access_token(&device.answer)
        .request_async(&line, |interval| tokio::time::sleep(interval.max(POLL)), Some(device.expires_in()))
        .await;
    tokens(answer, &needles)
}

/// Gives a token back (RFC 7009). What the server answers changes nothing here.
pub(super) async fn revoke(http: &Http, endpoint: &Endpoint, client: &Client, token: &str) -> Result<(), SignInError> {
    let body = {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.append_pair("token", token).append_pair("client_id", &client.id);
        if let Some(secret) = &client.secret {
            form.append_pair("client_secret", secret);
        }
        form.finish().into_bytes()
    };
    let mut request = HttpRequest::new(body);
    let kind = oauth2::http::HeaderValue::from_static("application/x-www-form-urlencoded");
    request.headers_mut().insert(oauth2::http::header::CONTENT_TYPE, kind);
    *request.uri_mut() = endpoint.url().parse().map_err(|_| unusable())?;
    match post(http, endpoint, request).await {
        Ok(answer) if answer.status().is_success() => Ok(()),
        Ok(answer) => Err(SignInError::Unavailable(format!("it answered {}", answer.status().as_u16()))),
        Err(error) => Err(SignInError::Unavailable(error.to_string())),
    }
}

/// Credentials go into the body: a client secret as Basic is what RFC 6749 prefers and what several vendors refuse.
fn basic(client: &Client) -> BasicClient {
    let basic = BasicClient::new(ClientId::new(client.id.clone())).set_auth_type(AuthType::RequestBody);
    match &client.secret {
        Some(secret) => basic.set_client_secret(ClientSecret::new(secret.as_str().to_owned())),
        None => basic,
    }
}

fn token_url(endpoint: &Endpoint) -> Result<TokenUrl, SignInError> {
    TokenUrl::new(endpoint.url()).map_err(|_| unusable())
}

fn unusable() -> SignInError {
    SignInError::Unavailable("its address cannot be used".to_owned())
}

/// Why a request got no answer that could be read, in our own words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
struct Unanswered(String);

/// The way to one endpoint, as the crate wants it.
struct Line<'a> {
    http: &'a Http,
    endpoint: &'a Endpoint,
}

impl<'c> AsyncHttpClient<'c> for Line<'_> {
    type Error = Unanswered;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, Unanswered>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(post(self.http, self.endpoint, request))
    }
}

/// The crate's request over our client, to this endpoint and no other.
async fn post(http: &Http, endpoint: &Endpoint, asked: HttpRequest) -> Result<HttpResponse, Unanswered> {
    let unanswered = |why: &str| Unanswered(why.to_owned());
    let url = endpoint.url();
    if asked.uri().to_string() != url {
        return Err(unanswered("the request is for another address"));
    }
    let url = url.parse().map_err(|_| unanswered("its address cannot be used"))?;
    let mut request = Request::new(Method::POST, url);
    *request.headers_mut() = asked.headers().clone();
    *request.body_mut() = Some(asked.into_body().into());
    let answer = http.exchange(request, endpoint.origin()).await.map_err(|fault| match fault {
        Fault::NotSent(reason) => Unanswered(format!("it {}", reason.at(endpoint.origin()))),
        Fault::Lost(Lost::Timeout) => unanswered("it did not answer in time"),
        Fault::Lost(Lost::Cut) => unanswered("the connection broke"),
    })?;
    let Answer { status, content_type, body, .. } = answer;
    let body = body.map_err(|fault| match fault {
        BodyFault::TooLarge => unanswered("its answer is too large"),
        BodyFault::Lost(_) => unanswered("the connection broke before its answer was complete"),
    })?;
    // only these decide anything, whatever stands in them; a redirect is not followed
    if !(200..300).contains(&status) && !matches!(status, 400 | 401 | 403) {
        return Err(Unanswered(format!("it answered {status}")));
    }
    // GitHub sends its refusals with status 200
    let said = |body: &Value| body.get("error").is_some_and(Value::is_string);
    let refusal = status == 200 && serde_json::from_slice(&body).is_ok_and(|body| said(&body));
    let mut response = HttpResponse::new(body);
    let status = if refusal { 400 } else { status };
    *response.status_mut() =
        oauth2::http::StatusCode::from_u16(status).map_err(|_| unanswered("its status is none"))?;
    if let Some(kind) = content_type.and_then(|kind| kind.parse().ok()) {
        response.headers_mut().insert(oauth2::http::header::CONTENT_TYPE, kind);
    }
    Ok(response)
}

type Asked<T, E> = Result<T, RequestTokenError<Unanswered, E>>;

fn tokens<E>(answer: Asked<BasicTokenResponse, E>, needles: &Needles) -> Result<TokenAnswer, SignInError>
where
    E: oauth2::ErrorResponse + Described + 'static,
{
    let answer = answer.map_err(|error| refused(error, needles))?;
    if *answer.token_type() != BasicTokenType::Bearer {
        return Err(SignInError::Unavailable("it gave a token that is no bearer token".to_owned()));
    }
    let taken = |text: &str| Zeroizing::new(text.to_owned());
    let access: &AccessToken = answer.access_token();
    // some vendors answer with a comma between scopes
    let words = |scope: &oauth2::Scope| scope.split(',').map(str::trim).map(str::to_owned).collect::<Vec<_>>();
    let scopes = answer.scopes().map(|scopes| scopes.iter().flat_map(words).filter(|word| !word.is_empty()).collect());
    Ok(TokenAnswer {
        access: taken(access.secret()),
        refresh: answer.refresh_token().map(|token| taken(token.secret())).filter(|token| !token.is_empty()),
        expires_in: answer.expires_in().and_then(|life| Millis::try_from(life.as_millis()).ok()),
        scopes,
    })
}

/// What both kinds of error answers have.
trait Described {
    fn code(&self) -> &str;
    fn words(&self) -> Option<&String>;
}

impl Described for oauth2::basic::BasicErrorResponse {
    fn code(&self) -> &str {
        self.error().as_ref()
    }

    fn words(&self) -> Option<&String> {
        self.error_description()
    }
}

impl Described for oauth2::DeviceCodeErrorResponse {
    fn code(&self) -> &str {
        self.error().as_ref()
    }

    fn words(&self) -> Option<&String> {
        self.error_description()
    }
}

/// The words with which an authorization server refuses for good.
const ENDING: [&str; 14] = [
    "invalid_request",
    "invalid_client",
    "invalid_grant",
    "unauthorized_client",
    "unsupported_grant_type",
    "invalid_scope",
    "access_denied",
    "expired_token",
    "bad_refresh_token",
    "bad_verification_code",
    "incorrect_client_credentials",
    "incorrect_device_code",
    "redirect_uri_mismatch",
    "device_flow_disabled",
];

fn refused<E: oauth2::ErrorResponse + Described + 'static>(
    error: RequestTokenError<Unanswered, E>,
    needles: &Needles,
) -> SignInError {
    match error {
        RequestTokenError::ServerResponse(answer) => {
            let code: String = answer
                .code()
                .chars()
                .filter(|one| one.is_ascii_alphanumeric() || "_.-".contains(*one))
                .take(60)
                .collect();
            // what ends a sign-in is known (RFC 6749 section 5.2, and GitHub's words); anything else may pass
            if !ENDING.contains(&code.as_str()) {
                return SignInError::Unavailable(format!("it said {code}"));
            }
            let words = answer.words().map(|words| {
                let (words, _) = redact_text(words.clone(), needles);
                visible(&words.chars().take(WORDS).collect::<String>())
            });
            SignInError::Refused { code, words }
        }
        RequestTokenError::Request(unanswered) => SignInError::Unavailable(unanswered.0),
        // what it was is not shown: it may hold a token
        RequestTokenError::Parse(..) | RequestTokenError::Other(_) => {
            SignInError::Unavailable("its answer is not one of OAuth 2.0".to_owned())
        }
    }
}

fn needles(client: &Client, secrets: &[&str]) -> Needles {
    let client = client.secret.iter().map(|secret| secret.as_str());
    let all: Vec<(&str, &str)> = secrets.iter().copied().chain(client).map(|secret| (secret, secret)).collect();
    Needles::of(&all)
}

/// A page that a person is sent to: https, or on this machine where the account's own server is.
fn shown_page(text: &str, origin: &Origin) -> Option<String> {
    let url = url::Url::parse(text).ok()?;
    let plain = url.origin().ascii_serialization() == origin.as_str() && origin.allows_private();
    let good = url.scheme() == "https" || url.scheme() == "http" && plain;
    (good && url.username().is_empty() && url.password().is_none()).then(|| url.to_string())
}
