-- The tenant of the running transaction; null (and so no rows) when none was entered.
create function current_tenant() returns uuid language sql stable parallel safe
  return nullif(current_setting('strongroom.tenant', true), '')::uuid;

-- Enters a tenant for this transaction only. A function, because a connection proxy pins on SET but not on this.
create function enter_tenant(tenant uuid) returns void language plpgsql as $$
begin
  perform set_config('strongroom.tenant', tenant::text, true);
end $$;

create table tenant (
  id uuid primary key,
  name text not null,
  user_documents_per_day int not null default 2000,
  user_bytes_per_day bigint not null default 21474836480,
  tenant_documents_per_day int not null default 200000,
  tenant_bytes_per_day bigint not null default 2199023255552
);

create table app_user (
  tenant_id uuid not null references tenant (id),
  id uuid not null,
  name text not null,
  role text not null check (role in ('driver', 'agent', 'admin', 'operator')),
  language text not null default 'en',
  disabled_at timestamptz,
  version int not null default 1,
  primary key (tenant_id, id)
);

create table device (
  tenant_id uuid not null,
  id uuid not null,
  user_id uuid not null,
  platform text not null check (platform in ('ios', 'android', 'web')),
  push_token text not null,
  registered_at timestamptz not null default clock_timestamp(),
  dropped_at timestamptz,
  primary key (tenant_id, id),
  foreign key (tenant_id, user_id) references app_user (tenant_id, id)
);
create index device_of_user on device (tenant_id, user_id) where dropped_at is null;

create table document_kind (
  tenant_id uuid not null references tenant (id),
  name text not null,
  title text not null,
  retention_days int not null check (retention_days > 0),
  primary key (tenant_id, name)
);

create table document_transition (from_state text not null, to_state text not null, primary key (from_state, to_state));
insert into document_transition values
  ('granted', 'received'), ('granted', 'expired'), ('granted', 'erased'),
  ('expired', 'granted'), ('expired', 'erased'),
  ('received', 'processing'), ('received', 'erased'),
  ('processing', 'stored'), ('processing', 'rejected'), ('processing', 'failed'),
  ('stored', 'archived'), ('stored', 'erased'),
  ('rejected', 'erased'),
  ('failed', 'received'), ('failed', 'erased'),
  ('archived', 'stored'), ('archived', 'restoring'), ('archived', 'erased'),
  ('restoring', 'stored'), ('restoring', 'erased');

-- Fencing tokens: strictly rising over the whole system.
create sequence lease_token as bigint;

create table document (
  tenant_id uuid not null,
  id uuid not null,
  owner_id uuid not null,
  kind text not null,
  load_number text,
  note text,
  state text not null,
  version int not null default 1,
  reason text,
  detail text,
  request_sha256 text not null,
  content_sha256 text not null,
  size_bytes bigint not null check (size_bytes > 0),
  confirmation_code text,
  duplicate_of uuid,
  replaces uuid,
  superseded_by uuid,
  review text not null default 'unreviewed' check (review in ('unreviewed', 'approved', 'sent_back')),
  legal_hold boolean not null default false,
  held_until timestamptz,
  page_count int,
  legibility jsonb,
  isolation jsonb,
  lease_token bigint,
  lease_until timestamptz,
  claims int not null default 0,
  decode_crashes int not null default 0,
  retries int not null default 0,
  retry_at timestamptz,
  grant_expires_at timestamptz not null,
  rung_at timestamptz,
  received_at timestamptz,
  settled_at timestamptz,
  staging_cleared_at timestamptz,
  created_at timestamptz(3) not null default clock_timestamp(),
  changed_at timestamptz(3) not null default clock_timestamp(),
  traceparent text,
  primary key (tenant_id, id),
  foreign key (tenant_id, owner_id) references app_user (tenant_id, id),
  foreign key (tenant_id, kind) references document_kind (tenant_id, name),
  foreign key (tenant_id, duplicate_of) references document (tenant_id, id),
  foreign key (tenant_id, replaces) references document (tenant_id, id),
  foreign key (tenant_id, superseded_by) references document (tenant_id, id),
  check (lease_until is null or state = 'processing'),
  check (state <> 'failed' or reason is not null),
  check (state <> 'rejected' or reason is not null)
);
create index document_by_owner on document (tenant_id, owner_id, created_at);
create index document_by_change on document (tenant_id, changed_at);
create index document_by_creation on document (tenant_id, created_at, id);
create index document_by_content on document (tenant_id, content_sha256);
create index document_by_load on document (tenant_id, load_number) where load_number is not null;
create index document_unsettled on document (state, changed_at)
  where state in ('granted', 'received', 'processing');
create index document_staging on document (settled_at)
  where staging_cleared_at is null and state in ('stored', 'rejected', 'expired', 'erased', 'archived');

