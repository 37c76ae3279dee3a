-- Why an operation failed, in the API's stable words: one code may mean several things.
ALTER TABLE cloudep.events ADD COLUMN reason text;
