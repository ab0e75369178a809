-- One statement a line: reads, changes in every disguise, and generated ones. `sql_differential` runs what is classed as a read.
SELECT 1
SELECT * FROM customers
SELECT id, name FROM customers WHERE id = 7
SELECT count(*) FROM orders
SELECT c.name, sum(o.total) FROM customers c JOIN orders o ON o.customer = c.id GROUP BY c.name ORDER BY c.name
SELECT c.name FROM customers c LEFT JOIN orders o ON o.customer = c.id WHERE o.id IS NULL
WITH big AS (SELECT * FROM orders WHERE total > 50) SELECT count(*) FROM big
WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 10) SELECT * FROM n
SELECT name FROM customers UNION SELECT note FROM orders
SELECT name FROM customers EXCEPT SELECT note FROM orders
SELECT name FROM customers INTERSECT SELECT note FROM orders
SELECT CASE WHEN total > 10 THEN 'big' ELSE 'small' END FROM orders
SELECT * FROM customers WHERE name LIKE 'c%' LIMIT 3 OFFSET 2
SELECT * FROM customers WHERE id IN (SELECT customer FROM orders)
SELECT * FROM customers c WHERE EXISTS (SELECT 1 FROM orders o WHERE o.customer = c.id)
SELECT row_number() OVER (PARTITION BY customer ORDER BY id) FROM orders
SELECT rank() OVER w FROM orders WINDOW w AS (ORDER BY total)
SELECT lower(name), upper(name), length(name) FROM customers
SELECT DISTINCT customer FROM orders
SELECT max(total), min(total), avg(total) FROM orders HAVING count(*) > 0
SELECT (SELECT count(*) FROM orders o WHERE o.customer = c.id) FROM customers c
SELECT * FROM (SELECT id FROM customers) q
SELECT a.id FROM customers a, customers b WHERE a.id = b.id
SELECT 'delete from customers; drop table orders'
SELECT 'it''s' AS quote -- drop table customers
SELECT /* delete from customers */ 1
SELECT id FROM customers ORDER BY 1 DESC
SELECT count(DISTINCT customer) FROM orders
SELECT * FROM customers NATURAL JOIN orders
SELECT NULLIF(1, 2), COALESCE(NULL, 3)
SELECT CAST('12' AS DECIMAL(10, 2))
SELECT current_date, current_timestamp
SELECT -1, +1, NOT 1 = 1
SELECT * FROM customer_names
EXPLAIN SELECT * FROM customers
PRAGMA table_info('customers')
PRAGMA table_info(customers)
PRAGMA index_list('orders')
PRAGMA foreign_key_list('orders')
PRAGMA database_list
PRAGMA page_count
PRAGMA compile_options
SELECT * FROM sqlite_master
SELECT sqlite_version(), last_insert_rowid(), changes()
SELECT [name], "name", `name` FROM customers
SELECT name GLOB 'c*', name REGEXP 'c' FROM customers
SELECT json_extract(data, '$.a') FROM docs
SELECT j.value FROM docs, json_each(docs.data) j
SELECT * FROM json_tree('{"a": [1]}')
SELECT date('now'), strftime('%Y', 'now'), julianday('now')
SELECT group_concat(name, ';') FROM customers
SELECT total(total), typeof(total) FROM orders
SELECT iif(1, 2, 3), ifnull(NULL, 1), printf('%d', 5), quote('x')
SELECT * FROM customers LIMIT 2, 3
SELECT x'61', 0x10, 1e3
SELECT 1 == 1, 1 <> 2, 1 IS NOT 2, 'a' || 'b', 5 % 2, 1 << 2, ~1
SELECT * FROM customers INDEXED BY customer_name WHERE name = 'c1'
SELECT rowid, oid, _rowid_ FROM customers
EXPLAIN QUERY PLAN SELECT * FROM customers
EXPLAIN DELETE FROM orders
SELECT name COLLATE NOCASE FROM customers
SELECT count(*) FILTER (WHERE total > 5) FROM orders
SELECT max(1, 2), min(1, 2), abs(-1), round(1.5), random() IS NOT NULL
SELECT CAST('1' AS integer), CAST(1 AS evil)
VALUES (1), (2)
SELECT unicode('a'), char(97), instr('abc', 'b'), hex('a')
SELECT json_group_array(id) FROM customers
SELECT ?1, ?, ?3, ?
SELECT 1 /* unterminated
SELECT * FROM main.customers
INSERT INTO customers VALUES (900, 'x', 'y')
INSERT INTO customers (id, name) SELECT id + 10000, name FROM customers
UPDATE customers SET name = 'x'
UPDATE customers SET name = 'x' WHERE id = 1
DELETE FROM orders
DELETE FROM orders WHERE id = 1
DROP TABLE orders
DROP VIEW customer_names
ALTER TABLE customers ADD COLUMN evil int
CREATE TABLE evil (a int)
CREATE TABLE evil AS SELECT * FROM customers
CREATE INDEX evil ON customers (name)
CREATE VIEW evil AS SELECT * FROM customers
SELECT * INTO evil FROM customers
SELECT 1; DROP TABLE orders
COMMIT; DELETE FROM orders
BEGIN
COMMIT
ROLLBACK
SELECT touch()
SELECT * FROM customers WHERE touch() = 1
SELECT lower((SELECT touch()))
SELECT 1 ORDER BY touch()
SELECT count(*) FROM orders GROUP BY touch()
WITH x AS (SELECT touch()) SELECT * FROM x
EXPLAIN SELECT touch()
VALUES (touch())
GRANT ALL ON customers TO bob
REVOKE ALL ON customers FROM bob
((DELETE FROM orders))
ATTACH 'evil.db' AS evil
ATTACH DATABASE 'evil.db' AS evil
DETACH main
VACUUM
VACUUM INTO 'evil.db'
REINDEX
ANALYZE
PRAGMA user_version = 5
PRAGMA user_version(5)
PRAGMA user_version
PRAGMA journal_mode = wal
PRAGMA journal_mode(wal)
PRAGMA journal_mode
PRAGMA auto_vacuum = 1
PRAGMA application_id = 7
PRAGMA encoding = 'UTF-16'
PRAGMA writable_schema = 1
PRAGMA query_only = 0
PRAGMA wal_checkpoint
PRAGMA incremental_vacuum
PRAGMA optimize
PRAGMA schema_version = 9
PRAGMA main.user_version = 6
PRAGMA foreign_keys = off
PRAGMA integrity_check
SELECT * FROM pragma_user_version
SELECT * FROM pragma_table_info('customers')
SELECT load_extension('x')
SELECT writefile('evil.txt', 'x')
SELECT readfile('/etc/passwd')
SELECT edit('x')
SELECT * FROM customers WHERE writefile('evil.txt', name) > 0
SELECT lower(writefile('evil.txt', 'x'))
SELECT count(writefile('evil.txt', 'x')) FROM orders
SELECT sum(1) OVER (ORDER BY writefile('evil.txt', 'x')) FROM orders
SELECT "writefile"('evil.txt', 'x')
SELECT [writefile]('evil.txt', 'x')
SELECT `writefile`('evil.txt', 'x')
SELECT WriteFile('evil.txt', 'x')
SELECT writefile/**/('evil.txt', 'x')
SELECT CASE WHEN 1 THEN writefile('evil.txt', 'x') END
SELECT iif(1, writefile('evil.txt', 'x'), 2)
SELECT 1 IN (writefile('evil.txt', 'x'))
SELECT writefile('evil.txt', 'x') BETWEEN 1 AND 2
SELECT writefile('evil.txt', 'x') IS NULL
SELECT 1 LIMIT writefile('evil.txt', 'x')
SELECT -writefile('evil.txt', 'x')
SELECT CAST(writefile('evil.txt', 'x') AS text)
SELECT writefile('evil.txt', 'x') COLLATE NOCASE
SELECT EXISTS (SELECT writefile('evil.txt', 'x'))
SELECT * FROM fsdir('.')
SELECT * FROM customers c JOIN orders o ON writefile('evil.txt', 'x') > 0
SELECT group_concat(name, writefile('evil.txt', 'x')) FROM customers
REPLACE INTO customers VALUES (1, 'x', 'y')
INSERT OR REPLACE INTO customers VALUES (1, 'x', 'y')
INSERT OR IGNORE INTO customers VALUES (904, 'x', 'y')
INSERT INTO customers VALUES (1, 'x', 'y') ON CONFLICT (id) DO UPDATE SET name = 'z'
INSERT INTO customers VALUES (905, 'x', 'y') RETURNING *
DELETE FROM orders RETURNING *
UPDATE OR REPLACE customers SET id = 1
WITH x AS (SELECT 1) DELETE FROM orders
WITH x AS (SELECT 1) INSERT INTO orders SELECT 906, 1, 1, 'x' FROM x
CREATE TEMP TABLE evil (a)
CREATE VIRTUAL TABLE evil USING fts5(a)
CREATE TRIGGER evil AFTER INSERT ON customers BEGIN DELETE FROM orders; END
ALTER TABLE customers RENAME TO evil
ALTER TABLE customers DROP COLUMN mail
SAVEPOINT x
RELEASE x
EXPLAIN ANALYZE DELETE FROM orders
SELECT randomblob(5)
SELECT zeroblob(1000000000)
SELECT [a'b] FROM customers; DROP TABLE orders
EXPLAIN SELECT * FROM (SELECT NULL AS a, CASE WHEN id > 5 THEN 1 ELSE 0 END AS b FROM customers WHERE id > 3) q
/* ; */ SELECT * FROM (SELECT coalesce(name, 'x') AS a, (id + 1) AS b FROM customers WHERE id > 3) q
SELECT 1 FROM customers WHERE EXISTS (SELECT coalesce(name, 'x') AS a, (id + 1) AS b FROM customers WHERE id BETWEEN 2 AND 9)
EXPLAIN SELECT count(*) FROM (SELECT 'x' AS a, name AS b FROM customers WHERE id = (SELECT min(id) FROM orders)) q
/* ; */ SELECT * FROM (SELECT NULL AS a, name AS b FROM customers WHERE EXISTS (SELECT 1 FROM orders)) q
/* ; */ SELECT count(*) FROM (SELECT 'x' AS a, NULL AS b FROM customers WHERE EXISTS (SELECT 1 FROM orders)) q
WITH w AS (SELECT id AS a, (id + 1) AS b FROM customers WHERE id IN (1, 2, 3)) SELECT * FROM w
EXPLAIN SELECT (id + 1) AS a, CASE WHEN id > 5 THEN 1 ELSE 0 END AS b FROM customers WHERE name LIKE 'c%'
SELECT * FROM (SELECT (SELECT max(id) FROM orders) AS a, 1 AS b FROM customers WHERE id IN (1, 2, 3)) q -- drop
SELECT 1 FROM customers WHERE EXISTS (SELECT lower(name) AS a, name AS b FROM customers WHERE id = (SELECT min(id) FROM orders))
WITH w AS (SELECT CASE WHEN id > 5 THEN 1 ELSE 0 END AS a, (SELECT max(id) FROM orders) AS b FROM customers WHERE id > 3) SELECT * FROM w -- drop
SELECT * FROM (SELECT lower(name) AS a, (id + 1) AS b FROM customers WHERE id = (SELECT min(id) FROM orders)) q
EXPLAIN SELECT 1 FROM customers WHERE EXISTS (SELECT (id + 1) AS a, (SELECT max(id) FROM orders) AS b FROM customers WHERE name LIKE 'c%')
/* ; */ SELECT count(*) FROM (SELECT id AS a, NULL AS b FROM customers WHERE name IS NOT NULL) q
/* ; */ SELECT count(*) FROM (SELECT id AS a, coalesce(name, 'x') AS b FROM customers WHERE name LIKE 'c%') q
EXPLAIN SELECT * FROM (SELECT lower(name) AS a, NULL AS b FROM customers WHERE name LIKE 'c%') q
/* ; */ SELECT count(*) FROM (SELECT (id + 1) AS a, (SELECT max(id) FROM orders) AS b FROM customers WHERE id BETWEEN 2 AND 9) q
SELECT 1 AS a, 'x' AS b FROM customers WHERE id IN (1, 2, 3)
EXPLAIN SELECT * FROM (SELECT CASE WHEN id > 5 THEN 1 ELSE 0 END AS a, (SELECT max(id) FROM orders) AS b FROM customers WHERE id BETWEEN 2 AND 9) q
SELECT 1 FROM customers WHERE EXISTS (SELECT (id + 1) AS a, CASE WHEN id > 5 THEN 1 ELSE 0 END AS b FROM customers WHERE name IS NOT NULL)
/* ; */ WITH w AS (SELECT CASE WHEN id > 5 THEN 1 ELSE 0 END AS a, lower(name) AS b FROM customers WHERE id BETWEEN 2 AND 9) SELECT * FROM w
SELECT count(*) FROM (SELECT NULL AS a, (id + 1) AS b FROM customers WHERE id IN (1, 2, 3)) q
EXPLAIN WITH w AS (SELECT NULL AS a, lower(name) AS b FROM customers WHERE id BETWEEN 2 AND 9) SELECT * FROM w
SELECT 1 FROM customers WHERE EXISTS (SELECT CASE WHEN id > 5 THEN 1 ELSE 0 END AS a, coalesce(name, 'x') AS b FROM customers WHERE EXISTS (SELECT 1 FROM orders))
SELECT count(*) FROM (SELECT lower(name) AS a, 'x' AS b FROM customers WHERE name IS NOT NULL) q
EXPLAIN SELECT 1 FROM customers WHERE EXISTS (SELECT name AS a, lower(name) AS b FROM customers WHERE id IN (1, 2, 3))
SELECT * FROM (SELECT coalesce(name, 'x') AS a, id AS b FROM customers WHERE id > 3) q
SELECT 1 FROM customers WHERE EXISTS (SELECT NULL AS a, coalesce(name, 'x') AS b FROM customers WHERE name LIKE 'c%')
WITH w AS (SELECT 1 AS a, 'x' AS b FROM customers WHERE id = (SELECT min(id) FROM orders)) SELECT * FROM w
SELECT 1 FROM customers WHERE EXISTS (SELECT 1 AS a, (id + 1) AS b FROM customers WHERE id IN (1, 2, 3)) -- drop
/* ; */ SELECT * FROM (SELECT name AS a, (SELECT max(id) FROM orders) AS b FROM customers WHERE name IS NOT NULL) q
SELECT count(*) FROM (SELECT 1 AS a, (SELECT max(id) FROM orders) AS b FROM customers WHERE name LIKE 'c%') q
SELECT count(*) FROM (SELECT (SELECT max(id) FROM orders) AS a, name AS b FROM customers WHERE name IS NOT NULL) q
SELECT 1 FROM customers WHERE EXISTS (SELECT 'x' AS a, CASE WHEN id > 5 THEN 1 ELSE 0 END AS b FROM customers WHERE id = (SELECT min(id) FROM orders))
SELECT count(*) FROM (SELECT CASE WHEN id > 5 THEN 1 ELSE 0 END AS a, coalesce(name, 'x') AS b FROM customers WHERE id IN (1, 2, 3)) q
EXPLAIN SELECT * FROM (SELECT CASE WHEN id > 5 THEN 1 ELSE 0 END AS a, 'x' AS b FROM customers WHERE id > 3) q
EXPLAIN SELECT count(*) FROM (SELECT CASE WHEN id > 5 THEN 1 ELSE 0 END AS a, coalesce(name, 'x') AS b FROM customers WHERE name IS NOT NULL) q
EXPLAIN SELECT * FROM (SELECT (id + 1) AS a, coalesce(name, 'x') AS b FROM customers WHERE name LIKE 'c%') q
WITH w AS (SELECT id AS a, coalesce(name, 'x') AS b FROM customers WHERE id > 3) SELECT * FROM w
SELECT * FROM (SELECT (SELECT max(id) FROM orders) AS a, CASE WHEN id > 5 THEN 1 ELSE 0 END AS b FROM customers WHERE id = (SELECT min(id) FROM orders)) q
WITH w AS (SELECT 1 AS a, (id + 1) AS b FROM customers WHERE id IN (1, 2, 3)) SELECT * FROM w
SELECT 1 FROM customers WHERE EXISTS (SELECT lower(name) AS a, coalesce(name, 'x') AS b FROM customers WHERE id = (SELECT min(id) FROM orders)) -- drop
/* ; */ WITH w AS (SELECT 1 AS a, NULL AS b FROM customers WHERE EXISTS (SELECT 1 FROM orders)) SELECT * FROM w
EXPLAIN WITH w AS (SELECT NULL AS a, (SELECT max(id) FROM orders) AS b FROM customers WHERE id > 3) SELECT * FROM w
WITH w AS (SELECT lower(name) AS a, CASE WHEN id > 5 THEN 1 ELSE 0 END AS b FROM customers WHERE EXISTS (SELECT 1 FROM orders)) SELECT * FROM w -- drop
/* ; */ SELECT * FROM (SELECT NULL AS a, (SELECT max(id) FROM orders) AS b FROM customers WHERE NOT (id = 4)) q
EXPLAIN WITH w AS (SELECT name AS a, lower(name) AS b FROM customers WHERE id BETWEEN 2 AND 9) SELECT * FROM w
SELECT count(*) FROM (SELECT 'x' AS a, name AS b FROM customers WHERE id > 3) q -- drop
EXPLAIN SELECT count(*) FROM (SELECT (id + 1) AS a, (SELECT max(id) FROM orders) AS b FROM customers WHERE id > 3) q
/* ; */ SELECT * FROM (SELECT name AS a, id AS b FROM customers WHERE id > 3) q
SELECT 1 FROM customers WHERE EXISTS (SELECT coalesce(name, 'x') AS a, id AS b FROM customers WHERE EXISTS (SELECT 1 FROM orders))
/* ; */ SELECT coalesce(name, 'x') AS a, name AS b FROM customers WHERE id BETWEEN 2 AND 9
/* ; */ SELECT 'x' AS a, name AS b FROM customers WHERE id IN (1, 2, 3)
EXPLAIN SELECT * FROM (SELECT name AS a, id AS b FROM customers WHERE NOT (id = 4)) q
/* ; */ SELECT * FROM (SELECT (SELECT max(id) FROM orders) AS a, NULL AS b FROM customers WHERE name IS NOT NULL) q
SELECT count(*) FROM (SELECT id AS a, lower(name) AS b FROM customers WHERE id > 3) q -- drop
SELECT 1 FROM customers WHERE EXISTS (SELECT coalesce(name, 'x') AS a, id AS b FROM customers WHERE id = (SELECT min(id) FROM orders)) -- drop
/* ; */ SELECT 1 FROM customers WHERE EXISTS (SELECT id AS a, name AS b FROM customers WHERE EXISTS (SELECT 1 FROM orders))
SELECT count(*) FROM (SELECT CASE WHEN id > 5 THEN 1 ELSE 0 END AS a, name AS b FROM customers WHERE id > 3) q -- drop
SELECT count(*) FROM (SELECT coalesce(name, 'x') AS a, 'x' AS b FROM customers WHERE id = (SELECT min(id) FROM orders)) q -- drop
SELECT * FROM (SELECT name AS a, coalesce(name, 'x') AS b FROM customers WHERE id = (SELECT min(id) FROM orders)) q
SELECT id AS a, (id + 1) AS b FROM customers WHERE id > 3
/* ; */ SELECT * FROM (SELECT name AS a, 1 AS b FROM customers WHERE name LIKE 'c%') q
SELECT count(*) FROM (SELECT id AS a, NULL AS b FROM customers WHERE id BETWEEN 2 AND 9) q
EXPLAIN SELECT id AS a, lower(name) AS b FROM customers WHERE id IN (1, 2, 3)
WITH w AS (SELECT (SELECT max(id) FROM orders) AS a, CASE WHEN id > 5 THEN 1 ELSE 0 END AS b FROM customers WHERE id = (SELECT min(id) FROM orders)) SELECT * FROM w
SELECT id AS a, coalesce(name, 'x') AS b FROM customers WHERE id > 3 -- drop
WITH w AS (SELECT name AS a, (id + 1) AS b FROM customers WHERE name IS NOT NULL) SELECT * FROM w -- drop
EXPLAIN WITH w AS (SELECT 'x' AS a, CASE WHEN id > 5 THEN 1 ELSE 0 END AS b FROM customers WHERE id > 3) SELECT * FROM w
SELECT * FROM (SELECT coalesce(name, 'x') AS a, CASE WHEN id > 5 THEN 1 ELSE 0 END AS b FROM customers WHERE id = (SELECT min(id) FROM orders)) q
/* ; */ SELECT count(*) FROM (SELECT name AS a, lower(name) AS b FROM customers WHERE id IN (1, 2, 3)) q
EXPLAIN SELECT 1 FROM customers WHERE EXISTS (SELECT (id + 1) AS a, CASE WHEN id > 5 THEN 1 ELSE 0 END AS b FROM customers WHERE name IS NOT NULL)
SELECT 1 FROM customers WHERE EXISTS (SELECT NULL AS a, coalesce(name, 'x') AS b FROM customers WHERE id > 3) -- drop
EXPLAIN SELECT 1 FROM customers WHERE EXISTS (SELECT lower(name) AS a, id AS b FROM customers WHERE id IN (1, 2, 3))
/* ; */ SELECT count(*) FROM (SELECT coalesce(name, 'x') AS a, (id + 1) AS b FROM customers WHERE id BETWEEN 2 AND 9) q
WITH w AS (SELECT (id + 1) AS a, 1 AS b FROM customers WHERE id = (SELECT min(id) FROM orders)) SELECT * FROM w
SELECT count(*) FROM (SELECT lower(name) AS a, NULL AS b FROM customers WHERE name IS NOT NULL) q
SELECT * FROM (SELECT coalesce(name, 'x') AS a, id AS b FROM customers WHERE name IS NOT NULL) q -- drop
WITH w AS (SELECT 'x' AS a, NULL AS b FROM customers WHERE id = (SELECT min(id) FROM orders)) SELECT * FROM w -- drop
SELECT count(*) FROM (SELECT name AS a, (SELECT max(id) FROM orders) AS b FROM customers WHERE id = (SELECT min(id) FROM orders)) q
/* ; */ SELECT count(*) FROM (SELECT 1 AS a, NULL AS b FROM customers WHERE id > 3) q
SELECT (SELECT max(id) FROM orders) AS a, name AS b FROM customers WHERE NOT (id = 4)
EXPLAIN SELECT 1 FROM customers WHERE EXISTS (SELECT (id + 1) AS a, (SELECT max(id) FROM orders) AS b FROM customers WHERE name IS NOT NULL)
SELECT * FROM (SELECT CASE WHEN id > 5 THEN 1 ELSE 0 END AS a, (SELECT max(id) FROM orders) AS b FROM customers WHERE id BETWEEN 2 AND 9) q
EXPLAIN WITH w AS (SELECT 1 AS a, name AS b FROM customers WHERE id IN (1, 2, 3)) SELECT * FROM w
SELECT 1 FROM customers WHERE EXISTS (SELECT coalesce(name, 'x') AS a, lower(name) AS b FROM customers WHERE EXISTS (SELECT 1 FROM orders))
WITH w AS (SELECT 1 AS a, id AS b FROM customers WHERE id = (SELECT min(id) FROM orders)) SELECT * FROM w
EXPLAIN SELECT * FROM (SELECT lower(name) AS a, CASE WHEN id > 5 THEN 1 ELSE 0 END AS b FROM customers WHERE name LIKE 'c%') q
WITH w AS (SELECT coalesce(name, 'x') AS a, id AS b FROM customers WHERE NOT (id = 4)) SELECT * FROM w -- drop
SELECT coalesce(name, 'x') AS a, id AS b FROM customers WHERE name LIKE 'c%'
EXPLAIN WITH w AS (SELECT coalesce(name, 'x') AS a, CASE WHEN id > 5 THEN 1 ELSE 0 END AS b FROM customers WHERE id BETWEEN 2 AND 9) SELECT * FROM w
SELECT 1 FROM customers WHERE EXISTS (SELECT (id + 1) AS a, name AS b FROM customers WHERE id = (SELECT min(id) FROM orders)) -- drop
WITH w AS (SELECT 'x' AS a, NULL AS b FROM customers WHERE id > 3) SELECT * FROM w
SELECT 'x' AS a, (id + 1) AS b FROM customers WHERE name LIKE 'c%'
/* ; */ SELECT count(*) FROM (SELECT id AS a, (SELECT max(id) FROM orders) AS b FROM customers WHERE NOT (id = 4)) q
EXPLAIN SELECT name AS a, (id + 1) AS b FROM customers WHERE name LIKE 'c%'
/* ; */ SELECT 1 FROM customers WHERE EXISTS (SELECT lower(name) AS a, 1 AS b FROM customers WHERE name LIKE 'c%')
WITH w AS (SELECT 'x' AS a, CASE WHEN id > 5 THEN 1 ELSE 0 END AS b FROM customers WHERE id IN (1, 2, 3)) SELECT * FROM w
EXPLAIN WITH w AS (SELECT 1 AS a, 'x' AS b FROM customers WHERE id > 3) SELECT * FROM w
EXPLAIN SELECT id AS a, (SELECT max(id) FROM orders) AS b FROM customers WHERE id > 3
SELECT (SELECT max(id) FROM orders) AS a, CASE WHEN id > 5 THEN 1 ELSE 0 END AS b FROM customers WHERE id > 3
WITH w AS (SELECT lower(name) AS a, id AS b FROM customers WHERE id BETWEEN 2 AND 9) SELECT * FROM w -- drop
EXPLAIN SELECT count(*) FROM (SELECT coalesce(name, 'x') AS a, CASE WHEN id > 5 THEN 1 ELSE 0 END AS b FROM customers WHERE name LIKE 'c%') q
EXPLAIN SELECT lower(name) AS a, NULL AS b FROM customers WHERE EXISTS (SELECT 1 FROM orders)
SELECT count(*) FROM (SELECT CASE WHEN id > 5 THEN 1 ELSE 0 END AS a, (id + 1) AS b FROM customers WHERE id IN (1, 2, 3)) q
SELECT * FROM (SELECT 'x' AS a, id AS b FROM customers WHERE id = (SELECT min(id) FROM orders)) q
EXPLAIN SELECT 1 FROM customers WHERE EXISTS (SELECT 'x' AS a, 1 AS b FROM customers WHERE name LIKE 'c%')
SELECT count(*) FROM (SELECT 'x' AS a, CASE WHEN id > 5 THEN 1 ELSE 0 END AS b FROM customers WHERE name LIKE 'c%') q
WITH w AS (SELECT name AS a, CASE WHEN id > 5 THEN 1 ELSE 0 END AS b FROM customers WHERE NOT (id = 4)) SELECT * FROM w
EXPLAIN SELECT * FROM (SELECT CASE WHEN id > 5 THEN 1 ELSE 0 END AS a, name AS b FROM customers WHERE NOT (id = 4)) q
SELECT count(*) FROM (SELECT 1 AS a, id AS b FROM customers WHERE id IN (1, 2, 3)) q -- drop
/* ; */ WITH w AS (SELECT 'x' AS a, CASE WHEN id > 5 THEN 1 ELSE 0 END AS b FROM customers WHERE id IN (1, 2, 3)) SELECT * FROM w
EXPLAIN SELECT (id + 1) AS a, 1 AS b FROM customers WHERE id IN (1, 2, 3)
EXPLAIN SELECT * FROM (SELECT coalesce(name, 'x') AS a, NULL AS b FROM customers WHERE NOT (id = 4)) q
/* ; */ SELECT count(*) FROM (SELECT CASE WHEN id > 5 THEN 1 ELSE 0 END AS a, name AS b FROM customers WHERE NOT (id = 4)) q
SELECT * FROM (SELECT name AS a, 'x' AS b FROM customers WHERE id > 3) q -- drop
WITH w AS (SELECT CASE WHEN id > 5 THEN 1 ELSE 0 END AS a, NULL AS b FROM customers WHERE name LIKE 'c%') SELECT * FROM w
SELECT * FROM (SELECT lower(name) AS a, (id + 1) AS b FROM customers WHERE name IS NOT NULL) q
SELECT count(*) FROM (SELECT name AS a, (id + 1) AS b FROM customers WHERE name IS NOT NULL) q
/* ; */ SELECT id AS a, NULL AS b FROM customers WHERE id IN (1, 2, 3)
SELECT * FROM (SELECT id AS a FROM customers WHERE NOT (id = 4) ORDER BY writefile('evil.txt', 'x')) q
/* ; */ SELECT writefile('evil.txt', 'x') AS a FROM customers WHERE id = (SELECT min(id) FROM orders) -- drop
WITH w AS (SELECT writefile('evil.txt', 'x') AS a FROM customers WHERE name IS NOT NULL) SELECT * FROM w
SELECT count(*) FROM (SELECT writefile('evil.txt', 'x') AS a FROM customers WHERE EXISTS (SELECT 1 FROM orders)) q
SELECT 1 FROM customers WHERE EXISTS (SELECT id AS a FROM customers WHERE id BETWEEN 2 AND 9 AND writefile('evil.txt', 'x') IS NOT NULL)
/* ; */ SELECT writefile('evil.txt', 'x') AS a FROM customers WHERE id IN (1, 2, 3) -- drop
/* ; */ SELECT id AS a FROM customers WHERE id IN (1, 2, 3) ORDER BY writefile('evil.txt', 'x') -- drop
SELECT * FROM (SELECT id AS a FROM customers WHERE id BETWEEN 2 AND 9 ORDER BY writefile('evil.txt', 'x')) q
SELECT id AS a FROM customers WHERE id BETWEEN 2 AND 9 ORDER BY writefile('evil.txt', 'x')
EXPLAIN SELECT id AS a FROM customers WHERE name LIKE 'c%' ORDER BY writefile('evil.txt', 'x')
SELECT * FROM (SELECT id AS a FROM customers WHERE id = (SELECT min(id) FROM orders) AND writefile('evil.txt', 'x') IS NOT NULL) q
SELECT 1 FROM customers WHERE EXISTS (SELECT writefile('evil.txt', 'x') AS a FROM customers WHERE id BETWEEN 2 AND 9)
WITH w AS (SELECT id AS a FROM customers WHERE id BETWEEN 2 AND 9 ORDER BY writefile('evil.txt', 'x')) SELECT * FROM w
SELECT writefile('evil.txt', 'x') AS a FROM customers WHERE id BETWEEN 2 AND 9
SELECT id AS a FROM customers WHERE EXISTS (SELECT 1 FROM orders) ORDER BY writefile('evil.txt', 'x')
WITH w AS (SELECT id AS a FROM customers WHERE NOT (id = 4) AND writefile('evil.txt', 'x') IS NOT NULL) SELECT * FROM w
SELECT writefile('evil.txt', 'x') AS a FROM customers WHERE id = (SELECT min(id) FROM orders)
SELECT * FROM (SELECT id AS a FROM customers WHERE EXISTS (SELECT 1 FROM orders) AND writefile('evil.txt', 'x') IS NOT NULL) q
SELECT * FROM (SELECT writefile('evil.txt', 'x') AS a FROM customers WHERE name IS NOT NULL) q
SELECT * FROM (SELECT writefile('evil.txt', 'x') AS a FROM customers WHERE NOT (id = 4)) q
SELECT 1 FROM customers WHERE EXISTS (SELECT id AS a FROM customers WHERE NOT (id = 4) ORDER BY writefile('evil.txt', 'x'))
SELECT 1 FROM customers WHERE EXISTS (SELECT id AS a FROM customers WHERE id > 3 AND writefile('evil.txt', 'x') IS NOT NULL)
SELECT id AS a FROM customers WHERE id = (SELECT min(id) FROM orders) ORDER BY writefile('evil.txt', 'x')
EXPLAIN SELECT id AS a FROM customers WHERE name LIKE 'c%' AND writefile('evil.txt', 'x') IS NOT NULL
/* ; */ SELECT id AS a FROM customers WHERE id BETWEEN 2 AND 9 AND writefile('evil.txt', 'x') IS NOT NULL -- drop
/* ; */ SELECT id AS a FROM customers WHERE EXISTS (SELECT 1 FROM orders) ORDER BY writefile('evil.txt', 'x') -- drop
/* ; */ SELECT id AS a FROM customers WHERE id > 3 AND writefile('evil.txt', 'x') IS NOT NULL -- drop
SELECT count(*) FROM (SELECT id AS a FROM customers WHERE name LIKE 'c%' ORDER BY writefile('evil.txt', 'x')) q
SELECT * FROM (SELECT writefile('evil.txt', 'x') AS a FROM customers WHERE id IN (1, 2, 3)) q
SELECT 1 FROM customers WHERE EXISTS (SELECT writefile('evil.txt', 'x') AS a FROM customers WHERE name LIKE 'c%')
SELECT writefile('evil.txt', 'x') AS a FROM customers WHERE id IN (1, 2, 3)
SELECT 1 FROM customers WHERE EXISTS (SELECT id AS a FROM customers WHERE name IS NOT NULL AND writefile('evil.txt', 'x') IS NOT NULL)
SELECT writefile('evil.txt', 'x') AS a FROM customers WHERE id > 3
SELECT id AS a FROM customers WHERE id BETWEEN 2 AND 9 AND writefile('evil.txt', 'x') IS NOT NULL
SELECT * FROM (SELECT id AS a FROM customers WHERE id = (SELECT min(id) FROM orders) ORDER BY writefile('evil.txt', 'x')) q
WITH w AS (SELECT writefile('evil.txt', 'x') AS a FROM customers WHERE id = (SELECT min(id) FROM orders)) SELECT * FROM w
SELECT * FROM (SELECT id AS a FROM customers WHERE name LIKE 'c%' ORDER BY writefile('evil.txt', 'x')) q
SELECT id AS a FROM customers WHERE id > 3 AND writefile('evil.txt', 'x') IS NOT NULL
SELECT 1 FROM customers WHERE EXISTS (SELECT id AS a FROM customers WHERE id = (SELECT min(id) FROM orders) AND writefile('evil.txt', 'x') IS NOT NULL)
SELECT writefile('evil.txt', 'x') AS a FROM customers WHERE name IS NOT NULL
SELECT * FROM (SELECT id AS a FROM customers WHERE name LIKE 'c%' AND writefile('evil.txt', 'x') IS NOT NULL) q
SELECT * FROM (SELECT writefile('evil.txt', 'x') AS a FROM customers WHERE id BETWEEN 2 AND 9) q
SELECT count(*) FROM (SELECT id AS a FROM customers WHERE id = (SELECT min(id) FROM orders) ORDER BY writefile('evil.txt', 'x')) q
EXPLAIN SELECT writefile('evil.txt', 'x') AS a FROM customers WHERE id IN (1, 2, 3)
SELECT count(*) FROM (SELECT id AS a FROM customers WHERE EXISTS (SELECT 1 FROM orders) ORDER BY writefile('evil.txt', 'x')) q
SELECT count(*) FROM (SELECT id AS a FROM customers WHERE NOT (id = 4) AND writefile('evil.txt', 'x') IS NOT NULL) q
EXPLAIN SELECT id AS a FROM customers WHERE id BETWEEN 2 AND 9 AND writefile('evil.txt', 'x') IS NOT NULL
/* ; */ SELECT id AS a FROM customers WHERE NOT (id = 4) AND writefile('evil.txt', 'x') IS NOT NULL -- drop
WITH w AS (SELECT id AS a FROM customers WHERE id IN (1, 2, 3) ORDER BY writefile('evil.txt', 'x')) SELECT * FROM w
WITH w AS (SELECT writefile('evil.txt', 'x') AS a FROM customers WHERE id IN (1, 2, 3)) SELECT * FROM w
SELECT 1 FROM customers WHERE EXISTS (SELECT writefile('evil.txt', 'x') AS a FROM customers WHERE EXISTS (SELECT 1 FROM orders))
SELECT * FROM (SELECT writefile('evil.txt', 'x') AS a FROM customers WHERE id > 3) q
/* ; */ SELECT id AS a FROM customers WHERE EXISTS (SELECT 1 FROM orders) AND writefile('evil.txt', 'x') IS NOT NULL -- drop
/* ; */ SELECT writefile('evil.txt', 'x') AS a FROM customers WHERE id > 3 -- drop
SELECT 1 FROM customers WHERE EXISTS (SELECT id AS a FROM customers WHERE name IS NOT NULL ORDER BY writefile('evil.txt', 'x'))
SELECT id AS a FROM customers WHERE id > 3 ORDER BY writefile('evil.txt', 'x')
SELECT 1 FROM customers WHERE EXISTS (SELECT writefile('evil.txt', 'x') AS a FROM customers WHERE name IS NOT NULL)
SELECT * FROM (SELECT id AS a FROM customers WHERE id > 3 AND writefile('evil.txt', 'x') IS NOT NULL) q
EXPLAIN SELECT id AS a FROM customers WHERE name IS NOT NULL AND writefile('evil.txt', 'x') IS NOT NULL
SELECT count(*) FROM (SELECT writefile('evil.txt', 'x') AS a FROM customers WHERE name IS NOT NULL) q
SELECT 1 END, writefile('evil.txt', 'x')
