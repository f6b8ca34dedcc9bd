-- What replaces a document: asked when a retake is erased, for the next one takes its place.
create index document_by_replaced on document (tenant_id, replaces, settled_at) where replaces is not null;

-- The reconciler forgets, across tenants, which facts were told long ago.
create index inbox_by_age on inbox (at);
create policy every_tenant on inbox to strongroom_system using (true);
grant select (at), delete on inbox to strongroom_system;
