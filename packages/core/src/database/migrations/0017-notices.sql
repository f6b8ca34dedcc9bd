-- The reconciler forgets, across tenants, which facts were told long ago.
create index inbox_by_age on inbox (at);
create policy every_tenant on inbox to strongroom_system using (true);
grant select (at), delete on inbox to strongroom_system;
