-- oldest: 1
ALTER TABLE run ADD COLUMN started_by text; -- the user of the start as JSON, where that is more than an id
