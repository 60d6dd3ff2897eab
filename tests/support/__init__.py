"""What tests of every kind stand on: an engine, phones, and the walks from a code to a login."""
