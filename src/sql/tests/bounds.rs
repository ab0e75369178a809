//! No server stops within one function: what a read can make is bounded before it runs.

use super::{is_no_read, understood};
use crate::sql::Dialect::{self, Mysql, Postgres, Sqlite};

fn is_read(dialect: Dialect, text: &str) {
    assert_eq!(understood(dialect, text).why_not_read(), None, "{dialect}: {text}");
}

#[test]
fn what_is_made_twice_over_is_no_read() {
    for text in [
        "SELECT strpos(repeat(repeat('a',10000),10000),'b'||repeat('a',99999)), count(*) FROM notes",
        "SELECT repeat(repeat('a', 2000), 2000)",
        "SELECT lower(repeat(upper(repeat('a', 2000)), 2000))",
        "SELECT repeat(x, 2000) FROM (SELECT repeat('a', 2000) AS x FROM t) q",
        "WITH w AS (SELECT repeat('a', 2000) AS x) SELECT repeat(x, 2000) FROM w",
        "SELECT repeat(lpad('a', 2000), 2000)",
        "SELECT repeat(replace('aaaaaaaa', 'a', 'bbbbbbbbbbbbbbbb'), 100000)",
        "SELECT replace(replace(replace(replace(a, 'a', $1), 'b', $1), 'c', $1), 'd', $1) FROM t",
    ] {
        is_no_read(Postgres, text);
    }
    is_no_read(Postgres, &format!("SELECT repeat('{}', 100000)", "a".repeat(11)));
    is_no_read(
        Mysql,
        "SELECT locate(concat(repeat('a',100000),'b'), repeat(repeat('a',1000),10000)), count(*) FROM notes",
    );
    is_no_read(Mysql, "SELECT repeat(space(2000), 2000)");
    is_no_read(Sqlite, "SELECT hex(zeroblob(100000)), zeroblob(100000)");
}

/// The number that says how much is made, and no other one beside it.
#[test]
fn only_the_number_that_is_a_size_is_taken_for_one() {
    for text in [
        "SELECT lpad(1, a) FROM t",
        "SELECT lpad(1, 1000000000 - 1)",
        "SELECT repeat(1, 1000 * 1000 * 1000)",
        "SELECT rpad(1, (SELECT max(id) FROM t), 2)",
        "SELECT repeat(1, 100001)",
        "SELECT repeat(7)",
    ] {
        is_no_read(Postgres, text);
        is_no_read(Mysql, text);
    }
    is_no_read(Postgres, "SELECT * FROM generate_series(1, a)");
    is_no_read(Postgres, "SELECT * FROM generate_series(1, 100000, $1)");
}

#[test]
fn a_format_is_written_out_and_fills_up_to_little() {
    for format in ["'%15000000d'", "'%*d'", "'% 1000d'", "'%.5000f'", "'%-1000s'", "'%1$*2$s'", "a", "?", "'%d' || a"] {
        is_no_read(Sqlite, &format!("SELECT printf({format}, id) FROM t"));
        is_no_read(Sqlite, &format!("SELECT format({format}, id) FROM t"));
        is_no_read(Postgres, &format!("SELECT format({}, id) FROM t", format.replace('?', "$1")));
    }
    is_no_read(Sqlite, "SELECT count(*) FROM notes WHERE instr(printf('%15000000d',id), printf('%7000000d',20)) > 0");
    for format in ["'%s'", "'%05d'", "'%-20s|%.2f'", "'100 %'", "'%%'", "'%,d'", "('%s')", "'at 20000000 for %s'"] {
        is_read(Sqlite, &format!("SELECT printf({format}, id) FROM t"));
        is_read(Postgres, &format!("SELECT format({format}, id) FROM t"));
    }
    // a number, and how many digits
    is_read(Mysql, "SELECT format(total, 2) FROM orders");
}

#[test]
fn what_reports_need_stays_a_read() {
    for text in [
        "SELECT repeat('#', 40), repeat('-', 100), rpad(name, 20), lpad(id, 8, '0'), lpad(total, 12) FROM t",
        "SELECT replace(replace(replace(phone, ' ', ''), '-', ''), '(', '') FROM t",
        "SELECT replace(replace(replace(a, '&', '&amp;'), '<', '&lt;'), '>', '&gt;') FROM t",
        "SELECT replace(replace(a, '{name}', name), '{city}', city) FROM t",
        "SELECT regexp_replace(phone, '[^0-9]', '') FROM t",
        "SELECT repeat('a', 100000)",
    ] {
        is_read(Postgres, text);
        is_read(Mysql, text);
    }
    is_read(Postgres, "SELECT day, lpad(count(*)::text, 5) FROM generate_series(1, 365) AS day GROUP BY day");
}
