-- oldest: 1
ALTER TABLE run ADD COLUMN started_by text; -- the user of the start as JSON, where that is more than an id
ALTER TABLE workflow ADD COLUMN roles text; -- a list as JSON: who sees and starts it; NULL: everybody

CREATE TABLE person(
    id text COLLATE "C" PRIMARY KEY, name text, email text, roles text NOT NULL, first_seen double precision NOT NULL,
    last_seen double precision NOT NULL
) WITH (fillfactor = 70);

-- `secret` is a hash. `expires` is the end if the session is not used again, and never behind `until`.
CREATE TABLE session(
    id text COLLATE "C" PRIMARY KEY, secret text COLLATE "C" NOT NULL UNIQUE, user_id text COLLATE "C" NOT NULL,
    person text NOT NULL, created double precision NOT NULL, used double precision NOT NULL,
    idle_s double precision NOT NULL, until double precision NOT NULL, expires double precision NOT NULL
) WITH (fillfactor = 70);
CREATE INDEX session_by_user ON session(user_id);
CREATE INDEX session_by_end ON session(expires);

CREATE TABLE api_token(
    id text COLLATE "C" PRIMARY KEY, secret text COLLATE "C" NOT NULL UNIQUE, user_id text COLLATE "C" NOT NULL,
    name text NOT NULL, created double precision NOT NULL, expires double precision, used text
);
CREATE INDEX api_token_by_user ON api_token(user_id);

CREATE TABLE person_key(user_id text COLLATE "C" PRIMARY KEY, key text NOT NULL);

CREATE TABLE audit(seq bigint PRIMARY KEY, body text NOT NULL, hash text NOT NULL);
CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'the audit log is append-only'; END $$;
CREATE TRIGGER audit_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only();
