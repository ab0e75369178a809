//! Signing in at a vendor from the terminal: through the browser and back to a port of this computer (RFC 8252), or with
//! a code that is typed in on any device (RFC 8628).

mod redirect;

use std::{sync::Arc, time::Duration};

use serde_json::json;

use self::redirect::Redirect;
use super::{Failure, Out, browser, prompt};
use crate::{
    account::{Account, Origin},
    app::App,
    catalog::{Integration, OAuthSpec, is_scope},
    config::OAuthClient,
    gateway::Parts,
    upstream::oauth::{Authorization, Client, KnownSecret, OAuth, Returned, Server, SignInError, SignedIn},
    visible::visible,
};

/// How long the browser may take.
const PATIENCE: Duration = Duration::from_mins(10);

#[derive(Debug, Default, clap::Args)]
#[group(skip)]
pub(super) struct Args {
    /// Sign in at the vendor, instead of pasting a key
    #[arg(long)]
    pub(super) oauth: bool,
    /// Sign in with a code that you type in on any device, where the vendor has that
    #[arg(long, requires = "oauth")]
    device: bool,
    /// Ask for this scope too
    #[arg(long = "scope", value_name = "SCOPE", requires = "oauth")]
    scopes: Vec<String>,
    /// The authorization server of an account with another --origin, if its sign-in is not there
    #[arg(long, value_name = "URL", requires = "oauth")]
    oauth_origin: Option<String>,
    /// Take the OAuth client's secret as one line of standard input, for vendors that give one out
    #[arg(long, requires = "oauth")]
    client_secret_stdin: bool,
}

/// A person's consent, as tokens.
pub(super) async fn sign_in(
    app: &App,
    out: &Out,
    parts: &Parts,
    (integration, settings): (&Integration, Option<&OAuthClient>),
    account: &Account,
    args: &Args,
) -> Result<SignedIn, Failure> {
    let id = &integration.id;
    let Some(spec) = &integration.credential.oauth else {
        return Err(Failure::usage(format!("`{id}` has no sign-in")).hint(format!("agentport connect {id}")));
    };
    let oauth = parts.credentials.oauth().ok_or_else(|| Failure::new("this home cannot sign in"))?;
    let settings = settings.ok_or_else(|| no_client(integration))?;
    let named = args.oauth_origin.as_deref().map(|origin| Origin::parse(origin, account.origin.allows_private()));
    let named = named.transpose().map_err(|error| Failure::usage(error.to_string()))?;
    let server = Server::of(spec, integration.upstream.origin(), &account.origin, named.as_ref())
        .map_err(|error| Failure::usage(error.to_string()).hint("--oauth-origin URL"))?;
    let client = client(parts, (integration, spec), (settings, &server), account, args).await?;
    let mut scopes = spec.scopes.clone();
    for scope in &args.scopes {
        if !is_scope(scope) {
            return Err(Failure::usage(format!("`{}` is not a scope", visible(scope))));
        }
        if !scopes.contains(scope) {
            scopes.push(scope.clone());
        }
    }
    if !out.is_json() {
        let asked = if scopes.is_empty() { "what the client was registered for".to_owned() } else { scopes.join(", ") };
        out.text(&format!("signing in to {} at {}, asking for: {asked}", integration.title, server.token.origin()));
    }
    let way = Way { app, out, oauth, server: &server, client: &client, account };
    let by_device = server.device.is_some() && (args.device || server.authorize.is_none());
    let result = if by_device {
        way.device(scopes, spec.separator).await
    } else if args.device {
        return Err(
            Failure::usage(format!("{} has no sign-in with a code", integration.title)).hint("leave --device out")
        );
    } else {
        way.browser(scopes, spec, settings.redirect_port).await
    };
    result.map_err(|error| match error {
        Stop::Failed(failure) => failure,
        Stop::SignIn(error) => Failure::new(format!("{error}; nothing was stored")).hint(match error {
            SignInError::Refused { .. } => "check the client's id, its secret and its redirect address at the vendor",
            SignInError::Unavailable(_) => "check the network and the address, then try again",
            SignInError::NoWay | SignInError::Stopped => "start it again",
        }),
    })
}

enum Stop {
    SignIn(SignInError),
    Failed(Failure),
}

impl From<SignInError> for Stop {
    fn from(error: SignInError) -> Self {
        Self::SignIn(error)
    }
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

struct Way<'a> {
    app: &'a App,
    out: &'a Out,
    oauth: &'a Arc<OAuth>,
    server: &'a Server,
    client: &'a Client,
    account: &'a Account,
}

