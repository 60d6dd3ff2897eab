-- Signing: a login with a document, and its approval as the phone signed it.
ALTER TABLE login ADD COLUMN document_sha256 BLOB;
ALTER TABLE login ADD COLUMN document_media_type TEXT;
ALTER TABLE login ADD COLUMN document_name TEXT;
ALTER TABLE login ADD COLUMN statement BLOB;
ALTER TABLE login ADD COLUMN statement_signature BLOB;
