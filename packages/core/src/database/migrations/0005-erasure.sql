-- A receipt may name a load number, in words of the sender's: our copy goes with the document. Copies that people hold stay
-- valid, and the certificate of erasure names the hash of ours.
grant delete on receipt to strongroom_app;

-- The planner keeps samples of what stands in a column, and keeps them when the rows are gone. Not of people's words.
alter table document alter column load_number set statistics 0, alter column note set statistics 0,
  alter column detail set statistics 0;
alter table document_file alter column name set statistics 0, alter column media_type set statistics 0;
alter table page_text alter column body set statistics 0, alter column search set statistics 0;
alter table receipt alter column jws set statistics 0;
alter table document_key alter column wrapped set statistics 0;
