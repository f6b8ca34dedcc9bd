-- Replaced by two of 0015. Apart from it: a drop keeps readers out until its transaction ends, and building indexes takes long.
-- Behind a drop that waits, for a backup say, all others wait: rather it fails, and is run again.
set local lock_timeout = '5s';
drop index document_staging;
drop index document_by_content;
