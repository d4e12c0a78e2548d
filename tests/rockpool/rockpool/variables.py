"""System variables: the ones that clients ask for, with the server's defaults."""

DEFAULTS = {
    "auto_increment_increment": 1, "autocommit": 1, "character_set_client": "utf8", "character_set_connection": "utf8",
    "character_set_database": "utf8", "character_set_results": "utf8", "character_set_server": "utf8",
    "collation_connection": "utf8_general_ci", "collation_database": "utf8_general_ci",
    "collation_server": "utf8_general_ci", "event_scheduler": "OFF", "have_query_cache": "NO", "init_connect": "",
    "interactive_timeout": 3600, "language": "/starrocks/share/english/", "license": "Apache License 2.0",
    "lower_case_table_names": 0, "max_allowed_packet": 33554432, "net_buffer_length": 16384, "net_read_timeout": 60,
    "net_write_timeout": 60, "performance_schema": 0, "query_cache_size": 1048576, "query_cache_type": 0,
    "query_timeout": 300, "sql_auto_is_null": 0, "sql_mode": "ONLY_FULL_GROUP_BY", "sql_safe_updates": 0,
    "sql_select_limit": 9223372036854775807, "system_time_zone": "UTC", "time_zone": "UTC", "tx_isolation": "REPEATABLE-READ",
    "transaction_isolation": "REPEATABLE-READ", "tx_read_only": 0, "transaction_read_only": 0, "wait_timeout": 28800,
    "version": "8.0.33", "version_comment": "", "exec_mem_limit": 2147483648, "parallel_fragment_exec_instance_num": 1,
    "pipeline_dop": 0, "enable_profile": 0, "insert_timeout": 14400, "catalog": "default_catalog",
    "enable_insert_strict": 1, "foreign_key_checks": 1, "unique_checks": 1, "character_set_system": "utf8",
}  # fmt: skip
READ_ONLY = ("version", "version_comment", "license", "system_time_zone", "language", "lower_case_table_names")
