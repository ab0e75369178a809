//! `agentport factor`: what proves that it is you who approves.

use serde_json::json;
use zeroize::Zeroizing;

use super::{Exit, Failure, Out, consent::or_on_page, link, prompt, serving::Serving, who::Who};
use crate::{
    app::App,
    approval::{Approver, Claim, Code, FactorId, PersonId, Seed, otpauth_uri},
    clock::rfc3339,
    gateway::{EnrolError, Gateway, Parts, Presented, seed_name},
};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Action {
    /// Enrol a factor; the first needs no proof, a later one needs a code of an existing one
    Add(AddArgs),
    /// List what is enrolled
    List,
    /// Remove a factor; needs a code of an enrolled one
    Remove {
        /// The factor's id, `fac_…`
        id: String,
        /// Take the code as one line of standard input
        #[arg(long)]
        code_stdin: bool,
        #[command(flatten)]
        who: Who,
    },
    /// For the locked-out: deletes every factor, credential, session and pending approval; the log stays
    Reset {
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Debug, clap::Args)]
pub(super) struct AddArgs {
    /// What to enrol
    #[arg(value_enum)]
    kind: Kind,
    /// On a page in the browser, by a link that works once; recovery codes are shown there
    #[arg(long)]
    browser: bool,
    #[command(flatten)]
    who: Who,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Kind {
    /// An authenticator app's six digits
    Totp,
    /// A passkey: on a page in the browser, by a link that works once
    Passkey,
}

impl Action {
    pub(super) fn totp() -> Self {
        Self::Add(AddArgs { kind: Kind::Totp, browser: false, who: Who::default() })
    }
}

pub(super) async fn run(app: &App, out: &Out, action: Action) -> Result<Exit, Failure> {
    let gateway = app.gateway();
    let parts = gateway.open_parts()?;
    match action {
        Action::Add(AddArgs { kind: Kind::Totp, browser: false, who }) => {
            let person = who.id(&parts).await?;
            add_totp(&gateway, &parts, out, &person).await
        }
        // a passkey is a browser's: the page of the link offers both
        Action::Add(AddArgs { kind: Kind::Totp | Kind::Passkey, browser: _, who }) => {
            let person = who.id(&parts).await?;
            let serving = Serving::start(&gateway).await?;
            let result = add_in_browser(app, &gateway, &parts, &serving, out, &person).await;
            if result.is_ok() {
                tokio::time::sleep(link::stay(out)).await;
            }
            serving.end().await;
            result
        }
        Action::List => list(&parts, out).await,
        Action::Remove { id, code_stdin, who } => {
            let person = who.id(&parts).await?;
            remove(&gateway, &parts, out, id, code_stdin, &person).await
        }
        Action::Reset { yes } => reset(&gateway, &parts, out, yes).await,
    }
}

async fn add_totp(gateway: &Gateway, parts: &Parts, out: &Out, person: &PersonId) -> Result<Exit, Failure> {
    let approver = existing(gateway, parts, person).await?;
    let seed = Seed::generate()?;
    let uri = otpauth_uri(&seed).ok_or_else(|| Failure::new("the seed has no URI; nothing was enrolled"))?;
    if out.is_json() {
        out.value(&json!({"otpauth_uri": uri.as_str()}));
    } else {
        out.text(&qr(&uri)?);
        out.text(&format!("Scan it with an authenticator app, or enter it by hand:\n{}\n", uri.as_str()));
    }
    let digits = shown_now(gateway, out, &seed)?;
    let (id, recovery) = gateway.enrol(parts, &seed, &digits, approver).await.map_err(|error| match error {
        EnrolError::Wrong(_) => foreign_code(),
        EnrolError::Ended => {
            Failure::new("another factor was enrolled meanwhile, or that code was used; nothing was enrolled")
        }
        other => other.into(),
    })?;
    if out.is_json() {
        out.value(&json!({"status": "active", "id": id.0, "recovery_codes": recovery.shown()}));
    } else {
        out.text(
            "enrolled. Recovery codes, each good for one approval; write them down now, they are not shown again:\n",
        );
        out.text(&recovery.shown().join("\n"));
    }
    Ok(Exit::Done)
}

/// Six digits of the app that has `seed`. On a terminal a slip of the finger does not cost the way through the app again.
fn shown_now(gateway: &Gateway, out: &Out, seed: &Seed) -> Result<Zeroizing<String>, Failure> {
    let asks = prompt::is_terminal();
    let mut left = if asks && !out.is_json() { prompt::TRIES } else { 1 };
    loop {
        let failure = match prompt::code("the six digits that the app shows now:", !asks) {
            Ok(Code::Totp(digits)) if seed.matching_step(&digits, gateway.clock().now()).is_some() => {
                return Ok(digits);
            }
            Ok(Code::Totp(_)) => foreign_code(),
            Ok(Code::Recovery(_)) => Failure::new("that is no six-digit code; nothing was enrolled"),
            Err(failure) => failure,
        };
        left -= 1;
        if left == 0 {
            return Err(failure);
        }
        out.fail(&failure);
    }
}

fn foreign_code() -> Failure {
    Failure::new("that code does not belong to this factor; nothing was enrolled")
        .hint("check that the clocks of this computer and of the phone agree")
}

/// Enrols on the page of a set-up link, while the site is served.
pub(super) async fn add_in_browser(
    app: &App,
    gateway: &Gateway,
    parts: &Parts,
    serving: &Serving,
    out: &Out,
    person: &PersonId,
) -> Result<Exit, Failure> {
    let approver = existing(gateway, parts, person).await?;
    let id = link::Link::make(app, out, gateway, parts, serving, approver, None).await?.used().await?;
    if out.is_json() {
        out.value(&json!({"status": "active", "id": id.0}));
    }
    Ok(Exit::Done)
}

/// What a further factor needs: a code of one that is enrolled.
async fn existing(gateway: &Gateway, parts: &Parts, person: &PersonId) -> Result<Option<Approver>, Failure> {
    if parts.ledger.factors().await?.is_empty() {
        return Ok(None);
    }
    let code = prompt::code("a code of a factor that is enrolled already:", !prompt::is_terminal())?;
    let proven = gateway.prove(parts, Claim::AddFactor, &Presented::Code(person, &code)).await;
    or_on_page(parts, "/people", proven).await.map(Some)
}

async fn list(parts: &Parts, out: &Out) -> Result<Exit, Failure> {
    let (factors, people) = (parts.ledger.factors().await?, parts.home.people().await?);
    let name = |id: &PersonId| {
        people.iter().find(|person| person.id == *id).map_or_else(String::new, |person| person.name.to_string())
    };
    let left = parts.home.recovery_codes_left().await?;
    let value = json!({
        "factors": factors
            .iter()
            .map(|factor| {
                let (id, person) = (&factor.id.0, name(&factor.person));
                let since = rfc3339(factor.created_at);
                json!({"id": id, "kind": factor.kind, "person": person, "created_at": since})
            })
            .collect::<Vec<_>>(),
        "recovery_codes_left": left,
    });
    out.answer(&value, || {
        if factors.is_empty() {
            return "nothing is enrolled, so nothing can be approved; run: agentport factor add totp, or agentport open".to_owned();
        }
        let mut lines: Vec<String> = factors
            .iter()
            .map(|factor| {
                let since = rfc3339(factor.created_at);
                format!("{}  {:<7}  {}  since {since}", factor.id.0, factor.kind, name(&factor.person))
            })
            .collect();
        lines.push(format!("{left} recovery codes left"));
        lines.join("\n")
    });
    Ok(Exit::Done)
}

async fn remove(
    gateway: &Gateway,
    parts: &Parts,
    out: &Out,
    id: String,
    code_stdin: bool,
    person: &PersonId,
) -> Result<Exit, Failure> {
    let mut factors = parts.ledger.factors().await?;
    factors.retain(|factor| factor.person == *person);
    if !factors.iter().any(|factor| factor.id.0 == id) {
        return Err(Failure::new("there is no such factor").hint("agentport factor list"));
    }
    if factors.len() == 1 {
        return Err(Failure::new("it is the last factor; without one nothing could be approved")
            .hint("enrol another one first, or start over with `agentport factor reset`"));
    }
    let code = prompt::code("a code of an enrolled factor:", code_stdin)?;
    let factor = FactorId(id);
    let claim = Claim::RemoveFactor(factor.clone());
    let proven = gateway.prove(parts, claim, &Presented::Code(person, &code)).await;
    let approver = or_on_page(parts, "/people", proven).await?;
    if !gateway.remove_factor(parts, factor.clone(), approver).await? {
        return Err(Failure::new("that code was used already; nothing was removed"));
    }
    out.answer(&json!({"removed": factor.0}), || format!("removed {}", factor.0));
    Ok(Exit::Done)
}

async fn reset(gateway: &Gateway, parts: &Parts, out: &Out, yes: bool) -> Result<Exit, Failure> {
    if !yes {
        if !prompt::is_terminal() {
            return Err(Failure::usage("this deletes every credential; there is no terminal to ask on").hint("--yes"));
        }
        let answer = prompt::ask("this deletes every factor, credential, session and pending approval. Type `reset`:")?;
        if answer != "reset" {
            return Err(Failure::new("nothing was changed"));
        }
    }
    let _shared = parts.share_secrets().await?;
    let factors = parts.ledger.factors().await?;
    let accounts = parts.home.accounts()?;
    parts.home.reset(gateway.clock().now()).await?;
    for factor in &factors {
        parts.secrets.delete(&seed_name(&factor.id)).await?;
    }
    for account in &accounts {
        parts.credentials.delete(&account.integration, &account.name).await?;
    }
    let value = json!({"factors": factors.len(), "accounts": accounts.len()});
    out.answer(&value, || {
        format!(
            "deleted {} factors and {} accounts; the log stays. Next: agentport factor add totp",
            factors.len(),
            accounts.len()
        )
    });
    Ok(Exit::Done)
}

fn qr(uri: &str) -> Result<String, Failure> {
    let code = qrcode::QrCode::new(uri.as_bytes()).map_err(|error| Failure::new(format!("the QR code: {error}")))?;
    Ok(code.render::<qrcode::render::unicode::Dense1x2>().quiet_zone(true).build())
}
