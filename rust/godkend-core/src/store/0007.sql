-- Passports: where a registrar keeps what it saw of a chip, and finding whose document it is.
ALTER TABLE evidence ADD COLUMN reference TEXT NOT NULL DEFAULT '';
CREATE INDEX evidence_of_document ON evidence (document_number_digest, identity_id);
CREATE INDEX identity_of_birth_date ON identity (birth_date) WHERE birth_date IS NOT NULL;
