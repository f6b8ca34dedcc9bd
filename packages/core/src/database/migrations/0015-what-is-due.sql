-- Clearing staging reads what is due of a state, not what is not yet due of the others, which are kept for longer.
drop index document_staging;
create index document_staging on document (state, settled_at)
  where staging_cleared_at is null and state in ('stored', 'rejected', 'expired', 'erased', 'archived');
-- Ending grants reads those that are over.
create index document_granted on document (grant_expires_at) where state = 'granted';
-- Of those with the same content, the oldest is the first entry: a page may be sent again and again.
drop index document_by_content;
create index document_by_content on document (tenant_id, content_sha256, received_at);
-- Lists of the few that were not stored: else all of a tenant's documents are gone through until a page is full.
create index document_not_stored on document (tenant_id, state, created_at, id) where state in ('rejected', 'failed', 'expired');
