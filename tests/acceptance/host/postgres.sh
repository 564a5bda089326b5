#!/bin/sh
# Like the official image: creates a database on the first start, then runs the server.
set -eu
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  initdb --auth-local=trust --auth-host=scram-sha-256 --no-sync >/dev/null
  echo 'host all all all scram-sha-256' >>"$PGDATA/pg_hba.conf"
  {
    echo "CREATE DATABASE $POSTGRES_DB"
    echo "ALTER USER postgres PASSWORD '$(cat "$POSTGRES_PASSWORD_FILE")'"
  } | postgres --single postgres >/dev/null
fi
exec postgres -c listen_addresses='*'
