said=$({
cat <<'SQL'
\getenv name DB_NAME
\getenv role DB_USER
SELECT format('CREATE ROLE %I', :'role') WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'role') \gexec
SELECT format('ALTER ROLE %I LOGIN', :'role') \gexec
\password :role
SQL
printf '%s\n%s\n' "$DB_PASSWORD" "$DB_PASSWORD"
cat <<'SQL'
SELECT format('GRANT %I TO CURRENT_USER', :'role') \gexec
SELECT format('CREATE DATABASE %I OWNER %I TEMPLATE template0', :'name', :'role') WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'name') \gexec
SELECT format('REVOKE ALL ON DATABASE %I FROM PUBLIC', :'name') \gexec
SQL
} | psql -X -q -v ON_ERROR_STOP=1 2>&1) || { code=$?; echo "$said" | sed '/^Enter /d' >&2; exit $code; }
echo "database $DB_NAME and role $DB_USER are ready"
