//! Signing in beyond the gateway's own computer: a passkey or a link that works once, and never a code alone.

use std::fs;

use agentport::{
    approval::PersonId,
    clock::Clock as _,
    ledger::{LineFilter, sqlite::SignInToken},
};

use crate::{
    harness::{Heard, Port, Served, free_port, skip},
    site::house::{Browser, House},
};

/// The settings of a site of this address; its port.
fn placed(port: &Port, listen: &str, public_url: impl Fn(u16) -> String, further: &str) -> u16 {
    let text = fs::read_to_string(port.home().join("agentport.toml")).unwrap();
    let line = |key: &str| text.lines().find(|line| line.starts_with(key)).unwrap().split('#').next().unwrap().trim();
    let free = free_port();
    port.settings(&[
        (line("listen"), &format!("listen = \"{listen}:{free}\"")),
        (line("public_url"), &format!("public_url = \"{}\"", public_url(free))),
        ("[site]\n", &format!("[site]\n{further}\n")),
    ]);
    free
}

/// A form of the page of this origin, as a browser at it posts it.
fn post(served: &Served, origin: &str, path: &str, more: &[(&str, &str)], body: &str) -> Heard {
    let host = origin.split_once("://").unwrap().1;
    let form = [
        ("Host", host),
        ("Origin", origin),
        ("Sec-Fetch-Site", "same-origin"),
        ("Content-Type", "application/x-www-form-urlencoded"),
    ];
    let headers: Vec<_> = form.iter().chain(more).copied().collect();
    served.raw("POST", path, &headers, body)
}

/// What a wrong or right code would leave behind.
fn marks(port: &Port) -> (u32, u32, Option<i64>) {
    let count = |sql: &str| port.database().query_row(sql, [], |row| row.get(0)).unwrap();
    let step = port.database().query_row("SELECT step_sign_in FROM factor", [], |row| row.get(0)).unwrap();
    (count("SELECT count(*) FROM session"), count("SELECT count(*) FROM attempt"), step)
}

#[test]
fn t157_behind_a_name_of_the_network_a_code_alone_signs_nobody_in() {
    let port = Port::enrolled();
    let name = |free| format!("https://port.example.com:{free}");
    let free = placed(&port, "127.0.0.1", name, "");
    let served = port.serve();
    let before = marks(&port);
    let (public, local) = (name(free), format!("http://localhost:{free}"));
    let code = format!("code={}&next=/", port.code());
    // the proxy is on this computer, so that everybody seems to come from it, whatever a header says
    for origin in [&public, &local] {
        for more in [&[][..], &[("X-Forwarded-For", "127.0.0.1")], &[("Forwarded", "for=127.0.0.1")]] {
            let heard = post(&served, origin, "/login", more, &code);
            assert_eq!((heard.code, heard.header("set-cookie")), (403, None), "{heard:?}");
            assert!(heard.body.contains("agentport login") && !heard.body.contains("name=\"code\""), "{heard:?}");
        }
    }
    assert_eq!(marks(&port), before, "the code was looked at");
    let host = public.split_once("://").unwrap().1;
    for path in ["/", "/login", "/log", "/agents"] {
        let page = served.raw("GET", path, &[("Host", host)], "");
        assert!(page.body.contains("agentport login") && !page.body.contains("name=\"code\""), "{path} {page:?}");
    }
}

