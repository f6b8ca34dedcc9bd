-- Every hold of a document by its reference, "" for one without, and its end, null for one that lasts until it is lifted.
-- legal_hold and held_until sum them up.
alter table document add column holds jsonb not null default '{}';
update document d set holds = jsonb_build_object(
  coalesce((select a.detail->>'reference' from audit a where a.tenant_id = d.tenant_id and a.subject = d.id::text
    and a.action = 'document.held' order by a.id desc limit 1), ''),
  held_until)
where legal_hold or held_until is not null;
