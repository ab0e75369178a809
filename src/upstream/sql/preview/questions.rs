//! What databases are asked about a table, in SQL of our own: the same columns of every dialect.

use serde_json::{Value, json};

use crate::sql::{Dialect, Target};

/// The questions of one dialect. Each takes the values of a [`Place`].
pub(super) struct Questions {
    /// Schema, name, kind, size in bytes, estimated rows, and the name of a storage without transactions.
    pub(super) table: &'static str,
    /// Of foreign keys to it, a row for each column: schema, table, key, on delete, on update, column, referenced column.
    pub(super) keys: &'static str,
    /// With the event behind the place: name and time.
    pub(super) triggers: &'static str,
    /// Of storages without transactions, what the triggers of that event name in their text: table and storage.
    pub(super) lasting_by_triggers: Option<&'static str>,
    /// Schema, name and, where the server does not know what a view reads, its text.
    pub(super) views: &'static str,
    /// The columns of its primary key.
    pub(super) primary_key: &'static str,
}

/// What happens to a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Event {
    Insert,
    Update,
    Delete,
    Truncate,
}

/// A table: as SQL names it, and as questions are asked about it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Place {
    pub(super) sql: String,
    pub(super) values: Vec<Value>,
}

impl Questions {
    pub(super) fn of(dialect: Dialect) -> &'static Self {
        match dialect {
            Dialect::Postgres => &POSTGRES,
            Dialect::Mysql => &MYSQL,
            Dialect::Sqlite => &SQLITE,
        }
    }
}

impl Place {
    /// Where the statement itself says.
    pub(super) fn of(dialect: Dialect, target: &Target) -> Self {
        match dialect {
            Dialect::Postgres => Self { sql: target.table().to_owned(), values: vec![json!(target.table())] },
            Dialect::Mysql | Dialect::Sqlite => {
                Self { sql: target.table().to_owned(), ..Self::named(dialect, target.parts()) }
            }
        }
    }

    /// The table of a name in parts, its own last.
    pub(super) fn named(dialect: Dialect, parts: &[String]) -> Self {
        let (table, schema) = match parts {
            [.., schema, table] => (table.as_str(), Some(schema.as_str())),
            [table] => (table.as_str(), None),
            [] => ("", None),
        };
        let sql = dialect.qualified(schema, table);
        let values = match dialect {
            Dialect::Postgres => vec![json!(sql)],
            Dialect::Mysql => vec![json!(schema), json!(table)],
            Dialect::Sqlite => vec![json!(table)],
        };
        Self { sql, values }
    }
}

impl Event {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Insert => "INSERT",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
            Self::Truncate => "TRUNCATE",
        }
    }

    /// As the question about triggers takes it; in PostgreSQL the bit of `pg_trigger.tgtype`.
    pub(super) fn value(self, dialect: Dialect) -> Value {
        match (dialect, self) {
            (Dialect::Mysql | Dialect::Sqlite, event) => json!(event.word()),
            (Dialect::Postgres, Self::Insert) => json!(4),
            (Dialect::Postgres, Self::Delete) => json!(8),
            (Dialect::Postgres, Self::Update) => json!(16),
            (Dialect::Postgres, Self::Truncate) => json!(32),
        }
    }
}

/// `public.customers`
pub(super) fn display(schema: Option<&str>, table: &str) -> String {
    schema.map_or_else(|| table.to_owned(), |schema| format!("{schema}.{table}"))
}

/// A number, however the server's answer has it.
pub(super) fn number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

const POSTGRES: Questions = Questions {
    table: "SELECT n.nspname::text, c.relname::text, CASE c.relkind WHEN 'r' THEN 'Table' WHEN 'p' THEN \
        'Partitioned table' WHEN 'v' THEN 'View' WHEN 'm' THEN 'Materialized view' WHEN 'f' THEN 'Foreign table' \
        WHEN 'i' THEN 'Index' WHEN 'I' THEN 'Index' WHEN 'S' THEN 'Sequence' ELSE 'Relation' END, \
        pg_catalog.pg_total_relation_size(c.oid)::int8, CASE WHEN c.reltuples < 0 THEN NULL ELSE c.reltuples::int8 END, \
        NULL::text FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
        WHERE c.oid = pg_catalog.to_regclass($1::text)",
    keys: "SELECT n.nspname::text, c.relname::text, k.conname::text, \
        CASE k.confdeltype WHEN 'c' THEN 'CASCADE' WHEN 'n' THEN 'SET NULL' WHEN 'd' THEN 'SET DEFAULT' ELSE 'RESTRICT' END, \
        CASE k.confupdtype WHEN 'c' THEN 'CASCADE' WHEN 'n' THEN 'SET NULL' WHEN 'd' THEN 'SET DEFAULT' ELSE 'RESTRICT' END, \
        a.attname::text, r.attname::text \
        FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_class c ON c.oid = k.conrelid \
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
        CROSS JOIN LATERAL unnest(k.conkey, k.confkey) WITH ORDINALITY AS u(own, theirs, place) \
        JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.own \
        JOIN pg_catalog.pg_attribute r ON r.attrelid = k.confrelid AND r.attnum = u.theirs \
        WHERE k.confrelid = pg_catalog.to_regclass($1::text) AND k.contype = 'f' AND k.conparentid = 0 \
        ORDER BY 1, 2, 3, u.place LIMIT 60",
    triggers: "SELECT t.tgname::text, CASE WHEN t.tgtype::int4 & 64 <> 0 THEN 'INSTEAD OF' \
        WHEN t.tgtype::int4 & 2 <> 0 THEN 'BEFORE' ELSE 'AFTER' END FROM pg_catalog.pg_trigger t \
        WHERE t.tgrelid = pg_catalog.to_regclass($1::text) AND NOT t.tgisinternal AND t.tgenabled IN ('O', 'A') \
        AND t.tgtype::int4 & $2::int4 <> 0 ORDER BY 1 LIMIT 20",
    lasting_by_triggers: None,
    views: "SELECT DISTINCT n.nspname::text, c.relname::text, NULL::text FROM pg_catalog.pg_depend d \
        JOIN pg_catalog.pg_rewrite w ON w.oid = d.objid JOIN pg_catalog.pg_class c ON c.oid = w.ev_class \
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
        WHERE d.classid = 'pg_catalog.pg_rewrite'::regclass AND d.refclassid = 'pg_catalog.pg_class'::regclass \
        AND d.refobjid = pg_catalog.to_regclass($1::text) AND c.oid <> d.refobjid ORDER BY 1, 2 LIMIT 20",
    primary_key: "SELECT a.attname::text FROM pg_catalog.pg_index i JOIN pg_catalog.pg_attribute a \
        ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey::int2[]) \
        WHERE i.indrelid = pg_catalog.to_regclass($1::text) AND i.indisprimary ORDER BY a.attnum LIMIT 8",
};

