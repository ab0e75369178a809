//! Whoever is asked proves who they are, or is asked nothing: services, channels, and the gateway of a shim. An authority of
//! the owner's own is believed for the host that the settings name, and for no other.

use std::fs;

use serde_json::json;

use crate::harness::{Port, Secure, Shown, Signer, Upstream, Valid, fetch, free_port};

/// What the settings say about who is believed.
fn trust(port: &Port, host: &str, signer: &Signer) {
    let file = signer.write(&port.folder().join("authority.pem"));
    add(port, &format!("[trust]\n\"{host}\" = \"{}\"\n", file.display()));
}

fn add(port: &Port, text: &str) {
    let path = port.home().join("agentport.toml");
    let before = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("{before}\n{text}")).unwrap();
}

/// Each certificate for `host` that must be refused, and what is said of it. `signer` is one that is believed.
fn bad(host: &str, signer: &Signer) -> Vec<(Shown, &'static str)> {
    vec![
        (signer.sign(host, Valid::Before), "its certificate has expired"),
        (
            signer.sign(host, Valid::Later),
            "its certificate is not valid yet, unless the clock of this computer is wrong",
        ),
        (signer.sign("api.example.com", Valid::Now), "its certificate is for another name"),
        (
            Signer::new("somebody else").sign(host, Valid::Now),
            "its certificate is signed by nobody who is trusted for it",
        ),
        (Shown::by_itself(host), "its certificate is signed by nobody who is trusted for it"),
    ]
}

#[test]
fn t202_a_service_that_cannot_prove_who_it_is_is_asked_nothing() {
    let (signer, host) = (Signer::new("internal"), "127.0.0.1");
    let good = || signer.sign(host, Valid::Now);
    let server = Secure::answering("{\"livemode\": false, \"data\": {\"viewer\": {\"id\": \"u\"}}}", good());
    let port = Port::enrolled();
    let origin = server.origin();
    let arguments = ["connect", "stripe", "--origin", &origin, "--allow-private", "--secret-stdin", "--json"];
    let refused = port.cli(arguments).stdin(port.canary()).exits(1).error();
    assert!(refused.contains("its certificate is signed by nobody who is trusted for it"), "{refused}");
    // as soon as the settings name who signed it, it is believed
    trust(&port, host, &signer);
    port.connect_stripe(&origin);
    port.connect_linear(&origin);
    let mut wire = port.wire();
    wire.call("stripe_get_balance", json!({})).completed();
    let refund = wire.call("stripe_create_refund", json!({"charge": "ch_1"})).approval_id();
    let before = server.heard().len();
    for (shown, why) in bad(host, &signer) {
        server.show(shown);
        let message = format!("could not prove its identity as `127.0.0.1:{}`: {why}; nothing was sent", server.port());
        for (tool, service) in [("stripe_get_balance", "stripe"), ("linear_list_teams", "linear")] {
            let answer = wire.call(tool, json!({}));
            assert_eq!(answer.failed(), "network");
            assert_eq!(answer.0["error"]["message"], json!(format!("`{service}` {message}")));
        }
    }
    // what changes something has failed for certain, too
    let failed = port.cli(["approvals", "approve", &refund, "--code-stdin", "--json"]).stdin(&port.code()).exits(1);
    assert_eq!(failed.json()["status"], json!("failed"));
    assert_eq!(server.heard().len(), before, "nobody was told anything");
    server.show(good());
    wire.call("stripe_get_balance", json!({})).completed();
    // a file that became useless opens nothing, and the settings without it go back to the authorities of all
    fs::write(port.folder().join("authority.pem"), "").unwrap();
    let told = server.heard().len();
    let answer = wire.call("stripe_get_balance", json!({}));
    let message = answer.0["error"]["message"].as_str().unwrap();
    assert!(message.contains("the file that `[trust]` of agentport.toml names for it cannot be used"), "{message}");
    let doctor = port.cli(["doctor", "--json"]).run().stdout;
    assert!(doctor.contains("nobody vouches for 127.0.0.1"), "{doctor}");
    signer.write(&port.folder().join("authority.pem"));
    wire.call("stripe_get_balance", json!({})).completed();
    port.settings(&[("[trust]", "[trust]\n\"other.internal\" = \"/nowhere.pem\"\n#")]);
    let text = fs::read_to_string(port.home().join("agentport.toml")).unwrap();
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with("\"127.0.0.1\"")).collect();
    fs::write(port.home().join("agentport.toml"), lines.join("\n")).unwrap();
    assert_eq!(wire.call("stripe_get_balance", json!({})).failed(), "network");
    assert_eq!(server.heard().len(), told + 1);
}

