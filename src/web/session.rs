//! The browser that signed in: a cookie, and the tokens that its forms carry.
//!
//! Cookies know no ports: another program on this machine can plant one of the same name, or read ours when the human
//! visits it. Planted ones find no session; a stolen one reads and denies, and cannot approve.

use axum::{
    http::{HeaderMap, HeaderValue, header},
    response::Response,
};
use subtle::ConstantTimeEq as _;

use super::{Site, failure::Failure, pages::see_other};
use crate::{approval::PersonId, clock::Millis, gateway::Parts, ledger::sqlite::SessionToken};

/// How many cookies of our name are looked at.
const MOST_COOKIES: usize = 4;

/// The session cookie of one home, as one browser has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cookie {
    name: String,
    secure: bool,
}

impl Cookie {
    /// Named after the home, so that two homes on one machine do not sign each other out. Under an https name it is bound
    /// to that very host.
    pub(super) fn new(home_id: &str, https: bool) -> Self {
        let random = home_id.rsplit('_').next().unwrap_or(home_id);
        let short: String = random.chars().take(12).collect();
        let name = if https { format!("__Host-agentport_{short}") } else { format!("agentport_{short}") };
        Self { name, secure: https }
    }

    /// `Set-Cookie` for a session that lives so long after its last use.
    pub(super) fn set(&self, token: &SessionToken, lifetime: Millis) -> Option<HeaderValue> {
        self.header(token.as_shown(), lifetime / 1000)
    }

    /// `Set-Cookie` that takes it away.
    pub(super) fn clear(&self) -> Option<HeaderValue> {
        self.header("", 0)
    }

    fn header(&self, value: &str, seconds: i64) -> Option<HeaderValue> {
        let secure = if self.secure { "; Secure" } else { "" };
        // Lax, not Strict: the link comes from a chat
        let text = format!("{}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}", self.name);
        HeaderValue::from_str(&text).ok()
    }

    /// What the browser sent under our name.
    pub(super) fn tokens(&self, headers: &HeaderMap) -> Vec<SessionToken> {
        headers
            .get_all(header::COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|line| line.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .filter(|(name, _)| *name == self.name)
            .filter_map(|(_, value)| SessionToken::parse(value))
            .take(MOST_COOKIES)
            .collect()
    }
}

/// A browser that signed in, and whose it is.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) token: SessionToken,
    pub(super) person: PersonId,
}

/// The session of this request, if it has one that lives.
pub(super) async fn find(
    site: &Site,
    parts: &Parts,
    headers: &HeaderMap,
    lifetime: Millis,
) -> Result<Option<Session>, Failure> {
    let now = site.gateway().clock().now();
    for token in cookie(site, parts, headers).tokens(headers) {
        if let Some(person) = parts.home.use_session(&token, lifetime, now).await.map_err(Failure::internal)? {
            return Ok(Some(Session { token, person }));
        }
    }
    Ok(None)
}

/// Gives the browser a session that was just opened, in place of any that it had, and leads it on.
pub(super) async fn begin(
    site: &Site,
    parts: &Parts,
    headers: &HeaderMap,
    token: &SessionToken,
    lifetime: Millis,
    next: &str,
) -> Result<Response, Failure> {
    let cookie = cookie(site, parts, headers);
    for old in cookie.tokens(headers) {
        parts.home.close_session(&old).await.map_err(Failure::internal)?;
        site.sign_ins().end(&old);
    }
    let mut response = see_other(next);
    response.headers_mut().extend(cookie.set(token, lifetime).map(|cookie| (header::SET_COOKIE, cookie)));
    Ok(response)
}

/// The cookie by which this request knows the home.
pub(super) fn cookie(site: &Site, parts: &Parts, headers: &HeaderMap) -> Cookie {
    Cookie::new(parts.home.home_id(), site.authorities().is_https(headers))
}

/// The token of a form: known to this session, good for one purpose.
pub(super) fn form_token(token: &SessionToken, purpose: &str) -> String {
    token.for_form(purpose)
}

/// Is `given` the token of this session and purpose?
pub(super) fn check_form_token(token: &SessionToken, purpose: &str, given: &str) -> Result<(), Failure> {
    let right: bool = form_token(token, purpose).as_bytes().ct_eq(given.as_bytes()).into();
    if right { Ok(()) } else { Err(Failure::WrongToken) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A token of one letter, as many times as a token has letters.
    fn token(letter: char) -> String {
        letter.to_string().repeat(43)
    }

    fn session(letter: char) -> SessionToken {
        SessionToken::parse(&token(letter)).unwrap()
    }

    #[test]
    fn the_cookie_is_named_after_the_home_and_hidden_from_scripts() {
        let a = token('a');
        let set = |https| Cookie::new("home_0123456789abcdef", https).set(&session('a'), 90_000).unwrap();
        assert_eq!(set(false), format!("agentport_0123456789ab={a}; Path=/; Max-Age=90; HttpOnly; SameSite=Lax"));
        let secure = "HttpOnly; SameSite=Lax; Secure";
        assert_eq!(set(true), format!("__Host-agentport_0123456789ab={a}; Path=/; Max-Age=90; {secure}"));
    }

    #[test]
    fn only_cookies_of_our_name_and_shape_are_looked_at_and_only_a_few() {
        let mut headers = HeaderMap::new();
        let mut add = |line: String| headers.append("cookie", HeaderValue::from_str(&line).unwrap());
        let name = "agentport_0123456789ab";
        add(format!("agentport_x={}; {name}={};{name}=; {name}=planted", token('x'), token('a')));
        add(format!("{name}={}", token('b')));
        for _ in 0..9 {
            add(format!("{name}={}", token('c')));
        }
        let found = Cookie::new("home_0123456789abcdef", false).tokens(&headers);
        let found: Vec<_> = found.iter().map(SessionToken::as_shown).collect();
        assert_eq!(found, [token('a'), token('b'), token('c'), token('c')]);
    }

    #[test]
    fn t146_a_form_token_is_for_one_session_and_one_purpose() {
        let (mine, other) = (session('a'), session('b'));
        let given = form_token(&mine, "approve/apr_1");
        assert!(check_form_token(&mine, "approve/apr_1", &given).is_ok());
        assert!(check_form_token(&mine, "approve/apr_2", &given).is_err());
        assert!(check_form_token(&other, "approve/apr_1", &given).is_err());
        assert!(check_form_token(&mine, "approve/apr_1", "").is_err());
    }
}
