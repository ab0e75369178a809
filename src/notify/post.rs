//! Posting JSON through the one hardened client.

use std::time::Duration;

use reqwest::{
    Method, Request,
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue},
};
use serde_json::Value;

use super::Undelivered;
use crate::{
    account::Origin,
    upstream::{
        ChannelSecret,
        http::{Answer, Fault, Http, Lost},
    },
};

/// What is posted.
pub(super) struct Post<'a> {
    pub(super) origin: &'a Origin,
    pub(super) url: url::Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl<'a> Post<'a> {
    /// `body` to a path of `origin`, whose segments are placed and not pasted.
    pub(super) fn new(origin: &'a Origin, segments: &[&str], body: &Value) -> Result<Self, Undelivered> {
        let unusable = || Undelivered::because("its address cannot be used");
        let mut url = url::Url::parse(origin.as_str()).map_err(|_| unusable())?;
        url.path_segments_mut().map_err(|()| unusable())?.clear().extend(segments);
        Ok(Self { origin, url, headers: HeaderMap::new(), body: body.to_string().into_bytes() })
    }

    /// With a bearer token.
    pub(super) fn bearer(mut self, secret: &ChannelSecret) -> Result<Self, Undelivered> {
        let value = secret.bearer().ok_or_else(|| Undelivered::because("its token cannot be sent as one"))?;
        self.headers.insert(AUTHORIZATION, value);
        Ok(self)
    }

    /// Sends it, and wants an answer of status 2xx. Its body, for where more has to be asked.
    pub(super) async fn send(self, http: &Http) -> Result<Vec<u8>, Undelivered> {
        let mut request = Request::new(Method::POST, self.url);
        *request.headers_mut() = self.headers;
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        *request.body_mut() = Some(self.body.into());
        let answer = http.exchange(request, self.origin).await.map_err(|fault| match fault {
            Fault::NotSent(reason) => Undelivered::because(format!("its server {}", reason.at(self.origin))),
            Fault::Lost(Lost::Timeout) => Undelivered::because("it did not answer in time"),
            Fault::Lost(Lost::Cut) => Undelivered::because("the connection broke"),
        })?;
        let Answer { status, retry_after, body, .. } = answer;
        let problem = match status {
            200..=299 => return Ok(body.unwrap_or_default()),
            401 | 403 => format!("it answered {status}: its secret is wrong or may not do this"),
            300..=399 => format!("it answered {status}: redirects are not followed"),
            _ => format!("it answered {status}"),
        };
        Err(Undelivered { problem, wait: retry_after.map(|seconds| Duration::from_secs(seconds.min(3_600))) })
    }
}
