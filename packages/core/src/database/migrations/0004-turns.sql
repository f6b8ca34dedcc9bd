-- A document that its tenant's earlier ones are to go before; see job/turn.ts.
alter table document add column waits_turn boolean not null default false;
-- A tenant's documents on their way, oldest first: asked for with each one that is announced, received or claimed.
create index document_waiting on document (tenant_id, received_at) where state in ('received', 'processing');
create index document_turn on document (tenant_id, received_at) where state = 'received' and waits_turn;
