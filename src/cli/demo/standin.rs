//! A Stripe that fits into a demo: two customers, one charge, refunds with their state, and a count of what arrived.

use std::{
    collections::BTreeMap,
    future::IntoFuture as _,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    Form, Router,
    extract::{Path, Request, State},
    http::{HeaderMap, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::{Value, json};

use crate::{canonical, cli::Failure};

/// The customer who gets her money back.
pub(super) const CUSTOMER: &str = "cus_DemoFirst";
/// Her charge.
pub(super) const CHARGE: &str = "ch_Demo42";
/// What it was, in cents.
pub(super) const CHARGED: u64 = 4200;

/// A key of the right shape that opens nothing but the stand-in.
pub(super) fn fresh_key() -> Result<String, Failure> {
    let mut random = [0_u8; 12];
    getrandom::fill(&mut random)?;
    Ok(format!("sk_test_demo{}", canonical::hex(&random)))
}

/// The service, on a loopback port of its own. It ends with this value.
pub(super) struct StandIn {
    port: u16,
    books: Arc<Books>,
    task: tokio::task::JoinHandle<std::io::Result<()>>,
}

/// What happened to it.
#[derive(Debug, Default)]
struct Books {
    key: String,
    refunds: Mutex<Vec<Value>>,
    arrived: Mutex<Vec<String>>,
}

impl StandIn {
    /// Listens, and takes `key` alone.
    pub(super) async fn start(key: &str) -> Result<Self, Failure> {
        let failed = |error: std::io::Error| Failure::new(format!("the stand-in could not be started: {error}"));
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.map_err(failed)?;
        let port = listener.local_addr().map_err(failed)?.port();
        let books = Arc::new(Books { key: key.to_owned(), ..Books::default() });
        let task = tokio::spawn(axum::serve(listener, router(&books)).into_future());
        Ok(Self { port, books, task })
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// How many refunds there have been.
    pub(super) fn refunds(&self) -> usize {
        lock(&self.books.refunds).len()
    }

    /// Method and path of all that arrived with the right key.
    pub(super) fn arrived(&self) -> Vec<String> {
        lock(&self.books.arrived).clone()
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn router(books: &Arc<Books>) -> Router {
    Router::new()
        .route("/v1/balance", get(balance))
        .route("/v1/customers", get(customers))
        .route("/v1/customers/{id}", get(customer))
        .route("/v1/charges/{id}", get(charge))
        .route("/v1/refunds", post(refund).get(refunds))
        .fallback(|| async { refused(StatusCode::NOT_FOUND, "the stand-in has no such route") })
        .layer(middleware::from_fn_with_state(Arc::clone(books), known))
        .with_state(Arc::clone(books))
}

/// Only who has the key comes in.
async fn known(State(books): State<Arc<Books>>, request: Request, next: Next) -> Response {
    let given = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    if given != Some(format!("Bearer {}", books.key).as_str()) {
        return refused(StatusCode::UNAUTHORIZED, "invalid API key");
    }
    lock(&books.arrived).push(format!("{} {}", request.method(), request.uri().path()));
    next.run(request).await
}

async fn balance() -> Response {
    answer(&json!({
        "object": "balance", "livemode": false, "available": [{"amount": 125_000, "currency": "usd"}],
        "pending": [{"amount": 0, "currency": "usd"}],
    }))
}

async fn customers() -> Response {
    answer(&json!({"object": "list", "url": "/v1/customers", "has_more": false, "data": people()}))
}

async fn charge(State(books): State<Arc<Books>>, Path(id): Path<String>) -> Response {
    if id != CHARGE {
        return refused(StatusCode::NOT_FOUND, "no such charge");
    }
    let back: u64 = lock(&books.refunds).iter().filter_map(|refund| refund.get("amount")?.as_u64()).sum();
    answer(&json!({
        "id": CHARGE, "object": "charge", "amount": CHARGED, "amount_refunded": back, "currency": "usd",
        "status": "succeeded", "customer": CUSTOMER, "created": 1_795_000_000, "disputed": false,
    }))
}

async fn customer(Path(id): Path<String>) -> Response {
    match people().into_iter().find(|person| person.get("id").and_then(Value::as_str) == Some(&id)) {
        Some(person) => answer(&person),
        None => refused(StatusCode::NOT_FOUND, "no such customer"),
    }
}

async fn refunds(State(books): State<Arc<Books>>) -> Response {
    answer(&json!({"object": "list", "url": "/v1/refunds", "has_more": false, "data": *lock(&books.refunds)}))
}

async fn refund(
    State(books): State<Arc<Books>>,
    headers: HeaderMap,
    Form(form): Form<BTreeMap<String, String>>,
) -> Response {
    let mut refunds = lock(&books.refunds);
    let once = headers.get("idempotency-key").and_then(|value| value.to_str().ok()).unwrap_or_default();
    if let Some(before) = refunds.iter().find(|refund| !once.is_empty() && text(refund, "/metadata/once") == once) {
        return answer(before);
    }
    if form.get("charge").map(String::as_str) != Some(CHARGE) {
        return refused(StatusCode::NOT_FOUND, "no such charge");
    }
    let before: u64 = refunds.iter().filter_map(|refund| refund.get("amount")?.as_u64()).sum();
    let left = CHARGED.saturating_sub(before);
    let amount = form.get("amount").map_or(Some(left), |amount| amount.parse().ok());
    let Some(amount) = amount.filter(|amount| (1..=left).contains(amount)) else {
        return refused(StatusCode::BAD_REQUEST, "the amount is more than what is left of the charge");
    };
    let refund = json!({
        "id": format!("re_Demo{}", refunds.len() + 1), "object": "refund", "amount": amount, "charge": CHARGE,
        "currency": "usd", "status": "succeeded", "metadata": {"once": once},
    });
    refunds.push(refund.clone());
    answer(&refund)
}

fn people() -> [Value; 2] {
    let person = |id: &str, name: &str, email: &str| json!({"id": id, "object": "customer", "name": name, "email": email, "livemode": false});
    [
        person(CUSTOMER, "First Customer", "first@example.com"),
        person("cus_DemoSecond", "Second Customer", "second@example.com"),
    ]
}

fn answer(value: &Value) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], value.to_string()).into_response()
}

fn refused(status: StatusCode, message: &str) -> Response {
    (status, answer(&json!({"error": {"type": "invalid_request_error", "message": message}}))).into_response()
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    /// One request as bytes, so that nothing of ours stands between.
    async fn ask(standin: &StandIn, method: &str, path: &str, key: &str, once: &str, body: &str) -> (u16, Value) {
        let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", standin.port())).await.unwrap();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {key}\r\nIdempotency-Key: {once}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), serde_json::from_str(body).unwrap())
    }

    #[tokio::test]
    async fn the_stand_in_answers_its_key_alone() {
        let standin = StandIn::start("sk_test_1").await.unwrap();
        assert_eq!(ask(&standin, "GET", "/v1/balance", "sk_test_2", "", "").await.0, 401);
        assert_eq!(standin.arrived(), Vec::<String>::new());
        let (status, balance) = ask(&standin, "GET", "/v1/balance", "sk_test_1", "", "").await;
        assert_eq!((status, &balance["livemode"]), (200, &json!(false)));
        assert_eq!(
            ask(&standin, "GET", "/v1/customers", "sk_test_1", "", "").await.1["data"][0]["id"],
            json!(CUSTOMER)
        );
        assert_eq!(
            ask(&standin, "GET", "/v1/customers/cus_DemoSecond", "sk_test_1", "", "").await.1["name"],
            json!("Second Customer")
        );
        assert_eq!(ask(&standin, "GET", "/v1/customers/cus_x", "sk_test_1", "", "").await.0, 404);
        assert_eq!(ask(&standin, "POST", "/v1/payouts", "sk_test_1", "", "").await.0, 404);
    }

    #[tokio::test]
    async fn the_stand_in_refunds_what_is_left_and_each_key_once() {
        let standin = StandIn::start("k").await.unwrap();
        let refund = async |once: &str, amount: u64| {
            let body = format!("charge={CHARGE}&amount={amount}");
            ask(&standin, "POST", "/v1/refunds", "k", once, &body).await
        };
        let (status, first) = refund("a", 4000).await;
        assert_eq!((status, &first["status"]), (200, &json!("succeeded")));
        assert_eq!(refund("a", 4000).await.1, first);
        assert_eq!(standin.refunds(), 1);
        assert_eq!(refund("b", 201).await.0, 400);
        assert_eq!(refund("c", 200).await.0, 200);
        assert_eq!(standin.refunds(), 2);
        let (_, list) = ask(&standin, "GET", "/v1/refunds", "k", "", "").await;
        assert_eq!(list["data"].as_array().unwrap().len(), 2);
    }
}
