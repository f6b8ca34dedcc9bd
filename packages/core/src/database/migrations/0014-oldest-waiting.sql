-- The document of all tenants that waits longest is the first entry: /health and each metric scrape ask for it, most when much waits.
create index document_oldest_waiting on document (received_at) where state in ('received', 'processing');
-- By default a fifth of a table has to change first: of millions of documents, days of entries of what does not wait any more.
alter table document set (autovacuum_vacuum_scale_factor = 0.005, autovacuum_analyze_scale_factor = 0.01);
alter table outbox set (autovacuum_vacuum_scale_factor = 0.005, autovacuum_analyze_scale_factor = 0.01);
alter table audit set (autovacuum_vacuum_insert_scale_factor = 0.01, autovacuum_analyze_scale_factor = 0.01);
