#!/bin/sh
# As the official image does: a database on the first start, then the server itself.
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
