-- oldest: 1
-- `run.last_seq` is the number of a run's newest event, and the run's row is what every write to the run locks.
-- What belongs to a run hangs on its `number`, by which it is partitioned: whole partitions can be dropped, and an id
-- that is used again has nothing to do with what was there before. The partitions are made by `partition.py`.
CREATE TABLE run(
    id text COLLATE "C" PRIMARY KEY,
    number bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    workflow text COLLATE "C" NOT NULL,
    params text NOT NULL,
    user_id text COLLATE "C",
    status text COLLATE "C" NOT NULL,
    title text NOT NULL,
    titled boolean NOT NULL DEFAULT false,
    result text,
    durable boolean NOT NULL,
    worker text COLLATE "C",
    fence bigint NOT NULL DEFAULT 0,
    last_seq bigint NOT NULL DEFAULT 0,
    created double precision NOT NULL,
    updated double precision NOT NULL,
    key_version integer NOT NULL,
    due double precision,
    attempts integer NOT NULL DEFAULT 0,
    suspect boolean NOT NULL DEFAULT false,
    blamed boolean NOT NULL DEFAULT false,
    parent text COLLATE "C",
    build text COLLATE "C", -- of the worker that drove the run last, if it has a name
    claim bigint            -- which claim took the run up, so that one whose reply was lost is found again
) WITH (fillfactor = 70);
CREATE INDEX run_by_user ON run(user_id, created DESC, id DESC) WHERE user_id IS NOT NULL;
CREATE INDEX run_of_nobody ON run(created DESC, id DESC) WHERE user_id IS NULL;
CREATE INDEX run_by_worker ON run(worker) WHERE worker IS NOT NULL;
CREATE INDEX run_ended ON run(updated) WHERE status IN ('completed', 'failed', 'cancelled');
CREATE INDEX run_ready ON run(workflow, (COALESCE(user_id, '')), updated, number) WHERE status = 'ready';
CREATE INDEX run_at_work ON run((COALESCE(user_id, '')), workflow) WHERE status = 'running' AND worker IS NOT NULL;
CREATE INDEX run_due ON run(due) WHERE status = 'waiting' AND worker IS NULL AND due IS NOT NULL;
CREATE INDEX run_on_trial ON run(updated) WHERE status = 'ready' AND attempts >= 2;

CREATE TABLE event(
    run bigint NOT NULL, seq bigint NOT NULL, at double precision NOT NULL, key text NOT NULL, body text NOT NULL,
    PRIMARY KEY(run, seq)
) PARTITION BY RANGE (run);
CREATE TABLE step(
    run bigint NOT NULL, ord bigint NOT NULL, key text COLLATE "C" NOT NULL, value text NOT NULL, asked text,
    PRIMARY KEY(run, key)
) PARTITION BY RANGE (run);
CREATE TABLE question(
    run bigint NOT NULL, asked bigint NOT NULL, at double precision NOT NULL, due double precision, ord bigint,
    expired boolean NOT NULL DEFAULT false, uuid text COLLATE "C" NOT NULL, key text NOT NULL, body text NOT NULL,
    value text,
    PRIMARY KEY(run, uuid)
) PARTITION BY RANGE (run);

-- The numbers of deleted runs whose events, steps and questions are still to be swept.
CREATE TABLE garbage(run bigint PRIMARY KEY);

CREATE TABLE worker(
    id text COLLATE "C" PRIMARY KEY, beat bigint NOT NULL, lease_s double precision NOT NULL,
    workflows text[] NOT NULL DEFAULT '{}',
    takes text[], -- the builds whose runs it drives; NULL: any
    expires double precision NOT NULL -- by the server's clock; only to say who waits: see `liveness.py` for who is dead
) WITH (fillfactor = 50);

-- What workers have, or had lately, in the order in which they say it.
CREATE TABLE workflow(
    name text COLLATE "C" PRIMARY KEY, description text NOT NULL, durable boolean NOT NULL, place integer NOT NULL,
    build text COLLATE "C", offered double precision NOT NULL
);

-- One row for each connection that writes: the number of its newest transaction tells, after the connection was lost,
-- whether that one was committed; a new `turn` keeps a lost one from being carried out late.
CREATE TABLE writer(
    id text COLLATE "C" PRIMARY KEY, turn integer NOT NULL, batch bigint NOT NULL,
    since timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 10);

-- One row. Services whose signals go over the same server, beside the database, are kept apart by `space`. The log is in
-- an epoch: the number of timelines that the server has begun since `timeline`.
CREATE TABLE service(space text NOT NULL, timeline integer NOT NULL);
INSERT INTO service(space, timeline) VALUES (
    replace(gen_random_uuid()::text, '-', ''), ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::integer
);

CREATE TABLE probe(id text COLLATE "C" PRIMARY KEY, data text NOT NULL);
ALTER TABLE probe ALTER COLUMN data SET STORAGE EXTERNAL;
