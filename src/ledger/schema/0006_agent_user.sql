-- An agent that the system names: the user at the other end of the gateway's Unix socket.
ALTER TABLE agent ADD COLUMN user_id INTEGER;
CREATE UNIQUE INDEX agent_by_user ON agent (user_id) WHERE user_id IS NOT NULL;