/// Neither the code of a sign-in nor the token that renews one is given to a server in the vendor's place.
#[test]
fn t202_an_authorization_server_that_cannot_prove_who_it_is_gets_no_code_and_no_token() {
    let (signer, host) = (Signer::new("internal"), "127.0.0.1");
    let good = || signer.sign(host, Valid::Now);
    let port = Port::enrolled();
    let (access, renewing) = (format!("pha_{}", "A7".repeat(20)), format!("phr_{}", "R7".repeat(20)));
    port.evidence().keep_from(&access);
    port.evidence().keep_from(&renewing);
    // it is the service as well, and says of every token that it has ended already
    let body = json!({
        "access_token": access, "refresh_token": renewing, "token_type": "Bearer", "expires_in": 0,
        "uuid": "u-1", "email": "alice@example.com",
    });
    let server = Secure::answering(&body.to_string(), good());
    add(&port, "[oauth.posthog]\nclient_id = \"agentport-test\"\n");
    trust(&port, host, &signer);
    let origin = server.origin();
    let sign_in = || {
        let target = ["--set", "project_id=1", "--oauth", "--origin", &origin, "--allow-private", "--json"];
        let mut child = port.cli(["connect", "posthog"].into_iter().chain(target).collect::<Vec<_>>()).unseen().spawn();
        let waiting = child.line();
        let asked = url::Url::parse(waiting["authorize_url"].as_str().unwrap()).unwrap();
        let state = asked.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
        let back = waiting["redirect_uri"].as_str().unwrap();
        assert_eq!(fetch("GET", &format!("{back}?code=c0de&state={state}"), "", "").status, 200);
        let said = child.line();
        port.evidence().saw(said.to_string());
        (child.wait(), said)
    };
    for (shown, why) in bad(host, &signer) {
        server.show(shown);
        let (code, said) = sign_in();
        let message = said["error"]["message"].as_str().unwrap();
        assert!(code == 1 && message.contains(why), "{why}: {said}");
    }
    assert_eq!((server.heard(), port.cli(["accounts", "--json"]).done().json()), (Vec::<String>::new(), json!([])));

    server.show(good());
    let (code, said) = sign_in();
    assert_eq!((code, &said["identity"]["name"]), (0, &json!("alice@example.com")), "{said}");
    assert!(server.heard().iter().any(|request| request.contains("code=c0de")));
    // each time another process, which does not yet know that it had better wait
    let call = || port.cli(["call", "posthog.get_current_user", "--json"]).run();
    assert_eq!(call().json()["status"], "completed");
    let renewals = || server.heard().iter().filter(|request| request.contains(&renewing)).count();
    let (renewed, told) = (renewals(), server.heard().len());
    assert!(renewed > 0, "{:?}", server.heard());
    for (shown, why) in bad(host, &signer) {
        server.show(shown);
        let answer = call().json();
        let error = (&answer["status"], &answer["error"]["kind"]);
        assert_eq!(error, (&json!("failed"), &json!("credential")), "{why}: {answer}");
    }
    assert_eq!(server.heard().len(), told, "nobody was told anything");
    // that was no word of the vendor's: the sign-in is as good as before
    server.show(good());
    assert_eq!(call().json()["status"], "completed");
    assert_eq!(port.cli(["accounts", "--json"]).done().json()[0]["secret"], "ok");
}

/// `AGENTPORT_CA` is for the shim's own gateway. Where there is none it opens nothing.
#[test]
fn t199_no_variable_makes_a_service_believed() {
    let signer = Signer::new("the agent's");
    let server = Secure::answering("{\"livemode\": false}", signer.sign("127.0.0.1", Valid::Now));
    let mut port = Port::enrolled();
    let file = signer.write(&port.folder().join("ca.pem"));
    for variable in ["AGENTPORT_CA", "SSL_CERT_FILE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "AGENTPORT_TRUST"] {
        port.set(variable, file.to_str().unwrap());
    }
    let origin = server.origin();
    let arguments = ["connect", "stripe", "--origin", &origin, "--allow-private", "--secret-stdin", "--json"];
    let refused = port.cli(arguments).stdin(port.canary()).exits(1).error();
    assert!(refused.contains("its certificate is signed by nobody who is trusted for it"), "{refused}");
    assert_eq!(server.heard(), Vec::<String>::new());
}

