-- Every table with a tenant_id lets the app role see and write rows of the entered tenant only.
do $$
declare
  name text;
begin
  for name in
    select c.table_name from information_schema.columns c
    join information_schema.tables t using (table_schema, table_name)
    where c.table_schema = 'public' and c.column_name = 'tenant_id' and t.table_type = 'BASE TABLE'
  loop
    execute format('alter table %I enable row level security', name);
    execute format('alter table %I force row level security', name);
    execute format(
      'create policy tenant on %I to strongroom_app using (tenant_id = current_tenant()) with check (tenant_id = current_tenant())',
      name);
    -- FORCE binds the owner too: without this, a data migration would touch no row and say nothing.
    execute format('create policy owner on %I to strongroom_owner using (true) with check (true)', name);
  end loop;
end $$;
alter table tenant enable row level security;
alter table tenant force row level security;
create policy tenant on tenant to strongroom_app using (id = current_tenant());
create policy owner on tenant to strongroom_owner using (true) with check (true);

grant usage on schema public to strongroom_app, strongroom_system;
grant usage on sequence lease_token, outbox_id_seq, audit_id_seq to strongroom_app;
grant select on tenant, document_kind, document_transition to strongroom_app;
grant select, insert, update on app_user, device, document, audit_head to strongroom_app;
grant select, insert, update, delete on document_file, artefact, document_key, page_text, inbox_version
  to strongroom_app;
grant select, insert on receipt, inbox to strongroom_app;
grant insert on outbox to strongroom_app;
-- Reading back the id that an insert made needs select on it.
grant select (id, tenant_id, event_id, document_id, type, version, created_at) on outbox to strongroom_app;
-- Audit rows are appended, then chained once; a chained row cannot be changed by the app role any more.
grant select on audit to strongroom_app;
grant insert (tenant_id, entry_id, at, actor, action, subject, detail) on audit to strongroom_app;
grant update (sequence, previous_hash, hash) on audit to strongroom_app;
drop policy tenant on audit;
create policy tenant_read on audit for select to strongroom_app using (tenant_id = current_tenant());
create policy tenant_append on audit for insert to strongroom_app with check (tenant_id = current_tenant());
create policy tenant_chain on audit for update to strongroom_app
  using (tenant_id = current_tenant() and sequence is null) with check (tenant_id = current_tenant());

-- The system role sees scheduling columns across tenants; column grants bound what these policies open.
create policy every_tenant on outbox to strongroom_system using (true);
grant select on outbox to strongroom_system;
grant update (published_at) on outbox to strongroom_system;
grant delete on outbox to strongroom_system;
create policy every_tenant on document for select to strongroom_system using (true);
grant select (tenant_id, id, state, version, lease_until, retry_at, claims, grant_expires_at, rung_at, received_at,
  settled_at, staging_cleared_at, created_at, changed_at) on document to strongroom_system;
create policy every_tenant on audit for select to strongroom_system using (true);
grant select (tenant_id, id, at, sequence) on audit to strongroom_system;
create policy every_tenant on audit_head for select to strongroom_system using (true);
grant select on audit_head to strongroom_system;
grant select, insert on audit_checkpoint to strongroom_system;
grant select on audit_checkpoint to strongroom_app;
create policy every_tenant on tenant for select to strongroom_system using (true);
grant select (id) on tenant to strongroom_system;
grant select, insert, update, delete on worker to strongroom_system;
