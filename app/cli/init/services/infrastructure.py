"""Images of programs that a stack uses and does not release: databases, queues, proxies, tools. Pure."""

STORES = frozenset(
    [
        "postgres",
        "postgresql",
        "postgis",
        "timescaledb",
        "pgvector",
        "pgbouncer",
        "mysql",
        "mysql-server",
        "mariadb",
        "percona",
        "mongo",
        "mongodb",
        "redis",
        "redis-stack",
        "valkey",
        "keydb",
        "dragonfly",
        "memcached",
        "rabbitmq",
        "nats",
        "kafka",
        "zookeeper",
        "redpanda",
        "activemq",
        "elasticsearch",
        "opensearch",
        "meilisearch",
        "typesense",
        "solr",
        "clickhouse",
        "clickhouse-server",
        "influxdb",
        "questdb",
        "victoria-metrics",
        "prometheus",
        "loki",
        "grafana",
        "minio",
        "seaweedfs",
        "etcd",
        "consul",
        "cassandra",
        "scylla",
        "couchdb",
        "arangodb",
        "neo4j",
        "qdrant",
        "weaviate",
        "chroma",
        "milvus",
        "mosquitto",
        "emqx",
        "cockroach",
        "surrealdb",
        "rethinkdb",
    ]
)
"""Two copies of one must never use its data at once."""

PROXIES = frozenset(
    [
        "nginx",
        "nginx-unprivileged",
        "openresty",
        "caddy",
        "haproxy",
        "httpd",
        "envoy",
        "traefik",
        "nginx-proxy",
        "nginx-proxy-manager",
        "swag",
        "cloudflared",
        "oauth2-proxy",
        "caddy-docker-proxy",
        "pomerium",
        "zoraxy",
    ]
)

_TOOLS = frozenset(
    [
        "adminer",
        "pgadmin4",
        "phpmyadmin",
        "mongo-express",
        "redis-commander",
        "redisinsight",
        "mailhog",
        "mailpit",
        "maildev",
        "mailcatcher",
        "flower",
        "watchtower",
        "portainer",
        "portainer-ce",
        "autoheal",
        "ofelia",
        "docker-volume-backup",
        "docker-socket-proxy",
        "socket-proxy",
        "dozzle",
        "uptime-kuma",
        "node-exporter",
        "cadvisor",
    ]
)

BROKERS = frozenset(
    [
        "redis",
        "redis-stack",
        "valkey",
        "keydb",
        "dragonfly",
        "rabbitmq",
        "nats",
        "kafka",
        "redpanda",
        "activemq",
        "beanstalkd",
        "mosquitto",
        "emqx",
    ]
)
"""Programs that give each task to one of their consumers."""


def is_infrastructure(image: str) -> bool:
    """Whether `image`, a name without registry, owner and tag, is none that a release of the stack replaces."""
    return image in STORES or image in PROXIES or image in _TOOLS
