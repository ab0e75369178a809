//! A connection URL, taken apart into what it may say and nothing else (T081): no option that loads a file, runs
//! something, names another host or asks for less TLS than the human has agreed to. The environment is never asked.

use zeroize::Zeroizing;

use crate::{account::Origin, sql::Dialect};

/// Where a database is, and as whom it is signed in to.
#[derive(Clone, PartialEq)]
pub(in super::super) struct Address {
    dialect: Dialect,
    host: String,
    port: u16,
    user: String,
    password: Zeroizing<String>,
    database: String,
    tls: Tls,
}

/// What `sslmode` or `ssl-mode` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tls {
    /// Nothing: certificates are checked, except on this very machine, where there is none.
    Unsaid,
    /// Certificates are checked.
    Checked,
    /// None. Taken only where a private address is allowed.
    Off,
}

impl Address {
    /// The URL for reads, and after a space one for everything else.
    pub(in super::super) fn pair(text: &str) -> Result<(Self, Option<Self>), String> {
        let (reads, writes) = match text.split_once(' ') {
            Some((reads, writes)) => (Self::parse(reads)?, Some(Self::parse(writes)?)),
            None => (Self::parse(text)?, None),
        };
        if writes.as_ref().is_some_and(|writes| !writes.is_same_place(&reads)) {
            return Err("the two connection URLs lead to two places; give the same server and database in both".into());
        }
        Ok((reads, writes))
    }

    fn parse(text: &str) -> Result<Self, String> {
        // what is wrong is said by its place, never by quoting: there is a password in it
        let url = url::Url::parse(text).map_err(|_| "that is no connection URL".to_owned())?;
        let (dialect, port) = match url.scheme() {
            "postgres" | "postgresql" => (Dialect::Postgres, 5432),
            "mysql" | "mariadb" => (Dialect::Mysql, 3306),
            "sqlite" => (Dialect::Sqlite, 0),
            _ => return Err("a connection URL begins with postgres://, mysql:// or sqlite://".to_owned()),
        };
        if url.fragment().is_some() {
            return Err("a connection URL has no `#`; write it as %23 in a password".to_owned());
        }
        let decoded = |part: &str| {
            let text = percent_decoded(part).ok_or("the connection URL has a part that is no UTF-8")?;
            if text.chars().any(char::is_control) {
                return Err("the connection URL has a control character in it".to_owned());
            }
            Ok(text)
        };
        let tls = tls(&url)?;
        if dialect == Dialect::Sqlite {
            let path = decoded(url.path())?;
            let bare = url.host_str().unwrap_or_default().is_empty() && url.username().is_empty();
            // the parser drops `..`; what was written has to be what is opened
            let straight = text.strip_prefix("sqlite://") == Some(url.path())
                && path.split('/').skip(1).all(|part| !matches!(part, "" | "." | ".."));
            if !bare || tls != Tls::Unsaid || !path.starts_with('/') || path.len() < 2 || !straight {
                return Err("write the file as sqlite:///absolute/path/to/file.db".to_owned());
            }
            let (host, user, password) = (String::new(), String::new(), Zeroizing::default());
            return Ok(Self { dialect, host, port, user, password, database: path, tls });
        }
        let host = url.host_str().filter(|host| {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte);
            !host.is_empty() && host.bytes().all(plain)
        });
        // read once more as the host of a web address, where all ways to write one address become the same
        let host = host.and_then(|host| {
            let web = url::Url::parse(&format!("https://{host}/")).ok()?;
            web.host_str().map(str::to_owned)
        });
        let host = host.ok_or("the connection URL has no host; sockets and several hosts are not taken")?;
        let database = decoded(url.path().strip_prefix('/').unwrap_or_default())?;
        if database.is_empty() || database.contains('/') {
            return Err("the connection URL must end with the database's name, as in postgres://user@host/shop".into());
        }
        Ok(Self {
            dialect,
            host,
            port: url.port().unwrap_or(port),
            user: decoded(url.username())?,
            password: Zeroizing::new(decoded(url.password().unwrap_or_default())?),
            database,
            tls,
        })
    }

    fn is_same_place(&self, other: &Self) -> bool {
        (self.dialect, &self.host, self.port, &self.database)
            == (other.dialect, &other.host, other.port, &other.database)
    }

    /// The only place that it may be used for.
    pub(in super::super) fn origin(&self, allow_private: bool) -> Result<Origin, String> {
        if self.tls == Tls::Off && !allow_private {
            return Err("TLS is switched off in the connection URL; if that is meant, add --allow-private".to_owned());
        }
        match self.dialect {
            Dialect::Sqlite => Ok(Origin::of_file(&self.database)),
            Dialect::Postgres => Origin::of_server("postgres", &self.host, self.port, allow_private),
            Dialect::Mysql => Origin::of_server("mysql", &self.host, self.port, allow_private),
        }
        .map_err(|error| error.to_string())
    }

    /// What an answer must not contain.
    pub(in super::super) fn secrets(&self) -> Vec<Zeroizing<String>> {
        if self.password.is_empty() { Vec::new() } else { vec![self.password.clone()] }
    }

    pub(in super::super) fn dialect(&self) -> Dialect {
        self.dialect
    }

    pub(in super::super) fn database(&self) -> &str {
        &self.database
    }

    pub(super) fn host(&self) -> &str {
        &self.host
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn user(&self) -> &str {
        &self.user
    }

    pub(super) fn password(&self) -> &str {
        &self.password
    }

    /// Is the connection encrypted? Only this machine itself is reached without, unless the URL says so.
    pub(super) fn is_encrypted(&self, loopback: bool) -> bool {
        match self.tls {
            Tls::Checked => true,
            Tls::Off => false,
            Tls::Unsaid => !loopback,
        }
    }
}

