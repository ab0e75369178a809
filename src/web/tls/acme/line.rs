//! The way to an authority: through the one HTTP client, to the origin of its directory and nowhere else.

use std::{future::Future, pin::Pin, sync::Arc};

use axum::{
    body::Body,
    http::{Request, Response},
};
use bytes::Bytes;
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};

use crate::{
    account::Origin,
    trust::Trust,
    upstream::http::{Fault, Http, Limits, Lost},
};

/// The longest request; those that there are have some thousand bytes.
const LONGEST: usize = 64 * 1024;

#[derive(Clone)]
pub(super) struct Line(Arc<(Http, Origin)>);

impl Line {
    /// To the authority of this directory.
    pub(super) fn new(directory: &str, trust: &Trust) -> Result<Self, String> {
        let url = url::Url::parse(directory).map_err(|error| error.to_string())?;
        // the owner's settings name it, so that it may be an authority of their own network
        let origin = Origin::parse(&url.origin().ascii_serialization(), true).map_err(|error| error.to_string())?;
        Ok(Self(Arc::new((Http::new(Limits::DEFAULT).trusting(trust.clone()), origin))))
    }

    async fn exchange(&self, asked: Request<BodyWrapper<Bytes>>) -> Result<BytesResponse, Error> {
        let (http, origin) = self.0.as_ref();
        let (head, body) = asked.into_parts();
        let body = axum::body::to_bytes(Body::new(body), LONGEST).await.map_err(|error| Error::Other(error.into()))?;
        let url = head.uri.to_string().parse().map_err(|_| Error::Str("an address that can be asked"))?;
        let mut request = reqwest::Request::new(head.method, url);
        *request.headers_mut() = head.headers;
        *request.body_mut() = Some(body.into());
        let answer = http.exchange_whole(request, origin).await.map_err(|fault| {
            let problem = match fault {
                Fault::NotSent(reason) => reason.at(origin),
                Fault::Lost(Lost::Timeout) => "did not answer in time".to_owned(),
                Fault::Lost(Lost::Cut) => "did not answer to the end".to_owned(),
            };
            Error::Other(format!("the authority {problem}").into())
        })?;
        let (status, headers, body) = answer;
        let (mut parts, ()) = Response::builder().status(status).body(())?.into_parts();
        parts.headers = headers;
        Ok(BytesResponse { parts, body: Box::new(Bytes::from(body)) })
    }
}

impl HttpClient for Line {
    fn request(
        &self,
        asked: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        let line = self.clone();
        Box::pin(async move { line.exchange(asked).await })
    }
}
