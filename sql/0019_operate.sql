-- The trace (W3C Trace Context) of the request that a message is sent for, which the SMS gateway is told. Version 1.0 writes none.

ALTER TABLE cloudep.outbox ADD COLUMN traceparent text;
