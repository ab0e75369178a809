//! The part of the story that waits: the agent for its answer, the person for nothing, on the page or right here.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    agent::Agent,
    human::{self, Wish},
    story::{Story, check, text},
};
use crate::{
    approval::{Code, PersonId},
    cli::{Failure, browser},
    gateway::Presented,
    visible::visible,
    web,
};

/// What became of the call that waited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// It ran.
    Approved,
    /// It did not.
    Denied,
}

impl Story<'_> {
    /// Somebody says yes or no; what came of it is in the stand-in's books.
    pub(super) async fn decide(&mut self, agent: &mut Agent, approval: &Value) -> Result<Ending, Failure> {
        let teller = self.teller;
        let id = text(approval, "/id").to_owned();
        let served = web::hosted(&self.gateway).await;
        check(
            served.is_some_and(|site| text(approval, "/url").starts_with(&site)),
            "nobody serves the page that the link leads to",
        )?;
        teller.chapter(4, "A human decides");
        if self.unattended {
            teller.says("--yes: the demo approves, with the code that an authenticator app would show.");
            self.approve(&id).await.map_err(Failure::new)?;
        } else {
            self.invite(approval);
        }
        let answer = self.wait(agent, &id).await?;
        let ending = match text(&answer, "/status") {
            "completed" => Ending::Approved,
            "denied" if !self.unattended => Ending::Denied,
            other => return Err(Failure::new(format!("the approved refund ended as `{}`", visible(other)))),
        };
        match ending {
            Ending::Approved => {
                check(self.standin.refunds() == 1, "the approved refund did not reach the stand-in exactly once")?;
                teller.came(&format!(
                    "completed: {}, $42.00 back to the customer; the stand-in has exactly 1 refund",
                    visible(text(&answer, "/result/id"))
                ));
                teller.because("What you saw is what was sent, at the moment of your yes; the code is used up.");
            }
            Ending::Denied => {
                check(self.standin.refunds() == 0, "a denied refund reached the stand-in")?;
                teller.came("denied: the agent was told no, and the stand-in still has 0 refunds");
            }
        }
        self.facts.push(json!({"step": "decide", "status": answer.get("status"), "refunds": self.standin.refunds()}));
        Ok(ending)
    }

    /// What the person can do now.
    fn invite(&self, approval: &Value) {
        let url = text(approval, "/url");
        let opened = browser::open(self.environment, url);
        self.teller.says(if opened {
            "Your browser opens the link. Sign in, read, and approve or deny, with this code:"
        } else {
            "Open the link in a browser. Sign in, read, and approve or deny, with this code:"
        });
        self.show_code();
        self.teller.says("Or here: Enter approves, n denies, q quits.");
    }

    fn show_code(&self) -> u64 {
        let (digits, seconds) = self.authenticator.digits(self.gateway.clock().now().wall);
        self.teller.code(&digits, seconds);
        seconds
    }

    async fn approve(&self, id: &str) -> Result<(), String> {
        let (digits, _) = self.authenticator.digits(self.gateway.clock().now().wall);
        let code = Code::parse(&digits).map_err(|error| error.to_string())?;
        self.gateway
            .approve(id, &Presented::Code(&PersonId::owner(), &code))
            .await
            .map(drop)
            .map_err(|error| error.to_string())
    }

    /// The agent waits for the answer; meanwhile the person types, or decides on the page.
    async fn wait(&self, agent: &mut Agent, id: &str) -> Result<Value, Failure> {
        let mut wishes = (!self.unattended).then(human::listen);
        let waiting = async {
            loop {
                let arguments = json!({"approval_id": id, "wait_seconds": 45});
                let answer = agent.call("agentport_await_approval", arguments).await?;
                if text(&answer, "/status") != "pending" {
                    return Ok(answer);
                }
            }
        };
        tokio::pin!(waiting);
        loop {
            let (_, seconds) = self.authenticator.digits(self.gateway.clock().now().wall);
            tokio::select! {
                answer = &mut waiting => return answer,
                wish = next(&mut wishes) => match wish {
                    Wish::Approve => self.here(self.approve(id).await),
                    Wish::Deny => self.here(self.gateway.deny(id, None).await.map_err(|error| error.to_string())),
                    Wish::Quit => return Err(Failure::new("nobody decided: the demo was left before its end")
                        .hint("agentport demo --yes runs without you")),
                    Wish::Unclear => self.teller.says("Enter approves, n denies, q quits; the code belongs on the page."),
                },
                () = tokio::time::sleep(Duration::from_secs(seconds)), if !self.unattended => {
                    self.show_code();
                }
            }
        }
    }

    /// A decision that was not taken, for example because the page was faster, is no end of the story.
    fn here(&self, decided: Result<(), String>) {
        if let Err(reason) = decided {
            self.teller.says(&visible(&reason));
        }
    }
}

async fn next(wishes: &mut Option<tokio::sync::mpsc::UnboundedReceiver<Wish>>) -> Wish {
    match wishes {
        Some(wishes) => match wishes.recv().await {
            Some(wish) => wish,
            None => std::future::pending().await,
        },
        None => std::future::pending().await,
    }
}
