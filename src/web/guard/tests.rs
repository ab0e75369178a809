use axum::body::Body;

use super::*;

fn authorities() -> Authorities {
    Authorities::new(4747, &["http://localhost:4747"], false)
}

fn request(method: &str, headers: &[(&str, &str)]) -> Request {
    let mut request = Request::builder().method(method).uri("/approve/apr_1");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Body::empty()).unwrap()
}

const FORM: [(&str, &str); 5] = [
    ("host", "localhost:4747"),
    ("origin", "http://localhost:4747"),
    ("sec-fetch-site", "same-origin"),
    ("content-type", "application/x-www-form-urlencoded"),
    ("content-length", "10"),
];

/// The form with one header replaced, or left out where the value is `None`.
fn form_with(name: &str, value: Option<&str>) -> Request {
    let mut headers: Vec<(&str, &str)> = FORM.into_iter().filter(|(known, _)| *known != name).collect();
    headers.extend(value.map(|value| (name, value)));
    request("POST", &headers)
}

#[test]
fn t144_only_the_names_that_we_bound_are_answered() {
    for host in ["localhost:4747", "127.0.0.1:4747", "[::1]:4747"] {
        assert_eq!(check(&authorities(), &request("GET", &[("host", host)])), Ok(()), "{host}");
    }
    for host in [
        "evil.example",
        "evil.example:4747",
        "127.0.0.1.nip.io:4747",
        "localhost.:4747",
        "LOCALHOST:4747",
        "localhost",
        "localhost:4748",
        "[::ffff:127.0.0.1]:4747",
        "0.0.0.0:4747",
        "[::]:4747",
        "localhost:04747",
        " localhost:4747 x",
        "user@localhost:4747",
        "",
    ] {
        assert_eq!(check(&authorities(), &request("GET", &[("host", host)])), Err(Refusal::Misdirected), "{host}");
    }
    let twice = [("host", "localhost:4747"), ("host", "localhost:4747")];
    assert_eq!(check(&authorities(), &request("GET", &twice)), Err(Refusal::Misdirected));
    assert_eq!(check(&authorities(), &request("GET", &[])), Err(Refusal::Misdirected));
}

#[test]
fn t144_an_absolute_form_target_is_refused() {
    let request = Request::builder().uri("http://localhost:4747/").header("host", "localhost:4747");
    assert_eq!(check(&authorities(), &request.body(Body::empty()).unwrap()), Err(Refusal::Misdirected));
}

#[test]
fn t145_a_form_comes_from_a_page_of_ours_or_not_at_all() {
    assert_eq!(check(&authorities(), &request("POST", &FORM)), Ok(()));
    for origin in [
        None,
        Some("null"),
        Some("http://evil.example"),
        Some("http://localhost:4748"),
        Some("https://localhost:4747"),
        Some("http://127.0.0.1:4747"),
        Some("http://localhost:4747/"),
        Some(""),
    ] {
        assert_eq!(check(&authorities(), &form_with("origin", origin)), Err(Refusal::Foreign), "{origin:?}");
    }
    for site in [None, Some("cross-site"), Some("same-site"), Some("none"), Some("")] {
        assert_eq!(check(&authorities(), &form_with("sec-fetch-site", site)), Err(Refusal::Foreign), "{site:?}");
    }
    let mut twice = FORM.to_vec();
    twice.push(("origin", "http://localhost:4747"));
    assert_eq!(check(&authorities(), &request("POST", &twice)), Err(Refusal::Foreign));
}

#[test]
fn t146_only_forms_are_taken() {
    for kind in [None, Some("text/plain"), Some("application/json"), Some("multipart/form-data; boundary=x")] {
        assert_eq!(check(&authorities(), &form_with("content-type", kind)), Err(Refusal::MediaType), "{kind:?}");
    }
    let charset = Some("application/x-www-form-urlencoded; charset=UTF-8");
    assert_eq!(check(&authorities(), &form_with("content-type", charset)), Ok(()));
}