#[test]
fn t202_a_channel_that_cannot_prove_who_it_is_gets_no_message() {
    let (signer, host) = (Signer::new("internal"), "127.0.0.1");
    let good = || signer.sign(host, Valid::Now);
    let (hook, mail, upgrade) = (Secure::answering("{}", good()), Secure::greeting(good()), Secure::upgrading(good()));
    let port = Port::connected(&Upstream::plain());
    let text = fs::read_to_string(port.home().join("agentport.toml")).unwrap();
    let line = text.lines().find(|line| line.starts_with("public_url")).unwrap();
    port.settings(&[(line, "public_url = \"https://port.example.test\"")]);
    let mails = |name: &str, port: u16, tls: &str| {
        format!(
            "[[notify]]\nname = \"{name}\"\nkind = \"email\"\nhost = \"{host}\"\nport = {port}\ntls = \"{tls}\"\nuser = \"ann\"\n\
             from = \"agentport@example.com\"\nto = [\"ann@example.com\"]\n"
        )
    };
    let (plain, said) = Secure::stripped();
    add(
        &port,
        &format!(
            "{}[[notify]]\nkind = \"webhook\"\nurl = \"{}/hook\"\nallow_private = true\n{}{}",
            mails("plain", plain, "starttls"),
            hook.origin(),
            mails("mail", mail.port(), "implicit"),
            mails("upgrade", upgrade.port(), "starttls")
        ),
    );
    trust(&port, host, &signer);
    for channel in ["webhook", "mail", "upgrade", "plain"] {
        let secret = format!("secret-of-{channel}-0123456789");
        port.evidence().keep_from(&secret);
        port.cli(["notify", "set", channel, "--secret-stdin", "--json"]).stdin(&secret).done();
    }
    let tested = port.cli(["notify", "test", "plain", "--json"]).exits(1).json();
    assert!(tested[0]["problem"].as_str().unwrap().contains("no TLS"), "{tested}");
    let said = said.lock().unwrap().clone();
    assert!(said.iter().all(|line| line.starts_with("EHLO ") || line.starts_with("QUIT")), "{said:?}");
    let servers = [("webhook", &hook), ("mail", &mail), ("upgrade", &upgrade)];
    for (shown, why) in bad(host, &signer) {
        for (channel, server) in servers {
            server.show(shown.clone());
            let tested = port.cli(["notify", "test", channel, "--json"]).exits(1).json();
            let problem = tested[0]["problem"].as_str().unwrap();
            assert!(problem.contains("could not prove its identity as `127.0.0.1"), "{channel}: {problem}");
            assert!(problem.ends_with(why), "{channel}: {problem}");
        }
    }
    for (channel, server) in servers {
        assert_eq!(server.heard(), Vec::<String>::new(), "{channel}");
        server.show(good());
    }
    // who is believed hears something, whatever becomes of the mail there
    port.cli(["notify", "test", "webhook", "--json"]).done();
    for (channel, server) in servers {
        port.cli(["notify", "test", channel, "--json"]).run();
        assert!(!server.heard().is_empty(), "{channel}");
    }
}

#[test]
fn t158_t202_the_shim_asks_its_own_gateway_and_nobody_else() {
    let signer = Signer::new("internal");
    let mut port = Port::connected(&Upstream::plain());
    let token = port.let_in(&["claude"]);
    let (certificate, key) = signer.sign("localhost", Valid::Now).write(port.folder(), "gateway");
    let free = free_port();
    let text = fs::read_to_string(port.home().join("agentport.toml")).unwrap();
    let line = |key: &str| text.lines().find(|line| line.starts_with(key)).unwrap().split('#').next().unwrap().trim();
    port.settings(&[
        (line("listen"), &format!("listen = \"127.0.0.1:{free}\"")),
        (line("public_url"), &format!("public_url = \"https://localhost:{free}\"")),
        (
            "[site]\n",
            &format!("[site]\ntls = {{ cert = \"{}\", key = \"{}\" }}\n", certificate.display(), key.display()),
        ),
    ]);
    let served = port.serve();
    let file = signer.write(&port.folder().join("ca.pem"));
    port.set("AGENTPORT_TOKEN", &token);
    port.set("AGENTPORT_URL", &format!("https://localhost:{free}"));
    port.set("AGENTPORT_CA", file.to_str().unwrap());
    port.wire().call("stripe_get_balance", json!({})).completed();
    drop(served);
    // somebody else in its place
    let other = Secure::answering("{}", signer.sign("localhost", Valid::Now));
    port.set("AGENTPORT_URL", &format!("https://localhost:{}", other.port()));
    for (shown, why) in bad("localhost", &signer) {
        other.show(shown);
        let answer = port.wire().call("stripe_get_balance", json!({}));
        let message = format!(
            "the gateway was asked nothing: it could not prove its identity as `localhost`: {why}; a human must look at its certificate"
        );
        assert_eq!((answer.failed(), &answer.0["error"]["message"]), ("network", &json!(message)));
    }
    assert_eq!(other.heard(), Vec::<String>::new());
    // an authority that cannot be read is no reason to believe all the others
    port.set("AGENTPORT_CA", port.folder().join("gone.pem").to_str().unwrap());
    let refused = port.cli(["stdio", "--as", "claude"]).exits(64);
    assert!(refused.stderr.contains("AGENTPORT_CA: `") && refused.stderr.contains("is not there"), "{refused:?}");
}
