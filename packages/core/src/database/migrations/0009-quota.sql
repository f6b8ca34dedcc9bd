-- What was announced for a document within a day of the last edit of its pages, pages that edits dropped included; null as long
-- as no edit brought a page.
alter table document add column announced_bytes bigint, add column announced_at timestamptz;
create index document_by_announcement on document (tenant_id, announced_at) where announced_at is not null;
