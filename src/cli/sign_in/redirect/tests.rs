use super::*;

#[test]
fn only_a_get_of_our_path_at_our_address_is_looked_at() {
    let head = |line: &str, host: &str| format!("{line}\r\nHost: {host}\r\nAccept: */*\r\n\r\n");
    let ours = head("GET /callback?code=c&state=s HTTP/1.1", "127.0.0.1:5000");
    assert_eq!(query(&ours, 5000), Ok("code=c&state=s"));
    assert_eq!(query(&head("GET /callback HTTP/1.1", "127.0.0.1:5000"), 5000), Ok(""));
    for (line, host, status) in [
        ("POST /callback?code=c HTTP/1.1", "127.0.0.1:5000", "400"),
        ("GET /callback?code=c HTTP/1.1", "evil.example:5000", "400"),
        ("GET /callback?code=c HTTP/1.1", "localhost:5000", "400"),
        ("GET /callback?code=c HTTP/1.1", "127.0.0.1:5000\r\nHost: 127.0.0.1:5000", "400"),
        ("GET /callback?code=c", "127.0.0.1:5000", "400"),
        ("GET /callback ?code=c HTTP/1.1", "127.0.0.1:5000", "400"),
        ("GET /callback/?code=c HTTP/1.1", "127.0.0.1:5000", "404"),
        ("GET http://127.0.0.1:5000/callback?code=c HTTP/1.1", "127.0.0.1:5000", "404"),
        ("GET /favicon.ico HTTP/1.1", "127.0.0.1:5000", "404"),
    ] {
        let head = head(line, host);
        let (got, _) = query(&head, 5000).unwrap_err();
        assert!(got.starts_with(status), "{line} {host}: {got}");
    }
    assert!(query("GET /callback HTTP/1.1\r\n\r\n", 5000).is_err());
}
