//! MariaDB's `mysql-test/main`. Its scripts all name their tables `t1`, so each has a database of its own.

use agentport::sql::Dialect;

use super::{Ran, change_nothing, read, run_all, scripts, scripts_in, set_up, suite, tell};
use crate::sql_differential::{Server as _, difference, mariadb::Mariadb};

/// Scripts between two looks at what is stored.
const AT_ONCE: usize = 20;

/// Those about queries and values, and some about what a query may change.
const SCRIPTS: [&str; 38] = [
    "alias",
    "bool",
    "comments",
    "cte_nonrecursive",
    "distinct",
    "except",
    "func_gconcat",
    "func_if",
    "func_in",
    "func_json",
    "func_math",
    "func_op",
    "func_set",
    "func_str",
    "group_by",
    "having",
    "intersect",
    "join",
    "limit",
    "metadata",
    "null",
    "order_by",
    "outfile",
    "parser",
    "ps",
    "row",
    "select",
    "subselect",
    "type_date",
    "type_enum",
    "type_int",
    "type_varchar",
    "union",
    "user_var",
    "variables",
    "view",
    "win",
    "win_rank",
];

#[test]
fn what_mariadbs_own_suite_reads_changes_nothing() {
    let test = "what_mariadbs_own_suite_reads";
    let Some(folder) = suite(test, "mariadb") else { return };
    let Some(mut server) = Mariadb::start(test) else { return };
    let mut ran = Ran::default();
    let (mut all, mut homes) = (0, 0..);
    for scripts in scripts_in(&folder, &SCRIPTS, "test").chunks(AT_ONCE) {
        let mut reads = Vec::new();
        for (script, home) in scripts.iter().zip(&mut homes) {
            let home = format!("suite_{home}");
            server.run(&format!("CREATE DATABASE {home}")).unwrap();
            server.run(&format!("USE {home}")).unwrap();
            let statements = scripts::of_mysqltest(&read(script));
            reads.push((home, set_up(&mut server, Dialect::Mysql, statements)));
            server.reconnect();
        }
        let before = server.state();
        for (home, reads) in &reads {
            // one that a script has dropped has nothing to read
            if server.run(&format!("USE {home}")).is_ok() {
                run_all(&mut server, reads, &mut ran);
            }
            all += reads.len();
        }
        server.run("USE shop").unwrap();
        let after = server.state();
        if before != after {
            tell(&format!("something is different:\n{}", difference(&before, &after)));
            for (home, reads) in &reads {
                server.run(&format!("USE {home}")).ok();
                change_nothing(&mut server, reads, &mut ran);
            }
            panic!("what is different is so no second time");
        }
        for (home, _) in &reads {
            // its tables go, and with them its folder, unless a script has put a file into it
            server.run(&format!("DROP DATABASE IF EXISTS {home}")).ok();
        }
    }
    tell(&format!("MariaDB's own suite: {} of {all} reads ran", ran.well.len()));
    assert!(ran.well.len() >= 1_500, "{} reads are few", ran.well.len());
}
