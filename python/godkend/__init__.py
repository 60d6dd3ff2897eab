"""godkend: an authentication core for national-size logins."""

__version__ = "0.1.0"