#[test]
fn t157_from_another_computer_a_code_alone_signs_nobody_in() {
    let port = Port::enrolled();
    let name = |free| format!("http://localhost:{free}");
    let free = placed(&port, "0.0.0.0", name, "published_on = \"127.0.0.1\"");
    let served = port.serve();
    // an address of this computer that is not loopback, as another one's looks
    let probe = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
    let own = probe.connect("192.0.2.1:9").and_then(|()| probe.local_addr()).map(|address| address.ip());
    let Some(own) = own.ok().filter(|own| !own.is_loopback() && !own.is_unspecified()) else {
        return skip("signing in from another computer: needs an address that is not loopback");
    };
    // no form asks for what would not be taken
    for path in ["/", "/log", "/login"] {
        let asked =
            served.at(own, &format!("GET {path} HTTP/1.1\r\nHost: localhost:{free}\r\nConnection: close\r\n\r\n"));
        assert!(asked.body.contains("agentport login") && !asked.body.contains("name=\"code\""), "{path} {asked:?}");
    }
    let before = marks(&port);
    let code = format!("code={}&next=/", port.code());
    let length = code.len();
    let far = served.at(
        own,
        &format!(
            "POST /login HTTP/1.1\r\nHost: localhost:{free}\r\nOrigin: http://localhost:{free}\r\nConnection: close\r\n\
             Sec-Fetch-Site: same-origin\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n\r\n{code}"
        ),
    );
    assert_eq!((far.code, far.header("set-cookie")), (403, None), "{far:?}");
    assert_eq!(marks(&port), before);
    // the same code, from here
    let near = post(&served, &name(free), "/login", &[], &code);
    assert_eq!(near.code, 303, "{near:?}");
}

#[test]
fn a_link_signs_a_browser_in_once() {
    let port = Port::enrolled();
    let name = |free| format!("https://port.example.com:{free}");
    let free = placed(&port, "127.0.0.1", name, "");
    let served = port.serve();
    let (public, local) = (name(free), format!("http://localhost:{free}"));
    let host = public.split_once("://").unwrap().1;
    let made = port.cli(["login", "--json"]).done().json();
    assert_eq!((made["person"].as_str(), made["expires_at"].is_string()), (Some("owner"), true), "{made}");
    let url = made["url"].as_str().unwrap();
    let path = url.strip_prefix(&public).unwrap();
    let token = path.strip_prefix("/login/").unwrap();
    assert_eq!(token.len(), 43);
    let kept: String =
        port.database().query_row("SELECT group_concat(key || value) FROM meta", [], |row| row.get(0)).unwrap();
    assert!(kept.contains("sign_in_links") && !kept.contains(token), "{kept}");

    // whatever fetches it ahead of the person leaves it as it is
    for _ in 0..3 {
        let page = served.raw("GET", path, &[("Host", host)], "");
        assert_eq!((page.code, page.header("set-cookie")), (200, None), "{page:?}");
        assert!(page.body.contains("Sign in as owner"), "{page:?}");
        assert_eq!(served.raw("HEAD", path, &[("Host", host)], "").code, 200);
    }
    // from no page, from another site's, and under another of the names it does not count
    let bare = served.raw("POST", path, &[("Host", host)], "");
    let foreign = [
        ("Host", host),
        ("Origin", "https://evil.example"),
        ("Sec-Fetch-Site", "cross-site"),
        ("Content-Type", "application/x-www-form-urlencoded"),
    ];
    assert_eq!((bare.code, served.raw("POST", path, &foreign, "").code), (403, 403));
    assert_eq!(post(&served, &local, path, &[], "").code, 404);
    assert_eq!(served.raw("GET", path, &[("Host", local.split_once("://").unwrap().1)], "").code, 404);

    let done = post(&served, &public, path, &[], "");
    assert_eq!((done.code, done.header("location").as_deref()), (303, Some("/")), "{done:?}");
    let cookie = done.header("set-cookie").unwrap();
    assert!(cookie.starts_with("__Host-agentport_") && cookie.contains("; HttpOnly; SameSite=Lax; Secure"), "{cookie}");
    let pair = cookie.split(';').next().unwrap();
    assert!(served.raw("GET", "/", &[("Host", host), ("Cookie", pair)], "").body.contains("Sign out"));
    // used up
    for heard in [post(&served, &public, path, &[], ""), served.raw("GET", path, &[("Host", host)], "")] {
        assert_eq!((heard.code, heard.header("set-cookie")), (410, None), "{heard:?}");
    }
    let log: Vec<_> = port.log().iter().map(|line| line["status"].as_str().unwrap().to_owned()).collect();
    assert!(log.contains(&"sign-in link made".to_owned()) && log.contains(&"signed in".to_owned()), "{log:?}");
    port.cli(["log", "verify", "--json"]).done();
}

