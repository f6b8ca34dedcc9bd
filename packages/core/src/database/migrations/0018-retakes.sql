-- What replaces a document: asked when a retake is erased, for the next one takes its place.
create index document_by_replaced on document (tenant_id, replaces, settled_at) where replaces is not null;
