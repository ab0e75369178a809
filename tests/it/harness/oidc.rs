//! An authorization server that we did not write (`tests/standins/oidc.mjs`), and a person's browser on plain HTTP.

use std::{
    collections::BTreeMap,
    io::{Read as _, Write as _},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
};

use serde_json::Value;

use super::{setting, skip, standins::line_with};

/// oidc-provider on loopback, with a service that takes its tokens.
pub struct Authority {
    child: Child,
    port: u16,
}

impl Authority {
    /// With the endpoints of this manifest. `None`: it is not there, and the test says that it was skipped.
    pub fn start(test: &str, kind: &str) -> Option<Self> {
        let modules =
            setting("AGENTPORT_TEST_NODE_MODULES").filter(|path| Path::new(path).join("oidc-provider").exists());
        let (Some(node), Some(modules)) = (setting("AGENTPORT_TEST_EMULATE_NODE"), modules) else {
            skip(&format!("{test}: AGENTPORT_TEST_EMULATE_NODE and _NODE_MODULES name no oidc-provider"));
            return None;
        };
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/standins/oidc.mjs");
        let mut command = Command::new(node);
        command.args([script, &modules, kind]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let line = line_with(&mut child, "port ").expect("oidc-provider did not start");
        let port = line.trim_start_matches("port ").trim().parse().unwrap();
        Some(Self { child, port })
    }

    pub fn origin(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What the token endpoint was asked for, and `ok` or its error.
    pub fn log(&self) -> Vec<(String, String)> {
        serde_json::from_value(self.test("log")).unwrap()
    }

    /// Each token that was given out, oldest first.
    pub fn tokens(&self) -> Vec<String> {
        serde_json::from_value(self.test("tokens")).unwrap()
    }

    /// From now on the service rejects every access token that exists.
    pub fn expire(&self) {
        self.test("expire");
    }

    /// Somebody else uses a refresh token: the error that it gets.
    pub fn steal(&self, refresh_token: &str) -> String {
        let body = format!("grant_type=refresh_token&client_id=agentport-test&refresh_token={refresh_token}");
        let page = fetch("POST", &format!("{}/oauth/token/", self.origin()), &body, "");
        let answer: Value = serde_json::from_str(&page.body).unwrap();
        answer["error"].as_str().unwrap_or("ok").to_owned()
    }

    fn test(&self, what: &str) -> Value {
        serde_json::from_str(&fetch("GET", &format!("{}/_test/{what}", self.origin()), "", "").body).unwrap()
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// A person who fills in every form that comes.
#[derive(Default)]
pub struct Browser {
    cookies: BTreeMap<String, String>,
}

impl Browser {
    /// Opens `url`, fills in forms with `answers`, until a redirect leaves the server or a page has no form. Returns
    /// that address or the page's text.
    pub fn go(&mut self, url: &str, answers: &[(&str, &str)]) -> String {
        let home = origin(url);
        let (mut method, mut url, mut body) = ("GET", url.to_owned(), String::new());
        for _ in 0..20 {
            let page = self.load(method, &url, &body);
            if let Some(next) = page.location {
                let next = if next.starts_with('/') { format!("{home}{next}") } else { next };
                if origin(&next) != home {
                    return next;
                }
                (method, url, body) = ("GET", next, String::new());
            } else if let Some((action, fields)) = form(&page.body) {
                let mut pairs = url::form_urlencoded::Serializer::new(String::new());
                for (name, value) in fields {
                    let answer = answers.iter().find(|(known, _)| *known == name);
                    pairs.append_pair(&name, answer.map_or(value.as_str(), |(_, answer)| answer));
                }
                (method, url, body) = ("POST", action, pairs.finish());
            } else {
                return page.body;
            }
        }
        panic!("{url}: no end");
    }

    fn load(&mut self, method: &str, url: &str, body: &str) -> Page {
        let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let page = fetch(method, url, body, &cookies.join("; "));
        for cookie in &page.cookies {
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        page
    }
}

/// What a server sent.
pub struct Page {
    pub status: u16,
    pub body: String,
    location: Option<String>,
    cookies: Vec<String>,
}

/// One request of the test's own.
pub fn fetch(method: &str, url: &str, body: &str, cookies: &str) -> Page {
    let authority = origin(url).split_off("http://".len());
    let target = url.split_at("http://".len() + authority.len()).1;
    let mut stream = TcpStream::connect(&authority).unwrap();
    let length = body.len();
    let request = format!(
        "{method} {target} HTTP/1.0\r\nhost: {authority}\r\ncookie: {cookies}\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let values = |wanted: &str| -> Vec<String> {
        let headers = head.lines().filter_map(|line| line.split_once(": "));
        headers.filter(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value.to_owned()).collect()
    };
    Page {
        status: head.split(' ').nth(1).unwrap().parse().unwrap(),
        body: body.to_owned(),
        location: values("location").pop(),
        cookies: values("set-cookie"),
    }
}

fn origin(url: &str) -> String {
    url::Url::parse(url).unwrap().origin().ascii_serialization()
}

/// The first form of a page: where it goes, and its fields as they stand.
fn form(page: &str) -> Option<(String, Vec<(String, String)>)> {
    let form = page.split("<form").nth(1)?.split("</form>").next()?;
    let attribute = |text: &str, name: &str| {
        let value = text.split(&format!("{name}=\"")).nth(1)?.split('"').next()?;
        Some(value.replace("&amp;", "&"))
    };
    let fields = form.split("<input").skip(1).filter_map(|input| {
        let input = input.split('>').next()?;
        Some((attribute(input, " name")?, attribute(input, " value").unwrap_or_default()))
    });
    Some((attribute(form, "action")?, fields.collect()))
}
