//! Column by column: what the log speaks for cannot change unseen, and no column is forgotten.

use rusqlite::types::Value as Cell;

use super::*;

/// `(table, key columns, columns that the log speaks for)`.
const SPOKEN_FOR: [(&str, &[&str], &[&str]); 6] = [
    (
        "record",
        &["rowid"],
        &["seq", "id", "call", "kind", "status", "at", "caller", "tool", "account", "body", "prev", "hash"],
    ),
    ("payload", &["record", "role"], &["record", "role", "text"]),
    (
        "approval",
        &["id"],
        &[
            "id",
            "call",
            "call_key",
            "caller",
            "digest",
            "status",
            "created_at",
            "expires_at",
            "expires_boot",
            "boot_id",
            "reopened",
        ],
    ),
    ("pin", &["seq"], &["text", "tools", "at"]),
    ("sending", &["call"], &["call"]),
    (
        "granted",
        &["id"],
        &["id", "text", "tool", "definition", "account_id", "origin", "given_at", "expires_at", "revoked_at"],
    ),
];

/// What the log does not speak for: whether an answer was fetched, how often it was asked for, and who sends.
const NOT_SPOKEN_FOR: [(&str, &str); 4] =
    [("approval", "delivered"), ("approval", "awaited"), ("sending", "runner"), ("sending", "since")];

/// Another value of the same type; of a status another status.
fn changed(column: &str, cell: &Cell) -> Cell {
    match cell {
        Cell::Integer(number) if column == "seq" => Cell::Integer(number + 1_000),
        Cell::Integer(number) => Cell::Integer(number ^ 1),
        Cell::Text(text) if column == "status" && text == "denied" => Cell::Text("executed".to_owned()),
        Cell::Text(_) if column == "status" => Cell::Text("denied".to_owned()),
        Cell::Text(text) => Cell::Text(format!("{text} ")),
        Cell::Blob(bytes) => Cell::Blob(bytes.iter().map(|byte| byte ^ 1).collect()),
        Cell::Null | Cell::Real(_) => panic!("{cell:?} in {column}"),
    }
}

fn cells(connection: &Connection, sql: &str) -> Vec<Vec<Cell>> {
    let mut statement = connection.prepare(sql).unwrap();
    let width = statement.column_count();
    let rows = statement.query_map([], |row| (0..width).map(|index| row.get(index)).collect()).unwrap();
    rows.collect::<Result<_, _>>().unwrap()
}

#[tokio::test]
async fn t232_every_change_of_every_column_is_named() {
    let home = eventful().await;
    let raw = home.raw();
    let mut changes = 0;
    for (table, key, columns) in SPOKEN_FOR {
        let condition = key.iter().map(|column| format!("{column} = ?")).collect::<Vec<_>>().join(" AND ");
        for column in columns {
            let select = format!("SELECT {column}, {} FROM {table}", key.join(", "));
            for row in cells(&raw, &select) {
                let (cell, row_key) = row.split_first().unwrap();
                let after = changed(column, cell);
                // where the column is the key itself the row is found by its new value afterwards
                let key_after: Vec<Cell> = key
                    .iter()
                    .zip(row_key)
                    .map(|(name, value)| {
                        let moved = name == column || (*name == "rowid" && *column == "seq");
                        if moved { after.clone() } else { value.clone() }
                    })
                    .collect();
                let set = |to: &Cell, key: &[Cell]| {
                    let parameters = std::iter::once(to).chain(key);
                    let sql = format!("UPDATE {table} SET {column} = ? WHERE {condition}");
                    assert_eq!(raw.execute(&sql, rusqlite::params_from_iter(parameters)).unwrap(), 1, "{sql}");
                };
                set(&after, row_key);
                let bad = found(&raw).unwrap_or_else(|| panic!("{table}.{column} {cell:?} became {after:?}, unseen"));
                match (table, *column, cell) {
                    ("record", "seq", _) | (_, _, Cell::Null) => {}
                    // the line itself is named
                    ("record", _, _) => assert_eq!(Some(&Cell::Integer(bad.seq)), row_key.first(), "{column}: {bad}"),
                    ("payload", "text" | "role", _) => assert_eq!(Cell::Text(bad.id.clone()), row_key[0], "{bad}"),
                    _ => assert!(!bad.what.is_empty()),
                }
                set(cell, &key_after);
                changes += 1;
            }
        }
    }
    assert_eq!(found(&raw), None);
    assert!(changes > 300, "{changes}");
}

#[tokio::test]
async fn t232_no_column_is_forgotten() {
    let home = eventful().await;
    let raw = home.raw();
    for (table, _, columns) in SPOKEN_FOR {
        for name in cells(&raw, &format!("SELECT name FROM pragma_table_info('{table}')")) {
            let Cell::Text(name) = &name[0] else { panic!() };
            let exempt = NOT_SPOKEN_FOR.contains(&(table, name.as_str())) || (table == "pin" && name == "seq");
            assert!(exempt || columns.contains(&name.as_str()), "{table}.{name}");
        }
    }
    for (table, column) in NOT_SPOKEN_FOR {
        raw.execute(&format!("UPDATE {table} SET {column} = {column}"), []).unwrap();
        assert_eq!(found(&raw), None);
    }
}
