-- What clears staging works across tenants, and leaves that of held documents alone: it may be their only copy.
grant select (legal_hold, held_until) on document to strongroom_system;

-- What a retake replaced that was erased since is replaced by nothing: its page may be taken again.
update document d set superseded_by = null from document retake
where retake.tenant_id = d.tenant_id and retake.id = d.superseded_by and retake.state = 'erased';

-- That somebody has asked for an erasure, since when, and who (as in the audit): committed before the tombstone is written, so
-- that no hold is set while that is on its way; see decision 8. Null before, and when it is erased.
alter table document add column erasing_at timestamptz, add column erasing_by text;
create index document_erasing on document (erasing_at) where erasing_at is not null;
grant select (erasing_at) on document to strongroom_system;
