"""Helpers of the integration tests: real Kafka, rockpool, the millrace program, and what breaks them."""
