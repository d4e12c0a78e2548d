"""Create a topic: topic.py BROKERS NAME PARTITIONS. No JVM is started for it."""

import sys

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, NewTopic

TIMEOUT_S = 15


def main() -> int:
    brokers, name, partitions = sys.argv[1:4]
    admin = AdminClient({"bootstrap.servers": brokers, "log_level": 4})
    topic = NewTopic(name, num_partitions=int(partitions), replication_factor=1)
    try:
        admin.create_topics([topic], operation_timeout=TIMEOUT_S)[name].result(TIMEOUT_S)
    except KafkaException as error:
        print(f"kafka: topic {name}: {error.args[0].str()}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
