//! A mail, handed to the person's mail server.

use lettre::{
    Address, AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor,
    address::Envelope,
    transport::smtp::{
        client::{Certificate, CertificateStore, Tls, TlsParameters, TlsParametersBuilder},
        extension::ClientId,
    },
};
use mail_builder::{MessageBuilder, headers::raw::Raw};

use super::{Message, Undelivered};
use crate::{
    config::{MailTls, Mailbox},
    trust::{Authorities, Distrust, Trust},
    upstream::ChannelSecret,
};

/// How long each step of the conversation may take.
const STEP: std::time::Duration = std::time::Duration::from_secs(20);

pub(super) async fn send(
    mailbox: &Mailbox,
    secret: Option<&ChannelSecret>,
    message: &Message,
    trust: &Trust,
) -> Result<(), Undelivered> {
    let mail = written(mailbox, message)?;
    let address =
        |text: &String| text.parse::<Address>().map_err(|_| Undelivered::because("an address cannot be used"));
    let to = mailbox.to.iter().map(address).collect::<Result<Vec<_>, _>>()?;
    let envelope = Envelope::new(Some(address(&mailbox.from)?), to)
        .map_err(|_| Undelivered::because("its addresses cannot be used"))?;
    let tls = || tls(&mailbox.host, trust).map_err(|distrust| Undelivered::because(unproven(&mailbox.host, distrust)));
    let tls = match mailbox.tls {
        MailTls::Implicit => Tls::Wrapper(tls()?),
        MailTls::Starttls => Tls::Required(tls()?),
        MailTls::None => Tls::None,
    };
    let mut server = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(mailbox.host.as_str())
        .port(mailbox.port)
        .tls(tls)
        // this computer's name is nobody's business
        .hello_name(ClientId::Domain("localhost".to_owned()))
        .timeout(Some(STEP));
    if let (Some(user), Some(secret)) = (&mailbox.user, secret) {
        server = server.credentials(secret.password(user));
    }
    server.build().send_raw(&envelope, &mail).await.map(drop).map_err(|error| {
        // the client calls a connection whose TLS failed one that failed
        let unsafe_tls = || error.is_tls() || error.to_string().contains("STARTTLS is not supported");
        let distrust = Distrust::of(&error).or_else(|| unsafe_tls().then_some(Distrust::NoTls));
        let problem = match (error.status(), distrust) {
            (Some(code), _) => format!("the mail server answered {code}"),
            (None, Some(distrust)) => unproven(&mailbox.host, distrust),
            (None, None) if error.is_timeout() => "the mail server did not answer in time".to_owned(),
            (None, None) => "the mail server could not be reached".to_owned(),
        };
        Undelivered::because(problem)
    })
}

/// The authorities that all of this program believes for this host, none of the system's.
fn tls(host: &str, trust: &Trust) -> Result<TlsParameters, Distrust> {
    let builder = TlsParameters::builder(host.to_owned());
    let builder = match trust.authorities(host)? {
        Authorities::Public => builder.certificate_store(CertificateStore::WebpkiRoots),
        Authorities::Private(certificates) => {
            let taken = certificates.iter().map(|certificate| Certificate::from_der(certificate.to_vec()));
            let taken: Vec<Certificate> = taken.collect::<Result<_, _>>().map_err(|_| Distrust::NoAuthority)?;
            let builder = builder.certificate_store(CertificateStore::None);
            taken.into_iter().fold(builder, TlsParametersBuilder::add_root_certificate)
        }
    };
    builder.build_rustls().map_err(|_| Distrust::NoTls)
}

fn unproven(host: &str, distrust: Distrust) -> String {
    format!("the mail server could not prove its identity as `{host}`: {distrust}")
}

fn written(mailbox: &Mailbox, message: &Message) -> Result<Vec<u8>, Undelivered> {
    let to: Vec<&str> = mailbox.to.iter().map(String::as_str).collect();
    let domain = mailbox.from.split_once('@').map_or("localhost", |(_, domain)| domain);
    MessageBuilder::new()
        .from(mailbox.from.as_str())
        .to(to)
        .subject(message.title())
        .date(message.at / 1000)
        .message_id(format!("{}@{domain}", message.id))
        // RFC 3834: no answering machine answers
        .header("Auto-Submitted", Raw::new("auto-generated"))
        .text_body(message.text())
        .write_to_vec()
        .map_err(|_| Undelivered::because("the mail could not be written"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::message::examples::hostile;

    #[test]
    fn a_mail_has_our_subject_and_no_header_of_anybody_else() {
        let mailbox = Mailbox {
            host: "mail.example".to_owned(),
            port: 25,
            tls: MailTls::None,
            user: None,
            from: "agentport@example.com".to_owned(),
            to: vec!["ann@example.com".to_owned(), "bob@example.com".to_owned()],
        };
        let mail = written(&mailbox, &hostile()).unwrap();
        let read = mail_parser::MessageParser::default().parse(&mail).unwrap();
        assert_eq!(read.subject(), Some("AgentPort: a call waits for you"));
        assert_eq!(read.message_id(), Some("msg_1@example.com"));
        assert!(read.bcc().is_none());
        assert_eq!(read.body_text(0).unwrap().replace("\r\n", "\n").trim_end(), hostile().text());
        let names: Vec<_> = read.headers().iter().map(|header| header.name().to_owned()).collect();
        assert_eq!(
            names,
            [
                "From",
                "To",
                "Subject",
                "Date",
                "Message-ID",
                "Auto-Submitted",
                "MIME-Version",
                "Content-Type",
                "Content-Transfer-Encoding"
            ]
        );
    }
}