-- The same graph as in document.ts: whoever comes round the code is refused here.
create function check_transition() returns trigger language plpgsql as $$
begin
  if new.state <> old.state
    and not exists (select 1 from document_transition t where t.from_state = old.state and t.to_state = new.state) then
    raise exception 'no transition from % to %', old.state, new.state using errcode = 'SR001';
  end if;
  return new;
end $$;
create trigger check_transition before update of state on document
  for each row when (old.state is distinct from new.state) execute function check_transition();
create function check_first_state() returns trigger language plpgsql as $$
begin
  if new.state <> 'granted' then
    raise exception 'a document begins as granted, not as %', new.state using errcode = 'SR001';
  end if;
  return new;
end $$;
create trigger check_first_state before insert on document for each row execute function check_first_state();

create table document_file (
  tenant_id uuid not null,
  document_id uuid not null,
  id uuid not null,
  position int not null check (position between 1 and 50),
  name text not null,
  media_type text not null,
  size_bytes bigint not null check (size_bytes > 0),
  sha256 text not null check (sha256 ~ '^[0-9a-f]{64}$'),
  part_sha256 text[],
  staging_key text not null,
  upload_id text,
  arrived_at timestamptz,
  detected_type text,
  page_count int,
  no_preview_reason text,
  primary key (tenant_id, document_id, id),
  unique (tenant_id, document_id, position) deferrable initially deferred,
  foreign key (tenant_id, document_id) references document (tenant_id, id)
);

create table artefact (
  tenant_id uuid not null,
  document_id uuid not null,
  name text not null,
  attempt bigint not null,
  media_type text not null,
  size_bytes bigint not null,
  sha256 text not null,
  sealed_size_bytes bigint not null,
  sealed_sha256 text not null,
  vault_key text not null,
  version_id text not null,
  created_at timestamptz not null default clock_timestamp(),
  primary key (tenant_id, document_id, name),
  foreign key (tenant_id, document_id) references document (tenant_id, id)
);
create unique index artefact_by_key on artefact (tenant_id, vault_key);

create table document_key (
  tenant_id uuid not null,
  document_id uuid not null,
  attempt bigint not null,
  wrapped bytea not null,
  root_key_id text not null,
  created_at timestamptz not null default clock_timestamp(),
  primary key (tenant_id, document_id),
  foreign key (tenant_id, document_id) references document (tenant_id, id)
);

create table page_text (
  tenant_id uuid not null,
  document_id uuid not null,
  page int not null,
  body text not null,
  search tsvector generated always as (to_tsvector('simple', body)) stored,
  primary key (tenant_id, document_id, page),
  foreign key (tenant_id, document_id) references document (tenant_id, id)
);

create table receipt (
  tenant_id uuid not null,
  document_id uuid not null,
  jws text not null,
  created_at timestamptz not null default clock_timestamp(),
  primary key (tenant_id, document_id),
  foreign key (tenant_id, document_id) references document (tenant_id, id)
);

create table outbox (
  id bigserial primary key,
  tenant_id uuid not null,
  event_id uuid not null unique,
  topic text not null,
  type text not null,
  document_id uuid not null,
  version int not null,
  data jsonb not null,
  traceparent text,
  created_at timestamptz not null default clock_timestamp(),
  published_at timestamptz
);
create index outbox_waiting on outbox (id) where published_at is null;

create table inbox (
  tenant_id uuid not null,
  consumer text not null,
  event_id uuid not null,
  at timestamptz not null default clock_timestamp(),
  primary key (tenant_id, consumer, event_id)
);
create table inbox_version (
  tenant_id uuid not null,
  consumer text not null,
  document_id uuid not null,
  version int not null,
  primary key (tenant_id, consumer, document_id)
);

create table audit (
  tenant_id uuid not null,
  id bigserial primary key,
  entry_id uuid not null unique,
  -- milliseconds: the chain hashes what is read back
  at timestamptz(3) not null default clock_timestamp(),
  actor text not null,
  action text not null,
  subject text not null,
  detail jsonb not null default '{}',
  sequence bigint,
  previous_hash text,
  hash text,
  unique (tenant_id, sequence)
);
create index audit_by_subject on audit (tenant_id, subject, id);
create index audit_unchained on audit (tenant_id, id) where sequence is null;
create table audit_head (tenant_id uuid primary key, sequence bigint not null, hash text not null);
create table audit_checkpoint (
  sequence bigint primary key,
  at timestamptz(3) not null default clock_timestamp(),
  sha256 text not null,
  jws text not null
);

-- Worker processes that are alive, and the isolation their decode children reached; shown by /health.
create table worker (
  name text primary key,
  kind text not null,
  isolation jsonb,
  started_at timestamptz not null default clock_timestamp(),
  beat_at timestamptz not null default clock_timestamp()
);
