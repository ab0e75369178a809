//! Queries about the rows that a statement meets.

use super::understood;
use crate::sql::{Change, Dialect, Target};

#[test]
fn a_preview_looks_at_the_rows_that_the_statement_meets() {
    let text = "UPDATE public.\"Orders\" AS o SET total = total * $1, note = $3 WHERE o.id > $2 AND note = $1";
    let statement = understood(Dialect::Postgres, text);
    let target = statement.target().unwrap();
    assert_eq!((target.table(), target.name()), ("public.\"Orders\"", "public.Orders"));
    assert_eq!(target.where_text(), Some("o.id > $2 AND note = $1"));
    let count = target.count().unwrap();
    assert_eq!(count.text, "SELECT count(*) FROM public.\"Orders\" AS o WHERE o.id > $1 AND note = $2");
    assert_eq!(count.parameters, [2, 1]);
    let rows = target.old_and_new(&["id"], 5).unwrap();
    assert_eq!(
        rows.text,
        "SELECT o.\"id\", total, (total * $1), note, ($2) FROM public.\"Orders\" AS o WHERE o.id > $3 AND note = $4 LIMIT 5"
    );
    assert_eq!(rows.parameters, [1, 3, 2, 1]);
    for preview in [count, rows, target.count_all(), target.rows(5).unwrap()] {
        assert!(understood(Dialect::Postgres, &preview.text).is_read(), "{}", preview.text);
    }
    let statement = understood(Dialect::Mysql, "UPDATE t SET a = ?, b = ? WHERE c = ?");
    assert_eq!(statement.target().unwrap().count().unwrap().parameters, [3]);
    let all = understood(Dialect::Sqlite, "DELETE FROM t");
    assert_eq!(all.target().unwrap().count().unwrap().text, "SELECT count(*) FROM t");
    for involved in ["DELETE FROM t USING u WHERE t.id = u.id", "UPDATE t SET a = 1 FROM u WHERE u.id = t.id"] {
        let statement = understood(Dialect::Postgres, involved);
        assert_eq!(statement.target().and_then(Target::count), None, "{involved}");
    }
    let drop = understood(Dialect::Postgres, "DROP TABLE a, s.b CASCADE");
    assert_eq!(drop.targets().iter().map(Target::name).collect::<Vec<_>>(), ["a", "s.b"]);
}

#[test]
fn what_is_added_is_counted_by_its_query_or_its_values() {
    let of = |dialect, text| understood(dialect, text);
    let copy = of(Dialect::Postgres, "INSERT INTO b (x) SELECT id FROM a WHERE id > $1");
    let target = copy.target().unwrap();
    assert_eq!((target.name(), target.change()), ("b", Change::Insert));
    let count = target.count().unwrap();
    assert_eq!(count.text, "SELECT count(*) FROM (SELECT id FROM a WHERE id > $1) AS added");
    assert_eq!(count.parameters, [1]);
    assert!(understood(Dialect::Postgres, &count.text).is_read());
    for (text, rows) in [("INSERT INTO t VALUES (1), (2)", Some(2)), ("INSERT INTO t DEFAULT VALUES", Some(1))] {
        assert_eq!(of(Dialect::Sqlite, text).target().unwrap().new_rows(), rows, "{text}");
    }
    let twice = of(Dialect::Mysql, "INSERT INTO t VALUES (1) ON DUPLICATE KEY UPDATE a = 2");
    assert_eq!((twice.target().unwrap().new_rows(), twice.target().unwrap().count()), (None, None));
}

#[test]
fn rows_that_point_at_what_is_met_are_found_by_quoted_names() {
    let statement = understood(Dialect::Postgres, "DELETE FROM customers c WHERE c.country = $1");
    let met = statement.target().unwrap().selection().unwrap();
    let orders = met.pointing(Some("public"), "or\"ders", &["customer"], &["id"]);
    let items = orders.pointing(None, "items", &["a", "b"], &["x", "y"]);
    let text = items.count().unwrap().text;
    let inner = "SELECT c.\"id\" FROM customers AS c WHERE c.country = $1";
    let middle = format!(
        "SELECT \"public\".\"or\"\"ders\".\"x\", \"public\".\"or\"\"ders\".\"y\" FROM \"public\".\"or\"\"ders\" \
         WHERE (\"customer\") IN ({inner})"
    );
    assert_eq!(text, format!("SELECT count(*) FROM \"items\" WHERE (\"a\", \"b\") IN ({middle})"));
    let plain = met.pointing(None, "orders", &["customer"], &["id"]).count().unwrap();
    assert!(understood(Dialect::Postgres, &plain.text).is_read());
    assert_eq!(Dialect::Mysql.qualified(Some("s"), "a`b"), "`s`.`a``b`");
}
