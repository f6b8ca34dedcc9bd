-- Events whose time is over are found without reading the week that is kept.
create index outbox_published on outbox (published_at) where published_at is not null;
