-- What clears staging works across tenants, and leaves that of held documents alone: it may be their only copy.
grant select (legal_hold, held_until) on document to strongroom_system;

-- What a retake replaced that was erased since is replaced by nothing: its page may be taken again.
update document d set superseded_by = null from document retake
where retake.tenant_id = d.tenant_id and retake.id = d.superseded_by and retake.state = 'erased';