#[test]
fn a_link_is_for_somebody_who_could_sign_in() {
    let port = Port::new();
    let served = port.serve();
    let refused = port.cli(["login", "--json"]).exits(1);
    assert!(refused.error().contains("nothing is enrolled"), "{refused:?}");
    let nobody = port.cli(["login", "--person", "eve", "--json"]).exits(1);
    assert!(nobody.error().contains("there is no person `eve`"), "{nobody:?}");
    drop(served);
}

async fn link(house: &House) -> SignInToken {
    house.parts.home.open_sign_in_link(PersonId::owner(), house.clock.now()).await.unwrap().unwrap()
}

fn path(token: &SignInToken) -> String {
    format!("/login/{}", token.as_link())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_ends_with_its_time_with_a_newer_one_and_with_the_factors() {
    let house = House::build().await;
    let mut browser = Browser::new(house.port);
    let late = path(&link(&house).await);
    house.clock.pass(15 * 60 * 1000 - 1);
    assert_eq!(browser.get(&late).await.status, 200);
    house.clock.pass(1);
    assert_eq!((browser.get(&late).await.status, browser.post(&late, &[]).await.status), (410, 410));

    let first = path(&link(&house).await);
    let second = path(&link(&house).await);
    assert_eq!((browser.post(&first, &[]).await.status, browser.get(&second).await.status), (410, 200));
    // whoever it finds signed in is not any more
    let before = house.signed_in().await;
    browser.cookie.clone_from(&before.cookie);
    assert_eq!(browser.post(&second, &[]).await.status, 303);
    assert_ne!(browser.cookie, before.cookie);
    assert!(browser.get("/").await.text().contains("Sign out"));
    assert!(before.get("/").await.text().contains("Sign in"));
    // what it opened denies, and approves with a code alone
    let approval = house.refund().await;
    assert_eq!(browser.decide(&approval.id, "approve", "", "").await.status, 422);
    assert_eq!(browser.decide(&approval.id, "approve", &house.next_code(), "").await.status, 303);

    let third = path(&link(&house).await);
    house.parts.home.reset(house.clock.now()).await.unwrap();
    assert_eq!(browser.post(&third, &[]).await.status, 410);
    assert!(house.parts.home.open_sign_in_link(PersonId::owner(), house.clock.now()).await.unwrap().is_none());
    for wrong in ["/login/", "/login/short", &format!("/login/{}", "é".repeat(43)), &format!("{third}/")] {
        assert_eq!(browser.get(wrong).await.status, 404, "{wrong}");
    }
    let lines = house.parts.home.lines(LineFilter::default()).await.unwrap();
    let opened = lines.iter().find(|line| line.status == "signed in").unwrap();
    assert_eq!((opened.tool.as_str(), &opened.body["person"]["name"]), ("link", &"owner".into()));
    house.parts.home.verify().await.unwrap().unwrap();
}

/// Two that use it in the same moment: one of them is signed in.
#[tokio::test(flavor = "multi_thread")]
async fn a_link_is_spent_once_by_many_at_once() {
    let house = House::build().await;
    let path = path(&link(&house).await);
    let tries = (0..8).map(|_| {
        let (mut browser, path) = (Browser::new(house.port), path.clone());
        tokio::spawn(async move { browser.post(&path, &[]).await.status })
    });
    let mut ends = Vec::new();
    for one in tries.collect::<Vec<_>>() {
        ends.push(one.await.unwrap());
    }
    ends.sort_unstable();
    assert_eq!(ends, [303, 410, 410, 410, 410, 410, 410, 410]);
}
