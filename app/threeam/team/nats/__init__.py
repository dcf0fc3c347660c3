"""NATS JetStream as the carrier."""
