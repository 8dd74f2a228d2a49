psql -X -q -v ON_ERROR_STOP=1 <<'SQL'
\getenv name DB_NAME
\getenv role DB_USER
SELECT format('DROP DATABASE IF EXISTS %I WITH (FORCE)', :'name') \gexec
SELECT format('DROP ROLE IF EXISTS %I', :'role') \gexec
SQL
echo "database $DB_NAME and role $DB_USER are gone"
