-- Full-text operators are not leakproof: under row-level security the policy runs first and the index is never used.
-- This function runs as a role that may see every row, and names the entered tenant itself.
create extension if not exists btree_gin;
create index page_text_search on page_text using gin (tenant_id, search);
grant select on page_text to strongroom_search;
create policy search on page_text for select to strongroom_search using (true);
grant usage, create on schema public to strongroom_search;
create function search_documents(words text) returns table (document_id uuid)
  language sql stable security definer set search_path = public, pg_temp as $$
    select distinct p.document_id from page_text p
    where p.tenant_id = current_tenant() and p.search @@ websearch_to_tsquery('simple', words)
  $$;
alter function search_documents(text) owner to strongroom_search;
revoke create on schema public from strongroom_search;
revoke all on function search_documents(text) from public;
grant execute on function search_documents(text) to strongroom_app;
