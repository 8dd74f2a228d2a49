psql -X -q -v ON_ERROR_STOP=1 <<'SQL'
\getenv name DB_NAME
\getenv role DB_USER
\getenv password DB_PASSWORD
SELECT format('CREATE ROLE %I LOGIN', :'role') WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'role') \gexec
SELECT format('ALTER ROLE %I LOGIN PASSWORD %L', :'role', :'password') \gexec
SELECT format('GRANT %I TO CURRENT_USER', :'role') WHERE NOT pg_has_role(CURRENT_USER, :'role', 'MEMBER') \gexec
SELECT format('CREATE DATABASE %I OWNER %I', :'name', :'role') WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'name') \gexec
SELECT format('REVOKE ALL ON DATABASE %I FROM PUBLIC', :'name') \gexec
SQL
echo "database $DB_NAME and role $DB_USER are ready"
