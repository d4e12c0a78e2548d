CREATE DATABASE IF NOT EXISTS `demo`;

CREATE TABLE IF NOT EXISTS `demo`.`orders` (
  `occurred_at` DATETIME NOT NULL,
  `_topic` VARCHAR(249) NOT NULL,
  `_partition` INT NOT NULL,
  `_offset` BIGINT NOT NULL,
  `id` VARCHAR(256) NOT NULL,
  `type` VARCHAR(256) NOT NULL,
  `schema_version` BIGINT NOT NULL,
  `entity_type` VARCHAR(128) NOT NULL,
  `entity_id` VARCHAR(512) NOT NULL,
  `produced_at` DATETIME NOT NULL,
  `sequence` BIGINT NOT NULL,
  `source_system` VARCHAR(256) NULL,
  `source_table` VARCHAR(512) NULL,
  `source_version` BIGINT NULL,
  `source_snapshot` BOOLEAN NULL,
  `order_id` VARCHAR(256) NOT NULL,
  `member_id` VARCHAR(256) NOT NULL,
  `amount` DECIMAL(18,2) NOT NULL,
  `currency` VARCHAR(12) NOT NULL,
  `items` BIGINT NOT NULL,
  `channel` VARCHAR(256) NOT NULL,
  `country` VARCHAR(256) NULL
)
DUPLICATE KEY(`occurred_at`)
PARTITION BY date_trunc('day', `occurred_at`)
DISTRIBUTED BY HASH(`_partition`, `_offset`)
PROPERTIES ("replication_num" = "1");

CREATE TABLE IF NOT EXISTS `demo`.`orders_quarantine` (
  `received_at` DATETIME NOT NULL,
  `reason` VARCHAR(16) NOT NULL,
  `message` VARCHAR(1024) NOT NULL,
  `_topic` VARCHAR(249) NOT NULL,
  `_partition` INT NOT NULL,
  `_offset` BIGINT NOT NULL,
  `record_time` DATETIME NULL,
  `record_key` VARBINARY NULL,
  `raw` VARBINARY(1048576) NULL,
  `raw_bytes` BIGINT NOT NULL
)
DUPLICATE KEY(`received_at`)
PARTITION BY date_trunc('day', `received_at`)
DISTRIBUTED BY HASH(`_partition`, `_offset`)
PROPERTIES ("replication_num" = "1");

CREATE TABLE IF NOT EXISTS `demo`.`orders_1m` (
  `window_start` DATETIME NOT NULL,
  `channel` VARCHAR(256) NOT NULL,
  `country` VARCHAR(256) NULL,
  `orders` BIGINT SUM NOT NULL,
  `revenue` DECIMAL(38,2) SUM NOT NULL,
  `biggest` DECIMAL(18,2) MAX NOT NULL
)
AGGREGATE KEY(`window_start`, `channel`, `country`)
PARTITION BY date_trunc('day', `window_start`)
DISTRIBUTED BY HASH(`channel`, `country`)
PROPERTIES ("replication_num" = "1");

CREATE VIEW IF NOT EXISTS `demo`.`orders_1m_view` AS
SELECT
  r.`window_start` AS `window_start`,
  r.`channel` AS `channel`,
  r.`country` AS `country`,
  SUM(r.`orders`) AS `orders`,
  SUM(r.`revenue`) AS `revenue`,
  MAX(r.`biggest`) AS `biggest`
FROM `demo`.`orders_1m` AS r
GROUP BY r.`window_start`, r.`channel`, r.`country`;

CREATE TABLE IF NOT EXISTS `demo`.`orders_1d` (
  `window_start` DATETIME NOT NULL,
  `country` VARCHAR(256) NULL,
  `orders` BIGINT SUM NOT NULL,
  `revenue` DECIMAL(38,2) SUM NOT NULL,
  `basket_sum` LARGEINT SUM NOT NULL,
  `basket_count` BIGINT SUM NOT NULL
)
AGGREGATE KEY(`window_start`, `country`)
PARTITION BY date_trunc('day', `window_start`)
DISTRIBUTED BY HASH(`country`)
PROPERTIES ("replication_num" = "1");

CREATE VIEW IF NOT EXISTS `demo`.`orders_1d_view` AS
SELECT
  r.`window_start` AS `window_start`,
  r.`country` AS `country`,
  SUM(r.`orders`) AS `orders`,
  SUM(r.`revenue`) AS `revenue`,
  SUM(r.`basket_sum`) / NULLIF(SUM(r.`basket_count`), 0) AS `basket`
FROM `demo`.`orders_1d` AS r
GROUP BY r.`window_start`, r.`country`;

CREATE TABLE IF NOT EXISTS `demo`.`millrace_ledger` (
  `pipeline` VARCHAR(32) NOT NULL,
  `topic` VARCHAR(249) NOT NULL,
  `partition` INT NOT NULL,
  `chain` VARCHAR(32) NOT NULL,
  `n` BIGINT NOT NULL,
  `start` BIGINT NOT NULL,
  `end` BIGINT NOT NULL,
  `event_time` DATETIME NULL,
  `consumed` BIGINT NOT NULL,
  `detail` BIGINT NOT NULL,
  `quarantined` BIGINT NOT NULL,
  `filtered` BIGINT NOT NULL,
  `late` BIGINT NOT NULL,
  `tombstones` BIGINT NOT NULL,
  `rollups` VARCHAR(65533) NOT NULL,
  `updated_at` DATETIME NOT NULL
)
PRIMARY KEY(`pipeline`, `topic`, `partition`)
DISTRIBUTED BY HASH(`pipeline`, `topic`, `partition`) BUCKETS 1
PROPERTIES ("replication_num" = "1");

CREATE TABLE IF NOT EXISTS `demo`.`millrace_chains` (
  `pipeline` VARCHAR(32) NOT NULL,
  `topic` VARCHAR(249) NOT NULL,
  `partition` INT NOT NULL,
  `chain` VARCHAR(32) NOT NULL,
  `seq` BIGINT NOT NULL,
  `start` BIGINT NOT NULL,
  `n` BIGINT NULL,
  `tables` VARCHAR(65533) NULL,
  `announced_at` DATETIME NOT NULL,
  `closed` DATETIME NULL
)
PRIMARY KEY(`pipeline`, `topic`, `partition`, `chain`)
DISTRIBUTED BY HASH(`pipeline`, `topic`, `partition`, `chain`) BUCKETS 1
PROPERTIES ("replication_num" = "1");
