-- A tenant's documents on their way, oldest first: asked for with each document that is received or announced.
create index document_waiting on document (tenant_id, received_at) where state in ('received', 'processing');