const MYSQL: Questions = Questions {
    table: "SELECT t.table_schema, t.table_name, CASE t.table_type WHEN 'VIEW' THEN 'View' ELSE 'Table' END, \
        t.data_length + t.index_length, t.table_rows, \
        CASE WHEN e.transactions = 'YES' OR t.engine IS NULL THEN NULL ELSE t.engine END \
        FROM information_schema.tables t LEFT JOIN information_schema.engines e ON e.engine = t.engine \
        WHERE t.table_schema = COALESCE(?, DATABASE()) AND t.table_name = ?",
    keys: "SELECT k.table_schema, k.table_name, k.constraint_name, r.delete_rule, r.update_rule, k.column_name, \
        k.referenced_column_name FROM information_schema.key_column_usage k \
        JOIN information_schema.referential_constraints r ON r.constraint_schema = k.constraint_schema \
        AND r.constraint_name = k.constraint_name AND r.table_name = k.table_name \
        WHERE k.referenced_table_schema = COALESCE(?, DATABASE()) AND k.referenced_table_name = ? \
        ORDER BY 1, 2, 3, k.ordinal_position LIMIT 60",
    triggers: "SELECT trigger_name, action_timing FROM information_schema.triggers \
        WHERE event_object_schema = COALESCE(?, DATABASE()) AND event_object_table = ? AND event_manipulation = ? \
        ORDER BY 1 LIMIT 20",
    lasting_by_triggers: Some(
        "SELECT DISTINCT t.table_name, t.engine FROM information_schema.triggers g \
        JOIN information_schema.tables t ON t.table_schema = g.event_object_schema \
        AND LOCATE(t.table_name, g.action_statement) > 0 AND (t.table_name NOT REGEXP '^[a-zA-Z0-9_]+$' \
        OR g.action_statement REGEXP CONCAT('(^|[^a-zA-Z0-9_])', t.table_name, '([^a-zA-Z0-9_]|$)')) \
        JOIN information_schema.engines e ON e.engine = t.engine AND e.transactions <> 'YES' \
        WHERE g.event_object_schema = COALESCE(?, DATABASE()) AND g.event_object_table = ? \
        AND g.event_manipulation = ? ORDER BY 1 LIMIT 5",
    ),
    views: "SELECT table_schema, table_name, NULL FROM information_schema.views WHERE LOCATE(CONCAT('`', \
        COALESCE(?, DATABASE()), '`.`', ?, '`'), view_definition) > 0 ORDER BY 1, 2 LIMIT 20",
    primary_key: "SELECT column_name FROM information_schema.key_column_usage \
        WHERE table_schema = COALESCE(?, DATABASE()) AND table_name = ? AND constraint_name = 'PRIMARY' \
        ORDER BY ordinal_position LIMIT 8",
};

const SQLITE: Questions = Questions {
    table: "SELECT NULL, name, CASE type WHEN 'view' THEN 'View' WHEN 'index' THEN 'Index' ELSE 'Table' END, NULL, NULL, \
        NULL FROM sqlite_schema WHERE type IN ('table', 'view', 'index') AND name = ?1 COLLATE NOCASE",
    keys: "SELECT NULL, t.name, f.id, f.on_delete, f.on_update, f.\"from\", f.\"to\" FROM sqlite_schema AS t, \
        pragma_foreign_key_list(t.name) AS f WHERE t.type = 'table' AND f.\"table\" = ?1 COLLATE NOCASE \
        ORDER BY t.name, f.id, f.seq LIMIT 60",
    // the text of a trigger names its event before it names its table
    triggers: "SELECT name, CASE WHEN instr(upper(sql), ' INSTEAD ') > 0 THEN 'INSTEAD OF' \
        WHEN instr(upper(sql), ' BEFORE ') > 0 THEN 'BEFORE' ELSE 'AFTER' END FROM sqlite_schema \
        WHERE type = 'trigger' AND tbl_name = ?1 COLLATE NOCASE \
        AND instr(substr(upper(sql), 1, instr(upper(sql), 'BEGIN')), ?2) > 0 ORDER BY name LIMIT 20",
    lasting_by_triggers: None,
    views: "SELECT NULL, name, sql FROM sqlite_schema WHERE type = 'view' AND ?1 <> '' ORDER BY name LIMIT 200",
    primary_key: "SELECT name FROM pragma_table_xinfo(?1) WHERE pk > 0 ORDER BY pk LIMIT 8",
};
