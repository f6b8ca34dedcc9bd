-- When the sealed objects of a document were last read back and compared with its manifest, and what was wrong then.
alter table document add column fixity_checked_at timestamptz, add column fixity_fault text;
create index document_fixity on document (coalesce(fixity_checked_at, settled_at)) where state = 'stored';
create index document_fixity_faults on document (fixity_checked_at)
  where state = 'stored' and fixity_fault is not null;
grant select (fixity_checked_at, fixity_fault) on document to strongroom_system;
