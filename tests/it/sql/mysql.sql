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
SHOW TABLES
SHOW DATABASES
SHOW COLUMNS FROM customers
SHOW CREATE TABLE customers
SHOW VARIABLES LIKE 'version%'
SHOW STATUS LIKE 'Uptime'
DESCRIBE customers
DESC orders
SELECT `name` FROM `customers`
SELECT @@version, @@global.max_connections
SELECT @nothing
SELECT version(), database(), user(), connection_id()
SELECT * FROM information_schema.tables
SELECT date_add(now(), INTERVAL 1 DAY), date_format(now(), '%Y')
SELECT if(total > 5, 'a', 'b'), ifnull(note, 'x') FROM orders
SELECT group_concat(name ORDER BY name SEPARATOR ';') FROM customers
SELECT * FROM customers LIMIT 2, 3
SELECT SQL_NO_CACHE * FROM customers
SELECT STRAIGHT_JOIN c.id FROM customers c JOIN orders o ON o.customer = c.id
SELECT json_extract('{"a": 1}', '$.a'), json_object('a', 1)
SELECT 'a' 'b', "double", 'it\'s', 'x\\'
SELECT 5 DIV 2, 5 MOD 2, 5 % 2, 1 <=> NULL, 1 XOR 0, 1 && 1, 1 || 0
SELECT name REGEXP '^c', name RLIKE 'c' FROM customers
SELECT 1 # comment
SELECT 1 -- comment
SELECT concat('a', 'b'), substring_index('a.b.c', '.', 2), lpad('a', 5, 'x')
SELECT hex('a'), unhex('61'), md5('a'), sha2('a', 256)
SELECT * FROM customers FORCE INDEX (PRIMARY)
SELECT convert('1', signed), cast('1' AS unsigned)
SELECT timestampdiff(DAY, now(), now()), unix_timestamp()
SELECT customer, count(*) FROM orders GROUP BY customer WITH ROLLUP
EXPLAIN DELETE FROM orders
EXPLAIN UPDATE customers SET name = 'x'
SELECT x'61', b'01', 0x61
SELECT rand() < 2, uuid() IS NOT NULL
SELECT binary 'a' = 'A'
SELECT * FROM shop.customers
SELECT truncate(1.5, 0), round(1.5)
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
SELECT nextval(counter)
SELECT NEXT VALUE FOR counter
SELECT setval(counter, 99)
SELECT lastval(counter)
SELECT get_lock('a', 1)
SELECT sleep(0)
SELECT benchmark(1, 1)
SELECT load_file('/etc/passwd')
SELECT last_insert_id(7)
SELECT @x := 5
SELECT @x := id FROM customers
SELECT 1 INTO @y
SELECT * FROM customers INTO OUTFILE '/tmp/agentport-evil'
SELECT name FROM customers LIMIT 1 INTO DUMPFILE '/tmp/agentport-evil'
SELECT * INTO OUTFILE '/tmp/agentport-evil' FROM customers
SELECT * FROM customers FOR UPDATE
SELECT * FROM customers LOCK IN SHARE MODE
SELECT * FROM customers PROCEDURE ANALYSE()
SELECT 1 /*!50000 , touch() */
SELECT 1 /*M! , touch() */
/*! DELETE FROM orders */
/*!50000 DROP TABLE orders */
SELECT /*+ SET_VAR(sql_mode = '') */ 1
SELECT 1--1
SELECT 1 /* a /* b */
REPLACE INTO customers VALUES (1, 'x', 'y')
INSERT INTO customers VALUES (1, 'x', 'y') ON DUPLICATE KEY UPDATE name = 'z'
INSERT IGNORE INTO customers VALUES (903, 'x', 'y')
DELETE c FROM customers c JOIN orders o ON o.customer = c.id
UPDATE customers c JOIN orders o ON o.customer = c.id SET c.name = 'x'
TRUNCATE orders
TRUNCATE TABLE orders
RENAME TABLE orders TO evil
LOAD DATA INFILE '/etc/passwd' INTO TABLE customers
LOAD DATA LOCAL INFILE '/etc/passwd' INTO TABLE customers
HANDLER customers OPEN
CALL clear()
DO touch()
DO sleep(0)
SET GLOBAL general_log = 1
SET GLOBAL max_connections = 77
SET sql_mode = ''
SET @a = 1
SET PASSWORD = ''
SET ROLE NONE
FLUSH PRIVILEGES
FLUSH TABLES WITH READ LOCK
LOCK TABLES customers READ
UNLOCK TABLES
KILL 1
USE mysql
PREPARE s FROM 'DELETE FROM orders'
EXECUTE IMMEDIATE 'DELETE FROM orders'
START TRANSACTION READ WRITE
ANALYZE TABLE customers
ANALYZE DELETE FROM orders
ANALYZE FORMAT=JSON DELETE FROM orders
ANALYZE UPDATE customers SET name = 'x'
OPTIMIZE TABLE customers
REPAIR TABLE customers
CHECK TABLE customers
CREATE USER evil
CREATE DATABASE evil
CREATE SEQUENCE evil
CREATE FUNCTION evil() RETURNS int RETURN 1
CREATE PROCEDURE evil() DELETE FROM orders
CREATE TRIGGER evil BEFORE INSERT ON customers FOR EACH ROW SET NEW.name = 'x'
CREATE EVENT evil ON SCHEDULE EVERY 1 DAY DO DELETE FROM orders
INSTALL PLUGIN x SONAME 'y'
PURGE BINARY LOGS TO 'x'
RESET MASTER
CHANGE MASTER TO MASTER_HOST = 'x'
SHUTDOWN
XA START 'x'
BACKUP STAGE START
BEGIN NOT ATOMIC DELETE FROM orders; END
SELECT counter.nextval
SELECT shop.touch()
SELECT `touch`()
SELECT touch ()
WITH x AS (SELECT 1) DELETE FROM orders
WITH x AS (SELECT 1) UPDATE customers SET name = 'x'
SELECT * FROM mysql.user
SELECT CASE WHEN true THEN touch() END
SELECT if(1, touch(), 2)
SELECT 1 IN (touch())
SELECT touch() BETWEEN 1 AND 2
SELECT touch() IS NULL
SELECT group_concat(name ORDER BY touch()) FROM customers
SELECT * FROM customers c JOIN orders o ON touch() > 0
SELECT -touch()
SELECT cast(touch() AS char)
SELECT concat(touch(), 'x')
SELECT date_add(now(), INTERVAL touch() DAY)
SHOW COLUMNS FROM customers WHERE touch() = 1
SHOW VARIABLES WHERE touch() = 1
EXPLAIN SELECT count(*) FROM (SELECT NULL AS a, (SELECT max(id) FROM orders) AS b FROM customers WHERE id BETWEEN 2 AND 9) q
EXPLAIN SELECT 1 FROM customers WHERE EXISTS (SELECT 1 AS a, id AS b FROM customers WHERE id > 3)
/* ; */ SELECT * FROM (SELECT CASE WHEN id > 5 THEN 1 ELSE 0 END AS a, NULL AS b FROM customers WHERE NOT (id = 4)) q
/* ; */ SELECT (SELECT max(id) FROM orders) AS a, 1 AS b FROM customers WHERE id BETWEEN 2 AND 9
/* ; */ SELECT * FROM (SELECT NULL AS a, id AS b FROM customers WHERE id > 3) q
/* ; */ SELECT * FROM (SELECT (id + 1) AS a, name AS b FROM customers WHERE name IS NOT NULL) q
EXPLAIN SELECT lower(name) AS a, 1 AS b FROM customers WHERE id = (SELECT min(id) FROM orders)
SELECT * FROM (SELECT (id + 1) AS a, lower(name) AS b FROM customers WHERE EXISTS (SELECT 1 FROM orders)) q
/* ; */ SELECT * FROM (SELECT NULL AS a, (SELECT max(id) FROM orders) AS b FROM customers WHERE name LIKE 'c%') q
/* ; */ SELECT * FROM (SELECT 1 AS a, NULL AS b FROM customers WHERE id BETWEEN 2 AND 9) q
SELECT 1 AS a, NULL AS b FROM customers WHERE name IS NOT NULL -- drop
/* ; */ SELECT count(*) FROM (SELECT CASE WHEN id > 5 THEN 1 ELSE 0 END AS a, 'x' AS b FROM customers WHERE id BETWEEN 2 AND 9) q
SELECT id AS a, 'x' AS b FROM customers WHERE EXISTS (SELECT 1 FROM orders)
WITH w AS (SELECT 'x' AS a, (id + 1) AS b FROM customers WHERE id = (SELECT min(id) FROM orders)) SELECT * FROM w
SELECT * FROM (SELECT name AS a, 'x' AS b FROM customers WHERE NOT (id = 4)) q
/* ; */ WITH w AS (SELECT (SELECT max(id) FROM orders) AS a, CASE WHEN id > 5 THEN 1 ELSE 0 END AS b FROM customers WHERE id > 3) SELECT * FROM w
SELECT * FROM (SELECT lower(name) AS a, coalesce(name, 'x') AS b FROM customers WHERE id = (SELECT min(id) FROM orders)) q
EXPLAIN SELECT id AS a, name AS b FROM customers WHERE name IS NOT NULL
EXPLAIN SELECT count(*) FROM (SELECT (id + 1) AS a, name AS b FROM customers WHERE id BETWEEN 2 AND 9) q
/* ; */ SELECT NULL AS a, (id + 1) AS b FROM customers WHERE name LIKE 'c%'
EXPLAIN SELECT * FROM (SELECT 1 AS a, lower(name) AS b FROM customers WHERE id = (SELECT min(id) FROM orders)) q
SELECT count(*) FROM (SELECT lower(name) AS a, CASE WHEN id > 5 THEN 1 ELSE 0 END AS b FROM customers WHERE id > 3) q
/* ; */ SELECT (id + 1) AS a, id AS b FROM customers WHERE EXISTS (SELECT 1 FROM orders)
SELECT * FROM (SELECT name AS a, id AS b FROM customers WHERE name IS NOT NULL) q
EXPLAIN WITH w AS (SELECT coalesce(name, 'x') AS a, lower(name) AS b FROM customers WHERE NOT (id = 4)) SELECT * FROM w
EXPLAIN WITH w AS (SELECT coalesce(name, 'x') AS a, id AS b FROM customers WHERE name IS NOT NULL) SELECT * FROM w
SELECT NULL AS a, id AS b FROM customers WHERE name LIKE 'c%'
EXPLAIN SELECT count(*) FROM (SELECT name AS a, CASE WHEN id > 5 THEN 1 ELSE 0 END AS b FROM customers WHERE id = (SELECT min(id) FROM orders)) q
SELECT count(*) FROM (SELECT (id + 1) AS a, CASE WHEN id > 5 THEN 1 ELSE 0 END AS b FROM customers WHERE id IN (1, 2, 3)) q
SELECT 1 FROM customers WHERE EXISTS (SELECT id AS a, NULL AS b FROM customers WHERE id IN (1, 2, 3))
WITH w AS (SELECT lower(name) AS a, coalesce(name, 'x') AS b FROM customers WHERE id = (SELECT min(id) FROM orders)) SELECT * FROM w -- drop
SELECT count(*) FROM (SELECT name AS a, (SELECT max(id) FROM orders) AS b FROM customers WHERE id BETWEEN 2 AND 9) q
/* ; */ SELECT 1 AS a, (id + 1) AS b FROM customers WHERE name LIKE 'c%'
/* ; */ SELECT * FROM (SELECT (SELECT max(id) FROM orders) AS a, coalesce(name, 'x') AS b FROM customers WHERE NOT (id = 4)) q
SELECT 1 FROM customers WHERE EXISTS (SELECT name AS a, coalesce(name, 'x') AS b FROM customers WHERE name IS NOT NULL)
/* ; */ SELECT count(*) FROM (SELECT 1 AS a, name AS b FROM customers WHERE EXISTS (SELECT 1 FROM orders)) q
/* ; */ SELECT count(*) FROM (SELECT 'x' AS a, 1 AS b FROM customers WHERE id IN (1, 2, 3)) q
EXPLAIN WITH w AS (SELECT coalesce(name, 'x') AS a, 1 AS b FROM customers WHERE name LIKE 'c%') SELECT * FROM w
EXPLAIN WITH w AS (SELECT NULL AS a, coalesce(name, 'x') AS b FROM customers WHERE NOT (id = 4)) SELECT * FROM w
SELECT * FROM (SELECT 1 AS a, CASE WHEN id > 5 THEN 1 ELSE 0 END AS b FROM customers WHERE id BETWEEN 2 AND 9) q
SELECT 1 FROM customers WHERE EXISTS (SELECT 1 AS a, 'x' AS b FROM customers WHERE name IS NOT NULL)
WITH w AS (SELECT lower(name) AS a, name AS b FROM customers WHERE EXISTS (SELECT 1 FROM orders)) SELECT * FROM w
/* ; */ SELECT (SELECT max(id) FROM orders) AS a, coalesce(name, 'x') AS b FROM customers WHERE id BETWEEN 2 AND 9
SELECT count(*) FROM (SELECT id AS a, name AS b FROM customers WHERE id > 3) q
WITH w AS (SELECT CASE WHEN id > 5 THEN 1 ELSE 0 END AS a, lower(name) AS b FROM customers WHERE id > 3) SELECT * FROM w
SELECT 1 FROM customers WHERE EXISTS (SELECT name AS a, id AS b FROM customers WHERE id BETWEEN 2 AND 9) -- drop
SELECT 1 FROM customers WHERE EXISTS (SELECT 1 AS a, name AS b FROM customers WHERE NOT (id = 4))
SELECT CASE WHEN id > 5 THEN 1 ELSE 0 END AS a, NULL AS b FROM customers WHERE id > 3 -- drop
EXPLAIN SELECT coalesce(name, 'x') AS a, lower(name) AS b FROM customers WHERE id BETWEEN 2 AND 9
EXPLAIN SELECT * FROM (SELECT lower(name) AS a, 'x' AS b FROM customers WHERE id > 3) q
/* ; */ WITH w AS (SELECT id AS a, 1 AS b FROM customers WHERE id > 3) SELECT * FROM w
SELECT lower(name) AS a, 'x' AS b FROM customers WHERE name IS NOT NULL
/* ; */ SELECT id AS a, CASE WHEN id > 5 THEN 1 ELSE 0 END AS b FROM customers WHERE id = (SELECT min(id) FROM orders)
SELECT 1 FROM customers WHERE EXISTS (SELECT name AS a, (id + 1) AS b FROM customers WHERE id IN (1, 2, 3))
EXPLAIN SELECT count(*) FROM (SELECT 'x' AS a, (id + 1) AS b FROM customers WHERE name IS NOT NULL) q
WITH w AS (SELECT NULL AS a, (id + 1) AS b FROM customers WHERE id > 3) SELECT * FROM w -- drop
EXPLAIN SELECT lower(name) AS a, (id + 1) AS b FROM customers WHERE EXISTS (SELECT 1 FROM orders)
SELECT * FROM (SELECT 1 AS a, (id + 1) AS b FROM customers WHERE EXISTS (SELECT 1 FROM orders)) q
SELECT (id + 1) AS a, 'x' AS b FROM customers WHERE EXISTS (SELECT 1 FROM orders)
SELECT * FROM (SELECT (id + 1) AS a, lower(name) AS b FROM customers WHERE id = (SELECT min(id) FROM orders)) q
SELECT count(*) FROM (SELECT id AS a, coalesce(name, 'x') AS b FROM customers WHERE id IN (1, 2, 3)) q
EXPLAIN SELECT * FROM (SELECT coalesce(name, 'x') AS a, lower(name) AS b FROM customers WHERE id IN (1, 2, 3)) q
SELECT NULL AS a, 'x' AS b FROM customers WHERE id IN (1, 2, 3)
WITH w AS (SELECT (id + 1) AS a, CASE WHEN id > 5 THEN 1 ELSE 0 END AS b FROM customers WHERE id BETWEEN 2 AND 9) SELECT * FROM w
SELECT id AS a, CASE WHEN id > 5 THEN 1 ELSE 0 END AS b FROM customers WHERE NOT (id = 4) -- drop
SELECT * FROM (SELECT (id + 1) AS a, name AS b FROM customers WHERE id IN (1, 2, 3)) q -- drop
SELECT * FROM (SELECT (id + 1) AS a, 1 AS b FROM customers WHERE id = (SELECT min(id) FROM orders)) q -- drop
SELECT 1 FROM customers WHERE EXISTS (SELECT 1 AS a, id AS b FROM customers WHERE EXISTS (SELECT 1 FROM orders))
SELECT * FROM (SELECT (id + 1) AS a, lower(name) AS b FROM customers WHERE name LIKE 'c%') q
WITH w AS (SELECT 1 AS a, id AS b FROM customers WHERE id > 3) SELECT * FROM w
EXPLAIN SELECT count(*) FROM (SELECT (id + 1) AS a, CASE WHEN id > 5 THEN 1 ELSE 0 END AS b FROM customers WHERE name IS NOT NULL) q
EXPLAIN SELECT count(*) FROM (SELECT coalesce(name, 'x') AS a, 1 AS b FROM customers WHERE EXISTS (SELECT 1 FROM orders)) q
SELECT * FROM (SELECT CASE WHEN id > 5 THEN 1 ELSE 0 END AS a, (SELECT max(id) FROM orders) AS b FROM customers WHERE id = (SELECT min(id) FROM orders)) q
/* ; */ SELECT * FROM (SELECT id AS a, CASE WHEN id > 5 THEN 1 ELSE 0 END AS b FROM customers WHERE id = (SELECT min(id) FROM orders)) q
/* ; */ SELECT count(*) FROM (SELECT coalesce(name, 'x') AS a, CASE WHEN id > 5 THEN 1 ELSE 0 END AS b FROM customers WHERE id IN (1, 2, 3)) q
/* ; */ WITH w AS (SELECT name AS a, coalesce(name, 'x') AS b FROM customers WHERE id IN (1, 2, 3)) SELECT * FROM w
SELECT 1 FROM customers WHERE EXISTS (SELECT lower(name) AS a, name AS b FROM customers WHERE id = (SELECT min(id) FROM orders)) -- drop
EXPLAIN SELECT id AS a, coalesce(name, 'x') AS b FROM customers WHERE id IN (1, 2, 3)
/* ; */ SELECT 1 FROM customers WHERE EXISTS (SELECT (SELECT max(id) FROM orders) AS a, name AS b FROM customers WHERE id > 3)
SELECT 1 FROM customers WHERE EXISTS (SELECT 'x' AS a, id AS b FROM customers WHERE name LIKE 'c%')
WITH w AS (SELECT 1 AS a, 'x' AS b FROM customers WHERE id = (SELECT min(id) FROM orders)) SELECT * FROM w
EXPLAIN SELECT 1 FROM customers WHERE EXISTS (SELECT 1 AS a, name AS b FROM customers WHERE NOT (id = 4))
SELECT count(*) FROM (SELECT 'x' AS a, lower(name) AS b FROM customers WHERE name IS NOT NULL) q
SELECT * FROM (SELECT NULL AS a, (SELECT max(id) FROM orders) AS b FROM customers WHERE id = (SELECT min(id) FROM orders)) q -- drop
EXPLAIN WITH w AS (SELECT NULL AS a, (SELECT max(id) FROM orders) AS b FROM customers WHERE id BETWEEN 2 AND 9) SELECT * FROM w
SELECT count(*) FROM (SELECT id AS a, 1 AS b FROM customers WHERE id IN (1, 2, 3)) q
EXPLAIN SELECT * FROM (SELECT NULL AS a, lower(name) AS b FROM customers WHERE EXISTS (SELECT 1 FROM orders)) q
/* ; */ WITH w AS (SELECT name AS a, (SELECT max(id) FROM orders) AS b FROM customers WHERE id > 3) SELECT * FROM w
WITH w AS (SELECT (SELECT max(id) FROM orders) AS a, coalesce(name, 'x') AS b FROM customers WHERE name LIKE 'c%') SELECT * FROM w -- drop
EXPLAIN SELECT count(*) FROM (SELECT (id + 1) AS a, lower(name) AS b FROM customers WHERE name IS NOT NULL) q
WITH w AS (SELECT coalesce(name, 'x') AS a, 'x' AS b FROM customers WHERE NOT (id = 4)) SELECT * FROM w
SELECT 1 FROM customers WHERE EXISTS (SELECT CASE WHEN id > 5 THEN 1 ELSE 0 END AS a, 1 AS b FROM customers WHERE id IN (1, 2, 3))
WITH w AS (SELECT NULL AS a, (SELECT max(id) FROM orders) AS b FROM customers WHERE name IS NOT NULL) SELECT * FROM w -- drop
SELECT * FROM (SELECT lower(name) AS a, id AS b FROM customers WHERE id > 3) q
EXPLAIN SELECT 1 FROM customers WHERE EXISTS (SELECT NULL AS a, (id + 1) AS b FROM customers WHERE EXISTS (SELECT 1 FROM orders))
SELECT * FROM (SELECT id AS a, 'x' AS b FROM customers WHERE id = (SELECT min(id) FROM orders)) q -- drop
SELECT id AS a, coalesce(name, 'x') AS b FROM customers WHERE id > 3 -- drop
EXPLAIN SELECT 1 FROM customers WHERE EXISTS (SELECT lower(name) AS a, NULL AS b FROM customers WHERE name LIKE 'c%')
EXPLAIN SELECT 1 FROM customers WHERE EXISTS (SELECT (SELECT max(id) FROM orders) AS a, 1 AS b FROM customers WHERE EXISTS (SELECT 1 FROM orders))
WITH w AS (SELECT coalesce(name, 'x') AS a, 'x' AS b FROM customers WHERE id BETWEEN 2 AND 9) SELECT * FROM w -- drop
SELECT CASE WHEN id > 5 THEN 1 ELSE 0 END AS a, 'x' AS b FROM customers WHERE id IN (1, 2, 3)
SELECT 'x' AS a, CASE WHEN id > 5 THEN 1 ELSE 0 END AS b FROM customers WHERE name LIKE 'c%'
SELECT NULL AS a, (id + 1) AS b FROM customers WHERE name IS NOT NULL
SELECT 1 FROM customers WHERE EXISTS (SELECT (SELECT max(id) FROM orders) AS a, lower(name) AS b FROM customers WHERE id = (SELECT min(id) FROM orders)) -- drop
SELECT CASE WHEN id > 5 THEN 1 ELSE 0 END AS a, 1 AS b FROM customers WHERE id IN (1, 2, 3)
SELECT count(*) FROM (SELECT id AS a, (SELECT max(id) FROM orders) AS b FROM customers WHERE id > 3) q
SELECT 1 AS a, 'x' AS b FROM customers WHERE id > 3
/* ; */ SELECT * FROM (SELECT coalesce(name, 'x') AS a, (SELECT max(id) FROM orders) AS b FROM customers WHERE id BETWEEN 2 AND 9) q
SELECT 1 FROM customers WHERE EXISTS (SELECT 1 AS a, (SELECT max(id) FROM orders) AS b FROM customers WHERE EXISTS (SELECT 1 FROM orders))
WITH w AS (SELECT (SELECT max(id) FROM orders) AS a, NULL AS b FROM customers WHERE name LIKE 'c%') SELECT * FROM w
/* ; */ SELECT count(*) FROM (SELECT CASE WHEN id > 5 THEN 1 ELSE 0 END AS a, (SELECT max(id) FROM orders) AS b FROM customers WHERE id > 3) q
SELECT * FROM (SELECT CASE WHEN id > 5 THEN 1 ELSE 0 END AS a, name AS b FROM customers WHERE id = (SELECT min(id) FROM orders)) q
SELECT name AS a, NULL AS b FROM customers WHERE id BETWEEN 2 AND 9
WITH w AS (SELECT lower(name) AS a, NULL AS b FROM customers WHERE id > 3) SELECT * FROM w -- drop
WITH w AS (SELECT (id + 1) AS a, (SELECT max(id) FROM orders) AS b FROM customers WHERE name IS NOT NULL) SELECT * FROM w
EXPLAIN SELECT * FROM (SELECT name AS a, (SELECT max(id) FROM orders) AS b FROM customers WHERE id > 3) q
WITH w AS (SELECT 1 AS a, coalesce(name, 'x') AS b FROM customers WHERE id IN (1, 2, 3)) SELECT * FROM w
SELECT count(*) FROM (SELECT (id + 1) AS a, lower(name) AS b FROM customers WHERE id BETWEEN 2 AND 9) q -- drop
/* ; */ SELECT CASE WHEN id > 5 THEN 1 ELSE 0 END AS a, coalesce(name, 'x') AS b FROM customers WHERE id > 3
SELECT count(*) FROM (SELECT 1 AS a, NULL AS b FROM customers WHERE id BETWEEN 2 AND 9) q -- drop
SELECT * FROM (SELECT id AS a FROM customers WHERE name LIKE 'c%' ORDER BY touch()) q
SELECT touch() AS a FROM customers WHERE id IN (1, 2, 3)
SELECT 1 FROM customers WHERE EXISTS (SELECT touch() AS a FROM customers WHERE name LIKE 'c%')
SELECT * FROM (SELECT id AS a FROM customers WHERE id IN (1, 2, 3) AND touch() IS NOT NULL) q
SELECT touch() AS a FROM customers WHERE id > 3
EXPLAIN SELECT id AS a FROM customers WHERE id IN (1, 2, 3) ORDER BY touch()
SELECT id AS a FROM customers WHERE id > 3 ORDER BY touch()
/* ; */ SELECT touch() AS a FROM customers WHERE id > 3 -- drop
/* ; */ SELECT touch() AS a FROM customers WHERE NOT (id = 4) -- drop
SELECT count(*) FROM (SELECT id AS a FROM customers WHERE name LIKE 'c%' ORDER BY touch()) q
SELECT * FROM (SELECT touch() AS a FROM customers WHERE name LIKE 'c%') q
SELECT touch() AS a FROM customers WHERE id BETWEEN 2 AND 9
SELECT id AS a FROM customers WHERE name IS NOT NULL AND touch() IS NOT NULL
/* ; */ SELECT touch() AS a FROM customers WHERE id IN (1, 2, 3) -- drop
WITH w AS (SELECT id AS a FROM customers WHERE id BETWEEN 2 AND 9 AND touch() IS NOT NULL) SELECT * FROM w
WITH w AS (SELECT id AS a FROM customers WHERE NOT (id = 4) AND touch() IS NOT NULL) SELECT * FROM w
WITH w AS (SELECT id AS a FROM customers WHERE id > 3 AND touch() IS NOT NULL) SELECT * FROM w
EXPLAIN SELECT touch() AS a FROM customers WHERE name IS NOT NULL
/* ; */ SELECT id AS a FROM customers WHERE NOT (id = 4) AND touch() IS NOT NULL -- drop
SELECT 1 FROM customers WHERE EXISTS (SELECT id AS a FROM customers WHERE id = (SELECT min(id) FROM orders) AND touch() IS NOT NULL)
SELECT id AS a FROM customers WHERE id > 3 AND touch() IS NOT NULL
/* ; */ SELECT id AS a FROM customers WHERE EXISTS (SELECT 1 FROM orders) ORDER BY touch() -- drop
SELECT count(*) FROM (SELECT id AS a FROM customers WHERE name LIKE 'c%' AND touch() IS NOT NULL) q
SELECT 1 FROM customers WHERE EXISTS (SELECT id AS a FROM customers WHERE id > 3 ORDER BY touch())
/* ; */ SELECT id AS a FROM customers WHERE id BETWEEN 2 AND 9 ORDER BY touch() -- drop
/* ; */ SELECT id AS a FROM customers WHERE name LIKE 'c%' ORDER BY touch() -- drop
SELECT count(*) FROM (SELECT touch() AS a FROM customers WHERE name IS NOT NULL) q
SELECT * FROM (SELECT id AS a FROM customers WHERE id > 3 ORDER BY touch()) q
SELECT touch() AS a FROM customers WHERE name IS NOT NULL
SELECT id AS a FROM customers WHERE NOT (id = 4) AND touch() IS NOT NULL
/* ; */ SELECT id AS a FROM customers WHERE id = (SELECT min(id) FROM orders) ORDER BY touch() -- drop
SELECT 1 FROM customers WHERE EXISTS (SELECT id AS a FROM customers WHERE id IN (1, 2, 3) AND touch() IS NOT NULL)
WITH w AS (SELECT id AS a FROM customers WHERE NOT (id = 4) ORDER BY touch()) SELECT * FROM w
/* ; */ SELECT id AS a FROM customers WHERE id IN (1, 2, 3) AND touch() IS NOT NULL -- drop
SELECT * FROM (SELECT id AS a FROM customers WHERE id BETWEEN 2 AND 9 ORDER BY touch()) q
SELECT touch() AS a FROM customers WHERE id = (SELECT min(id) FROM orders)
/* ; */ SELECT id AS a FROM customers WHERE name LIKE 'c%' AND touch() IS NOT NULL -- drop
WITH w AS (SELECT id AS a FROM customers WHERE name LIKE 'c%' ORDER BY touch()) SELECT * FROM w
SELECT count(*) FROM (SELECT touch() AS a FROM customers WHERE NOT (id = 4)) q
SELECT id AS a FROM customers WHERE EXISTS (SELECT 1 FROM orders) ORDER BY touch()
WITH w AS (SELECT touch() AS a FROM customers WHERE NOT (id = 4)) SELECT * FROM w
SELECT 1 FROM customers WHERE EXISTS (SELECT id AS a FROM customers WHERE name IS NOT NULL AND touch() IS NOT NULL)
EXPLAIN SELECT id AS a FROM customers WHERE id IN (1, 2, 3) AND touch() IS NOT NULL
SELECT * FROM (SELECT id AS a FROM customers WHERE id BETWEEN 2 AND 9 AND touch() IS NOT NULL) q
SELECT 1 FROM customers WHERE EXISTS (SELECT id AS a FROM customers WHERE id > 3 AND touch() IS NOT NULL)
SELECT * FROM (SELECT id AS a FROM customers WHERE NOT (id = 4) ORDER BY touch()) q
SELECT 1 FROM customers WHERE EXISTS (SELECT id AS a FROM customers WHERE id = (SELECT min(id) FROM orders) ORDER BY touch())
SELECT * FROM (SELECT id AS a FROM customers WHERE name IS NOT NULL ORDER BY touch()) q
SELECT count(*) FROM (SELECT id AS a FROM customers WHERE id IN (1, 2, 3) AND touch() IS NOT NULL) q
/* ; */ SELECT id AS a FROM customers WHERE name IS NOT NULL AND touch() IS NOT NULL -- drop
SELECT * FROM (SELECT id AS a FROM customers WHERE id IN (1, 2, 3) ORDER BY touch()) q
WITH w AS (SELECT id AS a FROM customers WHERE id BETWEEN 2 AND 9 ORDER BY touch()) SELECT * FROM w
SELECT * FROM (SELECT touch() AS a FROM customers WHERE NOT (id = 4)) q
EXPLAIN SELECT touch() AS a FROM customers WHERE name LIKE 'c%'
SELECT count(*) FROM (SELECT touch() AS a FROM customers WHERE name LIKE 'c%') q
WITH w AS (SELECT id AS a FROM customers WHERE name IS NOT NULL ORDER BY touch()) SELECT * FROM w
SELECT * FROM (SELECT id AS a FROM customers WHERE EXISTS (SELECT 1 FROM orders) AND touch() IS NOT NULL) q
SELECT id AS a FROM customers WHERE name LIKE 'c%' ORDER BY touch()
EXPLAIN SELECT id AS a FROM customers WHERE EXISTS (SELECT 1 FROM orders) AND touch() IS NOT NULL
EXPLAIN SELECT id AS a FROM customers WHERE id BETWEEN 2 AND 9 ORDER BY touch()
SELECT 1 END, touch()
