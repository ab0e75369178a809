//! A role for agents, as SQL that a person can run as it stands: it may read what there is, and nothing else.

use crate::sql::Dialect;

/// The statements that make the role; `None` where databases have no roles.
pub fn least_role(dialect: Dialect, database: &str) -> Option<String> {
    match dialect {
        Dialect::Postgres => {
            let database = quoted(database, '"');
            Some(format!(
                "CREATE ROLE agent_reads LOGIN PASSWORD 'choose one' NOSUPERUSER NOCREATEDB NOCREATEROLE NOINHERIT CONNECTION LIMIT 5;\n\
                 ALTER ROLE agent_reads SET default_transaction_read_only = on;\n\
                 GRANT CONNECT ON DATABASE {database} TO agent_reads;\n\
                 GRANT USAGE ON SCHEMA public TO agent_reads;\n\
                 GRANT SELECT ON ALL TABLES IN SCHEMA public TO agent_reads;\n\
                 ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO agent_reads;\n\
                 REVOKE CREATE ON SCHEMA public FROM PUBLIC;"
            ))
        }
        Dialect::Mysql => {
            let database = quoted(database, '`');
            Some(format!(
                "CREATE USER 'agent_reads'@'%' IDENTIFIED BY 'choose one';\n\
                 GRANT SELECT, SHOW VIEW ON {database}.* TO 'agent_reads'@'%';"
            ))
        }
        Dialect::Sqlite => None,
    }
}

fn quoted(name: &str, quote: char) -> String {
    let doubled = name.replace(quote, &format!("{quote}{quote}"));
    format!("{quote}{doubled}{quote}")
}