#[test]
fn t152_other_methods_versions_and_framings_are_refused() {
    for method in ["TRACE", "CONNECT", "PUT", "DELETE", "PATCH", "OPTIONS", "get", "PROPFIND"] {
        assert_eq!(check(&authorities(), &request(method, &FORM)), Err(Refusal::Method), "{method}");
    }
    for length in [None, Some("16385"), Some("-1"), Some("99999999999999999999999")] {
        assert_eq!(check(&authorities(), &form_with("content-length", length)), Err(Refusal::Length), "{length:?}");
    }
    let chunked = [("host", "localhost:4747"), ("transfer-encoding", "chunked")];
    assert_eq!(check(&authorities(), &request("GET", &chunked)), Err(Refusal::Framing));
    let mut old = request("GET", &FORM);
    *old.version_mut() = Version::HTTP_10;
    assert_eq!(check(&authorities(), &old), Err(Refusal::Version));
    let long = "x".repeat(LARGEST_HEADERS);
    assert_eq!(check(&authorities(), &request("GET", &[FORM[0], ("x", &long)])), Err(Refusal::Headers));
    let many = [("x", "y"); MOST_HEADERS];
    assert_eq!(check(&authorities(), &request("GET", &[&[FORM[0]], many.as_slice()].concat())), Err(Refusal::Headers));
}

#[test]
fn a_public_name_has_its_own_origin() {
    let authorities = Authorities::new(4747, &["https://port.example.com"], false);
    let with = |host: &str, origin: &str| {
        let mut headers = FORM;
        headers[0].1 = host;
        headers[1].1 = origin;
        let request = request("POST", &headers);
        (check(&authorities, &request), authorities.is_https(request.headers()))
    };
    assert_eq!(with("port.example.com", "https://port.example.com"), (Ok(()), true));
    assert_eq!(with("port.example.com", "http://port.example.com").0, Err(Refusal::Foreign));
    assert_eq!(with("port.example.com:443", "https://port.example.com").0, Err(Refusal::Misdirected));
    assert_eq!(with("localhost:4747", "http://localhost:4747"), (Ok(()), false));
    assert_eq!(with("localhost:4747", "https://port.example.com").0, Err(Refusal::Foreign));
}

#[tokio::test]
async fn t160_a_panic_is_an_opaque_id_and_the_next_request_is_answered() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    let clock = Arc::new(crate::clock::SteppingClock::starting_at(0));
    let gateway = crate::gateway::Gateway::new(Box::new(|| Ok(None)), clock);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let site = Site::new(gateway, port, &format!("http://localhost:{port}"));
    let bad = axum::routing::get(async || -> &'static str { panic!("the agent's arguments") });
    let router = axum::Router::new().route("/", bad);
    let router = router.layer(axum::middleware::from_fn_with_state(site, guard));
    tokio::spawn(axum::serve(listener, router).into_future());
    for _ in 0..2 {
        let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let request = format!("GET / HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 500 "), "{answer}");
        assert!(answer.contains("Reference for the log: ") && answer.contains("x-frame-options: DENY"), "{answer}");
        assert!(!answer.contains("arguments") && !answer.contains("src/"), "{answer}");
    }
}

#[tokio::test]
async fn a_path_that_nobody_has_is_not_found_for_an_agent() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let site = Site::new(crate::gateway::Gateway::stub(), port, &format!("http://localhost:{port}"));
    tokio::spawn(axum::serve(listener, crate::web::router(&site)).into_future());
    for (target, code) in [
        ("POST /stripe/create_refund/", "404"),
        ("POST /stripe.create_refund", "404"),
        ("POST /tool", "404"),
        ("GET /log", "401"),
        ("POST /agents/claude", "401"),
    ] {
        let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let request = format!(
            "{target} HTTP/1.1\r\nHost: localhost:{port}\r\nAuthorization: Bearer x\r\nConnection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {code} ")), "{target}: {answer}");
        assert_eq!(answer.contains("\"status\":\"not_found\""), code == "404", "{target}: {answer}");
    }
}
