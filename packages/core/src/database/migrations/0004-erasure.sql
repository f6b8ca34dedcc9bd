-- A receipt may name a load number, in words of the sender's: our copy goes with the document. Copies that people hold stay
-- valid, and the certificate of erasure names the hash of ours.
grant delete on receipt to strongroom_app;
