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
VALUES (1), (2)
SHOW server_version
SHOW search_path
SHOW TIME ZONE
SELECT version(), current_user, current_database(), current_schema
SELECT * FROM generate_series(1, 10)
SELECT pg_size_pretty(pg_total_relation_size('customers'::regclass))
SELECT relname FROM pg_class ORDER BY relname
SELECT * FROM information_schema.tables
SELECT * FROM pg_catalog.pg_stat_activity
SELECT DISTINCT ON (customer) id, customer FROM orders ORDER BY customer, id
SELECT unnest(ARRAY[1, 2, 3])
SELECT data->>'a' FROM docs
SELECT data @> '{"a": 1}' FROM docs
SELECT jsonb_array_elements('[1,2]'::jsonb)
SELECT jsonb_set(data, '{a}', '2') FROM docs
SELECT to_char(now(), 'YYYY-MM-DD'), date_trunc('day', now())
SELECT extract(year FROM now()), age(now())
SELECT name ~ '^c', name ILIKE 'C%', name SIMILAR TO 'c%' FROM customers
SELECT array_agg(id ORDER BY id), string_agg(name, ',') FROM customers
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY total) FROM orders
SELECT count(*) FILTER (WHERE total > 5) FROM orders
SELECT last_value FROM counter
SELECT pg_get_viewdef('customer_names'::regclass)
SELECT has_table_privilege('customers', 'select')
SELECT gen_random_uuid() IS NOT NULL, random() < 2
SELECT * FROM ONLY customers
SELECT * FROM customers FETCH FIRST 2 ROWS ONLY
SELECT E'a\nb', $$x'y$$, $t$;drop table customers;$t$
SELECT x::int FROM (VALUES ('1')) AS v(x)
SELECT * FROM customers c CROSS JOIN LATERAL (SELECT * FROM orders o WHERE o.customer = c.id) s
SELECT customer, count(*) FROM orders GROUP BY ROLLUP (customer)
SELECT customer, count(*) FROM orders GROUP BY GROUPING SETS ((customer), ())
SELECT now() AT TIME ZONE 'utc', interval '1 day'
SELECT position('a' in name), substring(name from 1 for 2), trim(both 'c' from name), overlay(name placing 'x' from 1) FROM customers
SELECT to_tsvector('english', name) @@ to_tsquery('english', 'c') FROM customers
EXPLAIN (VERBOSE, COSTS off) SELECT * FROM orders
EXPLAIN ANALYZE SELECT * FROM orders
EXPLAIN (ANALYZE, BUFFERS) SELECT count(*) FROM orders
EXPLAIN DELETE FROM orders
EXPLAIN UPDATE customers SET name = 'x'
EXPLAIN INSERT INTO customers (id) VALUES (7777)
EXPLAIN (ANALYZE off) DELETE FROM orders
SELECT current_setting('work_mem')
SELECT * FROM pg_locks
SELECT * FROM pg_roles
SELECT 1 WHERE (1, 2) = (1, 2)
SELECT 5 = ANY (ARRAY[1, 5])
SELECT regexp_replace(name, 'c', 'd', 'g') FROM customers
SELECT * FROM pg_settings
SELECT obj_description('customers'::regclass)
SELECT a FROM only_quotes
SELECT * FROM "Quoted Table"
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
SELECT nextval('counter')
SELECT setval('counter', 99)
SELECT set_config('a.b', 'c', false)
SELECT pg_notify('x', 'y')
SELECT pg_advisory_lock(5)
SELECT pg_try_advisory_lock(6)
SELECT lo_create(777)
SELECT lo_from_bytea(778, 'x')
SELECT lo_unlink(1)
SELECT pg_create_restore_point('x')
SELECT pg_switch_wal()
SELECT pg_reload_conf()
SELECT pg_logical_emit_message(false, 'a', 'b')
SELECT query_to_xml('delete from orders', true, true, '')
SELECT pg_create_physical_replication_slot('evil')
SELECT pg_stat_reset()
SELECT pg_file_write('x', 'y', false)
SELECT txid_current()
SELECT * FROM ts_stat('select touch()::text::tsvector')
COPY customers TO '/tmp/agentport-evil'
COPY customers TO PROGRAM 'touch /tmp/agentport-evil'
COPY (SELECT 1) TO STDOUT
DO $$ BEGIN DELETE FROM orders; END $$
CALL clear()
PREPARE x AS DELETE FROM orders
DECLARE c CURSOR FOR SELECT 1
LOCK TABLE customers
LISTEN x
NOTIFY x
VACUUM
ANALYZE customers
REINDEX TABLE customers
CLUSTER
CHECKPOINT
DISCARD ALL
SET TRANSACTION READ WRITE
SET ROLE bob
SET search_path = evil
RESET ALL
ALTER SYSTEM SET work_mem = '5MB'
ALTER ROLE bob SET work_mem = '5MB'
ALTER DATABASE shop SET work_mem = '5MB'
ALTER SEQUENCE counter RESTART
COMMENT ON TABLE customers IS 'x'
SECURITY LABEL ON TABLE customers IS 'x'
REFRESH MATERIALIZED VIEW totals
CREATE EXTENSION lo
CREATE ROLE evil
CREATE SCHEMA evil
CREATE FUNCTION evil() RETURNS int LANGUAGE sql AS 'SELECT 1'
CREATE SEQUENCE evil
CREATE TYPE evil AS ENUM ('a')
CREATE RULE evil AS ON INSERT TO customers DO NOTHING
TRUNCATE orders
TRUNCATE orders CASCADE
WITH x AS (DELETE FROM orders RETURNING *) SELECT * FROM x
WITH x AS (UPDATE customers SET name = 'y' RETURNING *) SELECT count(*) FROM x
WITH x AS (INSERT INTO orders VALUES (901, 1, 1, 'x') RETURNING *) SELECT * FROM x
WITH a AS (WITH b AS (DELETE FROM orders RETURNING *) SELECT * FROM b) SELECT * FROM a
WITH x AS (SELECT 1) DELETE FROM orders
MERGE INTO customers USING orders ON customers.id = orders.id WHEN MATCHED THEN DELETE
EXPLAIN ANALYZE DELETE FROM orders
EXPLAIN (ANALYZE) UPDATE customers SET name = 'z'
EXPLAIN (ANALYZE true, FORMAT json) INSERT INTO customers VALUES (902, 'x', 'y')
EXPLAIN ANALYZE CREATE TABLE evil AS SELECT 1
SELECT * FROM customers FOR UPDATE
SELECT * FROM customers FOR KEY SHARE
SELECT 1 OPERATOR(public.+++) 2
SELECT 1 +++ 2
SELECT 1 #+# 2
SELECT 1 OPERATOR(public.#+#) 2
SELECT 'x'::touchy
SELECT (c).touch_row FROM customers c
SELECT * FROM ROWS FROM (touch())
SELECT * FROM touch() t
SELECT pg_catalog.nextval('counter')
SELECT "nextval"('counter')
SELECT U&"n\0065xtval"('counter')
SELECT count(nextval('counter')) FROM orders
SELECT sum(1) OVER (ORDER BY nextval('counter')) FROM orders
SELECT * FROM customers LIMIT (SELECT nextval('counter'))
SELECT ARRAY(SELECT nextval('counter'))
SELECT CASE WHEN true THEN nextval('counter') END
SELECT coalesce(nextval('counter'), 1)
SELECT (ARRAY[nextval('counter')])[1]
SELECT nextval('counter')::text || 'x'
SELECT 1 IN (nextval('counter'))
SELECT 1 BETWEEN nextval('counter') AND 2
SELECT nextval('counter') IS NULL
SELECT DISTINCT ON (nextval('counter')) 1
SELECT count(*) FILTER (WHERE nextval('counter') > 0) FROM orders
SELECT string_agg(name, ',' ORDER BY nextval('counter')) FROM customers
SELECT extract(year FROM to_timestamp(nextval('counter')))
SELECT * FROM customers c JOIN orders o ON nextval('counter') > 0
SELECT * FROM orders GROUP BY GROUPING SETS ((nextval('counter')))
TABLE customers
IMPORT FOREIGN SCHEMA x FROM SERVER y INTO z
SELECT lower(name) AS a, 'x' AS b FROM customers WHERE EXISTS (SELECT 1 FROM orders)
SELECT 1 FROM customers WHERE EXISTS (SELECT (SELECT max(id) FROM orders) AS a, name AS b FROM customers WHERE NOT (id = 4))
/* ; */ SELECT (SELECT max(id) FROM orders) AS a, 1 AS b FROM customers WHERE id > 3
SELECT (id + 1) AS a, name AS b FROM customers WHERE id BETWEEN 2 AND 9 -- drop
SELECT * FROM (SELECT (id + 1) AS a, id AS b FROM customers WHERE name LIKE 'c%') q -- drop
SELECT * FROM (SELECT id AS a, (id + 1) AS b FROM customers WHERE id > 3) q
SELECT count(*) FROM (SELECT (SELECT max(id) FROM orders) AS a, 'x' AS b FROM customers WHERE name IS NOT NULL) q
SELECT 1 FROM customers WHERE EXISTS (SELECT (SELECT max(id) FROM orders) AS a, name AS b FROM customers WHERE name IS NOT NULL)
SELECT name AS a, 1 AS b FROM customers WHERE NOT (id = 4) -- drop
SELECT count(*) FROM (SELECT name AS a, id AS b FROM customers WHERE id BETWEEN 2 AND 9) q -- drop
/* ; */ SELECT 1 FROM customers WHERE EXISTS (SELECT (id + 1) AS a, lower(name) AS b FROM customers WHERE id = (SELECT min(id) FROM orders))
SELECT * FROM (SELECT lower(name) AS a, NULL AS b FROM customers WHERE id BETWEEN 2 AND 9) q
/* ; */ WITH w AS (SELECT name AS a, NULL AS b FROM customers WHERE id = (SELECT min(id) FROM orders)) SELECT * FROM w
/* ; */ SELECT 1 FROM customers WHERE EXISTS (SELECT NULL AS a, name AS b FROM customers WHERE name LIKE 'c%')
/* ; */ SELECT count(*) FROM (SELECT 'x' AS a, lower(name) AS b FROM customers WHERE id IN (1, 2, 3)) q
EXPLAIN WITH w AS (SELECT id AS a, name AS b FROM customers WHERE NOT (id = 4)) SELECT * FROM w
SELECT coalesce(name, 'x') AS a, CASE WHEN id > 5 THEN 1 ELSE 0 END AS b FROM customers WHERE id = (SELECT min(id) FROM orders)
EXPLAIN SELECT NULL AS a, CASE WHEN id > 5 THEN 1 ELSE 0 END AS b FROM customers WHERE name LIKE 'c%'
EXPLAIN SELECT count(*) FROM (SELECT coalesce(name, 'x') AS a, CASE WHEN id > 5 THEN 1 ELSE 0 END AS b FROM customers WHERE name IS NOT NULL) q
SELECT * FROM (SELECT id AS a, CASE WHEN id > 5 THEN 1 ELSE 0 END AS b FROM customers WHERE NOT (id = 4)) q -- drop
EXPLAIN SELECT * FROM (SELECT name AS a, CASE WHEN id > 5 THEN 1 ELSE 0 END AS b FROM customers WHERE id > 3) q
/* ; */ SELECT count(*) FROM (SELECT 'x' AS a, 1 AS b FROM customers WHERE EXISTS (SELECT 1 FROM orders)) q
SELECT count(*) FROM (SELECT name AS a, 'x' AS b FROM customers WHERE id = (SELECT min(id) FROM orders)) q -- drop
EXPLAIN SELECT 1 FROM customers WHERE EXISTS (SELECT NULL AS a, 'x' AS b FROM customers WHERE EXISTS (SELECT 1 FROM orders))
SELECT * FROM (SELECT (id + 1) AS a, lower(name) AS b FROM customers WHERE EXISTS (SELECT 1 FROM orders)) q
SELECT * FROM (SELECT name AS a, 'x' AS b FROM customers WHERE id IN (1, 2, 3)) q
EXPLAIN WITH w AS (SELECT id AS a, CASE WHEN id > 5 THEN 1 ELSE 0 END AS b FROM customers WHERE id IN (1, 2, 3)) SELECT * FROM w
EXPLAIN SELECT 1 FROM customers WHERE EXISTS (SELECT id AS a, 'x' AS b FROM customers WHERE EXISTS (SELECT 1 FROM orders))
SELECT 1 FROM customers WHERE EXISTS (SELECT coalesce(name, 'x') AS a, lower(name) AS b FROM customers WHERE id IN (1, 2, 3)) -- drop
/* ; */ SELECT count(*) FROM (SELECT id AS a, CASE WHEN id > 5 THEN 1 ELSE 0 END AS b FROM customers WHERE EXISTS (SELECT 1 FROM orders)) q
SELECT count(*) FROM (SELECT (id + 1) AS a, name AS b FROM customers WHERE id = (SELECT min(id) FROM orders)) q
SELECT count(*) FROM (SELECT 1 AS a, name AS b FROM customers WHERE id BETWEEN 2 AND 9) q
SELECT name AS a, lower(name) AS b FROM customers WHERE id > 3
WITH w AS (SELECT coalesce(name, 'x') AS a, 'x' AS b FROM customers WHERE name LIKE 'c%') SELECT * FROM w -- drop
/* ; */ SELECT 1 FROM customers WHERE EXISTS (SELECT id AS a, name AS b FROM customers WHERE id BETWEEN 2 AND 9)
EXPLAIN SELECT 1 FROM customers WHERE EXISTS (SELECT 'x' AS a, NULL AS b FROM customers WHERE NOT (id = 4))
/* ; */ SELECT count(*) FROM (SELECT CASE WHEN id > 5 THEN 1 ELSE 0 END AS a, name AS b FROM customers WHERE name LIKE 'c%') q
SELECT CASE WHEN id > 5 THEN 1 ELSE 0 END AS a, coalesce(name, 'x') AS b FROM customers WHERE name IS NOT NULL
SELECT count(*) FROM (SELECT name AS a, lower(name) AS b FROM customers WHERE name IS NOT NULL) q
EXPLAIN SELECT 1 FROM customers WHERE EXISTS (SELECT (SELECT max(id) FROM orders) AS a, id AS b FROM customers WHERE id BETWEEN 2 AND 9)
EXPLAIN SELECT 1 FROM customers WHERE EXISTS (SELECT 'x' AS a, (SELECT max(id) FROM orders) AS b FROM customers WHERE id > 3)
EXPLAIN SELECT * FROM (SELECT name AS a, NULL AS b FROM customers WHERE NOT (id = 4)) q
SELECT * FROM (SELECT 1 AS a, (SELECT max(id) FROM orders) AS b FROM customers WHERE NOT (id = 4)) q -- drop
SELECT * FROM (SELECT 1 AS a, coalesce(name, 'x') AS b FROM customers WHERE EXISTS (SELECT 1 FROM orders)) q
SELECT (SELECT max(id) FROM orders) AS a, CASE WHEN id > 5 THEN 1 ELSE 0 END AS b FROM customers WHERE NOT (id = 4)
SELECT * FROM (SELECT NULL AS a, CASE WHEN id > 5 THEN 1 ELSE 0 END AS b FROM customers WHERE name IS NOT NULL) q -- drop
WITH w AS (SELECT lower(name) AS a, CASE WHEN id > 5 THEN 1 ELSE 0 END AS b FROM customers WHERE NOT (id = 4)) SELECT * FROM w
SELECT 1 FROM customers WHERE EXISTS (SELECT lower(name) AS a, 1 AS b FROM customers WHERE id = (SELECT min(id) FROM orders)) -- drop
SELECT id AS a, CASE WHEN id > 5 THEN 1 ELSE 0 END AS b FROM customers WHERE NOT (id = 4)
/* ; */ SELECT * FROM (SELECT (id + 1) AS a, 1 AS b FROM customers WHERE id = (SELECT min(id) FROM orders)) q
/* ; */ SELECT count(*) FROM (SELECT lower(name) AS a, name AS b FROM customers WHERE EXISTS (SELECT 1 FROM orders)) q
SELECT 1 FROM customers WHERE EXISTS (SELECT 'x' AS a, CASE WHEN id > 5 THEN 1 ELSE 0 END AS b FROM customers WHERE id IN (1, 2, 3)) -- drop
SELECT 1 FROM customers WHERE EXISTS (SELECT CASE WHEN id > 5 THEN 1 ELSE 0 END AS a, lower(name) AS b FROM customers WHERE id IN (1, 2, 3)) -- drop
SELECT 'x' AS a, id AS b FROM customers WHERE id > 3 -- drop
SELECT * FROM (SELECT 'x' AS a, (id + 1) AS b FROM customers WHERE id BETWEEN 2 AND 9) q
SELECT 1 FROM customers WHERE EXISTS (SELECT NULL AS a, 1 AS b FROM customers WHERE name IS NOT NULL)
/* ; */ SELECT 1 FROM customers WHERE EXISTS (SELECT coalesce(name, 'x') AS a, lower(name) AS b FROM customers WHERE name IS NOT NULL)
SELECT count(*) FROM (SELECT 'x' AS a, id AS b FROM customers WHERE NOT (id = 4)) q -- drop
SELECT 1 FROM customers WHERE EXISTS (SELECT (SELECT max(id) FROM orders) AS a, (id + 1) AS b FROM customers WHERE id IN (1, 2, 3))
SELECT count(*) FROM (SELECT (SELECT max(id) FROM orders) AS a, coalesce(name, 'x') AS b FROM customers WHERE id > 3) q
SELECT * FROM (SELECT coalesce(name, 'x') AS a, id AS b FROM customers WHERE id IN (1, 2, 3)) q
WITH w AS (SELECT CASE WHEN id > 5 THEN 1 ELSE 0 END AS a, name AS b FROM customers WHERE id > 3) SELECT * FROM w -- drop
SELECT (SELECT max(id) FROM orders) AS a, coalesce(name, 'x') AS b FROM customers WHERE id = (SELECT min(id) FROM orders) -- drop
WITH w AS (SELECT id AS a, 1 AS b FROM customers WHERE id BETWEEN 2 AND 9) SELECT * FROM w
SELECT 1 FROM customers WHERE EXISTS (SELECT name AS a, (SELECT max(id) FROM orders) AS b FROM customers WHERE id = (SELECT min(id) FROM orders))
SELECT 1 FROM customers WHERE EXISTS (SELECT name AS a, CASE WHEN id > 5 THEN 1 ELSE 0 END AS b FROM customers WHERE NOT (id = 4)) -- drop
/* ; */ WITH w AS (SELECT coalesce(name, 'x') AS a, (SELECT max(id) FROM orders) AS b FROM customers WHERE id BETWEEN 2 AND 9) SELECT * FROM w
SELECT 1 FROM customers WHERE EXISTS (SELECT (SELECT max(id) FROM orders) AS a, coalesce(name, 'x') AS b FROM customers WHERE id = (SELECT min(id) FROM orders))
SELECT count(*) FROM (SELECT (SELECT max(id) FROM orders) AS a, NULL AS b FROM customers WHERE id BETWEEN 2 AND 9) q
EXPLAIN SELECT count(*) FROM (SELECT (id + 1) AS a, name AS b FROM customers WHERE EXISTS (SELECT 1 FROM orders)) q
SELECT name AS a, 1 AS b FROM customers WHERE EXISTS (SELECT 1 FROM orders)
WITH w AS (SELECT NULL AS a, name AS b FROM customers WHERE id IN (1, 2, 3)) SELECT * FROM w
SELECT * FROM (SELECT NULL AS a, 'x' AS b FROM customers WHERE id = (SELECT min(id) FROM orders)) q
SELECT * FROM (SELECT (id + 1) AS a, CASE WHEN id > 5 THEN 1 ELSE 0 END AS b FROM customers WHERE id IN (1, 2, 3)) q
/* ; */ WITH w AS (SELECT (id + 1) AS a, (SELECT max(id) FROM orders) AS b FROM customers WHERE EXISTS (SELECT 1 FROM orders)) SELECT * FROM w
EXPLAIN SELECT 1 AS a, lower(name) AS b FROM customers WHERE NOT (id = 4)
SELECT count(*) FROM (SELECT id AS a, lower(name) AS b FROM customers WHERE id = (SELECT min(id) FROM orders)) q
SELECT 1 FROM customers WHERE EXISTS (SELECT (id + 1) AS a, lower(name) AS b FROM customers WHERE name IS NOT NULL)
EXPLAIN SELECT name AS a, 1 AS b FROM customers WHERE name LIKE 'c%'
WITH w AS (SELECT NULL AS a, id AS b FROM customers WHERE id IN (1, 2, 3)) SELECT * FROM w
SELECT * FROM (SELECT (id + 1) AS a, NULL AS b FROM customers WHERE EXISTS (SELECT 1 FROM orders)) q -- drop
EXPLAIN SELECT (SELECT max(id) FROM orders) AS a, CASE WHEN id > 5 THEN 1 ELSE 0 END AS b FROM customers WHERE NOT (id = 4)
EXPLAIN SELECT id AS a, 'x' AS b FROM customers WHERE EXISTS (SELECT 1 FROM orders)
SELECT id AS a, name AS b FROM customers WHERE name IS NOT NULL -- drop
/* ; */ SELECT 1 AS a, name AS b FROM customers WHERE name IS NOT NULL
WITH w AS (SELECT id AS a, lower(name) AS b FROM customers WHERE EXISTS (SELECT 1 FROM orders)) SELECT * FROM w -- drop
SELECT 'x' AS a, id AS b FROM customers WHERE id BETWEEN 2 AND 9
EXPLAIN SELECT * FROM (SELECT NULL AS a, id AS b FROM customers WHERE id IN (1, 2, 3)) q
/* ; */ WITH w AS (SELECT NULL AS a, (SELECT max(id) FROM orders) AS b FROM customers WHERE id BETWEEN 2 AND 9) SELECT * FROM w
WITH w AS (SELECT (SELECT max(id) FROM orders) AS a, 'x' AS b FROM customers WHERE name IS NOT NULL) SELECT * FROM w
SELECT NULL AS a, id AS b FROM customers WHERE id > 3 -- drop
/* ; */ SELECT * FROM (SELECT (SELECT max(id) FROM orders) AS a, 1 AS b FROM customers WHERE id = (SELECT min(id) FROM orders)) q
/* ; */ SELECT 1 FROM customers WHERE EXISTS (SELECT name AS a, (id + 1) AS b FROM customers WHERE id = (SELECT min(id) FROM orders))
EXPLAIN SELECT * FROM (SELECT (SELECT max(id) FROM orders) AS a, NULL AS b FROM customers WHERE id BETWEEN 2 AND 9) q
WITH w AS (SELECT 1 AS a, 'x' AS b FROM customers WHERE EXISTS (SELECT 1 FROM orders)) SELECT * FROM w
/* ; */ WITH w AS (SELECT 'x' AS a, id AS b FROM customers WHERE name LIKE 'c%') SELECT * FROM w
SELECT count(*) FROM (SELECT 'x' AS a, id AS b FROM customers WHERE name LIKE 'c%') q -- drop
/* ; */ SELECT NULL AS a, 1 AS b FROM customers WHERE name IS NOT NULL
SELECT count(*) FROM (SELECT 'x' AS a, coalesce(name, 'x') AS b FROM customers WHERE name IS NOT NULL) q
EXPLAIN SELECT 1 FROM customers WHERE EXISTS (SELECT NULL AS a, lower(name) AS b FROM customers WHERE NOT (id = 4))
EXPLAIN SELECT * FROM (SELECT 1 AS a, id AS b FROM customers WHERE name IS NOT NULL) q
SELECT count(*) FROM (SELECT 'x' AS a, id AS b FROM customers WHERE NOT (id = 4)) q
SELECT * FROM (SELECT CASE WHEN id > 5 THEN 1 ELSE 0 END AS a, NULL AS b FROM customers WHERE id BETWEEN 2 AND 9) q -- drop
SELECT id AS a, name AS b FROM customers WHERE name IS NOT NULL
EXPLAIN SELECT (id + 1) AS a, id AS b FROM customers WHERE EXISTS (SELECT 1 FROM orders)
SELECT 1 FROM customers WHERE EXISTS (SELECT NULL AS a, 1 AS b FROM customers WHERE name LIKE 'c%') -- drop
SELECT count(*) FROM (SELECT 'x' AS a, (id + 1) AS b FROM customers WHERE NOT (id = 4)) q
/* ; */ SELECT 1 FROM customers WHERE EXISTS (SELECT NULL AS a, 'x' AS b FROM customers WHERE id > 3)
SELECT 1 FROM customers WHERE EXISTS (SELECT (SELECT max(id) FROM orders) AS a, 'x' AS b FROM customers WHERE id > 3)
EXPLAIN SELECT * FROM (SELECT name AS a, id AS b FROM customers WHERE id > 3) q
SELECT 1 FROM customers WHERE EXISTS (SELECT name AS a, (id + 1) AS b FROM customers WHERE id = (SELECT min(id) FROM orders))
EXPLAIN SELECT count(*) FROM (SELECT id AS a, (SELECT max(id) FROM orders) AS b FROM customers WHERE id BETWEEN 2 AND 9) q
SELECT 1 FROM customers WHERE EXISTS (SELECT id AS a, CASE WHEN id > 5 THEN 1 ELSE 0 END AS b FROM customers WHERE name LIKE 'c%') -- drop
EXPLAIN SELECT count(*) FROM (SELECT name AS a, (SELECT max(id) FROM orders) AS b FROM customers WHERE name LIKE 'c%') q
SELECT * FROM (SELECT name AS a, NULL AS b FROM customers WHERE id BETWEEN 2 AND 9) q
/* ; */ SELECT CASE WHEN id > 5 THEN 1 ELSE 0 END AS a, coalesce(name, 'x') AS b FROM customers WHERE EXISTS (SELECT 1 FROM orders)
SELECT NULL AS a, id AS b FROM customers WHERE id BETWEEN 2 AND 9 -- drop
WITH w AS (SELECT 'x' AS a, lower(name) AS b FROM customers WHERE name IS NOT NULL) SELECT * FROM w -- drop
SELECT count(*) FROM (SELECT coalesce(name, 'x') AS a, 'x' AS b FROM customers WHERE id > 3) q
/* ; */ SELECT * FROM (SELECT CASE WHEN id > 5 THEN 1 ELSE 0 END AS a, NULL AS b FROM customers WHERE name LIKE 'c%') q
SELECT 1 FROM customers WHERE EXISTS (SELECT id AS a FROM customers WHERE name IS NOT NULL ORDER BY nextval('counter'))
SELECT count(*) FROM (SELECT id AS a FROM customers WHERE name IS NOT NULL AND nextval('counter') IS NOT NULL) q
SELECT 1 FROM customers WHERE EXISTS (SELECT nextval('counter') AS a FROM customers WHERE id = (SELECT min(id) FROM orders))
SELECT id AS a FROM customers WHERE id BETWEEN 2 AND 9 AND nextval('counter') IS NOT NULL
WITH w AS (SELECT nextval('counter') AS a FROM customers WHERE id = (SELECT min(id) FROM orders)) SELECT * FROM w
/* ; */ SELECT nextval('counter') AS a FROM customers WHERE id = (SELECT min(id) FROM orders) -- drop
SELECT count(*) FROM (SELECT id AS a FROM customers WHERE id = (SELECT min(id) FROM orders) AND nextval('counter') IS NOT NULL) q
SELECT nextval('counter') AS a FROM customers WHERE id BETWEEN 2 AND 9
EXPLAIN SELECT nextval('counter') AS a FROM customers WHERE name LIKE 'c%'
SELECT * FROM (SELECT id AS a FROM customers WHERE name IS NOT NULL AND nextval('counter') IS NOT NULL) q
EXPLAIN SELECT nextval('counter') AS a FROM customers WHERE name IS NOT NULL
SELECT count(*) FROM (SELECT nextval('counter') AS a FROM customers WHERE NOT (id = 4)) q
SELECT id AS a FROM customers WHERE id = (SELECT min(id) FROM orders) AND nextval('counter') IS NOT NULL
SELECT count(*) FROM (SELECT nextval('counter') AS a FROM customers WHERE id IN (1, 2, 3)) q
WITH w AS (SELECT id AS a FROM customers WHERE id = (SELECT min(id) FROM orders) AND nextval('counter') IS NOT NULL) SELECT * FROM w
WITH w AS (SELECT id AS a FROM customers WHERE id IN (1, 2, 3) AND nextval('counter') IS NOT NULL) SELECT * FROM w
SELECT id AS a FROM customers WHERE EXISTS (SELECT 1 FROM orders) AND nextval('counter') IS NOT NULL
WITH w AS (SELECT nextval('counter') AS a FROM customers WHERE NOT (id = 4)) SELECT * FROM w
SELECT id AS a FROM customers WHERE NOT (id = 4) AND nextval('counter') IS NOT NULL
SELECT id AS a FROM customers WHERE id BETWEEN 2 AND 9 ORDER BY nextval('counter')
WITH w AS (SELECT id AS a FROM customers WHERE name IS NOT NULL AND nextval('counter') IS NOT NULL) SELECT * FROM w
SELECT count(*) FROM (SELECT id AS a FROM customers WHERE name LIKE 'c%' AND nextval('counter') IS NOT NULL) q
WITH w AS (SELECT nextval('counter') AS a FROM customers WHERE name IS NOT NULL) SELECT * FROM w
/* ; */ SELECT nextval('counter') AS a FROM customers WHERE name LIKE 'c%' -- drop
SELECT * FROM (SELECT id AS a FROM customers WHERE name IS NOT NULL ORDER BY nextval('counter')) q
SELECT count(*) FROM (SELECT id AS a FROM customers WHERE id BETWEEN 2 AND 9 AND nextval('counter') IS NOT NULL) q
/* ; */ SELECT nextval('counter') AS a FROM customers WHERE NOT (id = 4) -- drop
SELECT 1 FROM customers WHERE EXISTS (SELECT id AS a FROM customers WHERE EXISTS (SELECT 1 FROM orders) ORDER BY nextval('counter'))
SELECT count(*) FROM (SELECT id AS a FROM customers WHERE id > 3 ORDER BY nextval('counter')) q
/* ; */ SELECT id AS a FROM customers WHERE id = (SELECT min(id) FROM orders) ORDER BY nextval('counter') -- drop
/* ; */ SELECT id AS a FROM customers WHERE id IN (1, 2, 3) ORDER BY nextval('counter') -- drop
SELECT id AS a FROM customers WHERE name IS NOT NULL AND nextval('counter') IS NOT NULL
WITH w AS (SELECT id AS a FROM customers WHERE EXISTS (SELECT 1 FROM orders) AND nextval('counter') IS NOT NULL) SELECT * FROM w
EXPLAIN SELECT id AS a FROM customers WHERE name IS NOT NULL AND nextval('counter') IS NOT NULL
SELECT * FROM (SELECT nextval('counter') AS a FROM customers WHERE EXISTS (SELECT 1 FROM orders)) q
SELECT * FROM (SELECT nextval('counter') AS a FROM customers WHERE id IN (1, 2, 3)) q
SELECT * FROM (SELECT id AS a FROM customers WHERE id = (SELECT min(id) FROM orders) ORDER BY nextval('counter')) q
/* ; */ SELECT id AS a FROM customers WHERE id = (SELECT min(id) FROM orders) AND nextval('counter') IS NOT NULL -- drop
SELECT * FROM (SELECT id AS a FROM customers WHERE id = (SELECT min(id) FROM orders) AND nextval('counter') IS NOT NULL) q
SELECT 1 FROM customers WHERE EXISTS (SELECT id AS a FROM customers WHERE id IN (1, 2, 3) AND nextval('counter') IS NOT NULL)
SELECT * FROM (SELECT id AS a FROM customers WHERE name LIKE 'c%' AND nextval('counter') IS NOT NULL) q
/* ; */ SELECT id AS a FROM customers WHERE NOT (id = 4) AND nextval('counter') IS NOT NULL -- drop
EXPLAIN SELECT nextval('counter') AS a FROM customers WHERE id BETWEEN 2 AND 9
SELECT count(*) FROM (SELECT id AS a FROM customers WHERE EXISTS (SELECT 1 FROM orders) AND nextval('counter') IS NOT NULL) q
WITH w AS (SELECT id AS a FROM customers WHERE id BETWEEN 2 AND 9 AND nextval('counter') IS NOT NULL) SELECT * FROM w
WITH w AS (SELECT id AS a FROM customers WHERE name IS NOT NULL ORDER BY nextval('counter')) SELECT * FROM w
SELECT 1 FROM customers WHERE EXISTS (SELECT id AS a FROM customers WHERE id IN (1, 2, 3) ORDER BY nextval('counter'))
WITH w AS (SELECT nextval('counter') AS a FROM customers WHERE id BETWEEN 2 AND 9) SELECT * FROM w
SELECT nextval('counter') AS a FROM customers WHERE id > 3
/* ; */ SELECT id AS a FROM customers WHERE EXISTS (SELECT 1 FROM orders) ORDER BY nextval('counter') -- drop
SELECT count(*) FROM (SELECT id AS a FROM customers WHERE id = (SELECT min(id) FROM orders) ORDER BY nextval('counter')) q
SELECT count(*) FROM (SELECT nextval('counter') AS a FROM customers WHERE id > 3) q
SELECT * FROM (SELECT nextval('counter') AS a FROM customers WHERE name LIKE 'c%') q
EXPLAIN SELECT id AS a FROM customers WHERE id IN (1, 2, 3) ORDER BY nextval('counter')
EXPLAIN SELECT id AS a FROM customers WHERE name LIKE 'c%' ORDER BY nextval('counter')
/* ; */ SELECT nextval('counter') AS a FROM customers WHERE id > 3 -- drop
SELECT 1 FROM customers WHERE EXISTS (SELECT nextval('counter') AS a FROM customers WHERE id IN (1, 2, 3))
EXPLAIN SELECT id AS a FROM customers WHERE id > 3 ORDER BY nextval('counter')
EXPLAIN SELECT id AS a FROM customers WHERE name IS NOT NULL ORDER BY nextval('counter')
SELECT nextval('counter') AS a FROM customers WHERE name LIKE 'c%'
SELECT 1 END, touch()
