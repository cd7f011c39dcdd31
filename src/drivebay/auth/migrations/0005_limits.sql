-- Networks from which accounts logged in, and idempotency keys of API tokens.

-- A login from a network from which its account logged in before has a limit of its own.
CREATE TABLE auth.known_networks (
    user_id       uuid        NOT NULL REFERENCES auth.users ON DELETE CASCADE,
    network       text        NOT NULL,                 -- as `client_network` of the rate limiter returns it
    last_login_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, network)
);
CREATE INDEX known_networks_age ON auth.known_networks (last_login_at);
INSERT INTO auth.known_networks (user_id, network, last_login_at)
SELECT user_id, address, max(started_at) FROM auth.sessions
WHERE address ~ '^[0-9]{1,3}([.][0-9]{1,3}){3}$' AND started_at > now() - interval '90 days'
GROUP BY user_id, address;

-- The API token that a request with this key created.
ALTER TABLE auth.idempotency ADD COLUMN token_id uuid;

-- Gateways read the ended sessions in pages.
CREATE INDEX sessions_ended_page ON auth.sessions (ended_at, id) WHERE ended_at IS NOT NULL;
