-- Who has a turn of its tenant: a handful of rows, however many wait; see job/turn.ts.
create index document_turn_held on document (tenant_id)
  where state in ('received', 'processing') and not waits_turn and retries = 0;
grant select (waits_turn) on document to strongroom_system;
