-- Clearing staging reads what is due of a state, not what is not yet due of the others, which are kept for longer.
create index document_staging_by_state on document (state, settled_at)
  where staging_cleared_at is null and state in ('stored', 'rejected', 'expired', 'erased', 'archived');
-- Ending grants reads those that are over.
create index document_granted on document (grant_expires_at) where state = 'granted';
-- Those with the same content, oldest first: a page may be sent again and again.
create index document_by_content_and_age on document (tenant_id, content_sha256, received_at);
-- Lists of the few that were not stored: else all of a tenant's documents are gone through until a page is full.
create index document_not_stored on document (tenant_id, state, created_at, id) where state in ('rejected', 'failed', 'expired');