impl Way<'_> {
    async fn browser(&self, scopes: Vec<String>, spec: &OAuthSpec, port: Option<u16>) -> Result<SignedIn, Stop> {
        let authorize = self.server.authorize.as_ref().ok_or(SignInError::NoWay)?;
        let redirect = Redirect::listen(port).await.map_err(|error| {
            let place = port.map_or_else(|| "a port of 127.0.0.1".to_owned(), |port| format!("127.0.0.1:{port}"));
            Failure::new(format!("{place} cannot be listened on: {error}; nothing was stored"))
        })?;
        let begun = Authorization::begin(authorize, self.client, redirect.uri(), (scopes, spec.separator), &spec.extra);
        let authorization = Arc::new(begun.map_err(Failure::new)?);
        let url = authorization.url();
        // not as an argument, which everybody on this machine can read: whoever has the state could answer for the person
        let leading = self.lead(url);
        let opened = leading.is_some();
        if self.out.is_json() {
            self.out.value(&json!({
                "status": "waiting", "authorize_url": url, "redirect_uri": redirect.uri(),
                "expires_in": PATIENCE.as_secs(),
            }));
        } else if opened {
            self.out.text(&format!("your browser was opened; if nothing shows, open {url}"));
        } else {
            let port = redirect.port();
            self.out.text(&format!(
                "open {url}\nin a browser on another machine, first: ssh -L {port}:127.0.0.1:{port} <this machine>"
            ));
        }
        let returned = tokio::select! {
            returned = tokio::time::timeout(PATIENCE, redirect.answer(&authorization)) => returned,
            () = interrupted() => return Err(SignInError::Stopped.into()),
        };
        match returned {
            Err(_) => Err(Failure::new("nobody signed in within ten minutes; nothing was stored").into()),
            Ok(Returned::Code(code)) => Ok(self.oauth.redeem(self.account, self.server, self.client, code).await?),
            Ok(Returned::Refused(word)) => Err(SignInError::Refused { code: word, words: None }.into()),
            Ok(Returned::Foreign(why)) => Err(Failure::new(format!("{why}; nothing was stored")).into()),
        }
    }

    /// Opens the browser there, where there is one. The file that leads it lasts as long as what this returns.
    fn lead(&self, url: &str) -> Option<browser::Leading> {
        if self.out.is_json() {
            return None;
        }
        browser::open_unseen(self.app.environment(), &self.app.home().ok()?.run(), url)
    }

    async fn device(&self, scopes: Vec<String>, separator: &str) -> Result<SignedIn, Stop> {
        let scope = scopes.join(separator);
        let device = self.oauth.start_device(self.account, self.server, self.client, &scope).await?;
        let page = device.complete().unwrap_or_else(|| device.verification_uri());
        let leading = self.lead(page);
        let opened = leading.is_some();
        if self.out.is_json() {
            self.out.value(&json!({
                "status": "waiting", "user_code": device.user_code(), "verification_uri": device.verification_uri(),
                "verification_uri_complete": device.complete(), "expires_in": device.expires_in().as_secs(),
            }));
        } else {
            let how = if opened { "your browser was opened at" } else { "open" };
            let (page, code) = (visible(device.verification_uri()), visible(device.user_code()));
            self.out.text(&format!("{how} {page}\nand type in the code {code}"));
        }
        let awaited = (&device, scopes);
        Ok(self.oauth.await_device(self.account, self.server, self.client, awaited, interrupted()).await?)
    }
}

/// The client that was registered with the vendor: its id from the settings, its secret from the person or, where it is
/// the same client as before, from the secret store.
async fn client(
    parts: &Parts,
    (integration, spec): (&Integration, &OAuthSpec),
    (settings, server): (&OAuthClient, &Server),
    account: &Account,
    args: &Args,
) -> Result<Client, Failure> {
    let id = settings.client_id.clone();
    let question = format!("{} client secret", integration.title);
    if args.client_secret_stdin {
        return Ok(Client::new(id, Some(&prompt::secret(&question, true)?)));
    }
    // also of a sign-in that has ended
    let known = parts.credentials.client_secret(&account.integration, &account.name, &id, &server.token).await;
    let why = match known {
        KnownSecret::Here(secret) => return Ok(Client::new(id, Some(&secret))),
        KnownSecret::Elsewhere(known) => {
            format!("the client's secret is known for {known}, and {} is another address", server.token.url())
        }
        KnownSecret::None if spec.client_secret => format!("{} demands a client secret", integration.title),
        KnownSecret::None => return Ok(Client::new(id, None)),
    };
    if !prompt::is_terminal() {
        return Err(Failure::usage(why).hint("pass it as one line on standard input with --client-secret-stdin"));
    }
    Ok(Client::new(id, Some(&prompt::secret(&question, false)?)))
}

fn no_client(integration: &Integration) -> Failure {
    let docs = integration.docs.as_ref().map_or(String::new(), |docs| format!(" ({docs})"));
    Failure::new(format!("no OAuth client is set for {}; nothing was stored", integration.title)).hint(format!(
        "register one with the vendor{docs}, then write into agentport.toml: [oauth.{}] and below it client_id = \"…\"",
        integration.id
    ))
}

/// Ctrl-C. Where it cannot be heard, it ends the process by itself.
async fn interrupted() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