/// The one option that there is; every other one is refused by name.
fn tls(url: &url::Url) -> Result<Tls, String> {
    let mut tls = Tls::Unsaid;
    for (name, value) in url.query_pairs() {
        tls = match (name.as_ref(), value.as_ref()) {
            ("sslmode", "require" | "verify-full" | "verify-ca")
            | ("ssl-mode", "REQUIRED" | "VERIFY_CA" | "VERIFY_IDENTITY") => Tls::Checked,
            ("sslmode", "disable") | ("ssl-mode", "DISABLED") => Tls::Off,
            ("sslmode" | "ssl-mode", _) => {
                return Err("TLS is either checked or switched off: use sslmode=verify-full or sslmode=disable".into());
            }
            (name, _) => {
                let name: String = name.chars().filter(char::is_ascii_graphic).take(40).collect();
                return Err(format!("the option `{name}` of the connection URL is not taken; only `sslmode` is"));
            }
        };
    }
    Ok(tls)
}

fn percent_decoded(part: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digit = |byte: u8| char::from(byte).to_digit(16);
            let (high, low) = (digit(rest.next()?)?, digit(rest.next()?)?);
            bytes.push(u8::try_from(high * 16 + low).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(text: &str, allow_private: bool) -> Result<String, String> {
        let (reads, _) = Address::pair(text)?;
        reads.origin(allow_private).map(|origin| origin.to_string())
    }

    #[test]
    fn t081_a_connection_url_says_where_and_who_and_nothing_else() {
        let plain = Address::parse("postgres://app:p%40ss@DB.example.com/shop").unwrap();
        assert_eq!(
            (plain.host(), plain.port(), plain.user(), plain.password(), plain.database()),
            ("db.example.com", 5432, "app", "p@ss", "shop")
        );
        assert!(plain.is_encrypted(false));
        for option in [
            "options=-c%20x",
            "passfile=/etc/passwd",
            "service=x",
            "sslrootcert=/tmp/x",
            "host=/tmp/evil",
            "hostaddr=127.0.0.1",
            "sslmode=prefer",
            "sslmode=allow",
            "target_session_attrs=any",
            "local_infile=1",
            "sslkey=x",
        ] {
            assert!(Address::parse(&format!("postgres://a@db.example.com/shop?{option}")).is_err(), "{option}");
        }
        for text in [
            "postgres:///shop?host=/tmp/evil",
            "postgres://%2Ftmp%2Fevil/shop",
            "postgres://a,b/shop",
            "postgres://db.example.com",
            "postgres://db.example.com/",
            "http://db.example.com/shop",
            "sqlite://host/file",
            "sqlite:///a/../b",
            "sqlite:relative",
            "sqlite:///a?mode=rwc",
            "host=db dbname=shop",
        ] {
            assert!(Address::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn t081_without_consent_a_database_is_public_and_encrypted() {
        assert_eq!(origin("mysql://a:b@db.example.com/shop", false).unwrap(), "mysql://db.example.com:3306");
        assert_eq!(origin("postgres://a:b@db.example.com:6543/shop", false).unwrap(), "postgres://db.example.com:6543");
        for text in [
            "postgres://a@127.0.0.1/shop",
            "postgres://a@0x7f000001/shop",
            "postgres://a@localhost/shop",
            "postgres://a@10.0.0.1/shop",
            "postgres://a@db.example.com/shop?sslmode=disable",
        ] {
            assert!(origin(text, false).is_err(), "{text}");
            assert!(origin(text, true).is_ok(), "{text}");
        }
        assert_eq!(origin("sqlite:///var/lib/shop.db", false).unwrap(), "sqlite:///var/lib/shop.db");
    }

    #[test]
    fn a_second_url_is_for_writes_in_the_same_database() {
        let (reads, writes) =
            Address::pair("postgres://r:1@db.example.com/shop postgres://w:2@db.example.com/shop").unwrap();
        assert_eq!((reads.user(), writes.unwrap().user()), ("r", "w"));
        assert!(Address::pair("postgres://r:1@db.example.com/shop postgres://w:2@db.example.com/other").is_err());
    }
}
