-- A document is found by the code that somebody reads out over the phone.
create index document_by_code on document (tenant_id, confirmation_code) where confirmation_code is not null;
