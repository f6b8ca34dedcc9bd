-- Releases before 0018 gave the place of an erased retake to nobody, though another retake of the same document was stored;
-- those before 0012, which ran on beside it for a while, left the erased one in its place. `changed_at`: clients learn of it.
with vacated as (
  update document d set superseded_by = null, changed_at = clock_timestamp() from document retake
  where retake.replaces is not null and retake.state = 'erased'
    and d.tenant_id = retake.tenant_id and d.id = retake.replaces and d.superseded_by = retake.id and d.state <> 'erased'
  returning d.tenant_id, d.id, retake.id as by
)
insert into audit (tenant_id, entry_id, actor, action, subject, detail)
  select tenant_id, gen_random_uuid(), 'system:migration', 'document.reinstated', id::text, jsonb_build_object('by', by)
  from vacated;

with next as (
  select distinct on (tenant_id, replaces) tenant_id, replaces, id from document
  where replaces is not null and state = 'stored' order by tenant_id, replaces, settled_at
), replaced as (
  update document d set superseded_by = next.id, changed_at = clock_timestamp() from next
  where d.tenant_id = next.tenant_id and d.id = next.replaces and d.superseded_by is null and d.state <> 'erased'
  returning d.tenant_id, d.id, d.superseded_by as by
)
insert into audit (tenant_id, entry_id, actor, action, subject, detail)
  select tenant_id, gen_random_uuid(), 'system:migration', 'document.superseded', id::text, jsonb_build_object('by', by)
  from replaced;
