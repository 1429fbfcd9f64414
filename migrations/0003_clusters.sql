-- Kubernetes clusters: whether there is one to join, the nodes that machines are, what control planes were
-- asked to do for all of them, and the etcd snapshots that were kept.
-- What is called sealed is encrypted by the server; its key is not in the database.

CREATE TABLE cluster (
    name       TEXT   NOT NULL PRIMARY KEY,
    -- empty, initialising, up
    state      TEXT   NOT NULL,
    since      BIGINT NOT NULL,
    -- The machine and its generation that claimed the init. No reference: the claim outlives the machine.
    machine    TEXT,
    generation BIGINT NOT NULL,
    ca_pem     TEXT,
    -- Sealed: the token of the service account `metald`.
    access     TEXT,
    -- The control plane that joins now: etcd takes one learner at a time.
    admitting  TEXT REFERENCES machine (id) ON DELETE SET NULL,
    admitted   BIGINT,
    version    BIGINT NOT NULL
);

CREATE TABLE node (
    machine       TEXT    NOT NULL PRIMARY KEY REFERENCES machine (id) ON DELETE CASCADE,
    cluster       TEXT    NOT NULL,
    role          TEXT    NOT NULL,
    generation    BIGINT  NOT NULL,
    name          TEXT    NOT NULL,
    -- The bootstrap token minted for it; stays until it is revoked.
    token_id      TEXT,
    token_expires BIGINT,
    -- Said by a person: its power is off for sure; it may lose what nobody else holds.
    fenced        BOOLEAN NOT NULL,
    forced        BOOLEAN NOT NULL,
    -- While it leaves: what is waited for, and whether its own agent may stop it now.
    leaving       TEXT,
    leave_ready   BOOLEAN NOT NULL,
    -- The node as the API server last showed it, and the ends of its certificates as its agent last told them,
    -- as JSON. Apart, for they come side by side.
    body          TEXT,
    certificates  TEXT
);
CREATE INDEX node_cluster ON node (cluster, machine);

-- Steps for a cluster, done by the agent of a control plane. `key` names the work, so that asking twice
-- makes one task.
CREATE TABLE cluster_task (
    id       TEXT    NOT NULL PRIMARY KEY,
    cluster  TEXT    NOT NULL,
    key      TEXT    NOT NULL UNIQUE,
    kind     TEXT    NOT NULL,
    -- The machine it is about.
    subject  TEXT,
    executor TEXT,
    -- Only this executor may do it.
    fixed    BOOLEAN NOT NULL,
    -- queued, running, done, failed
    state    TEXT    NOT NULL,
    -- Sealed, both.
    body     TEXT    NOT NULL,
    result   TEXT,
    reason   TEXT,
    created  BIGINT  NOT NULL,
    deadline BIGINT  NOT NULL,
    -- When its executor was last heard of.
    at       BIGINT  NOT NULL,
    -- How often it was handed to an executor.
    tries    BIGINT  NOT NULL
);
CREATE INDEX cluster_task_created ON cluster_task (cluster, created);
CREATE INDEX cluster_task_state ON cluster_task (cluster, state, created);
CREATE INDEX cluster_task_executor ON cluster_task (executor, state);

-- Files below the state folder's `snapshots/CLUSTER`.
CREATE TABLE snapshot (
    cluster TEXT   NOT NULL,
    file    TEXT   NOT NULL,
    at      BIGINT NOT NULL,
    size    BIGINT NOT NULL,
    sha256  TEXT   NOT NULL,
    PRIMARY KEY (cluster, file)
);
