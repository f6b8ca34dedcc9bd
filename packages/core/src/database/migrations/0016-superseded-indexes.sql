-- Replaced by two of 0015. Apart from it: a drop keeps readers out until its transaction ends, and building indexes takes long.
drop index document_staging;
drop index document_by_content;
